"""The hosts that the lab's stories begin with, and how to read what became of them."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable, Coroutine
from contextlib import closing
from dataclasses import asdict, replace
from difflib import unified_diff
from pathlib import Path
from pprint import pformat
from typing import Any, TypeVar

from rcmd.bus.client import ManagerClient
from rcmd.ipmp.api.events import KernelSnapshot
from rcmd.kernel.rtnetlink import Rtnetlink
from rcmd.lab.errors import LabError
from rcmd.lab.lab import Lab
from rcmd.model.network import KernelAddress, Route

Answer = TypeVar("Answer")
SYSTEM_BUS = "unix:path=/run/dbus/system_bus_socket"
LabFactory = Callable[..., Lab]
"""The fixture `lab_with`: brings a lab up, with the arguments of `Lab.up`."""

SETTINGS_PATH = "/etc/rcmd/rcmd.yaml"
ROUTER = "192.168.85.1"
SETTINGS = f"failure_detection_time: 500ms\ngroups: {{test: {{targets: [{ROUTER}]}}}}\n"
"""Probed as by default, by a router that answers, and repaired (ten answers) within a second."""
WITHOUT_FAILBACK = SETTINGS + "failback: no\n"
NETMASKS = "192.168.85.0 255.255.255.0\n"
ROUTER6 = "2001:db8:85::1"
OUTSIDE = "198.51.100.2"
OUTSIDE6 = "2001:db8:51::2"
HME0 = (
    "192.168.85.19 netmask + broadcast + group test up \\\n"
    "addif 192.168.85.21 deprecated -failover netmask + broadcast + up\n"
)
HME1 = (
    "192.168.85.20 netmask + broadcast + group test up \\\n"
    "addif 192.168.85.22 deprecated -failover netmask + broadcast + up\n"
)
HME2 = (
    "192.168.85.24 netmask + broadcast + group test up \\\n"
    "addif 192.168.85.25 deprecated -failover netmask + broadcast + up\n"
)
STANDBY = "192.168.85.23 netmask + broadcast + deprecated group test -failover standby up\n"

PAIR = {"hostname.hme0": HME0, "hostname.hme1": HME1}
"""The example of the overview chapter: two active interfaces with test addresses."""
WITH_STANDBY = {**PAIR, "hostname.hme2": STANDBY}
THREE = {**PAIR, "hostname.hme2": HME2}
DUAL_STACK = {
    **PAIR,
    "hostname6.hme0": "addif 2001:db8:85::19/64 up\n",
    "hostname6.hme1": "addif 2001:db8:85::20/64 up\n",
}


def write_files(lab: Lab, files: dict[str, str]) -> None:
    """Files of /etc; a netmasks file, and settings unless there are some."""
    has_settings = lab.run(["test", "-e", SETTINGS_PATH]).returncode == 0
    settings = {} if has_settings else {"rcmd/rcmd.yaml": SETTINGS}
    for name, text in {"netmasks": NETMASKS, **settings, **files}.items():
        lab.write(f"/etc/{name}", text)


BEFORE_A_LOOK_S = 15.0
"""What is there by then was not found by the look at everything, every 20 s."""


def start(lab: Lab, files: dict[str, str], *, detects_duplicates: bool = False) -> Lab:
    """Configure the host and run rcmd on it."""
    if not detects_duplicates:
        lab.place("host").call(skip_duplicate_detection)
    write_files(lab, files)
    lab.start_daemon()
    return lab


def skip_duplicate_detection() -> None:
    """It takes one to two seconds each time, and only some stories are about it."""
    for path in Path("/proc/sys/net/ipv6/conf").glob("*/accept_dad"):
        path.write_text("0")


# What the kernel says


def snapshot(lab: Lab) -> KernelSnapshot:
    """With the marks, which iproute2 does not print."""

    def read() -> KernelSnapshot:
        with closing(Rtnetlink.open()) as kernel:
            return kernel.snapshot()

    return lab.place("host").call(read)


def names(lab: Lab) -> dict[int, str]:
    return {link.ifindex: link.name for link in snapshot(lab).links}


def held(lab: Lab, nic: str) -> dict[str, KernelAddress]:
    """What the kernel holds on a NIC, by address without its prefix length."""
    seen = snapshot(lab)
    indexes = [link.ifindex for link in seen.links if link.name == nic]
    return {str(it.address.ip): it for it in seen.addresses if it.ifindex in indexes}


def hosts_of(lab: Lab, address: str) -> list[str]:
    """Every NIC that has it."""
    seen = snapshot(lab)
    known = {link.ifindex: link.name for link in seen.links}
    return [known[it.ifindex] for it in seen.addresses if str(it.address.ip) == address]


def hosted_on(lab: Lab, address: str) -> str | None:
    """The one NIC that has it; None if none, or, between make and break, two."""
    found = hosts_of(lab, address)
    return found[0] if len(found) == 1 else None


def await_hosted(lab: Lab, nic: str | None, *addresses: str) -> None:
    """Wait until they all live on that NIC alone (or nowhere)."""
    wanted = [] if nic is None else [nic]
    lab.wait_for(
        lambda: all(hosts_of(lab, address) == wanted for address in addresses),
        what=f"{', '.join(addresses)} on {nic}",
    )


def ipv4(lab: Lab, nic: str) -> list[dict[str, Any]]:
    return [info for info in lab.addresses(nic) if info["family"] == "inet"]


def labels(lab: Lab, nic: str) -> dict[str, str]:
    """IPv4 address -> label."""
    return {info["local"]: info["label"] for info in ipv4(lab, nic)}


def addr_dump(lab: Lab) -> list[dict[str, Any]]:
    """`ip -j addr` of the whole host, without what only counts seconds."""
    dump: list[dict[str, Any]] = json.loads(lab.run(["ip", "-j", "addr"], check=True).stdout)
    for link in dump:
        for info in link["addr_info"]:
            # Not yet expired is all that a finite lifetime says.
            for life in ("valid_life_time", "preferred_life_time"):
                info[life] = bool(info.get(life))
    return dump


def shape(lab: Lab) -> dict[str, object]:
    """Everything about addresses and routes that does not depend on when a device appeared."""
    seen = snapshot(lab)
    known = {link.ifindex: link.name for link in seen.links}
    return {
        "links": sorted((it.name, it.is_up, it.has_carrier, it.mtu) for it in seen.links),
        "addresses": sorted(
            (known[it.ifindex], repr(replace(it, ifindex=0))) for it in seen.addresses
        ),
        "routes": sorted((known[it.ifindex], repr(replace(it, ifindex=0))) for it in seen.routes),
    }


def marks(lab: Lab) -> dict[tuple[str, str], int]:
    """(NIC, address) -> address protocol."""
    seen = snapshot(lab)
    known = {link.ifindex: link.name for link in seen.links}
    return {(known[it.ifindex], str(it.address)): it.protocol for it in seen.addresses}


def route_named(lab: Lab, destination: str, version: int = 4) -> list[Route]:
    """The main table's routes to a destination (`default`, `10.0.0.0/8`), as rtnetlink has them."""
    anywhere = "0.0.0.0/0" if version == 4 else "::/0"
    wanted = anywhere if destination == "default" else destination
    return [
        route
        for route in snapshot(lab).routes
        if str(route.destination) == wanted and route.table == 254
    ]


def route_devices(lab: Lab, destination: str, version: int = 4) -> list[str]:
    known = names(lab)
    return [known[route.ifindex] for route in route_named(lab, destination, version)]


def await_default(lab: Lab, nic: str) -> None:
    """Before a look at everything would find it."""
    lab.wait_for(
        lambda: route_devices(lab, "default") == [nic],
        timeout=BEFORE_A_LOOK_S,
        what=f"the default route on {nic}",
    )


def shared_by(lab: Lab, version: int = 4, destination: str = "default") -> set[str]:
    """The NICs that the main table's routes to a destination lead through."""
    show = ["ip", "-j", f"-{version}", "route", "show", destination]
    routes = json.loads(lab.run(show, check=True).stdout or "[]")
    legs = [leg for route in routes for leg in route.get("nexthops", [route])]
    return {leg["dev"] for leg in legs}


def await_spread(lab: Lab, *nics: str) -> None:
    """Wait until the default routes of both families lead through all of these."""
    lab.wait_for(
        lambda: shared_by(lab) == shared_by(lab, 6) == set(nics),
        what=f"default routes through {', '.join(nics)}",
    )


def reaches(
    lab: Lab, address: str, *, source: str | None = None, where: str = "host", within_s: float = 1.0
) -> bool:
    """Whether a datagram to an echo server is answered."""
    version = 6 if ":" in address else 4
    family = socket.AF_INET6 if version == 6 else socket.AF_INET

    def ask() -> bool:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.settimeout(within_s)
            if source is not None:
                sock.bind((source, 0))
            try:
                sock.connect((address, 7))
                sock.send(b"hello")
                return sock.recv(16) == b"hello"
            except OSError:
                return False

    return lab.place(where).call(ask)


def neighbour_mac(lab: Lab, address: str, *, where: str = "router") -> str | None:
    """The hardware address under which somebody knows an address of the host."""
    shown = lab.run(["ip", "-j", "neigh", "show", address], where=where, check=True).stdout
    found = [entry.get("lladdr") for entry in json.loads(shown or "[]")]
    return found[0] if found else None


# What rcmd says


def ask(lab: Lab, question: Callable[[ManagerClient], Coroutine[Any, Any, Answer]]) -> Answer:
    """Ask the daemon over the lab's bus, as rcmctl does, but without the time it takes to start."""

    async def converse() -> Answer:
        async with ManagerClient.connect(SYSTEM_BUS) as manager:
            return await question(manager)

    return lab.place("host").call(lambda: asyncio.run(converse()))


def status(lab: Lab) -> dict[str, Any]:
    return ask(lab, ManagerClient.status)


def lasting_status(lab: Lab) -> dict[str, Any]:
    """Without what the first answers to probes change, whenever they come."""
    told = status(lab)
    for one in told["interfaces"]:
        del one["probe"]
    told["problems"] = [it for it in told["problems"] if it["code"] != "not-answered"]
    return told


def interface(lab: Lab, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(it for it in status(lab)["interfaces"] if it["name"] == name)
    return found


def state_of(lab: Lab, name: str) -> str:
    return str(interface(lab, name)["state"])


def await_state(lab: Lab, name: str, state: str) -> None:
    lab.wait_for(lambda: state_of(lab, name) == state, what=f"{name} {state}")


def group_state(lab: Lab, group: str = "test") -> str:
    return next(str(it["state"]) for it in status(lab)["groups"] if it["name"] == group)


def history(lab: Lab) -> list[dict[str, Any]]:
    """Oldest first: `time_us`, `severity`, `kind`, `subject`, `message`, `detail`."""
    return [asdict(event) for event in ask(lab, lambda manager: manager.history(0, 10_000))]


def told(lab: Lab) -> list[str]:
    """What happened, oldest first, without what a busy machine adds."""
    return [it["message"] for it in history(lab) if it["kind"] != "probes-missed"]


def kinds(lab: Lab) -> list[tuple[str, str]]:
    """(kind, subject) of everything that happened."""
    return [(event["kind"], event["subject"]) for event in history(lab)]


def await_event(lab: Lab, kind: str, subject: str, count: int = 1) -> None:
    lab.wait_for(
        lambda: kinds(lab).count((kind, subject)) >= count,
        what=f"{count} x {kind} of {subject}",
    )


def await_settled(lab: Lab) -> None:
    """Wait until every IPv6 address is past duplicate detection, and udevd is idle."""
    lab.settle()
    lab.wait_for(lambda: not is_detecting(lab), what="duplicate address detection")


def is_detecting(lab: Lab) -> bool:
    found = [info for link in addr_dump(lab) for info in link["addr_info"]]
    return any(info.get("tentative") and not info.get("dadfailed") for info in found)


def await_same(lab: Lab, read: Callable[[Lab], object], wanted: object) -> None:
    """Wait until a reading is as wanted.  Errors: AssertionError that shows the difference."""
    try:
        lab.wait_for(lambda: read(lab) == wanted)
    except LabError as error:
        old, new = (pformat(it, width=300).splitlines() for it in (wanted, read(lab)))
        difference = "\n".join(unified_diff(old, new, "wanted", "found", n=0, lineterm=""))
        raise AssertionError(f"{difference}\n{error}") from None
