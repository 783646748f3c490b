"""The built-in checks before a detach.  All are asked, all refusals kept; none changes anything.

| check      | refuses                                                        | --force |
|------------|----------------------------------------------------------------|---------|
| managed    | an interface that rcmd does not manage                         | no      |
| state      | one that is detached already                                   | no      |
| redundancy | one without a group, the only functioning one of its group, or | yes     |
|            | whose addresses no other member can take                       |         |
| stacking   | one that something is stacked on                               | yes     |
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from rcmd.errors import Veto
from rcmd.ipmp.engine import Engine
from rcmd.ipmp.member import Intent
from rcmd.ipmp.redundancy import objection
from rcmd.rcm.resources import stacked_on

Check = Callable[[Engine, str, Collection[str]], Iterator[Veto]]
"""Of the engine, the interface, and the others that are about to go, too."""


def managed(engine: Engine, name: str, _others: Collection[str]) -> Iterator[Veto]:
    if name not in engine.scene.members:
        yield Veto(name, "managed", f"there is no /etc/hostname.{name}: rcmd does not manage it")


def state(engine: Engine, name: str, _others: Collection[str]) -> Iterator[Veto]:
    member = engine.scene.members.get(name)
    if member and member.intent is Intent.DETACHED:
        yield Veto(name, "state", "it is detached already")
    elif member and not member.ifindex:
        yield Veto(name, "state", "it is missing: there is nothing to detach")


def redundancy(engine: Engine, name: str, others: Collection[str]) -> Iterator[Veto]:
    member = engine.scene.members.get(name)
    if member is None or not member.ifindex or member.intent is Intent.DETACHED:
        return
    reason = objection(engine.scene, name, {name, *others})
    if reason:
        yield Veto(name, "redundancy", reason)


def stacking(engine: Engine, name: str, _others: Collection[str]) -> Iterator[Veto]:
    for stacked in stacked_on(engine, name):
        yield Veto(name, "stacking", f"in use by {stacked}")


PREREQUISITES: tuple[Check, ...] = (managed, state)
"""Force does not help against these: there would be nothing to do."""
OBJECTIONS: tuple[Check, ...] = (redundancy, stacking)


def prerequisites(engine: Engine, name: str) -> tuple[Veto, ...]:
    return tuple(veto for check in PREREQUISITES for veto in check(engine, name, ()))


def objections(engine: Engine, name: str, others: Collection[str] = ()) -> tuple[Veto, ...]:
    """`others` are interfaces whose detach or offline has begun: they help nobody any more."""
    return tuple(veto for check in OBJECTIONS for veto in check(engine, name, others))
