"""The switch: a bridge, and a port for each cable.  Runs in the keeper, in its namespace."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import assert_never

from rcmd.lab.errors import LabError
from rcmd.lab.network import tap
from rcmd.lab.network.children import Child
from rcmd.lab.network.node import ip_batch, limiting, tc, write_sysctl
from rcmd.lab.network.plan import Nic, NicKind

BRIDGE = "bridge0"


class CableState(Enum):
    PLUGGED = "plugged"
    PULLED = "pulled"
    TORN_OUT = "torn out"


@dataclass(frozen=True, slots=True)
class Cable:
    """What joins one NIC to one port; `pump` is there for a TAP that is in the host."""

    nic: Nic
    port: str
    state: CableState
    is_black_hole: bool
    pump: Child | None


class Switch:
    """Every verb leaves alone what is already so."""

    def __init__(self) -> None:
        for scope in ("all", "default"):
            # A port is no host: it must not speak on the wire itself.
            write_sysctl(f"net/ipv6/conf/{scope}/disable_ipv6", 1)
        ip_batch(
            (
                f"link add {BRIDGE} type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
                f"link set {BRIDGE} up",
            )
        )
        self._cables: dict[str, Cable] = {}
        self._ports = 0

    def wire(self, pid: int, device: str, mac: str) -> None:
        """A cable from a new port to a device of this name in the namespace of that process."""
        port = self._new_port()
        ip_batch(
            (
                f"link add {port} type veth peer name {device} address {mac} netns {pid}",
                f"link set {port} master {BRIDGE} up",
            )
        )

    def add(self, nic: Nic, host: int) -> None:
        """A new NIC, plugged, in the namespace of process `host`."""
        if nic.name in self._cables:
            raise LabError(f"there is already a NIC {nic.name}")
        cable = Cable(nic, self._new_port(), CableState.TORN_OUT, is_black_hole=False, pump=None)
        self._cables[nic.name] = self._inserted(cable, host)

    def pull(self, name: str) -> None:
        cable = self._present(name)
        self._carry(cable, CableState.PULLED)

    def plug(self, name: str) -> None:
        cable = self._present(name)
        self._carry(cable, CableState.PLUGGED)

    def black_hole(self, name: str) -> None:
        """The carrier stays; nothing gets through."""
        cable = self._present(name)
        # Not the port's state: the bridge sets that anew whenever the carrier comes back.
        ip_batch((f"link set {cable.port} nomaster",))
        self._cables[name] = replace(cable, is_black_hole=True)

    def restore(self, name: str) -> None:
        cable = self._present(name)
        ip_batch((f"link set {cable.port} master {BRIDGE}",))
        self._cables[name] = replace(cable, is_black_hole=False)

    def limit(self, name: str, mbit_s: int) -> None:
        """Of what goes to the host; the other way is up to the host's end of the cable."""
        port = self._present(name).port
        tc(limiting(port, mbit_s))
        _keep_order(port)

    def tear_out(self, name: str) -> None:
        """The device goes away without a word to the host."""
        cable = self._present(name)
        match cable.nic.kind:
            case NicKind.VETH:
                ip_batch((f"link del {cable.port}",))
            case NicKind.TAP:
                assert cable.pump is not None
                os.kill(cable.pump.pid, signal.SIGKILL)
                os.waitpid(cable.pump.pid, 0)
                cable.pump.link.close()
            case _ as never:
                assert_never(never)
        self._cables[name] = replace(
            cable, state=CableState.TORN_OUT, is_black_hole=False, pump=None
        )

    def put_back(self, name: str, host: int) -> None:
        """A new device with the same name and MAC, plugged."""
        cable = self._cable(name)
        if cable.state is not CableState.TORN_OUT:
            raise LabError(f"{name} is not torn out")
        self._cables[name] = self._inserted(cable, host)

    def _inserted(self, cable: Cable, host: int) -> Cable:
        nic, port = cable.nic, cable.port
        match nic.kind:
            case NicKind.VETH:
                ip_batch(
                    (
                        f"link add {port} type veth"
                        f" peer name {nic.name} address {nic.mac} netns {host}",
                        f"link set {port} master {BRIDGE} up",
                    )
                )
                return replace(cable, state=CableState.PLUGGED)
            case NicKind.TAP:
                pump = tap.fork_pump(nic.name, port)
                pump.expect(tap.READY)
                # Moved when complete, so that the host never sees it with another MAC.
                ip_batch(
                    (
                        f"link set {port} master {BRIDGE} up",
                        f"link set {nic.name} address {nic.mac}",
                        f"link set {nic.name} netns {host}",
                    )
                )
                return replace(cable, state=CableState.PLUGGED, pump=pump)
            case _ as never:
                assert_never(never)

    def _carry(self, cable: Cable, state: CableState) -> None:
        is_plugged = state is CableState.PLUGGED
        match cable.nic.kind:
            case NicKind.VETH:
                ip_batch((f"link set {cable.port} {'up' if is_plugged else 'down'}",))
            case NicKind.TAP:
                assert cable.pump is not None
                said = tap.PLUGGED if is_plugged else tap.PULLED
                cable.pump.say(said)
                cable.pump.expect(said)
            case _ as never:
                assert_never(never)
        self._cables[cable.nic.name] = replace(cable, state=state)

    def _new_port(self) -> str:
        self._ports += 1
        return f"port{self._ports}"

    def _cable(self, name: str) -> Cable:
        cable = self._cables.get(name)
        if cable is None:
            raise LabError(f"there is no NIC {name}; there are {', '.join(self._cables)}")
        return cable

    def _present(self, name: str) -> Cable:
        cable = self._cable(name)
        if cable.state is CableState.TORN_OUT:
            raise LabError(f"{name} is torn out")
        return cable


def _keep_order(port: str) -> None:
    """A wire does not swap frames; two processors that take turns in serving it sometimes do."""
    processors = Path("/sys/class/net", port, "queues/rx-0/rps_cpus")
    # Where the kernel was built without receive packet steering, they may.
    if processors.exists():
        processors.write_text("1")
