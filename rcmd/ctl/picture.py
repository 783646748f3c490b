"""The daemon's status, typed at the border."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_interface
from typing import Any

from rcmd.ctl.moments import microseconds_of
from rcmd.errors import RcmError
from rcmd.model.kinds import AddressKind, LoadSpreading
from rcmd.model.status import (
    AddressStatus,
    GroupState,
    GroupStatus,
    InterfaceState,
    InterfaceStatus,
    ProbeState,
    Problem,
    ProblemCode,
    ProblemSeverity,
    Status,
)


@dataclass(frozen=True, slots=True)
class Underway:
    """An operation while it runs."""

    number: int
    kind: str
    resource: str
    caller: str
    step: str
    started_us: int
    is_forced: bool
    waiting_for: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What it is, as one would ask for it."""
        return f"{self.kind} --force" if self.is_forced else self.kind


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything `rcmctl status` shows."""

    status: Status
    operations: tuple[Underway, ...] = ()

    def interface(self, name: str) -> InterfaceStatus | None:
        return next((one for one in self.status.interfaces if one.name == name), None)

    def hosted_on(self, name: str) -> tuple[AddressStatus, ...]:
        """The addresses that are on an interface, as Solaris lists them: by logical number."""
        here = (one for one in self.status.addresses if one.hosted_on == name)
        return tuple(sorted(here, key=_place))

    def homeless(self, name: str) -> tuple[AddressStatus, ...]:
        """The addresses that belong to an interface and are nowhere."""
        return tuple(
            one for one in self.status.addresses if one.home == name and one.hosted_on is None
        )


def is_lost(address: AddressStatus) -> bool:
    """A data address that should be up and is nowhere; a test address just goes with its NIC."""
    return address.is_up and address.hosted_on is None and address.kind is AddressKind.DATA


def is_inactive(interface: InterfaceStatus) -> bool:
    return "INACTIVE" in interface.flags


def picture_of(document: Mapping[str, Any]) -> Picture:
    """Read the object of `rcmctl status --json`; keys that are not known here do not matter."""
    try:
        return Picture(
            Status(
                groups=tuple(_group(entry) for entry in document["groups"]),
                interfaces=tuple(_interface(entry) for entry in document["interfaces"]),
                addresses=tuple(_address(entry) for entry in document["addresses"]),
                problems=tuple(_problem(entry) for entry in document["problems"]),
            ),
            operations=operations_of(document),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise RcmError(
            f"the status of rcmd is not understood ({error!r}); is it of another version?"
        ) from error


def _group(entry: Mapping[str, Any]) -> GroupStatus:
    return GroupStatus(
        name=entry["name"],
        state=GroupState(entry["state"]),
        interfaces=tuple(entry["interfaces"]),
        failure_detection_ms=entry["failure_detection_ms"],
        load_spreading=LoadSpreading(entry.get("load_spreading", "off")),
        carriers=tuple(entry.get("carriers", ())),
        spares=entry["spares"],
    )


def _interface(entry: Mapping[str, Any]) -> InterfaceStatus:
    return InterfaceStatus(
        name=entry["name"],
        ifindex=entry["ifindex"],
        group=entry["group"],
        state=InterfaceState(entry["state"]),
        flags=tuple(entry["flags"]),
        link_up=entry["link_up"],
        is_standby=entry["standby"],
        hardware_address=entry["hardware_address"],
        problem=entry.get("problem", ""),
        probe=ProbeState(entry.get("probe", ProbeState.DISABLED)),
    )


def _address(entry: Mapping[str, Any]) -> AddressStatus:
    return AddressStatus(
        address=ip_interface(entry["address"]),
        kind=AddressKind(entry["kind"]),
        group=entry["group"],
        home=entry["home"] or "",
        hosted_on=entry["hosted_on"],
        label=entry["label"],
        is_up=entry["up"],
    )


def _problem(entry: Mapping[str, Any]) -> Problem:
    return Problem(
        code=ProblemCode(entry["code"]),
        severity=ProblemSeverity(entry["severity"]),
        subject=entry["subject"],
        text=entry["text"],
        advice=entry["advice"],
        since_us=microseconds_of(entry["since"]),
    )


def operations_of(document: Mapping[str, Any]) -> tuple[Underway, ...]:
    """Its operations; raises `RcmError` for a document of another version."""
    try:
        return tuple(_operation(entry) for entry in document["operations"])
    except (KeyError, TypeError) as error:
        raise RcmError(
            f"the operations of rcmd are not understood ({error!r}); is it of another version?"
        ) from error


def _operation(entry: Mapping[str, Any]) -> Underway:
    return Underway(
        number=entry["number"],
        kind=entry["kind"],
        resource=entry["resource"],
        caller=entry["caller"],
        step=entry["step"],
        started_us=entry["started_us"],
        is_forced=entry["forced"],
        waiting_for=tuple(entry.get("waiting_for", ())),
    )


def _place(address: AddressStatus) -> tuple[int, int]:
    _, _, number = address.label.partition(":")
    return address.address.version, int(number) if number.isdecimal() else 0
