"""One consistent picture of the scene, for people and programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rcmd.ipmp.forecast.problems import problems_of
from rcmd.ipmp.forecast.redundancy import spares
from rcmd.ipmp.placement.desired import prefer_home
from rcmd.ipmp.placement.link_local import missing_link_local
from rcmd.ipmp.placement.shares import place_of
from rcmd.ipmp.probing.manager import Surveillance
from rcmd.ipmp.probing.status import probe_state, unsent_probes
from rcmd.ipmp.rules.health import Health
from rcmd.ipmp.state.group_state import Scene, label_of
from rcmd.ipmp.state.member import Intent, Member
from rcmd.model.kinds import AddressKind
from rcmd.model.network import Family, KernelAddress
from rcmd.model.status import (
    FUNCTIONING,
    AddressStatus,
    GroupState,
    GroupStatus,
    InterfaceState,
    InterfaceStatus,
    ProbeState,
    Status,
)


def status_of(scene: Scene, problems: Mapping[str, str], surveillance: Surveillance) -> Status:
    """`problems` has what is wrong with each interface, in a few words."""
    groups = tuple(_groups(scene, surveillance))
    interfaces = tuple(
        _interface(scene, member, problems.get(member.name, ""), surveillance)
        for member in scene.members.values()
    )
    addresses = (*_data_addresses(scene), *_test_addresses(scene))
    found = problems_of(scene, groups, interfaces, addresses)
    return Status(groups, interfaces, addresses, found)


def state_of(member: Member) -> InterfaceState:
    if member.intent is Intent.DETACHED:
        return InterfaceState.DETACHED
    if not member.ifindex:
        return InterfaceState.MISSING
    if member.intent is Intent.OFFLINE or member.barred:
        return InterfaceState.OFFLINE
    match member.health:
        case Health.FAILED:
            return InterfaceState.FAILED
        case Health.NO_TARGETS:
            return InterfaceState.NO_TARGETS
        case Health.RUNNING | Health.UNPROVEN:
            return InterfaceState.RUNNING


def _groups(scene: Scene, surveillance: Surveillance) -> Iterator[GroupStatus]:
    groups: dict[str, list[Member]] = {}
    for member in scene.members.values():
        if member.group:
            groups.setdefault(member.group, []).append(member)
    for name, members in sorted(groups.items()):
        probed = surveillance.group(name)
        requested_ms = scene.settings.group(name).failure_detection_ms
        yield GroupStatus(
            name,
            group_state(members),
            tuple(member.name for member in members),
            probed.detection.current_ms if probed else requested_ms,
            scene.settings.group(name).load_spreading,
            tuple(it.name for it in members if scene.view.nexthops.is_used(it.ifindex)),
            spares(scene, members),
        )


def group_state(members: list[Member]) -> GroupState:
    """ok: every member functions; failed: none does.  A detached one is no longer counted."""
    states = [state_of(member) for member in members if member.intent is not Intent.DETACHED]
    running = sum(state in FUNCTIONING for state in states)
    if not running:
        return GroupState.FAILED
    return GroupState.OK if running == len(states) else GroupState.DEGRADED


def _interface(
    scene: Scene, member: Member, problem: str, surveillance: Surveillance
) -> InterfaceStatus:
    link = scene.view.links.get(member.ifindex)
    return InterfaceStatus(
        name=member.name,
        ifindex=member.ifindex,
        group=member.group,
        state=_shown_state(scene, member, surveillance),
        flags=tuple(_flags(scene, member)),
        link_up=link is not None and link.is_running,
        is_standby=member.config.is_standby,
        hardware_address=link.hardware_address if link else "",
        problem=problem,
        probe=probe_state(surveillance, member),
        unsent=unsent_probes(surveillance, member),
    )


def _shown_state(scene: Scene, member: Member, surveillance: Surveillance) -> InterfaceState:
    """One that failed by probes and then lost its last target shows `no-targets`.

    It keeps the flag FAILED and gets nothing until it is repaired (table of solaris.md 1.7).
    In a failed group it is we who gave the targets up, and `failed` says more.
    """
    state = state_of(member)
    if state is not InterfaceState.FAILED or not member.failed_by_probes:
        return state
    link = scene.view.links.get(member.ifindex)
    group = surveillance.group(member.group)
    is_up = link is not None and link.is_running
    is_alone = probe_state(surveillance, member) is ProbeState.UNKNOWN
    has_group_failed = group is not None and group.has_failed
    return InterfaceState.NO_TARGETS if is_up and is_alone and not has_group_failed else state


def _flags(scene: Scene, member: Member) -> Iterator[str]:
    link = scene.view.links.get(member.ifindex)
    if link and link.is_up:
        yield "UP"
    if link and link.is_running:
        yield "RUNNING"
    is_in_use = member.ifindex and member.intent is not Intent.DETACHED
    if is_in_use and member.health is Health.FAILED:
        yield "FAILED"
    if member.config.is_standby:
        yield "STANDBY"
    if scene.is_inactive(member):
        yield "INACTIVE"
    if member.intent is Intent.OFFLINE or member.barred:
        yield "OFFLINE"


def _data_addresses(scene: Scene) -> Iterator[AddressStatus]:
    copies = scene.copies()
    wanted = (*scene.ledger.addresses(), *scene.ledger.left_away(), *scene.gone_along())
    for data in wanted:
        held = copies.get(data.key, {})
        host = place_of(scene, data.key) if data.group else prefer_home(held, data.home)
        member = scene.members.get(data.home) or scene.members.get(host or "")
        yield AddressStatus(
            address=data.address,
            kind=AddressKind.DATA,
            group=data.group or (member.group if member else ""),
            home=data.home,
            hosted_on=host,
            label=_label(scene, held[host], host, data.home, data.logical) if host else "",
            is_up=data.is_up,
        )


def _label(scene: Scene, held: KernelAddress, host: str, home: str, logical: int) -> str:
    if held.label:
        return held.label
    where, number = scene.numbers.get(held.address.ip, (home, logical))
    return label_of(scene.kernel_name(host), number if where == host else logical)


def _test_addresses(scene: Scene) -> Iterator[AddressStatus]:
    """The configured ones, and the link-local address of every member plumbed for IPv6."""
    for member in scene.members.values():
        held = scene.view.addresses.get(member.ifindex, {})
        labels = {address.ip: it.label for address, it in held.items()}
        for address in member.config.addresses:
            if address.kind is AddressKind.TEST:
                is_there = address.address.ip in labels
                label = (
                    label_of(scene.kernel_name(member.name), address.logical) if is_there else ""
                )
                yield AddressStatus(
                    address.address,
                    AddressKind.TEST,
                    member.group,
                    member.name,
                    member.name if is_there else None,
                    labels.get(address.address.ip) or label,
                    address.is_up,
                )
        if Family.IPV6 in member.config.families:
            for found in held.values():
                if found.family is Family.IPV6 and found.address.ip.is_link_local:
                    yield AddressStatus(
                        found.address, AddressKind.TEST, member.group, member.name, member.name, ""
                    )
        if missing := missing_link_local(scene, member):
            yield AddressStatus(
                missing.address, AddressKind.TEST, member.group, member.name, None, ""
            )
