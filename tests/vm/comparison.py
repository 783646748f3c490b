"""Runs every failure on every peer, and puts what was lost into a table."""

from __future__ import annotations

import logging
import os
import random
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from .failures import Failure
from .guest import Guest
from .host import settle
from .peers import Peer
from .stream import stream_to
from .target import NICS, Target
from .wire import ROUTER

log = logging.getLogger(__name__)

RUNS = int(os.environ.get("RCMD_VM_RUNS", "10"))
TRIES = 2
"""So many times more than runs that count."""
PHASE_S = 0.2
"""The failures begin at any moment of the peers' timers."""
EARLY_S = 0.02
"""Before the beginning of a failure: the stream's clock and ours are read apart."""
TAIL_S = 0.3
"""Recovered is who answers at the end of the window."""
LOST_BEFORE = 5
"""With more losses before the failure a run does not count."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Lost datagrams of a 1 kHz stream: milliseconds."""

    lost: int
    is_recovered: bool
    lost_before: int


@dataclass(frozen=True, slots=True)
class Cell:
    outcomes: Sequence[Outcome]

    @property
    def median(self) -> float:
        """Infinity where most runs did not recover."""
        return statistics.median(
            it.lost if it.is_recovered else float("inf") for it in self.outcomes
        )

    def __str__(self) -> str:
        lost = [it.lost for it in self.outcomes if it.is_recovered]
        if self.median == float("inf"):
            return "never"
        never = len(self.outcomes) - len(lost)
        text = f"{self.median:g} ({min(lost)}-{max(lost)})"
        return f"{text}, never {never} of {len(self.outcomes)}" if never else text


@dataclass(slots=True)
class Comparison:
    """Cells by peer and column."""

    cells: dict[tuple[str, str], Cell] = field(default_factory=dict)

    def table(self) -> list[str]:
        peers = list(dict.fromkeys(peer for peer, _ in self.cells))
        columns = list(dict.fromkeys(column for _, column in self.cells))
        lines = [
            f"| lost of 1000 a second | {' | '.join(columns)} |",
            "|---" * (len(columns) + 1) + "|",
        ]
        for peer in peers:
            cells = [str(self.cells.get((peer, column), "")) for column in columns]
            lines.append(f"| {peer} | {' | '.join(cells)} |")
        return lines


def measure(guest: Guest, name: str, peer: Peer, failures: Sequence[Failure]) -> dict[str, Cell]:
    """The cells of one peer, by column."""
    for slot, nic in enumerate(NICS, 1):
        settle(guest, nic, slot)
    peer.set_up()
    cells = {}
    try:
        for failure in failures:
            outcomes: list[Outcome] = []
            for _ in range(RUNS * TRIES):
                outcome = _run(guest, peer, failure)
                log.warning("%s: %s: %s", name, failure.value, outcome)
                if outcome.lost_before <= LOST_BEFORE:
                    outcomes.append(outcome)
                if len(outcomes) == RUNS:
                    break
            cells[failure.title(guest.machine.hotplug)] = Cell(outcomes)
    finally:
        peer.tear_down()
    return cells


def _run(guest: Guest, peer: Peer, failure: Failure) -> Outcome:
    target = peer.ready()
    slot = guest.nics[target.nic].slot
    _teach_the_switch(guest, target)
    window_s = failure.window_s(guest.machine.hotplug)
    with stream_to(guest.wire, target.address) as stream:
        time.sleep(random.random() * PHASE_S)
        began = failure.befall(guest, target.nic)
        time.sleep(max(0.0, began + window_s - time.monotonic()))
    if failure.end(guest, target.nic, slot):
        peer.take_back(target.nic)
    end = began + window_s
    return Outcome(
        lost=stream.lost(began - EARLY_S, end),
        is_recovered=stream.lost(end - TAIL_S, end) < TAIL_S * 100,
        lost_before=stream.lost(until=began - EARLY_S),
    )


def _teach_the_switch(guest: Guest, target: Target) -> None:
    """It sends to the old port until it has heard from the new one."""
    guest.wait_until(
        f"{target.address} reaches {ROUTER}",
        lambda: guest.tried(f"ping -q -c 2 -i 0.2 -W 1 -I {target.address} {ROUTER}").status == 0,
    )
