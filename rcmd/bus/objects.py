"""The exported objects as values: what is there, and what changed since."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import assert_never

import rcmd
from rcmd.bus.names import GROUP, INTERFACE, MANAGER, OPERATION, ROOT
from rcmd.bus.paths import group_path, interface_path, operation_path
from rcmd.bus.status_document import problem_document
from rcmd.bus.values import VariantMap, string_map, unsigned, unsigned_long, variant, variant_maps
from rcmd.model.kinds import AddressKind
from rcmd.model.network import Identity
from rcmd.model.status import GroupStatus, InterfaceStatus, Problem, Status
from rcmd.ports.coordinator import OperationStatus

_UNKNOWN = Identity(name="")


class ServiceState(StrEnum):
    """`Manager.State`."""

    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything that the objects show."""

    status: Status = field(default_factory=Status)
    identities: Mapping[str, Identity] = field(default_factory=dict)
    operations: tuple[OperationStatus, ...] = ()
    state: ServiceState = ServiceState.STARTING


@dataclass(frozen=True, slots=True)
class Exported:
    """One object: every one of ours has one interface besides the standard ones."""

    path: str
    interface: str
    properties: VariantMap
    source: object = None
    """What the properties were made from: the same again needs no second look."""


Tree = Mapping[str, Exported]
"""Object path -> object."""


def object_tree(picture: Picture, previous: Tree) -> dict[str, Exported]:
    """Every object, the manager first; objects of `previous` are kept where nothing changed."""
    status = picture.status
    data: dict[str, list[str]] = defaultdict(list)
    test: dict[str, list[str]] = defaultdict(list)
    for address in status.addresses:
        if address.hosted_on is not None:
            hosted = data if address.kind is AddressKind.DATA else test
            hosted[address.hosted_on].append(str(address.address))
    sources: dict[str, _Source] = {ROOT: _Whole(picture.state, status.problems)}
    sources |= {group_path(group.name): group for group in status.groups}
    sources |= {
        interface_path(interface.name): _Member(
            interface,
            picture.identities.get(interface.name, _UNKNOWN),
            tuple(data[interface.name]),
            tuple(test[interface.name]),
        )
        for interface in status.interfaces
    }
    sources |= {operation_path(each.operation.number): each for each in picture.operations}
    return {
        path: old
        if (old := previous.get(path)) is not None and old.source == source
        else _export(path, source)
        for path, source in sources.items()
    }


def changed_properties(old: Exported, new: Exported) -> VariantMap:
    return {name: value for name, value in new.properties.items() if old.properties[name] != value}


def children(tree: Tree, path: str) -> tuple[str, ...]:
    """The names one level below the path, sorted; empty if nothing is below it."""
    prefix = path.rstrip("/") + "/"
    below = {other[len(prefix) :].split("/")[0] for other in tree if other.startswith(prefix)}
    return tuple(sorted(below))


@dataclass(frozen=True, slots=True)
class _Member:
    """What the properties of an interface are made from."""

    status: InterfaceStatus
    identity: Identity
    data: tuple[str, ...]
    test: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Whole:
    """What the properties of the manager are made from."""

    state: ServiceState
    problems: tuple[Problem, ...]


_Source = _Whole | GroupStatus | _Member | OperationStatus


def _export(path: str, source: _Source) -> Exported:
    match source:
        case _Whole():
            return Exported(path, MANAGER, _manager(source), source)
        case GroupStatus():
            return Exported(path, GROUP, _group(source), source)
        case _Member():
            return Exported(path, INTERFACE, _interface(source), source)
        case OperationStatus():
            return Exported(path, OPERATION, _operation(source), source)
        case _:
            assert_never(source)


def _manager(whole: _Whole) -> VariantMap:
    return {
        "Version": variant(rcmd.__version__),
        "State": variant(whole.state.value),
        "Problems": variant_maps([string_map(problem_document(it)) for it in whole.problems]),
    }


def _group(group: GroupStatus) -> VariantMap:
    return {
        "Name": variant(group.name),
        "State": variant(group.state.value),
        "Interfaces": variant(group.interfaces),
        "FailureDetectionTime": unsigned(group.failure_detection_ms),
        "Spares": unsigned(group.spares),
    }


def _interface(member: _Member) -> VariantMap:
    interface = member.status
    return {
        "Name": variant(interface.name),
        "Index": unsigned(interface.ifindex),
        "Group": variant(interface.group),
        "State": variant(interface.state.value),
        "Flags": variant(interface.flags),
        "LinkUp": variant(interface.link_up),
        "Standby": variant(interface.is_standby),
        "Probe": variant(interface.probe.value),
        "HardwareAddress": variant(interface.hardware_address),
        "BusPath": variant(member.identity.bus_path),
        "Driver": variant(member.identity.driver),
        "DataAddresses": variant(member.data),
        "TestAddresses": variant(member.test),
    }


def _operation(status: OperationStatus) -> VariantMap:
    operation = status.operation
    return {
        "Number": unsigned(operation.number),
        "Kind": variant(operation.kind.value),
        "Resource": variant(operation.resource),
        "Caller": variant(operation.caller),
        "Step": variant(operation.step.value),
        "WaitingFor": variant(status.waiting_for),
        "StartedAt": unsigned_long(operation.started_us),
        "Forced": variant(operation.is_forced),
    }
