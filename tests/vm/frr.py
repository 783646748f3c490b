"""FRR as a peer: the data address is a route, announced by BGP over both cards, watched by BFD.

Each card has a subnet of its own on the switch.  Where a card is a black hole, BFD tells BGP, and
the router goes on with the other of two equal routes.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from ipaddress import ip_interface
from pathlib import Path

from .guest import Guest
from .target import NICS, READY_S, Target
from .wire import BRIDGE, PREFIX_LENGTH, ROUTER

DAEMONS = Path("/usr/lib/frr")
INTERVAL_MS = 50
"""Of BFD; three in a row are missed then.  With less its sessions do not stay up in the guest."""
ADDRESS = "10.99.9.9"
NETWORKS = ("10.99.101", "10.99.102")
ROUTER_AS, GUEST_AS = 65000, 65001
PLACE = f"/run/rcmd-vm-frr-{os.getpid()}"


def is_installed() -> bool:
    """On this machine, whose namespace is the router."""
    return (DAEMONS / "bgpd").exists()


def configuration(own_as: int, other_as: int, own: str, others: Sequence[str], origin: str) -> str:
    lines = [
        "bfd",
        " profile fast",
        f"  transmit-interval {INTERVAL_MS}",
        f"  receive-interval {INTERVAL_MS}",
        "  detect-multiplier 3",
        f"router bgp {own_as}",
        f" bgp router-id {own}",
        " no bgp ebgp-requires-policy",
        " no bgp network import-check",
    ]
    for other in others:
        lines += [
            f" neighbor {other} remote-as {other_as}",
            f" neighbor {other} bfd profile fast",
            f" neighbor {other} timers 1 3",
            f" neighbor {other} timers connect 1",
            f" neighbor {other} advertisement-interval 0",
        ]
    lines += [" address-family ipv4 unicast", f"  network {origin}", "  maximum-paths 2"]
    return "\n".join(lines) + "\n"


def start_script(text: str) -> str:
    """A shell script that starts the daemons and gives them this configuration."""
    sockets = f"--vty_socket {PLACE} -z {PLACE}/zserv"
    commands = [
        f"set -e; rm -rf {PLACE}; mkdir -p {PLACE}; chown frr:frr {PLACE}",
        *(
            f"{DAEMONS}/{daemon} -d -u frr -g frr -f /dev/null -P 0 -i {PLACE}/{daemon}.pid"
            f" {sockets}{extra} >/dev/null 2>&1"
            for daemon, extra in (
                ("zebra", ""),
                ("bgpd", ""),
                ("bfdd", f" --bfdctl {PLACE}/bfdd.sock"),
            )
        ),
        f"cat >{PLACE}/conf <<'END'\n{text}END",
        f"vtysh --vty_socket {PLACE} -f {PLACE}/conf",
    ]
    return "\n".join(commands)


STOP = f"for pid in {PLACE}/*.pid; do kill $(cat $pid) || true; done; rm -rf {PLACE}"
SETTINGS = "net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.rp_filter=0"


class Frr:
    """BGP with BFD, two equal paths."""

    def __init__(self, guest: Guest) -> None:
        self._guest = guest

    def set_up(self) -> None:
        wire = self._guest.wire
        for network in NETWORKS:
            wire.ip(f"address add {network}.1/24 dev {BRIDGE}")
        hosts, routers = ([f"{it}.{last}" for it in NETWORKS] for last in (10, 1))
        outside = f"{ip_interface(f'{ROUTER}/{PREFIX_LENGTH}').network}"
        wire.run(
            "sh", "-c", start_script(configuration(ROUTER_AS, GUEST_AS, ROUTER, hosts, outside))
        )
        self._guest.run(f"sysctl -qw {SETTINGS} && ip address add {ADDRESS}/32 dev lo")
        for nic in NICS:
            self.take_back(nic)
        text = configuration(GUEST_AS, ROUTER_AS, ADDRESS, routers, f"{ADDRESS}/32")
        self._guest.run(start_script(text))

    def ready(self) -> Target:
        self._guest.wait_until("both paths are in use", lambda: len(self._paths()) == 2, READY_S)
        chosen = self._ask("route", "get", ADDRESS)[0]["gateway"]
        return Target(NICS[[f"{it}.10" for it in NETWORKS].index(chosen)], ADDRESS)

    def _paths(self) -> Sequence[object]:
        found = self._ask("route", "show", f"{ADDRESS}/32")
        return found[0].get("nexthops", ()) if found else ()

    def _ask(self, *arguments: str) -> list[dict[str, str]]:
        command = self._guest.wire.inside("ip", "-json", *arguments)
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        answer: list[dict[str, str]] = json.loads(told or "[]")
        return answer

    def take_back(self, nic: str) -> None:
        name = self._guest.wait_for_interface(nic)
        address = f"{NETWORKS[NICS.index(nic)]}.10/24"
        self._guest.run(f"ip link set {name} up && ip address replace {address} dev {name}")

    def tear_down(self) -> None:
        self._guest.run(STOP)
        self._guest.run(f"ip address delete {ADDRESS}/32 dev lo")
        for nic in NICS:
            self._guest.run(f"ip address flush dev {self._guest.ifname(nic)}")
        self._guest.wire.run("sh", "-c", STOP)
        for network in NETWORKS:
            self._guest.wire.ip(f"address delete {network}.1/24 dev {BRIDGE}")
