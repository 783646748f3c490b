"""The keeper: first process of a lab.  When it ends, the kernel ends everything in the lab.

It starts in new PID, mount and network namespaces; its network namespace is the switch.
"""

from __future__ import annotations

import json
import logging
import os
import select
import shutil
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from rcmd.lab.errors import LabError
from rcmd.lab.network import control
from rcmd.lab.network.children import Child
from rcmd.lab.network.host_files import seal_kernel
from rcmd.lab.network.node import NAMESPACE_READY, UP, WIRED, NodePlan, fork_node, ip_batch
from rcmd.lab.network.plan import OUTSIDE_ADDRESSES, LabPlan, Nic, NicKind, mac_of
from rcmd.lab.network.switch import Switch
from rcmd.lab.network.syscalls import ENTERED, Kind, MountFlag, mount
from rcmd.lab.network.virtual_host import HostPlan, fork_host

logger = logging.getLogger(__name__)

FIRST_NEIGHBOUR_MAC = 0x010001
OUTSIDE_ROUTER_ADDRESSES = ("198.51.100.1/24", "2001:db8:51::1/64")


def address_lines(device: str, addresses: tuple[str, ...]) -> tuple[str, ...]:
    """Lines for `ip -batch`."""
    return (f"link set {device} up", *(f"addr add {a} dev {device}" for a in addresses))


class Keeper:
    """Makes the lab, then obeys."""

    def __init__(self, plan: LabPlan) -> None:
        self._plan = plan
        self._directory = Path(plan.directory)
        self._host = fork_host(HostPlan(self._directory))
        self._switch = Switch()
        self._nodes: dict[str, Child] = {}
        self._wires = 0
        self._is_ending = False

    def bring_up(self) -> None:
        router = fork_node(
            NodePlan(
                "router",
                (
                    "link set lo up",
                    *address_lines("lan0", self._plan.router_addresses),
                    *address_lines("wan0", OUTSIDE_ROUTER_ADDRESSES),
                ),
                forwards=True,
            )
        )
        outside = fork_node(
            NodePlan(
                "outside",
                (
                    "link set lo up",
                    *address_lines("wan0", OUTSIDE_ADDRESSES),
                    "route add default via 198.51.100.1",
                    "route add default via 2001:db8:51::1",
                ),
                forwards=False,
            )
        )
        router.expect(NAMESPACE_READY)
        outside.expect(NAMESPACE_READY)
        self._switch.wire(router.pid, "lan0", self._next_mac())
        ip_batch(
            (
                f"link add wan0 address {self._next_mac()} netns {router.pid} type veth"
                f" peer name wan0 address {self._next_mac()} netns {outside.pid}",
            )
        )
        for node in (router, outside):
            node.say(WIRED)
            self._nodes[node.name] = node
        for node in (router, outside, self._host):
            node.expect(UP)
        for nic in self._plan.nics:
            self._switch.add(nic, self._host.pid)

    def serve(self, listener: socket.socket) -> None:
        """Until told to end or, if so planned, until the creator is gone."""
        watched: list[socket.socket | int] = [listener]
        if self._plan.ends_with_creator:
            watched.append(sys.stdin.fileno())
        while not self._is_ending:
            readable, _, _ = select.select(watched, (), (), 1.0)
            if sys.stdin.fileno() in readable:
                break
            if listener in readable:
                connection, _ = listener.accept()
                with connection:
                    self._converse(connection)
            self._reap()
        # Whoever comes up now may be sweeping it away: the lock goes with it.
        shutil.rmtree(self._directory, ignore_errors=True)

    def _converse(self, connection: socket.socket) -> None:
        data = connection.recv(control.LIMIT)
        if not data:
            return
        try:
            descriptors = self._obey(**json.loads(data))
        except LabError as error:
            connection.send(json.dumps({"error": str(error)}).encode())
            return
        socket.send_fds(connection, [b"{}"], list(descriptors))
        for descriptor in descriptors:
            os.close(descriptor)

    def _obey(self, verb: str, **arguments: Any) -> tuple[int, ...]:
        """The descriptors that the answer carries."""
        match verb:
            case "enter":
                return self._open_place(arguments["place"])
            case "pull" | "plug" | "black_hole" | "restore" | "tear_out":
                getattr(self._switch, verb)(arguments["nic"])
            case "limit":
                self._switch.limit(arguments["nic"], arguments["mbit_s"])
            case "put_back":
                self._switch.put_back(arguments["nic"], self._host.pid)
            case "add_nic":
                nic = Nic(arguments["nic"], NicKind(arguments["kind"]), arguments["mac"])
                self._switch.add(nic, self._host.pid)
            case "add_neighbour":
                self._add_neighbour(arguments["name"], tuple(arguments["addresses"]))
            case "end":
                self._is_ending = True
                return (os.pidfd_open(os.getpid()),)
            case _:
                raise LabError(f"the lab does not know how to {verb}")
        return ()

    def _add_neighbour(self, name: str, addresses: tuple[str, ...]) -> None:
        if name in self._nodes or name in ("host", "switch"):
            raise LabError(f"there is already a {name}")
        setup = ("link set lo up", *address_lines("lan0", addresses))
        node = fork_node(NodePlan(name, setup, forwards=False))
        node.expect(NAMESPACE_READY)
        self._switch.wire(node.pid, "lan0", self._next_mac())
        node.say(WIRED)
        node.expect(UP)
        self._nodes[name] = node

    def _open_place(self, place: str) -> tuple[int, ...]:
        """Only the host is whole; the others have a network, and the rest is the keeper's."""
        own = str(os.getpid())
        if place == "host":
            owners = dict.fromkeys(Kind, str(self._host.pid))
        elif place == "switch":
            owners = dict.fromkeys(Kind, own)
        elif place in self._nodes:
            owners = dict.fromkeys(Kind, own) | {Kind.NET: str(self._nodes[place].pid)}
        else:
            places = ", ".join(("host", "switch", *self._nodes))
            raise LabError(f"there is no {place} in the lab; there are {places}")
        return tuple(
            os.open(f"/proc/{owners[kind]}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC)
            for name, kind in ENTERED
        )

    def _next_mac(self) -> str:
        self._wires += 1
        return mac_of(FIRST_NEIGHBOUR_MAC + self._wires)

    def _reap(self) -> None:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            logger.warning("nothing lives in the lab any more")
            self._is_ending = True


def main() -> int:
    """Arguments: the plan as JSON.  Says one JSON line on standard output when it is up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.basicConfig(format="%(name)s: %(message)s")
    plan = LabPlan.from_json(sys.argv[1])
    mount("none", "/", flags=MountFlag.RECURSIVE | MountFlag.PRIVATE)
    mount("proc", "/proc", "proc")
    # Of the switch's network, not the machine's.
    mount("sysfs", "/sys", "sysfs")
    seal_kernel()
    try:
        keeper = Keeper(plan)
        keeper.bring_up()
        listener = control.listen(Path(plan.directory))
    except (LabError, OSError) as error:
        os.write(1, json.dumps({"error": str(error)}).encode() + b"\n")
        return 1
    os.write(1, b"{}\n")
    # Whoever waits for the end of our output must not wait for the end of the lab.
    os.dup2(2, 1)
    keeper.serve(listener)
    return 0


if __name__ == "__main__":
    sys.exit(main())
