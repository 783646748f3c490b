"""What was taken away although we had not asked for it: what becomes of it.

What a file, or a group, or a lease asks for is wanted until that says otherwise: it is put back,
unless the settings accept that it is gone (`when_removed`).  What was added by hand and is deleted
by hand is gone for good.  What the kernel took away by itself is wanted as before: that is nobody's
will, and says nothing about who wants it.
"""

from __future__ import annotations

from rcmd.ipmp.api.commands import Command
from rcmd.ipmp.api.events import AddressGone, RouteGone
from rcmd.ipmp.dhcp import leasing
from rcmd.ipmp.placement.capability import incapacity
from rcmd.ipmp.placement.link_local import is_its_own, is_link_local
from rcmd.ipmp.state.address_book import MovableKey, RouteAtHome
from rcmd.ipmp.state.group_state import Scene
from rcmd.ipmp.state.losses import Fate, Forgotten, Thing, Topic, is_by_kernel
from rcmd.ipmp.state.member import Member
from rcmd.ipmp.state.restore_policy import Reaction
from rcmd.ipmp.state.route_words import describe_route
from rcmd.model.kinds import AddressKind, WhenRemoved
from rcmd.model.network import IPAddress, Route, RouteKey


def address_taken(scene: Scene, member: Member, gone: AddressGone, now: float) -> list[Command]:
    """Ask before it is gone from the view."""
    address, key = gone.address, gone.address.address.ip
    link = scene.view.links.get(address.ifindex)
    held = scene.view.addresses.get(address.ifindex, {})
    if link is None or address.address not in held:
        return []
    is_elsewhere = any(host != member.name for host in scene.copies_of(key))
    is_test = _is_test(member, key) or is_its_own(scene, member, address)
    if is_elsewhere or not (is_test or scene.ledger.knows(key)):
        return []
    lease = scene.ledger.leases.holder_of(key)
    if lease is not None and leasing.has_run_out(scene, lease):
        return leasing.lost(scene, lease.home, leasing.RAN_OUT)
    is_autoconfigured = scene.ledger.autoconfigured_home(key) is not None
    if is_by_kernel(gone, link):
        # Of what it makes by itself nobody has to be told.
        if link.is_up and not is_autoconfigured and not is_link_local(address):
            scene.losses.expect_back(key, now)
            cause = incapacity(scene, member, address.family)
            topic = Topic(Fate.DROPPED, member.name, cause=cause)
            scene.losses.note(topic, Thing.ADDRESS, str(address.address), now)
    elif is_autoconfigured:
        _autoconfigured_taken(scene, member, key)
    else:
        _address_removed(scene, member, gone, now)
    return []


def _autoconfigured_taken(scene: Scene, member: Member, key: IPAddress) -> None:
    """It has expired, or an advertisement will make it anew: nobody is to be told."""
    is_original = scene.ledger.home_of(key) == member.name
    if is_original or scene.original_at_home(key) is None:
        scene.ledger.withdraw(key)


def _address_removed(scene: Scene, member: Member, gone: AddressGone, now: float) -> None:
    key, words = gone.address.address.ip, str(gone.address.address)
    is_wanted = key not in scene.ledger.adopted
    if is_link_local(gone.address):
        member.lost_link_local = gone.address
    if is_restored(scene, member, is_wanted=is_wanted):
        _put_back(scene, member, key, Thing.ADDRESS, words, gone.requester, now)
        for swept in scene.losses.swept(member.ifindex, gone.address.family, now):
            _revive(scene, member, swept, now)
        return
    lease = scene.ledger.leases.holder_of(key)
    if lease is not None:
        leasing.left_away(scene, lease)
    else:
        scene.ledger.withdraw(key)
        scene.ledger.forget_routes_from(key)
        scene.numbers.pop(key, None)
    fate = Fate.LEFT_AWAY if is_wanted else Fate.GONE
    topic = Topic(fate, member.name, gone.requester)
    scene.losses.note(topic, Thing.ADDRESS, words, now)


def route_taken(scene: Scene, member: Member, gone: RouteGone, now: float) -> None:
    """Taken away by somebody; whoever called it home, it is not wanted any more, or put back."""
    if RouteKey.of(gone.route) not in scene.view.routes.get(member.ifindex, {}):
        return
    for known in known_as(scene, member, gone.route):
        words = describe_route(gone.route)
        if is_kept(scene, known, now, member):
            _put_back(scene, member, known, Thing.ROUTE, words, gone.requester, now)
        else:
            forget_route(scene, member, known, now, gone.requester)


def known_as(scene: Scene, member: Member, route: Route) -> list[RouteAtHome]:
    """What is known by that name, and is not at its home besides."""
    key = RouteKey.of(route)
    known = (RouteAtHome(home, key) for home in scene.ledger.homes_of_route(key))
    return [it for it in known if it.home == member.name or it.home not in scene.route_hosts(it)]


def is_kept(scene: Scene, known: RouteAtHome, now: float, member: Member | None = None) -> bool:
    """Whether a route that was taken off the member, or off its home, is to be put back."""
    member = member or scene.members.get(known.home)
    if member is None:
        return False
    is_swept = scene.losses.is_swept(member.ifindex, known.key.family, now)
    lease = scene.ledger.leases.by_home.get(known.home)
    is_leased = lease is not None and known.key in map(RouteKey.of, lease.kernel_routes())
    return is_swept or is_restored(scene, member, is_wanted=is_leased)


def forget_route(
    scene: Scene, member: Member, known: RouteAtHome, now: float, requester: str = ""
) -> None:
    route = scene.ledger.routes.get(known)
    scene.ledger.forget_route(known)
    if route is not None:
        topic = Topic(Fate.ROUTE_GONE, member.name, requester)
        scene.losses.forget(Forgotten(now, member.ifindex, known.home, route, topic))


def is_restored(scene: Scene, member: Member, *, is_wanted: bool) -> bool:
    """What somebody takes off it is put back; `is_wanted`: the configuration asks for it."""
    policy = scene.settings.group(member.group).when_removed
    if policy is None:
        return is_wanted
    return policy is WhenRemoved.RESTORE


def _revive(scene: Scene, member: Member, swept: Forgotten, now: float) -> None:
    known = RouteAtHome(swept.home, RouteKey.of(swept.route))
    if known not in scene.ledger.routes:
        scene.ledger.record_route(swept.home, swept.route)
        words, who = describe_route(swept.route), swept.topic.requester
        _put_back(scene, member, known, Thing.ROUTE, words, who, now)


def _put_back(
    scene: Scene,
    member: Member,
    key: MovableKey,
    thing: Thing,
    words: str,
    requester: str,
    now: float,
) -> None:
    """The comparison with the kernel does it, unless there has been too much of that."""
    if not isinstance(key, RouteAtHome):
        scene.losses.expect_back(key, now)
    match scene.drift.removed(key, scene.ledger, now):
        case Reaction.PUT_BACK:
            scene.losses.note(Topic(Fate.PUT_BACK, member.name, requester), thing, words, now)
        case Reaction.GIVEN_UP:
            scene.losses.note(Topic(Fate.GIVEN_UP, member.name, requester), thing, words, now)
        case Reaction.PUT_BACK_AGAIN | Reaction.GIVEN_UP_AGAIN:
            pass


def _is_test(member: Member, key: IPAddress) -> bool:
    return any(
        wanted.address.ip == key and wanted.kind is AddressKind.TEST
        for wanted in member.config.addresses
    )
