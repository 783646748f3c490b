"""Random walks with leases: a server that gives, refuses, gives something else, or is silent."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rcmd.ipmp.api.events import Leased, LeaseLost
from rcmd.ipmp.api.lease import RTPROT_DHCP, Lease, LeaseRoute
from rcmd.ipmp.dhcp.clients import ClientOrder, clients_wanted
from rcmd.model.network import RCMD_PROTOCOL, KernelAddress

from .walk import FILES, NAMES, Step, Walk, steps

LEASED = {
    **FILES,
    "/etc/hostname.hme0": FILES["/etc/hostname.hme0"] + "dhcp\n",
    "/etc/hostname.hme2": FILES["/etc/hostname.hme2"] + "dhcp\n",
    "/etc/hostname.qfe0": "dhcp\n",
}
LEASE_VERBS = ("grant", "grant", "grant", "grant other", "refuse lease")


def routes_of(home: str) -> tuple[LeaseRoute, ...]:
    """Each has its own: which copy of a route belongs to which of two homes cannot be told.

    None for the standby: what is at home there and what is not may have to part, and the forecast
    does not know which routes the kernel drops between the two moves.
    """
    if home == "hme2":
        return ()
    gateway = IPv4Address("10.0.0.250") + NAMES.index(home)
    return (LeaseRoute(IPv4Network("0.0.0.0/0"), gateway),)


def clients(walk: Walk) -> dict[str, ClientOrder]:
    assert walk.world.engine
    return clients_wanted(walk.world.engine.scene, lambda home: f"01{home}")


def lease_step(walk: Walk, step: Step) -> None:
    world, order = walk.world, clients(walk).get(step.name)
    if order is None:
        return
    if step.verb == "refuse lease":
        world.tell(LeaseLost(step.name, "the server refused it"))
        return
    number = 200 + 10 * NAMES.index(step.name) + (step.number if step.verb == "grant other" else 0)
    ip = order.requested if step.verb == "grant" and order.requested else f"10.0.0.{number}"
    lease = Lease(
        step.name,
        IPv4Interface(f"{ip}/24"),
        order.client_id,
        world.now + 10 * (1 + step.number),
        routes_of(step.name),
        through=order.interface,
    )
    world.tell(Leased(lease))


def follow(walk: Walk) -> None:
    """Leases are not for the walk to expect; that they are kept is asked of the kernel."""
    engine = walk.world.engine
    if engine is None:
        return
    ledger = engine.scene.ledger
    known = {lease.key for lease in ledger.leases.by_home.values()}
    walk.expected = {key for key in walk.expected if not is_leasable(key)} | known


def is_leasable(key: object) -> bool:
    return isinstance(key, IPv4Address) and key in IPv4Network("10.0.0.192/26")


def look(walk: Walk) -> None:
    world = walk.world
    if world.engine is None or world.is_deaf or world.kernel.refusals:
        return
    scene = world.engine.scene
    held = leased_copies(walk)
    leases = {lease.key: lease for lease in scene.ledger.leases.by_home.values()}
    assert held.keys() <= leases.keys(), "an address outlived its lease"
    for copy in held.values():
        assert copy.protocol == RCMD_PROTOCOL
        assert copy.valid_s is not None
    for home, order in clients(walk).items():
        lease = scene.ledger.leases.by_home.get(home)
        if lease is not None and world.kernel.hosts(lease.key):
            assert world.kernel.hosts(lease.key) == [order.interface]
    if not any(lease.routes for lease in leases.values()):
        routes = [it for device in world.kernel.devices.values() for it in device.routes.values()]
        assert not [it for it in routes if it.protocol == RTPROT_DHCP], "a route outlived its lease"


def leased_copies(walk: Walk) -> dict[object, KernelAddress]:
    devices = walk.world.kernel.devices.values()
    found = [it for device in devices for it in device.addresses.values()]
    return {it.address.ip: it for it in found if is_leasable(it.address.ip)}


def walk_with_leases(settings_text: str, path: list[Step]) -> None:
    walk = Walk()
    try:
        walk.begin(settings_text, 0.0, LEASED)
        for step in path:
            walk.world.transcript.append(f"--- {step}")
            if step.verb in ("add route", "delete route"):
                continue
            if step.verb not in LEASE_VERBS:
                walk.take(step)
            elif walk.world.engine and not walk.world.is_deaf:
                lease_step(walk, step)
            walk.world.advance(walk.world.now + 0.5)
            follow(walk)
            walk.look()
            look(walk)
        walk.rest(lambda: follow(walk))
        look(walk)
    except AssertionError as error:
        told = "\n".join(walk.world.transcript)
        raise AssertionError(f"{error}\n\n{told}") from error


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(["", "failback: no\n"]), steps(*LEASE_VERBS * 2))
def test_no_walk_loses_track_of_a_lease(text: str, path: list[Step]) -> None:
    walk_with_leases(text, path)
