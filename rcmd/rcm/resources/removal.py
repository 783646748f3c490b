"""What is about to go, and everything that goes with it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from rcmd.ipmp.engine import Engine
from rcmd.ipmp.state.member import Intent
from rcmd.ports.hardware import Hardware, HardwareControl, HardwareStep, PciFunction
from rcmd.ports.resource import Resource, ResourceKind
from rcmd.rcm.resources.tree import CutOff, cut_off, find, removal_steps, tree

_HELD = {
    ResourceKind.SLOT,
    ResourceKind.DEVICE,
    ResourceKind.FUNCTION,
    ResourceKind.VIRTUAL_FUNCTION,
    ResourceKind.USB,
    ResourceKind.INTERFACE,
}


@dataclass(frozen=True, slots=True)
class Removal:
    """A resource as it was found, with the steps that take its hardware away."""

    resource: Resource
    hardware: Hardware
    steps: tuple[HardwareStep, ...]
    """Empty for an interface: it is given up, its device stays."""
    obstacles: tuple[str, ...]
    """What is known to stand in the way of the steps."""
    members: tuple[str, ...]
    """The interfaces in our care that are in use: they have to be emptied, and are given up.  Also
    those that are stacked on others of them, or on unmanaged ones that go."""
    strangers: tuple[str, ...]
    """The other interfaces that rcmd does not manage."""
    given_up: frozenset[str] = frozenset()
    """The interfaces that are detached already, with their devices still there: whoever held on to
    them knows that they are gone."""
    stacked: tuple[CutOff, ...] = ()
    """All devices that are stacked on what goes and are cut off, whosever they are."""
    bereft: tuple[str, ...] = ()
    """Those of them in our care that outlive the hardware: a bond without ports is emptied like
    the others, but may get ports again."""

    @property
    def name(self) -> str:
        return self.resource.name

    @property
    def is_interface(self) -> bool:
        return self.resource.kind is ResourceKind.INTERFACE

    @property
    def names(self) -> tuple[str, ...]:
        """What is held: parents before their children."""
        ours = {*self.members, *self.bereft, *self.given_up}
        found = (it for it in self.resource.walk() if it.kind in _HELD or it.name in ours)
        return tuple(dict.fromkeys(it.name for it in found))

    @property
    def emptied(self) -> tuple[str, ...]:
        """All that has to be emptied."""
        return (*self.members, *self.bereft)

    @property
    def devices(self) -> tuple[str, ...]:
        """Those that go: of hardware all of its devices, else only what is in our care."""
        if self.is_interface:
            return self.members
        vanishing = (it.name for it in self.stacked if not it.survives)
        return (*self.resource.interfaces(), *vanishing, *self.bereft)

    @property
    def asked_about(self) -> tuple[str, ...]:
        """What clients are asked about, in that order."""
        return tuple(name for name in self.names if name not in self.given_up)

    def functions(self, kind: ResourceKind) -> list[PciFunction]:
        """The PCI functions of a kind that are part of it."""
        wanted = {it.name for it in self.resource.walk() if it.kind is kind}
        return [it for it in self.hardware.functions.values() if f"pci:{it.address}" in wanted]


def removal_of(engine: Engine, control: HardwareControl, name: str) -> Removal:
    """Raises InvalidArgument for what is no resource name, NoSuchResource for what is not there."""
    found = find_removal(engine, control.survey(), name)
    obstacles = (obstacle for step in found.steps for obstacle in control.obstacles(step))
    return replace(found, obstacles=tuple(obstacles))


def find_removal(engine: Engine, hardware: Hardware, name: str) -> Removal:
    """Without its obstacles, for who wants to know only what belongs to it.

    Raises InvalidArgument for what is no resource name, NoSuchResource for what is not there.
    """
    resource = find(tree(hardware, engine), name)
    interfaces, steps = resource.interfaces(), removal_steps(resource, hardware)
    stacked = cut_off(engine, interfaces)
    bereft = {it.name for it in stacked if it.survives and steps}
    going = (*interfaces, *(it.name for it in stacked if it.name not in bereft))
    return Removal(
        resource,
        hardware,
        steps,
        (),
        members=tuple(it for it in going if _is_in_use(engine, it)),
        strangers=tuple(it for it in interfaces if it not in engine.scene.members),
        given_up=frozenset(it for it in going if _is_given_up(engine, it)),
        stacked=stacked,
        bereft=tuple(
            it.name for it in stacked if it.name in bereft and _is_in_use(engine, it.name)
        ),
    )


def _is_in_use(engine: Engine, name: str) -> bool:
    member = engine.scene.members.get(name)
    return member is not None and bool(member.ifindex) and member.intent is not Intent.DETACHED


def _is_given_up(engine: Engine, name: str) -> bool:
    member = engine.scene.members.get(name)
    return member is not None and member.intent is Intent.DETACHED
