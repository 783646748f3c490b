"""The built-in checks before a detach.  All are asked, all refusals kept; none changes anything.

| check       | refuses                                                            | --force |
|-------------|--------------------------------------------------------------------|---------|
| managed     | an interface without a hostname file; hardware that is no NIC      | no      |
| state       | an interface that is detached already, or missing                  | no      |
| hardware    | what cannot be taken away: sysfs is read-only, no power switch     | no      |
| redundancy  | a member without a group, the only functioning one of its group,   | yes     |
|             | or whose addresses or routes no other member can take; judged with |         |
|             | every interface of the card gone                                   |         |
| stacking    | an interface that something is stacked on which is none of ours:   | yes     |
|             | what is in our care is emptied with it                             |         |
| unmanaged   | another interface of the card, not ours, that has addresses        | yes     |
| functions   | a function that has a driver and shows no interface here: a guest, | yes     |
|             | a program or another network namespace uses it; a virtual function |         |
|             | in use by others than us; virtual functions of a physical one that |         |
|             | goes: they are made again if it stays after all, but not by an     |         |
|             | attach, and what was set for each of them is lost                  |         |
| card        | another device on the card that a driver uses                      | yes     |

What force overrides is told as a warning; so is what no check refuses: sockets that are bound to
the device, and the caller's own session (`bystanders`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rcmd.errors import Veto
from rcmd.ipmp.engine import Engine
from rcmd.ipmp.forecast.redundancy import objection_in
from rcmd.ipmp.forecast.rehearsal import Rehearsal
from rcmd.ipmp.state.member import Intent
from rcmd.model.network import KernelAddress
from rcmd.ports.hardware import PciFunction
from rcmd.ports.resource import ResourceKind
from rcmd.rcm.resources.removal import Removal
from rcmd.rcm.resources.tree import Stacked, stacked_on
from rcmd.rcm.resources.usage import absence_of


@dataclass(frozen=True, slots=True)
class Question:
    """May it go?"""

    engine: Engine
    removal: Removal
    going: frozenset[str] = frozenset()
    """Interfaces whose detach began before: they help nobody any more."""
    rehearsal: Rehearsal | None = None
    """What would become of all that is on it; None: nobody has looked yet."""


Check = Callable[[Question], Iterator[Veto]]


def managed(question: Question) -> Iterator[Veto]:
    removal = question.removal
    if removal.is_interface and removal.strangers:
        reason = f"there is no /etc/hostname.{removal.name}: rcmd does not manage it"
        yield Veto(removal.name, "managed", reason)
    elif not removal.is_interface and not _has_network(removal):
        yield Veto(removal.name, "managed", "there is no NIC in it: rcmd does not manage it")


def _has_network(removal: Removal) -> bool:
    kinds = (ResourceKind.FUNCTION, ResourceKind.VIRTUAL_FUNCTION)
    functions = [it for kind in kinds for it in removal.functions(kind)]
    return bool(removal.resource.interfaces()) or any(it.is_network for it in functions)


def state(question: Question) -> Iterator[Veto]:
    name = question.removal.name
    member = question.engine.scene.members.get(name)
    if not question.removal.is_interface or member is None:
        return
    if member.intent is Intent.DETACHED:
        yield Veto(name, "state", "it is detached already")
    elif not member.ifindex:
        yield Veto(name, "state", "it is missing: there is nothing to detach")


def hardware(question: Question) -> Iterator[Veto]:
    for obstacle in question.removal.obstacles:
        yield Veto(question.removal.name, "hardware", obstacle)


def redundancy(question: Question) -> Iterator[Veto]:
    rehearsal = question.rehearsal
    if rehearsal is None:
        removal = question.removal
        staging = question.engine.rehearsal(removal.members, question.going, removal.bereft)
        rehearsal = staging.play()
    for name in question.removal.emptied:
        reason = objection_in(rehearsal, question.engine.scene, name)
        if reason:
            yield Veto(name, "redundancy", reason)


def stacking(question: Question) -> Iterator[Veto]:
    for name, stacked in left_behind(question.engine, question.removal):
        yield Veto(name, "stacking", f"in use by {stacked}")


def left_behind(engine: Engine, removal: Removal) -> Iterator[tuple[str, Stacked]]:
    """What would be cut off by the end of an interface, and cannot be emptied before.

    A device in our care is; one that has nothing of its own and only carries such ones, too.
    """
    going = (*removal.resource.interfaces(), *(it.name for it in removal.stacked))
    ours = {*removal.emptied, *removal.given_up}
    for name in going:
        for stacked in stacked_on(engine, name):
            if stacked.name not in ours and not _only_carries(engine, removal, stacked.name):
                yield name, stacked


def _only_carries(engine: Engine, removal: Removal, name: str) -> bool:
    """Those that it carries are asked about one by one."""
    is_cut_off = any(it.name == name for it in removal.stacked)
    link = engine.scene.view.link_named(name)
    held = engine.scene.view.addresses.get(link.ifindex, {}).values() if link else ()
    is_bare = not any(_is_global(it) for it in held)
    return is_cut_off and is_bare and bool(stacked_on(engine, name))


def unmanaged(question: Question) -> Iterator[Veto]:
    if question.removal.is_interface:
        return
    view = question.engine.scene.view
    for name in question.removal.strangers:
        link = view.link_named(name)
        held = view.addresses.get(link.ifindex, {}).values() if link else ()
        texts = [str(it.address) for it in held if _is_global(it)]
        if texts:
            reason = f"rcmd does not manage it, and it has {', '.join(texts)}"
            yield Veto(name, "unmanaged", reason)


def _is_global(address: KernelAddress) -> bool:
    return not address.address.ip.is_link_local


def functions(question: Question) -> Iterator[Veto]:
    removal = question.removal
    for function in removal.functions(ResourceKind.FUNCTION):
        yield from _functions_veto(function, absence_of(function))
        count = function.virtual_functions
        if count:
            text = f"its {count} virtual functions go" if count > 1 else "its virtual function goes"
            settings = "MAC addresses, VLANs and other settings that it holds for virtual functions"
            yield from _functions_veto(function, f"{text} with it; {settings} would be lost")
    for function in removal.functions(ResourceKind.VIRTUAL_FUNCTION):
        yield from _functions_veto(function, absence_of(function) or _foreign(removal, function))


def _functions_veto(function: PciFunction, reason: str) -> Iterator[Veto]:
    if reason:
        yield Veto(f"pci:{function.address}", "functions", reason)


def _foreign(removal: Removal, function: PciFunction) -> str:
    """Of its interfaces, where it is not asked for itself, some are none of ours."""
    ours = {*removal.members, *removal.given_up}
    if not function.driver or set(function.interfaces) <= ours:
        return ""
    is_asked_for = removal.name == f"pci:{function.address}"
    return "" if is_asked_for else f"this virtual function is in use by {function.driver}"


def card(question: Question) -> Iterator[Veto]:
    for function in question.removal.functions(ResourceKind.FUNCTION):
        if function.driver and not function.is_network and not function.interfaces:
            reason = f"no NIC, and its driver {function.driver} may be in use"
            yield Veto(f"pci:{function.address}", "card", reason)


PREREQUISITES: tuple[Check, ...] = (managed, state, hardware)
"""Force does not help against these: there would be nothing to do, or no way to do it."""
OBJECTIONS: tuple[Check, ...] = (redundancy, stacking, unmanaged, functions, card)
OVERRIDABLE = frozenset(check.__name__ for check in OBJECTIONS)


def prerequisites(question: Question) -> tuple[Veto, ...]:
    return tuple(veto for check in PREREQUISITES for veto in check(question))


def objections(question: Question) -> tuple[Veto, ...]:
    return tuple(veto for check in OBJECTIONS for veto in check(question))
