"""What is about to go, and everything that goes with it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from rcmd.ipmp.engine import Engine
from rcmd.ipmp.member import Intent
from rcmd.rcm.hardware import Hardware, HardwareControl, HardwareStep, PciFunction
from rcmd.rcm.resource import Resource, ResourceKind
from rcmd.rcm.resources import find, removal_steps, tree

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
    """The interfaces in our care that are in use: they have to be emptied."""
    strangers: tuple[str, ...]
    """The other interfaces that rcmd does not manage."""
    given_up: frozenset[str] = frozenset()
    """The interfaces that are detached already, with their devices still there: whoever held on to
    them knows that they are gone."""

    @property
    def name(self) -> str:
        return self.resource.name

    @property
    def is_interface(self) -> bool:
        return self.resource.kind is ResourceKind.INTERFACE

    @property
    def names(self) -> tuple[str, ...]:
        """What is held: parents before their children."""
        return tuple(it.name for it in self.resource.walk() if it.kind in _HELD)

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
    interfaces = resource.interfaces()
    return Removal(
        resource,
        hardware,
        removal_steps(resource, hardware),
        (),
        tuple(it for it in interfaces if _is_in_use(engine, it)),
        tuple(it for it in interfaces if it not in engine.scene.members),
        frozenset(it for it in interfaces if _is_given_up(engine, it)),
    )


def _is_in_use(engine: Engine, name: str) -> bool:
    member = engine.scene.members.get(name)
    return member is not None and bool(member.ifindex) and member.intent is not Intent.DETACHED


def _is_given_up(engine: Engine, name: str) -> bool:
    member = engine.scene.members.get(name)
    return member is not None and member.intent is Intent.DETACHED
