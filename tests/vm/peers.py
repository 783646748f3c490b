"""What carries the traffic over two cards: rcmd, or one of those it is compared with."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from .daemon import Daemon, Member
from .frr import INTERVAL_MS, Frr, is_installed
from .guest import Guest
from .target import NICS, READY_S, Target
from .wire import PREFIX_LENGTH, ROUTER

ADDRESS = "10.99.0.10"
OTHER_ADDRESS = "10.99.0.11"


class Peer(Protocol):
    def set_up(self) -> None:
        """With the cards as they are, unused."""

    def ready(self) -> Target:
        """Waits until both cards are in use."""

    def take_back(self, nic: str) -> None:
        """A card that has been replaced."""

    def tear_down(self) -> None:
        """Leaves the cards unused."""


MakePeer = Callable[[Guest], Peer]


class Bonding:
    """The kernel's bonding driver, active-backup."""

    def __init__(self, guest: Guest, options: str) -> None:
        self._guest = guest
        self._options = options

    def set_up(self) -> None:
        self._guest.run(
            "modprobe bonding max_bonds=0"
            f" && ip link add bond0 type bond mode active-backup {self._options}"
            f" && ip link set bond0 up && ip address add {ADDRESS}/{PREFIX_LENGTH} dev bond0"
        )
        for nic in NICS:
            self.take_back(nic)

    def ready(self) -> Target:
        state = "/sys/class/net/bond0/bonding"
        self._guest.wait_until(
            "both slaves are up",
            lambda: self._guest.run("grep -c '^MII Status: up' /proc/net/bonding/bond0") == "3\n",
            READY_S,
        )
        return _active(self._guest, self._guest.run(f"cat {state}/active_slave").strip())

    def take_back(self, nic: str) -> None:
        name = self._guest.wait_for_interface(nic)
        self._guest.run(
            f"ip link set {name} down && ip link set {name} master bond0 && ip link set {name} up"
        )

    def tear_down(self) -> None:
        self._guest.run("ip link delete bond0")


class Team:
    """teamd, active-backup, with this link watch."""

    def __init__(self, guest: Guest, watch: Mapping[str, Any]) -> None:
        self._guest = guest
        self._watch = watch

    def set_up(self) -> None:
        configuration = {
            "device": "team0",
            "runner": {"name": "activebackup", "hwaddr_policy": "same_all"},
            "link_watch": self._watch,
            "notify_peers": {"count": 1},
        }
        self._guest.put("/run/team.json", json.dumps(configuration))
        self._guest.run(
            "modprobe team_mode_activebackup && teamd -f /run/team.json -d -r"
            " && ip link set team0 up"
            f" && ip address add {ADDRESS}/{PREFIX_LENGTH} dev team0"
        )
        for nic in NICS:
            self.take_back(nic)

    def ready(self) -> Target:
        self._guest.wait_until(
            "both ports are up", lambda: all(it["link"]["up"] for it in self._ports()), READY_S
        )
        command = "teamdctl team0 state item get runner.active_port"
        return _active(self._guest, self._guest.run(command).strip())

    def _ports(self) -> list[Any]:
        ports = json.loads(self._guest.run("teamdctl team0 state dump")).get("ports", {})
        assert len(ports) <= len(NICS)
        return [*ports.values()] if len(ports) == len(NICS) else [{"link": {"up": False}}]

    def take_back(self, nic: str) -> None:
        name = self._guest.wait_for_interface(nic)
        self._guest.run(
            f"ip link set {name} down && teamdctl team0 port add {name} && ip link set {name} up"
        )

    def tear_down(self) -> None:
        self._guest.run("teamd -k -t team0")


class Rcmd:
    """rcmd, a data address on each card; the cards take turns in failing."""

    def __init__(self, guest: Guest, settings: str) -> None:
        self._guest = guest
        self._settings = settings
        self._daemon = Daemon(guest)
        self._turn = 0
        self._members: tuple[Member, ...] = ()

    def set_up(self) -> None:
        addresses = zip(NICS, (ADDRESS, OTHER_ADDRESS), strict=True)
        self._members = tuple(
            Member(nic, self._guest.wait_for_interface(nic), address) for nic, address in addresses
        )
        self._daemon.configure(self._members, self._settings)
        self._daemon.start()

    def ready(self) -> Target:
        for member in self._members:
            self._daemon.wait_until_at(member, member.interface, READY_S)
        self._guest.wait_until(
            "all interfaces are running",
            lambda: set(self._daemon.states().values()) == {"running"},
            READY_S,
        )
        member = self._members[self._turn % len(self._members)]
        self._turn += 1
        return Target(member.nic, member.address)

    def take_back(self, nic: str) -> None:
        """It does that itself."""

    def tear_down(self) -> None:
        self._daemon.stop()


def _active(guest: Guest, interface: str) -> Target:
    (nic,) = (nic for nic in NICS if guest.ifname(nic) == interface)
    return Target(nic, ADDRESS)


PROBING = f"""
groups:
  test:
    failure_detection_time: 100ms
    probe: arp
    targets: [{ROUTER}]
"""
ARP_WATCH = {
    "name": "arp_ping",
    "interval": 100,
    "missed_max": 3,
    "source_host": ADDRESS,
    "target_host": ROUTER,
}
ARP = f"arp_interval 100 arp_ip_target {ROUTER}"

PEERS: dict[str, MakePeer] = {
    "bonding active-backup miimon=100": lambda guest: Bonding(guest, "miimon 100"),
    "bonding miimon=10": lambda guest: Bonding(guest, "miimon 10"),
    "teamd ethtool watch": lambda guest: Team(guest, {"name": "ethtool"}),
    "rcmd": lambda guest: Rcmd(guest, ""),
}
PROBING_PEERS: dict[str, MakePeer] = {
    "bonding arp_interval=100": lambda guest: Bonding(guest, ARP),
    "bonding arp_interval=100, validate=all": lambda guest: Bonding(
        guest, f"{ARP} arp_validate all"
    ),
    "teamd arp_ping 100 ms x 3": lambda guest: Team(guest, ARP_WATCH),
    "rcmd, probes, 100 ms": lambda guest: Rcmd(guest, PROBING),
}
if is_installed():
    PROBING_PEERS[f"FRR, BGP with BFD, {INTERVAL_MS} ms x 3"] = Frr
