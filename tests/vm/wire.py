"""The switch that the guest's NICs are plugged into: a bridge in a network namespace of its own.

Nothing leads out of the namespace, and nothing outside it is touched.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from typing import Self

BRIDGE = "switch0"
ROUTER = "10.99.0.1"
"""The bridge's own address: whom the guest's probes reach, and where streams come from."""
ROUTER_MAC = "02:00:00:99:00:01"
PREFIX_LENGTH = 24

DISABLED = 0
FORWARDING = 3
"""States of a port, `linux/if_bridge.h`."""


class Wire:
    """Use as a context: the namespace goes with it, and all that is in it."""

    def __init__(self) -> None:
        self.namespace = f"rcmd-vm-{os.getpid()}"

    def __enter__(self) -> Self:
        subprocess.run(("ip", "netns", "add", self.namespace), check=True)
        for scope in ("all", "default"):
            # A port is no host: it must not speak on the wire itself.
            self.run("sysctl", "-qw", f"net.ipv6.conf.{scope}.disable_ipv6=1")
        self.ip("link set lo up")
        # A bridge without one of its own takes that of a port, another one whenever ports change:
        # the guest's neighbour entry for the router would be wrong then.
        self.ip(
            f"link add {BRIDGE} address {ROUTER_MAC}"
            " type bridge stp_state 0 forward_delay 0 mcast_snooping 0"
        )
        self.ip(f"address add {ROUTER}/{PREFIX_LENGTH} dev {BRIDGE}")
        self.ip(f"link set {BRIDGE} up")
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run(("ip", "netns", "delete", self.namespace), check=True)

    def inside(self, *command: str) -> Sequence[str]:
        """The command that runs this one in the namespace; it does not outlive us."""
        return (
            *("ip", "netns", "exec", self.namespace),
            *("setpriv", "--pdeathsig", "KILL", "--", *command),
        )

    def run(self, *command: str) -> None:
        """Errors: subprocess.CalledProcessError."""
        subprocess.run(self.inside(*command), check=True)

    def ip(self, arguments: str) -> None:
        self.run("ip", *arguments.split())

    def add_port(self, name: str) -> None:
        """A TAP device for a NIC of the guest."""
        self.ip(f"tuntap add {name} mode tap")
        self.ip(f"link set {name} master {BRIDGE} up")

    def remove_port(self, name: str) -> None:
        self.ip(f"link delete {name}")

    def black_hole(self, port: str) -> None:
        """Nothing gets through it any more, and the guest is told nothing."""
        self._set_state(port, DISABLED)

    def restore(self, port: str) -> None:
        self._set_state(port, FORWARDING)

    def _set_state(self, port: str, state: int) -> None:
        self.run("bridge", "link", "set", "dev", port, "state", str(state))
