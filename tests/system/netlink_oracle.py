"""Messages about links, addresses and routes as pyroute2 reads and writes them.

Slow, and somebody else's reading of the kernel's headers: what our own codec is compared with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from rcmd.kernel.netlink.layout import ADDRESS, LINK, ROUTE, Layout
from rcmd.kernel.netlink.message import HEADER

_ROUTE_HEAD = ("family", "dst_len", "src_len", "tos", "table", "proto", "scope", "type", "flags")


@dataclass(frozen=True, eq=False)
class Oracle:
    """What pyroute2 calls what a `Layout` has."""

    layout: Layout
    message: Any
    head: Sequence[str]
    names: Mapping[str, str]
    """Ours -> theirs."""

    def read(self, payload: bytes) -> tuple[tuple[int, ...], dict[str, Any]]:
        """As `Layout.read`, with the names of the layout."""
        message = self._decoded(HEADER.pack(HEADER.size + len(payload), 0, 0, 0, 0) + payload)
        ours = {theirs: name for name, theirs in self.names.items()}
        found: dict[str, Any] = {}
        for slot in message["attrs"]:
            name = ours.get(slot.name)
            if name is not None and name not in found:
                found[name] = self._value(name, slot)
        return tuple(message[field] for field in self.head), found

    def again(self, request: bytes) -> bytes:
        """What pyroute2 makes of all that it reads in a request."""
        read = self._decoded(request)
        made = self.message()
        for field in self.head:
            made[field] = read[field]
        made["attrs"] = [(slot.name, _given(slot)) for slot in read["attrs"]]
        made["header"]["type"] = read["header"]["type"]
        made["header"]["flags"] = read["header"]["flags"]
        made.encode()
        return bytes(made.data)

    def _decoded(self, data: bytes) -> Any:
        message = self.message(data)
        message.decode()
        return message

    def _value(self, name: str, slot: Any) -> Any:
        """In our terms: what we leave as bytes is compared as bytes."""
        raw = raw_of(slot)
        _, kind = self.layout.known[name]
        ours = kind.unpack(raw)
        if isinstance(ours, bytes):
            return raw
        theirs = slot.value
        if name == "lifetimes":
            fields = ("ifa_preferred", "ifa_valid", "cstamp", "tstamp")
            return tuple(theirs[field] for field in fields)
        if name == "operstate":
            # A word, where it knows one.
            return raw[0]
        if name == "via":
            theirs = theirs["addr"]
        return type(ours)(theirs)


def raw_of(slot: Any) -> bytes:
    cell = slot.cell[1]
    return bytes(cell.data[cell.offset + 4 : cell.offset + cell.length])


def _given(slot: Any) -> Any:
    return slot.value


ADDRESSES = Oracle(
    ADDRESS,
    ifaddrmsg,
    ("family", "prefixlen", "flags", "scope", "index"),
    {
        "address": "IFA_ADDRESS",
        "local": "IFA_LOCAL",
        "label": "IFA_LABEL",
        "broadcast": "IFA_BROADCAST",
        "lifetimes": "IFA_CACHEINFO",
        "flags": "IFA_FLAGS",
        "metric": "IFA_RT_PRIORITY",
        "protocol": "IFA_PROTO",
    },
)
ROUTES = Oracle(
    ROUTE,
    rtmsg,
    _ROUTE_HEAD,
    {
        "destination": "RTA_DST",
        "from": "RTA_SRC",
        "device": "RTA_OIF",
        "gateway": "RTA_GATEWAY",
        "priority": "RTA_PRIORITY",
        "source": "RTA_PREFSRC",
        "metrics": "RTA_METRICS",
        "multipath": "RTA_MULTIPATH",
        "realm": "RTA_FLOW",
        "lifetimes": "RTA_CACHEINFO",
        "table": "RTA_TABLE",
        "via": "RTA_VIA",
        "preference": "RTA_PREF",
        "encapsulation": "RTA_ENCAP",
    },
)
LINKS = Oracle(
    LINK,
    ifinfmsg,
    ("family", "ifi_type", "index", "flags", "change"),
    {
        "address": "IFLA_ADDRESS",
        "name": "IFLA_IFNAME",
        "mtu": "IFLA_MTU",
        "link": "IFLA_LINK",
        "master": "IFLA_MASTER",
        "operstate": "IFLA_OPERSTATE",
        "info": "IFLA_LINKINFO",
        "families": "IFLA_AF_SPEC",
        "extensions": "IFLA_EXT_MASK",
        "link_namespace": "IFLA_LINK_NETNSID",
    },
)
