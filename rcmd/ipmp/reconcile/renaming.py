"""A device that has another name now, while rcmd ran or while it did not.

What is recorded goes by the names of interfaces, and so do the files: what was at home on hme0 is
at home on whatever is called so next.  To hme0 it is as if the device had been taken away.  But
the device is still there, and took along what lived on it (`Scene.carried`): that is known, and
not adopted anew under the new name; it is called back by its home; and where the new name is none
of ours it is taken off as soon as it lives elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping

from rcmd.ipmp import messages
from rcmd.ipmp.api.commands import Command, Release
from rcmd.ipmp.rules.slaac import is_prefix_route
from rcmd.ipmp.state.address_book import MovableKey, RouteAtHome
from rcmd.ipmp.state.carried import Carried
from rcmd.ipmp.state.group_state import Scene
from rcmd.ipmp.state.member import Member
from rcmd.model.network import RCMD_PROTOCOL, Link, Route, RouteKey


def lose_name(scene: Scene, member: Member, link: Link) -> list[Command]:
    """The device of a member is called otherwise now; the view knows."""
    was_plumbed = member.plumbed == link.ifindex
    member.lose()
    commands: list[Command] = [messages.renamed(member.name, member.group, link.name)]
    _carry_off(scene, member.name, link.ifindex)
    if was_plumbed and link.name not in scene.members:
        commands.append(Release(link.ifindex, link.name, take_down=False, device=link.device))
    return commands


def recognise(scene: Scene, plumbed: Mapping[str, int]) -> list[Command]:
    """At start, with what was in our care when the last process ended: name -> ifindex."""
    commands: list[Command] = []
    for name, ifindex in plumbed.items():
        link = scene.view.links.get(ifindex)
        if link is None or link.name == name:
            continue
        member = scene.members.get(name)
        if member is not None:
            member.lose()
        commands.append(messages.renamed(name, member.group if member else "", link.name))
        _carry_off(scene, name, ifindex)
        if link.name not in scene.members:
            commands.append(Release(ifindex, link.name, take_down=False, device=link.device))
    return commands


def called_home(scene: Scene, name: str) -> frozenset[MovableKey]:
    """What belongs to the interface, and is on a device that was called so before."""
    found: set[MovableKey] = set()
    for carried in scene.carried.values():
        found |= {key for key in carried.addresses if scene.ledger.home_of(key) == name}
        at_home = (RouteAtHome(name, key) for key in carried.routes)
        found |= {known for known in at_home if known in scene.ledger.routes}
    return frozenset(found)


def _carry_off(scene: Scene, name: str, ifindex: int) -> None:
    before = scene.carried.get(ifindex, Carried())
    addresses, routes = set(before.addresses), set(before.routes)
    for held in scene.view.addresses.get(ifindex, {}).values():
        key = held.address.ip
        if scene.ledger.autoconfigured_home(key) == name and held.protocol != RCMD_PROTOCOL:
            # The kernel made it for this device, whatever it is called.
            scene.ledger.withdraw(key)
        elif held.protocol == RCMD_PROTOCOL or scene.ledger.home_of(key) == name:
            addresses.add(key)
    for route_key, route in scene.view.table.on(ifindex).items():
        is_at_home = RouteAtHome(name, route_key) in scene.ledger.routes
        if is_at_home or _is_ours(scene, route_key, route):
            routes.add(route_key)
    scene.carried[ifindex] = Carried(frozenset(addresses), frozenset(routes))


def _is_ours(scene: Scene, key: RouteKey, route: Route) -> bool:
    """The kernel shows IPv6 routes that differ only in gateway and device with the mark of the
    first: the mark alone proves nothing."""
    is_marked = route.protocol == RCMD_PROTOCOL
    return is_marked and (scene.ledger.knows_route(key) or is_prefix_route(route))
