"""What udhcpc tells its script, as values.

It hands over the name of an event and a lease in environment variables (busybox:
networking/udhcp/dhcpc.c, `fill_envp`).  A server may have written anything into them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from rcmd.foreign_text import from_bytes
from rcmd.ipmp.api.lease import LeaseRoute
from rcmd.ports.lease_client import Granted

EVENT = "RCMD_EVENT"
FOREVER = 0xFFFF_FFFF
"""An infinite lease (RFC 2131, 3.3)."""
DEFAULT_LEASE_S = 3600
"""What udhcpc takes where the server gives none."""
ANYWHERE = IPv4Network("0.0.0.0/0")
_OPTIONS = ("dns", "domain", "search", "hostname", "ntpsrv")
"""What is passed on; nothing of it is put to use here."""
_LONGEST_OPTION = 1024


def variables(record: bytes) -> dict[str, str]:
    """A record as `env -0` prints it."""
    text = from_bytes(record)
    pairs = (entry.partition("=") for entry in text.split("\0") if "=" in entry)
    return {name: value for name, _, value in pairs}


def granted(words: Mapping[str, str]) -> Granted:
    """The lease of a `bound` or a `renew`.  Raises ValueError where it cannot be used."""
    address = IPv4Interface(f"{words.get('ip', '')}/{words.get('subnet') or 32}")
    ip = address.ip
    if ip.is_unspecified or ip.is_loopback or ip.is_multicast or ip.is_reserved:
        raise ValueError(f"{ip} is no address for an interface")
    lease_s = int(words.get("lease") or DEFAULT_LEASE_S)
    if lease_s <= 0:
        raise ValueError(f"a lease of {lease_s} s")
    return Granted(
        address=address,
        lease_s=None if lease_s >= FOREVER else lease_s,
        routes=tuple(route for route in _routes(words) if route.gateway != ip),
        broadcast=_optional(words.get("broadcast")),
        server=_optional(words.get("serverid")),
        options={name: words[name][:_LONGEST_OPTION] for name in _OPTIONS if words.get(name)},
    )


def _routes(words: Mapping[str, str]) -> Iterator[LeaseRoute]:
    """Option 121 if it is there, for then option 3 does not count (RFC 3442)."""
    classless = words.get("staticroutes", "").split()
    if classless:
        for destination, gateway in zip(classless[::2], classless[1::2], strict=True):
            via = IPv4Address(gateway)
            network = IPv4Network(destination, strict=False)
            yield LeaseRoute(network, None if via.is_unspecified else via)
        return
    routers = words.get("router", "").split()
    if routers:
        # The others are spares of the first (RFC 2132, 3.5); which one works nobody here can tell.
        yield LeaseRoute(ANYWHERE, IPv4Address(routers[0]))


def _optional(text: str | None) -> IPv4Address | None:
    return IPv4Address(text) if text else None
