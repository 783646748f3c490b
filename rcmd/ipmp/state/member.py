"""One interface under our care: what is wanted of it, what it is, and what was done with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto

from rcmd.ipmp.rules.health import LINK_SETTLE_S, Condition, Health, LinkWatch
from rcmd.ipmp.rules.placement import Candidate, Fitness
from rcmd.ipmp.state.address_book import MovableKey
from rcmd.model.network import IPAddress, KernelAddress, Link
from rcmd.model.settings import InterfaceConfig

GONE = -1
"""No device has this ifindex."""


class Intent(Enum):
    """What was asked for, as opposed to what is."""

    IN = auto()
    OFFLINE = auto()
    LEAVING = auto()
    DETACHED = auto()


@dataclass(slots=True)
class Member:
    config: InterfaceConfig
    ifindex: int = 0
    """0: there is no device, or it was not taken into use."""
    intent: Intent = Intent.IN
    intent_before: Intent = Intent.IN
    """What it goes back to if a detach is undone."""
    health: Health = Health.UNPROVEN
    watch: LinkWatch = field(default_factory=LinkWatch)
    was_failed: bool = False
    """FAILED when the last process ended: needs a repair like any other."""
    needs_proof: bool = False
    """Plugged in while the machine ran: probes must be answered before anything comes back."""
    failed_by_probes: bool = False
    """Ten answers have to repair it, whatever its link does."""
    looked_in_vain: bool = False
    """Nobody was found to probe, and nobody has been since."""
    is_recovering: bool = False
    """Failed, but it is being answered again: repaired soon, if that goes on."""
    is_on_trust: bool = False
    """Taken for good, and nobody has answered it yet."""
    is_spare: bool = False
    """Repaired while failback is off."""
    recalls: frozenset[MovableKey] = frozenset()
    """What is called here whether or not failback is on: after undo-offline and undone detach."""
    guests: dict[IPAddress, int] = field(default_factory=dict)
    """The logical numbers that addresses of others had here when it was asked to leave; what is
    recalled gets its number again."""
    lost: dict[IPAddress, KernelAddress | None] = field(default_factory=dict)
    """Data addresses that an unplumbed device took along, in case that is undone; with what an
    address was like if it had been added by hand."""
    lost_link_local: KernelAddress | None = None
    """Its only link-local address, as it was when somebody took it away."""
    is_set_down: bool = False
    """The device is administratively down, and not because it is only just coming up."""
    plumbed: int = 0
    """The ifindex that was plumbed, or GONE; a device is plumbed once in its life."""
    is_being_plumbed: bool = False
    """What was switched off on the device is being switched on in this very turn."""
    coming_address: str = ""
    """The hardware address that its file gives it, until the kernel shows it or refuses it."""
    known_as: str = ""
    """The hardware address under which the neighbours know what lives on it."""
    barred: str = ""
    """Why it may not serve: its hardware address is not unique, or another device takes what it
    receives."""
    is_misplaced: bool = False
    """It is not its hardware address that bars it."""
    rejected: str = ""
    """Why its group would not have it: another medium."""

    @property
    def is_certain(self) -> bool:
        """What is thought of it does not rest on trust, nor waits for proof.

        Also of one that is missing: it can take nothing.
        """
        is_open = self.is_on_trust or self.is_recovering or self.health is Health.UNPROVEN
        return not (self.ifindex and is_open)

    @property
    def name(self) -> str:
        return self.config.name

    @property
    def group(self) -> str:
        return "" if self.rejected else self.config.group

    @property
    def circle(self) -> str:
        """Those that have to do with each other: its configured group, or itself alone."""
        return self.config.group or f"/{self.config.name}"

    def bind(self, link: Link, now: float) -> None:
        """Take a device into use."""
        self.ifindex = link.ifindex
        self.watch = LinkWatch()
        if not link.is_up:
            self.watch.awaited_until = now + LINK_SETTLE_S
        self.health = Health.FAILED if self.was_failed else Health.UNPROVEN
        self.was_failed = False
        self.is_set_down = False
        self.is_recovering = False

    def leave(self, held: frozenset[MovableKey], guests: dict[IPAddress, int]) -> None:
        """To be detached; if that is undone it is what it was, and has what it has now."""
        if self.intent is Intent.LEAVING:
            # Asked again: by a process that goes on with what the last one had begun.
            self.recalls |= held
            return
        if self.intent is Intent.OFFLINE:
            # What it had when it was emptied is still to come back one day.
            held, guests = held | self.recalls, guests | self.guests
        self.intent_before = self.intent
        self.intent = Intent.LEAVING
        self.recalls = held
        self.guests = guests

    @property
    def holds_originals(self) -> bool:
        """Autoconfigured addresses may be put back on it."""
        is_going = self.intent in (Intent.LEAVING, Intent.DETACHED)
        return bool(self.ifindex) and not is_going and not self.is_set_down

    @property
    def is_offline(self) -> bool:
        """By request; also one that was so before its detach began."""
        is_going = self.intent in (Intent.LEAVING, Intent.DETACHED)
        return (self.intent_before if is_going else self.intent) is Intent.OFFLINE

    def unbind(self) -> None:
        """The device is gone; what comes back under its name has to prove itself anew."""
        self.ifindex = 0
        self.lost_link_local = None
        self.health = Health.UNPROVEN
        if self.intent not in (Intent.LEAVING, Intent.DETACHED):
            # A detach that is under way may have taken the device away, and bring it back.
            self.recalls = frozenset()
        self.is_spare = False

    def lose(self) -> None:
        """The device left the kernel.  It may return under its old index, bare and down: from
        another network namespace."""
        self.unbind()
        if self.plumbed:
            self.plumbed = GONE

    @property
    def is_running(self) -> bool:
        """In service and functioning, as far as its own probes may count."""
        return self.health is Health.RUNNING and self.intent is Intent.IN and not self.barred

    def condition(self, link: Link, now: float) -> Condition:
        return self.watch.condition(now, is_running=link.is_running)

    @property
    def fitness(self) -> Fitness:
        if not self.ifindex or self.intent is Intent.DETACHED:
            return Fitness.ABSENT
        if self.intent in (Intent.OFFLINE, Intent.LEAVING) or self.barred:
            return Fitness.CLOSED
        if not self.group:
            # Nobody judges an interface that has nowhere to go.
            return Fitness.DOWN if self.is_set_down else Fitness.USABLE
        match self.health:
            case Health.FAILED if self.is_set_down:
                return Fitness.DOWN
            case Health.FAILED if not self.is_recovering:
                return Fitness.BROKEN
            case Health.FAILED | Health.UNPROVEN:
                return Fitness.UNPROVEN
            case Health.NO_TARGETS:
                return Fitness.UNKNOWN
            case Health.RUNNING:
                return Fitness.USABLE

    def candidate(self, fitness: Fitness | None = None) -> Candidate:
        return Candidate(
            name=self.name,
            fitness=self.fitness if fitness is None else fitness,
            families=self.config.families,
            is_standby=self.config.is_standby,
            is_spare=self.is_spare,
            is_awaited=self.health is Health.UNPROVEN and not self.needs_proof,
            is_on_trust=self.is_on_trust,
        )
