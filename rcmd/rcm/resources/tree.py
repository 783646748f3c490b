"""Slot -> device -> function -> VFs -> interface -> what is stacked on it -> addresses and routes.

The tree is made anew from one look at the hardware and from what the engine knows of the kernel;
nothing of it is kept.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Iterator
from dataclasses import dataclass, replace

from rcmd.errors import NoSuchResource
from rcmd.ipmp.engine import Engine
from rcmd.ipmp.state.route_words import describe_route
from rcmd.model.network import Link, Route
from rcmd.ports.hardware import Hardware
from rcmd.ports.resource import Resource, ResourceKind
from rcmd.rcm.resources.hardware_steps import removal_steps, restoring_steps
from rcmd.rcm.resources.hardware_tree import hardware_roots
from rcmd.rcm.resources.resource_name import canonical_name
from rcmd.rcm.resources.usage import interface_usage

__all__ = [
    "CutOff",
    "Stacked",
    "cut_off",
    "find",
    "removal_steps",
    "restoring_steps",
    "stacked_on",
    "tree",
]

_BY_KERNEL = 2
"""RTPROT_KERNEL: the route of an address's prefix, which comes and goes with the address."""
_MOST_ROUTES = 16
"""A router may have a million: nobody reads them in a tree."""


@dataclass(frozen=True, slots=True)
class Stacked:
    """A device that uses an interface: it would be cut off, or vanish, with it."""

    name: str
    kind: str

    def __str__(self) -> str:
        return f"{self.name} ({self.kind})"


def tree(hardware: Hardware, engine: Engine) -> tuple[Resource, ...]:
    """The roots: slots, devices outside slots, USB devices, interfaces without hardware."""
    surroundings = _Surroundings.of(engine)
    roots = hardware_roots(hardware, surroundings.interface)
    return (*roots, *surroundings.without_hardware(_names_in(roots)))


def find(roots: Iterable[Resource], name: str) -> Resource:
    """The resource of that name; what is stacked on another is an interface when asked for itself.

    Raises InvalidArgument for what is no resource name, NoSuchResource for what is not there.
    """
    wanted = canonical_name(name)
    everything = [it for root in roots for it in root.walk()]
    found = [it for it in everything if it.name == wanted]
    found = found or [it for it in everything if wanted in it.also]
    for resource in sorted(found, key=lambda it: it.kind is ResourceKind.STACKED):
        match resource.kind:
            case ResourceKind.STACKED:
                return replace(resource, kind=ResourceKind.INTERFACE)
            case ResourceKind.ADDRESS | ResourceKind.ROUTE:
                continue
            case _:
                return resource
    if wanted.startswith(("pci:", "usb:")):
        raise NoSuchResource(f"{name}: no such resource, or none with a network interface")
    raise NoSuchResource(f"{name}: no such resource")


def stacked_on(engine: Engine, name: str) -> list[Stacked]:
    """Bridge, bond or team that the interface is a port of; VLANs and macvlans on top of it."""
    surroundings = _Surroundings.of(engine)
    link = surroundings.links.get(name)
    return [] if link is None else list(surroundings.stacked(link))


@dataclass(frozen=True, slots=True)
class CutOff:
    """A device that is stacked on others, directly or not, and has nothing to stand on without."""

    name: str
    survives: bool
    """It stays when the hardware goes: a bond or bridge without ports, and what is on top of it."""


def cut_off(engine: Engine, names: Collection[str]) -> tuple[CutOff, ...]:
    """By the loss of all these devices together; lower ones first."""
    links = list(engine.scene.view.links.values())
    ports: dict[int, list[Link]] = {}
    for link in links:
        ports.setdefault(link.master, []).append(link)
    lost = {link.ifindex: False for link in links if link.name in names}
    found: list[CutOff] = []
    while True:
        others = [link for link in links if link.ifindex not in lost]
        above = [it for it in others if _stands_on(it, lost, ports.get(it.ifindex, ()))]
        if not above:
            return tuple(found)
        for link in above:
            lost[link.ifindex] = lost.get(link.lower, True)
            found.append(CutOff(link.name, lost[link.ifindex]))


def _stands_on(link: Link, lost: Container[int], ports: Iterable[Link]) -> bool:
    """On these, and on nothing else that works."""
    if link.lower:
        return link.lower in lost
    working = [it for it in ports if it.is_running or it.ifindex in lost]
    return bool(working) and all(it.ifindex in lost for it in working)


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """The links of the kernel, by what one asks for them."""

    engine: Engine
    links: dict[str, Link]
    uppers: dict[int, list[Link]]
    """ifindex -> what is stacked on that device, apart from its master."""
    masters: frozenset[int]

    @classmethod
    def of(cls, engine: Engine) -> _Surroundings:
        links = engine.scene.view.links.values()
        uppers: dict[int, list[Link]] = {}
        for link in links:
            if link.lower:
                uppers.setdefault(link.lower, []).append(link)
        masters = frozenset(link.master for link in links)
        return cls(engine, {link.name: link for link in links}, uppers, masters)

    def interface(self, name: str) -> Resource:
        """Also by the kernel's name."""
        called = next((it.name for it in self.links.values() if it.kernel_name == name), name)
        return self._device(called, ResourceKind.INTERFACE, "", frozenset())

    def without_hardware(self, placed: set[str]) -> Iterator[Resource]:
        """Virtual devices, and those that are configured and missing.

        Devices that are stacked on each other in a circle hang on nothing, and are shown too.
        """
        names = [*self.links, *(it for it in self.engine.scene.members if it not in self.links)]
        for is_stacked in (False, True):
            for name in names:
                if name not in placed and self._is_stacked(name) is is_stacked:
                    found = self.interface(name)
                    placed |= _names_in((found,))
                    yield found

    def _is_stacked(self, name: str) -> bool:
        link = self.links.get(name)
        if link is None:
            return False
        return link.ifindex in self.masters or link.lower in self.engine.scene.view.links

    def stacked(self, link: Link) -> Iterator[Stacked]:
        master = self.engine.scene.view.links.get(link.master)
        if master:
            yield Stacked(master.name, f"{master.kind or 'master'}, of which it is a port")
        for upper in self.uppers.get(link.ifindex, ()):
            if upper is not master:
                yield Stacked(upper.name, upper.kind or "device")

    def _device(
        self, name: str, kind: ResourceKind, relation: str, above: frozenset[str]
    ) -> Resource:
        """`above` are the devices that it is stacked on: what is one of them is left out."""
        scene, link = self.engine.scene, self.links.get(name)
        above |= {name}
        held = list(scene.view.addresses.get(link.ifindex, {})) if link else []
        addresses = [it.ip for it in held]
        usage = interface_usage(name, scene.members.get(name), link, addresses)
        stacked = [
            self._device(it.name, ResourceKind.STACKED, it.kind, above)
            for it in (self.stacked(link) if link else ())
            if it.name not in above
        ]
        children = (
            *stacked,
            *(Resource(f"ip:{it.ip}", ResourceKind.ADDRESS, str(it)) for it in held),
            *(_routes(scene.view.routes.get(link.ifindex, {}).values()) if link else ()),
        )
        note = f"{relation}; {usage}" if relation else usage
        also = tuple(it for it in link.names if it != name) if link else ()
        return Resource(name, kind, note, children, also)


def _routes(routes: Iterable[Route]) -> list[Resource]:
    others = [route for route in routes if route.protocol != _BY_KERNEL]
    shown = [Resource(describe_route(it), ResourceKind.ROUTE) for it in others[:_MOST_ROUTES]]
    more = len(others) - len(shown)
    return [*shown, Resource(f"{more} more routes", ResourceKind.ROUTE)] if more else shown


def _names_in(roots: Iterable[Resource]) -> set[str]:
    kinds = (ResourceKind.INTERFACE, ResourceKind.STACKED)
    return {it.name for root in roots for it in root.walk() if it.kind in kinds}
