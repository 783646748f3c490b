"""rcmd in the guest: installed from the code disk, run by systemd, asked through rcmctl."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .code_disk import INSTALL
from .guest import EVENT_S, Guest, Result

SETTINGS = "/etc/rcmd/rcmd.yaml"
GROUP = "test"
START_S = 60.0


@dataclass(frozen=True, slots=True)
class Member:
    """An interface of the group, and its data address."""

    nic: str
    interface: str
    address: str


class Daemon:
    """`start` and `stop`; what it is to do is written into the guest before."""

    def __init__(self, guest: Guest) -> None:
        self.guest = guest

    def install(self) -> None:
        self.guest.run(INSTALL)

    def configure(self, members: Sequence[Member], settings: str = "") -> None:
        """Hostname files of a group, and rcmd.yaml; nothing remembered from before."""
        for member in members:
            self.write_hostname_file(member)
        self.guest.put(SETTINGS, settings)
        self.guest.run("udevadm trigger --subsystem-match=net --action=change --settle")

    def write_hostname_file(self, member: Member) -> None:
        line = f"{member.address} netmask 255.255.255.0 broadcast + group {GROUP} up\n"
        self.guest.put(f"/etc/hostname.{member.interface}", line)

    def start(self) -> None:
        self.guest.run("systemctl start rcmd", START_S)

    def stop(self) -> None:
        """Leaves neither files, nor memories, nor addresses."""
        self.guest.run(
            # A card that has just come makes udev start rcmd.
            "udevadm settle; systemctl stop rcmd; systemctl reset-failed rcmd 2>/dev/null;"
            f" rm -rf /etc/hostname.* {SETTINGS} /var/lib/rcmd /run/rcmd;"
            " for link in /sys/class/net/en*; do ip address flush dev ${link##*/}; done"
        )

    def rcmctl(self, *arguments: str) -> Result:
        return self.guest.tried("rcmctl " + " ".join(arguments))

    def status(self) -> Any:
        return json.loads(self.guest.run("rcmctl status --json"))

    def log(self) -> str:
        return self.guest.run("journalctl --no-pager --output=short-monotonic --unit=rcmd")

    def where(self, member: Member) -> list[str]:
        """The interfaces that have the member's address, as the kernel tells it."""
        listed = self.guest.tried(f"ip -oneline address show to {member.address}/32").out
        return [line.split()[1] for line in listed.splitlines()]

    def wait_until_at(self, member: Member, interface: str, limit_s: float = EVENT_S) -> None:
        """The address is on this interface, and only there."""
        self.guest.wait_until(
            f"{member.address} is on {interface}",
            lambda: self.where(member) == [interface],
            limit_s,
        )

    def wait_until_hosted(self, member: Member) -> None:
        """The address is on another interface, and only there."""
        self.guest.wait_until(
            f"{member.address} is on another interface than {member.interface}",
            lambda: self.where(member) not in ([], [member.interface]),
        )

    def wait_until_home(self, members: Sequence[Member]) -> None:
        for member in members:
            self.wait_until_at(member, member.interface)

    def states(self) -> dict[str, str]:
        """What `rcmctl status` calls the state of each interface."""
        return {it["name"]: it["state"] for it in self.status()["interfaces"]}
