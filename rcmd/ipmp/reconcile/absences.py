"""The problems with addresses: what is wanted and nowhere, who asks for it, and why it is away."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rcmd.ipmp.dhcp.leasing import wants_lease
from rcmd.ipmp.placement.capability import incapacity
from rcmd.ipmp.rules.placement import Fitness
from rcmd.ipmp.state.group_state import Scene
from rcmd.ipmp.state.member import Intent, Member
from rcmd.model.kinds import AddressKind
from rcmd.model.network import Family, IPAddress, RouteKey, family_of
from rcmd.model.status import AddressStatus, Problem, ProblemCode, ProblemSeverity

_FILES = {Family.IPV4: "/etc/hostname", Family.IPV6: "/etc/hostname6"}
_SETTINGS = "/etc/rcmd/rcmd.yaml"


def absent_addresses(scene: Scene, addresses: Iterable[AddressStatus]) -> Iterator[Problem]:
    """One that is down is not wanted; a test address is wanted where its interface is in use."""
    for address in addresses:
        if address.hosted_on is not None or not address.is_up:
            continue
        if address.kind is AddressKind.DATA:
            code, severity = ProblemCode.ADDRESS_MISSING, ProblemSeverity.ERROR
        elif _is_expected(scene.members[address.home]):
            code, severity = ProblemCode.TEST_ADDRESS_MISSING, ProblemSeverity.WARNING
        else:
            continue
        whose = f"home: {address.home}" if address.home else f"of group {address.group}"
        cause, advice = _cause(scene, address)
        yield Problem(
            code,
            severity,
            str(address.address),
            f"on no interface ({whose}, {_source(scene, address)}): {cause}",
            advice,
        )


def absent_leases(scene: Scene) -> Iterator[Problem]:
    """What nobody has leased yet has no address to be named by."""
    for member in scene.members.values():
        is_in_use = bool(member.ifindex) and member.intent is not Intent.DETACHED
        if is_in_use and wants_lease(member) and member.name not in scene.ledger.leases.by_home:
            yield Problem(
                ProblemCode.ADDRESS_MISSING,
                ProblemSeverity.WARNING,
                member.name,
                "no address is leased, and its files ask for one",
                "Look into `rcmctl history` whether the DHCP client runs, and a server answers.",
            )


def unserved_addresses(scene: Scene, addresses: Iterable[AddressStatus]) -> Iterator[Problem]:
    """Of a group that works: of one that does not, and of a single interface, that is said."""
    for address in addresses:
        host = scene.members.get(address.hosted_on or "")
        if address.kind is not AddressKind.DATA or host is None or not _is_useless(host):
            continue
        others = scene.peers(host)
        copies = scene.copies_of(address.address.ip)
        is_served = any(not _is_useless(it) for it in others if it.name in copies)
        if is_served or all(it.fitness < Fitness.UNKNOWN for it in others):
            continue
        yield Problem(
            ProblemCode.ADDRESS_UNSERVED,
            ProblemSeverity.ERROR,
            str(address.address),
            f"on {host.name}, which is of no use now, and no other interface can take it",
        )


def _is_useless(member: Member) -> bool:
    """It holds what it has, and nothing of that is reached."""
    return member.intent is Intent.IN and member.fitness <= Fitness.BROKEN


def _is_expected(member: Member) -> bool:
    """Whether its test addresses belong on it now."""
    return bool(member.ifindex) and member.intent is Intent.IN and not member.is_set_down


def _source(scene: Scene, address: AddressStatus) -> str:
    key = address.address.ip
    if key not in scene.ledger.configured and scene.ledger.leases.holder_of(key) is not None:
        return "leased"
    if not address.home:
        return _SETTINGS
    if address.kind is AddressKind.DATA and key not in scene.ledger.configured:
        return "added by hand"
    return f"{_FILES[family_of(key)]}.{address.home}"


def _cause(scene: Scene, address: AddressStatus) -> tuple[str, str]:
    """With what to do about it."""
    key, member = address.address.ip, scene.members.get(address.home)
    if key in scene.drift.given_up:
        return "another program keeps removing it", "Find the program that removes it."
    if scene.duplicates.is_suspect(key) or scene.duplicates.is_being_removed(key):
        return "another machine on the link uses it", ""
    if member is not None and member.intent is Intent.DETACHED:
        return f"{member.name} is detached", ""
    if key in scene.ledger.withdrawn:
        return (
            "it was removed, and left away as `when_removed: accept` says",
            "Read the configuration again to have it back: rcmctl reload.",
        )
    refused = _refused(scene, key)
    if refused:
        return refused, ""
    if member is not None and not member.ifindex and not scene.has_settled:
        return f"{member.name} has not appeared yet", ""
    if member is not None and not member.ifindex:
        return f"{member.name} is missing, and no other interface can take it", ""
    lack = incapacity(scene, member, family_of(key)) if member is not None else ""
    if member is not None and lack:
        return f"no interface can take it now; of {member.name}: {lack}", ""
    return "no interface can take it now", ""


def _refused(scene: Scene, key: IPAddress) -> str:
    for item, text in scene.refusals.items():
        if item.is_addition and not isinstance(item.thing, RouteKey) and item.thing.ip == key:
            return text
    return ""
