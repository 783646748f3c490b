"""A claim, and the texts that it is read from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from rcmd.model.settings import Fault


class Manager(StrEnum):
    """Others who configure interfaces."""

    NETWORKD = "systemd-networkd"
    NETWORK_MANAGER = "NetworkManager"
    IFUPDOWN = "ifupdown"
    DHCPCD = "dhcpcd"
    DOCKER = "Docker"
    LIBVIRT = "libvirt"
    BRIDGE = "a bridge"


@dataclass(frozen=True, slots=True)
class SourceText:
    """A file of theirs, by its absolute path."""

    path: str
    text: str | None
    """None: it is there and could not be read."""

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True, order=True)
class Claim:
    """Somebody else would configure an interface of ours."""

    file: str
    line: int
    manager: Manager
    interface: str
    advice: str
    """What to do about it."""
    what: str = ""
    """What is claimed, where that is not the interface itself."""

    def __str__(self) -> str:
        return str(self.fault)

    @property
    def fault(self) -> Fault:
        """A warning: both are started, and one of them undoes what the other does."""
        message = f"{self.manager} claims {self.what or self.interface}: {self.advice}"
        return Fault(self.file, self.line, message, is_warning=True)
