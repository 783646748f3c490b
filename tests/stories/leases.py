"""Sentences about leases: what the DHCP clients say, and which of them should run."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import TYPE_CHECKING

from rcmd.ipmp.api.events import Leased, LeaseLost
from rcmd.ipmp.api.lease import Lease, LeaseRoute
from rcmd.ipmp.dhcp.clients import ClientOrder, clients_wanted
from rcmd.model.network import KernelAddress

if TYPE_CHECKING:
    from .teller import Teller

ANYWHERE = IPv4Network("0.0.0.0/0")


def client_of(teller: Teller, home: str) -> ClientOrder | None:
    assert teller.world.engine
    return clients_wanted(teller.world.engine.scene, lambda name: f"01{name}").get(home)


def lease(teller: Teller, address: str, home: str, seconds: str, gateway: str = "") -> None:
    """Given to the client that runs, through the interface that it asks through."""
    client = client_of(teller, home)
    assert client, f"no client asks for {home}"
    given = Lease(
        home,
        IPv4Interface(address),
        client.client_id,
        None if seconds == "ever" else teller.world.now + float(seconds),
        (LeaseRoute(ANYWHERE, IPv4Address(gateway)),) if gateway else (),
        through=client.interface,
    )
    teller.world.tell(Leased(given))


def lose(teller: Teller, home: str) -> None:
    teller.world.tell(LeaseLost(home, "the server refused it"))


def expire_in_kernel(teller: Teller, address: str) -> None:
    """The kernel counted to the end, and takes it away by itself."""
    held = held_copy(teller, address)
    teller.world.kernel.remove_by_hand(held)
    teller.world.settle()


def expect_client(teller: Teller, home: str, interface: str, address: str = "") -> None:
    client = client_of(teller, home)
    assert client, f"no client asks for {home}"
    requested = str(client.requested or "")
    assert (client.interface, requested) == (interface, address), client
    assert client.client_id == f"01{home}"


def expect_no_client(teller: Teller, home: str) -> None:
    assert client_of(teller, home) is None


def expect_lifetime(teller: Teller, address: str, seconds: str) -> None:
    held = held_copy(teller, address)
    assert str(held.valid_s) == str(held.preferred_s) == seconds, held


def held_copy(teller: Teller, address: str) -> KernelAddress:
    devices = teller.world.kernel.devices.values()
    found = [it for device in devices for it in device.addresses.values()]
    (held,) = [it for it in found if str(it.address.ip) == address]
    return held


SENTENCES = [
    (r"lease (\S+) to (\S+) for (\S+?)s?(?: via (\S+))?", lease),
    (r"lease of (\S+) is refused", lose),
    (r"kernel ends (\S+)", expire_in_kernel),
    (r"expect client of (\S+) on (\S+?)(?: asking for (\S+))?", expect_client),
    (r"expect no client of (\S+)", expect_no_client),
    (r"expect (\S+) lives (\d+)s", expect_lifetime),
]
