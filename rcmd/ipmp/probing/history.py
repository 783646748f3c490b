"""The last 52 probes of one interface and family: answered, lost, or not yet known.

Rules from solaris.md 1.3.  A probe is lost when its answer is overdue and the sockets were empty
after that (nobody is judged by answers that lie unread).  A late answer rewrites history.  What
was under way while we slept ourselves becomes UNKNOWN: neither a loss nor an answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from rcmd.ipmp.api.probes import Answer
from rcmd.ipmp.probing.decisions import Decisions
from rcmd.ipmp.probing.targets import Target
from rcmd.model.network import IPAddress

SIZE = 52
"""Ten answers of each of five targets, and two under way."""
LOSSES_TO_FAIL = 5
ANSWERS_TO_REPAIR = 10
SEQUENCE_MASK = 0xFFFF


class SlotState(Enum):
    UNUSED = auto()
    UNANSWERED = auto()
    ANSWERED = auto()
    LOST = auto()
    UNKNOWN = auto()
    """We were late ourselves, or the target was given up while its answer was awaited."""


UNUSED = SlotState.UNUSED
UNANSWERED = SlotState.UNANSWERED
ANSWERED = SlotState.ANSWERED
LOST = SlotState.LOST
UNKNOWN = SlotState.UNKNOWN


@dataclass(frozen=True, slots=True)
class ProbeRecord:
    """One probe, for people to look at."""

    sequence: int
    target: IPAddress
    state: SlotState
    sent_at: float
    settled_at: float | None
    """When it was answered or lost."""
    number: int = 0
    """Of the decision about it; 0 while there is none."""
    decided_at: float = 0.0
    """When the decision was made."""

    @property
    def round_trip_s(self) -> float | None:
        if self.state is not ANSWERED or self.settled_at is None:
            return None
        return self.settled_at - self.sent_at


class ProbeHistory:
    """A ring of plain lists; the sequence number counts on for ever, 16 bits of it are sent."""

    __slots__ = (
        "_addresses",
        "_decided",
        "_first",
        "_numbers",
        "_sent",
        "_settled",
        "_states",
        "_targets",
        "acked",
        "decisions",
        "lost",
        "newest_decision",
        "next",
        "unknown",
    )

    def __init__(self) -> None:
        self.next = 0
        """How many were sent: the sequence number of the next."""
        self.acked = self.lost = self.unknown = 0
        self.decisions = Decisions()
        self.newest_decision = 0
        self._first = 0
        """What was sent before this one no longer counts, and is kept for people to look at."""
        self._targets: list[Target | None] = [None] * SIZE
        self._addresses: list[IPAddress | None] = [None] * SIZE
        self._states: list[SlotState] = [UNUSED] * SIZE
        self._sent = [0.0] * SIZE
        self._settled = [0.0] * SIZE
        self._numbers = [0] * SIZE
        self._decided = [0.0] * SIZE

    @property
    def unacked(self) -> int:
        return self._states.count(UNANSWERED)

    def clear(self) -> None:
        """Nothing sent so far counts any more; what was under way will never be known."""
        if self._first == self.next:
            return
        self.excuse()
        self._targets = [None] * SIZE
        self._first = self.next

    def record(self, target: Target, now: float) -> int:
        """Note a probe that is being sent, and return its sequence number as sent."""
        sequence = self.next
        slot = sequence % SIZE
        self._targets[slot] = target
        self._addresses[slot] = target.address
        self._states[slot] = UNANSWERED
        self._sent[slot] = now
        self._numbers[slot] = 0
        self.next = sequence + 1
        return sequence & SEQUENCE_MASK

    # --- answers ---

    def find(self, sequence: int | None, source: IPAddress) -> int | Answer:
        """The slot that an answer is for, or what is wrong with it.

        ARP and neighbour advertisements carry no number (None): they answer the last probe that
        was sent to their source.
        """
        if sequence is None:
            return self._newest_of(source)
        age = (self.next - 1 - sequence) & SEQUENCE_MASK
        if age >= SIZE or age >= self.next:
            return Answer.OUT_OF_WINDOW
        slot = (self.next - 1 - age) % SIZE
        target = self._targets[slot]
        if target is None or target.address != source:
            return Answer.FAKE
        return Answer.DUPLICATE if self._states[slot] is ANSWERED else slot

    def _newest_of(self, source: IPAddress) -> int | Answer:
        for slot in self._backwards():
            target = self._targets[slot]
            if target is not None and target.address == source:
                return Answer.DUPLICATE if self._states[slot] is ANSWERED else slot
        return Answer.FAKE

    def answered(self, slot: int, received_at: float, sent_at: float | None = None) -> Answer:
        """The probe was answered after all, however late; `sent_at` if known more exactly."""
        old = self._states[slot]
        self._states[slot] = ANSWERED
        self._settled[slot] = received_at
        if sent_at is not None:
            self._sent[slot] = sent_at
        self.acked += 1
        self._decide(slot)
        if old is LOST:
            self.lost -= 1
            return Answer.LATE
        if old is UNKNOWN:
            self.unknown -= 1
        return Answer.ACCEPTED

    def _decide(self, slot: int) -> None:
        """Number the decision, unless it only changes an earlier one."""
        if not self._numbers[slot]:
            self._numbers[slot] = self.newest_decision = self.decisions.take()
        self._decided[slot] = self.decisions.now

    def target_of(self, slot: int) -> Target:
        """Whom an answer is for: a slot that `find` returned has a target."""
        target = self._targets[slot]
        assert target is not None
        return target

    def target_if_kept(self, slot: int) -> Target | None:
        """None if the target has been given up since."""
        return self._targets[slot]

    def sent_at(self, slot: int) -> float:
        return self._sent[slot]

    def correct_sent_at(self, sequence: int, at: float) -> None:
        """The newest probe really left at `at`."""
        if (self.next - 1) & SEQUENCE_MASK == sequence:
            self._sent[(self.next - 1) % SIZE] = at

    # --- losses ---

    def settle(self, as_of: float, patience: float, least: float) -> None:
        """Decide about the last two probes; at most the newest stays undecided.

        `as_of` is when the sockets were last seen empty.  The newest is lost once its CRTT is over
        (`patience` where that is unknown), but not within `least` seconds: that we are late with
        one probe must not shorten the time it has.  The one before it has had its time.
        """
        newest = self.next - 1
        if newest < 0:
            return
        slot = newest % SIZE
        if self._states[slot] is UNANSWERED:
            sent = self._sent[slot]
            target = self._targets[slot]
            crtt = target.round_trip.crtt if target is not None else 0.0
            lost_at = sent + (crtt or patience)
            if lost_at < as_of and as_of - sent >= least:
                self._lose(slot, lost_at)
        if newest:
            slot = (newest - 1) % SIZE
            if self._states[slot] is UNANSWERED:
                self._lose(slot, as_of)

    def _lose(self, slot: int, at: float) -> None:
        self._states[slot] = LOST
        self._settled[slot] = at
        self.lost += 1
        self._decide(slot)
        target = self._targets[slot]
        if target is not None:
            target.lost += 1
            target.missed += 1
            target.refused = 0

    def excuse(self) -> None:
        """We were late: what is still unanswered is not held against anybody."""
        for slot in range(SIZE):
            if self._states[slot] is UNANSWERED:
                self._excuse(slot)

    def _excuse(self, slot: int) -> None:
        self._states[slot] = UNKNOWN
        self.unknown += 1
        self._decide(slot)

    def excuse_one(self, sequence: int) -> Target | None:
        """This one never left; whom it was meant for, unless that is settled or forgotten."""
        age = (self.next - 1 - sequence) & SEQUENCE_MASK
        if age >= min(SIZE, self.next):
            return None
        slot = (self.next - 1 - age) % SIZE
        if self._states[slot] is not UNANSWERED:
            return None
        self._excuse(slot)
        return self._targets[slot]

    def forget(self, target: Target) -> None:
        """The target is given up: its probes no longer count for it, and stay as they are."""
        for slot in range(SIZE):
            if self._targets[slot] is target:
                self._targets[slot] = None
                if self._states[slot] is UNANSWERED:
                    self._excuse(slot)

    # --- what it says ---

    def _backwards(self) -> range:
        """The slots, newest first; below 0 they count from the end of the lists, as lists do."""
        newest = (self.next - 1) % SIZE
        return range(newest, newest - min(SIZE, self.next - self._first), -1)

    def newest_decided(self) -> int | None:
        """The slot of the newest probe that is known to be answered or lost."""
        for slot in self._backwards():
            state = self._states[slot]
            if state is ANSWERED or state is LOST:
                return slot
        return None

    def is_answered(self, slot: int) -> bool:
        return self._states[slot] is ANSWERED

    def losses(self, target: Target | None = None) -> tuple[int, float | None]:
        """The length of the run of losses up to now, and when its first was lost.

        With a target: among the probes to that one.
        """
        count = 0
        first_at = None
        states = self._states
        for slot in self._backwards():
            if target is not None and self._targets[slot] is not target:
                continue
            state = states[slot]
            if state is LOST:
                count += 1
                first_at = self._settled[slot]
            elif state is ANSWERED:
                break
        return count, first_at

    def lost_targets(self) -> tuple[IPAddress, ...]:
        """Who was asked in the run of losses up to now, in the order of asking."""
        count, _ = self.losses()
        found: list[IPAddress] = []
        for slot in self._backwards():
            if not count:
                break
            address = self._addresses[slot]
            if self._states[slot] is LOST and address is not None:
                found.append(address)
                count -= 1
        return tuple(dict.fromkeys(reversed(found)))

    def is_silent_alone(self, target: Target) -> bool:
        """It has missed five of its own, while the interface as a whole has not missed as many."""
        if self.losses()[0] >= LOSSES_TO_FAIL:
            return False
        return self.losses(target)[0] >= LOSSES_TO_FAIL

    def answers(self, target: Target | None = None) -> int:
        """The length of the run of answers up to now, no further than a repair needs it."""
        count = 0
        for slot in self._backwards():
            if target is not None and self._targets[slot] is not target:
                continue
            state = self._states[slot]
            if state is ANSWERED:
                count += 1
                if count == ANSWERS_TO_REPAIR:
                    break
            elif state is LOST or (count and state is UNANSWERED):
                # A later one has been answered, and nobody knows yet about this one.
                break
        return count

    def is_repaired(self) -> bool:
        """Ten answers in a row, of all targets or of the one probed last (behaviour 33)."""
        newest = self.newest_decided()
        if newest is None or self._states[newest] is not ANSWERED:
            return False
        if self.answers() >= ANSWERS_TO_REPAIR:
            return True
        target = self._targets[newest]
        return target is not None and self.answers(target) >= ANSWERS_TO_REPAIR

    def records(self, since: int = 0) -> Iterator[ProbeRecord]:
        """The probes from sequence number `since` (unbounded, as `next`) on, as far as kept."""
        for sequence in range(max(since, self.next - SIZE, 0), self.next):
            slot = sequence % SIZE
            address = self._addresses[slot]
            if address is None:
                continue
            state = self._states[slot]
            yield ProbeRecord(
                sequence,
                address,
                state,
                self._sent[slot],
                self._settled[slot] if state in (ANSWERED, LOST) else None,
                self._numbers[slot],
                self._decided[slot],
            )

    def decided_after(self, number: int) -> Iterator[ProbeRecord]:
        """The probes that were decided about after decision `number`, as far as kept."""
        if self.newest_decision > number:
            yield from (record for record in self.records() if record.number > number)
