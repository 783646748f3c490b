"""From a resource's name to the interfaces it contains, and to what hangs on them."""

from __future__ import annotations

from dataclasses import dataclass

from rcmd.errors import InvalidArgument, NoSuchResource
from rcmd.ipmp.engine import Engine
from rcmd.model import Link


@dataclass(frozen=True, slots=True)
class Stacked:
    """A device that uses an interface: it would be cut off, or vanish, with it."""

    name: str
    kind: str

    def __str__(self) -> str:
        return f"{self.name} ({self.kind})"


def resolve(engine: Engine, resource: str) -> str:
    """The interface that a resource names.

    Raises InvalidArgument for what is no resource name, NoSuchResource for what is not there.
    """
    if not resource or resource != resource.strip() or "/" in resource:
        raise InvalidArgument(f"{resource!r} is not the name of a resource")
    if resource in engine.scene.members or engine.scene.view.link_named(resource):
        return resource
    raise NoSuchResource(f"{resource}: no such resource")


def stacked_on(engine: Engine, name: str) -> list[Stacked]:
    """Bridge, bond or team that the interface is a port of; VLANs and macvlans on top of it."""
    links = engine.scene.view.links
    link = engine.scene.view.link_named(name)
    if link is None:
        return []
    found = [
        Stacked(other.name, other.kind or "device")
        for other in links.values()
        if other.lower == link.ifindex
    ]
    master = links.get(link.master)
    return [*_port_of(master), *found]


def _port_of(master: Link | None) -> list[Stacked]:
    return (
        [Stacked(master.name, f"{master.kind or 'master'}, of which it is a port")]
        if master
        else []
    )
