"""The JSON object of `rcmctl status --json`, as `Manager.GetStatus` gives it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from rcmd.model.network import Identity
from rcmd.model.status import AddressStatus, GroupStatus, InterfaceStatus, Problem, Status
from rcmd.ports.coordinator import OperationStatus

_UNKNOWN = Identity(name="")
_EPOCH = datetime.fromtimestamp(0, UTC)


def status_document(
    status: Status, identities: Mapping[str, Identity], operations: tuple[OperationStatus, ...]
) -> dict[str, Any]:
    """Plain values only; an address that is nowhere has `hosted_on` null, one that its group
    shares has `home` null."""
    return {
        "groups": [_group(group) for group in status.groups],
        "interfaces": [
            _interface(interface, identities.get(interface.name, _UNKNOWN))
            for interface in status.interfaces
        ],
        "addresses": [_address(address) for address in status.addresses],
        "operations": [operation_document(operation) for operation in operations],
        "problems": [problem_document(problem) for problem in status.problems],
        "statistics": {
            "prepared_failovers": status.preparations.done,
            "prepared_failovers_mended": status.preparations.mended,
        },
    }


def problem_document(problem: Problem) -> dict[str, str]:
    """`since` is ISO 8601, in UTC; empty where nobody has noted it yet."""
    moment = _EPOCH + timedelta(microseconds=problem.since_us)
    return {
        "code": problem.code.value,
        "severity": problem.severity.value,
        "subject": problem.subject,
        "text": problem.text,
        "since": moment.isoformat(timespec="milliseconds") if problem.since_us else "",
        "advice": problem.advice,
    }


def operation_document(status: OperationStatus) -> dict[str, Any]:
    operation = status.operation
    return {
        "number": operation.number,
        "kind": operation.kind.value,
        "resource": operation.resource,
        "caller": operation.caller,
        "step": operation.step.value,
        "started_us": operation.started_us,
        "forced": operation.is_forced,
        "waiting_for": list(status.waiting_for),
    }


def _group(group: GroupStatus) -> dict[str, Any]:
    return {
        "name": group.name,
        "state": group.state.value,
        "interfaces": list(group.interfaces),
        "failure_detection_ms": group.failure_detection_ms,
        "load_spreading": group.load_spreading.value,
        "carriers": list(group.carriers),
        "spares": group.spares,
    }


def _interface(interface: InterfaceStatus, identity: Identity) -> dict[str, Any]:
    return {
        "name": interface.name,
        "ifindex": interface.ifindex,
        "group": interface.group,
        "state": interface.state.value,
        "flags": list(interface.flags),
        "link_up": interface.link_up,
        "standby": interface.is_standby,
        "hardware_address": interface.hardware_address,
        "bus_path": identity.bus_path,
        "driver": identity.driver,
        "problem": interface.problem,
        "probe": interface.probe.value,
    }


def _address(address: AddressStatus) -> dict[str, Any]:
    return {
        "address": str(address.address),
        "kind": address.kind.value,
        "group": address.group,
        "home": address.home or None,
        "hosted_on": address.hosted_on,
        "label": address.label,
        "up": address.is_up,
    }
