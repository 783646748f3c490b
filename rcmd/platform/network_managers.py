"""Gathers what other network managers have been told, and what is known of our devices.

Nothing here fails: what cannot be read is said to be so, and is no claim.
"""

from __future__ import annotations

import glob
import logging
import os
import re
import stat
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rcmd.configuration.conflicts import Device, Manager, Neighbours, NetworkFile, SourceText
from rcmd.configuration.conflicts.dhcpcd import PATH as DHCPCD_PATH
from rcmd.configuration.conflicts.ifupdown import MAIN_PATH as INTERFACES_PATH
from rcmd.configuration.conflicts.ifupdown import Inclusion, read_inclusions
from rcmd.configuration.conflicts.network_manager import MAIN_PATH as NETWORK_MANAGER_PATH
from rcmd.configuration.files import HOSTNAME_PREFIXES
from rcmd.foreign_text import escaped
from rcmd.kernel.sysfs import permanent_address
from rcmd.platform import regular_files

_log = logging.getLogger(__name__)

_LARGEST = 1 << 20
"""Bytes; nobody configures a network with more."""
_SYSTEMD_FOLDERS = tuple(
    f"{prefix}/systemd" for prefix in ("/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib")
)
_NETWORK_FOLDERS = tuple(f"{folder}/network" for folder in _SYSTEMD_FOLDERS)
"""The first one that has a file of a name has it for all (systemd.network(5))."""
_RULES_FOLDERS = tuple(
    f"{prefix}/udev/rules.d" for prefix in ("/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib")
)
_RULES = "81-rcmd.rules"
_MARK = "RCMD_MANAGED"
_SETTINGS_FOLDERS = tuple(f"{it}/NetworkManager/conf.d" for it in ("/etc", "/run", "/usr/lib"))
_PROFILE_FOLDERS = tuple(
    f"{prefix}/NetworkManager/system-connections" for prefix in ("/etc", "/run", "/usr/lib")
)
_LEFT_BEHIND = re.compile(r"\..*|.*(~|\.bak|\.orig|\.rpmnew|\.rpmsave|\.dpkg-\w+)")
_SOURCED_NAME = re.compile(r"[a-zA-Z0-9_-]+")
"""What `source-directory` takes (interfaces(5))."""
_DEEPEST = 8
"""So deep may files of ifupdown include each other."""

_UNITS = {
    Manager.NETWORKD: ("systemd-networkd.service",),
    Manager.NETWORK_MANAGER: ("NetworkManager.service",),
    Manager.DHCPCD: ("dhcpcd.service",),
}
_TRACES = {
    Manager.NETWORKD: ("/run/systemd/netif/state",),
    Manager.NETWORK_MANAGER: ("/run/NetworkManager/NetworkManager.pid",),
    Manager.DHCPCD: ("/run/dhcpcd/pid", "/run/dhcpcd.pid"),
}
"""What one that runs leaves; that of dhcpcd has this name if it was given no interface."""
_UNIT_FOLDERS = ("etc/systemd/system", "run/systemd/*", "usr/lib/systemd/system")

_TYPES = {1: "ether", 32: "infiniband", 772: "loopback"}
"""ARPHRD_ -> as `networkctl list` shows it (linux:include/uapi/linux/if_arp.h)."""
_KINDS = {"bond", "bridge", "vlan", "vxlan"}
"""DEVTYPE of virtual devices that is IFLA_INFO_KIND, too."""


def read_neighbours(
    names: Iterable[str],
    root: Path = Path("/"),
    read_permanent_address: Callable[[str], str] = permanent_address,
) -> Neighbours:
    """Everything that tells who else claims one of these interfaces."""
    tree = _Tree(root)
    in_use = frozenset(it for it in _UNITS if tree.is_in_use(it))
    return Neighbours(
        networks=tree.networks(),
        networkd=tree.networkd_settings() if Manager.NETWORKD in in_use else None,
        settings=tree.settings(),
        profiles=tree.profiles(),
        interfaces=tree.interfaces(),
        dhcpcd=tree.source(DHCPCD_PATH),
        in_use=in_use,
        devices={name: tree.device(name, read_permanent_address) for name in names},
    )


@dataclass(slots=True)
class _Tree:
    """The files below a root; paths are as seen from there."""

    root: Path
    included: dict[str, SourceText] = field(default_factory=dict)

    # --- files ---

    def place(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def source(self, path: str) -> SourceText | None:
        """None where there is no such file; a directory is none."""
        place = self.place(path)
        try:
            if place.is_dir():
                return None
            content, _ = regular_files.read(place, _LARGEST)
            return SourceText(path, content.decode("utf-8", "replace"))
        except FileNotFoundError:
            return None
        except OSError as error:
            _log.debug("%s cannot be read: %s", path, error.strerror)
            return SourceText(path, None)

    def text(self, path: str) -> str | None:
        """None where there is no such file or it cannot be read."""
        source = self.source(path)
        return None if source is None else source.text

    def names(self, folder: str) -> list[str]:
        try:
            return sorted(place.name for place in self.place(folder).iterdir())
        except OSError as error:
            _log.debug("%s: %s", folder, error.strerror)
            return []

    def is_masked(self, path: str) -> bool:
        """Empty, or a link to /dev/null: it stands for nothing, and hides those of its name."""
        place = self.place(path)
        try:
            if place.is_symlink() and str(place.readlink()) == os.devnull:
                return True
            status = place.stat()
        except OSError:
            return False
        return stat.S_ISREG(status.st_mode) and status.st_size == 0

    def layered(self, folders: Iterable[str], suffix: str) -> list[str]:
        """The path of every name, in the order of the names; the first folder with it wins."""
        found: dict[str, str] = {}
        for folder in folders:
            for name in self.names(folder):
                if name.endswith(suffix):
                    found.setdefault(name, f"{folder}/{name}")
        return [found[name] for name in sorted(found)]

    def sources(self, paths: Iterable[str]) -> tuple[SourceText, ...]:
        """Of those that exist and are not masked."""
        found = (self.source(path) for path in paths if not self.is_masked(path))
        return tuple(source for source in found if source is not None)

    # --- their files ---

    def networks(self) -> tuple[NetworkFile, ...]:
        files = self.sources(self.layered(_NETWORK_FOLDERS, ".network"))
        return tuple(NetworkFile(it, self.drop_ins(it.name)) for it in files)

    def drop_ins(self, name: str) -> tuple[SourceText, ...]:
        folders = (f"{folder}/{name}.d" for folder in _NETWORK_FOLDERS)
        return self.sources(self.layered(folders, ".conf"))

    def networkd_settings(self) -> tuple[SourceText, ...]:
        """The first networkd.conf there is, and then the drop-ins of all folders."""
        mains = self.sources(f"{folder}/networkd.conf" for folder in _SYSTEMD_FOLDERS)
        folders = (f"{folder}/networkd.conf.d" for folder in _SYSTEMD_FOLDERS)
        return (*mains[:1], *self.sources(self.layered(folders, ".conf")))

    def settings(self) -> tuple[SourceText, ...]:
        """What is packaged and what lasts until a reboot is read before the main file."""
        paths = self.layered(_SETTINGS_FOLDERS, ".conf")
        ours = [it for it in paths if it.startswith("/etc/")]
        before = [it for folder in ("/usr/", "/run/") for it in paths if it.startswith(folder)]
        return self.sources([*before, NETWORK_MANAGER_PATH, *ours])

    def profiles(self) -> tuple[SourceText, ...]:
        paths = self.layered(_PROFILE_FOLDERS, "")
        names = (it for it in paths if not _LEFT_BEHIND.fullmatch(it.rpartition("/")[2]))
        return self.sources(names)

    def interfaces(self) -> tuple[SourceText, ...]:
        """/etc/network/interfaces, and what it includes, each once."""
        self.include(INTERFACES_PATH, 0)
        return tuple(self.included.values())

    def include(self, path: str, depth: int) -> None:
        source = None if path in self.included or depth > _DEEPEST else self.source(path)
        if source is None:
            return
        self.included[path] = source
        for inclusion in read_inclusions(source):
            for found in self.expand(inclusion):
                self.include(found, depth + 1)

    def expand(self, inclusion: Inclusion) -> list[str]:
        # As the shell does: no hidden files, and `**` is nothing special.
        found = glob.glob(inclusion.pattern.lstrip("/"), root_dir=self.root)  # noqa: PTH207
        paths = sorted(f"/{path}" for path in found)
        if not inclusion.is_directory:
            return paths
        return [
            f"{path}/{name}"
            for path in paths
            for name in self.names(path)
            if _SOURCED_NAME.fullmatch(name)
        ]

    def is_in_use(self, manager: Manager) -> bool:
        """Is it started at boot, or does it run?"""
        if any(self.place(path).exists() for path in _TRACES[manager]):
            return True
        return any(self.is_enabled(unit) for unit in _UNITS[manager])

    def is_enabled(self, unit: str) -> bool:
        """A link to it lies in the folder of some unit that wants it, wherever it points."""
        if self.is_masked(f"/etc/systemd/system/{unit}"):
            return False
        return any(
            os.path.lexists(wanting / unit)
            for folder in _UNIT_FOLDERS
            for wanting in self.root.glob(f"{folder}/*.wants")
        )

    # --- our devices ---

    def device(self, name: str, read_permanent_address: Callable[[str], str]) -> Device:
        folder = f"/sys/class/net/{name}"
        ifindex = (self.text(f"{folder}/ifindex") or "").strip()
        properties = self.properties(ifindex) if ifindex else None
        is_marked = self.is_marked(name, properties)
        if not ifindex:
            return Device(name, is_marked=is_marked)
        uevent = _assignments(self.text(f"{folder}/uevent") or "")
        is_hardware = self.place(f"{folder}/device").exists()
        return Device(
            name,
            hardware_address=(self.text(f"{folder}/address") or "").strip() or None,
            permanent_address=read_permanent_address(name),
            driver=self.driver(folder, properties),
            type=uevent.get("DEVTYPE") or self.type(folder),
            kind=_kind(uevent.get("DEVTYPE", ""), is_hardware=is_hardware),
            properties=properties,
            is_marked=is_marked,
            bridge=self.bridge(folder),
        )

    def bridge(self, folder: str) -> str:
        try:
            return self.place(f"{folder}/brport/bridge").readlink().name
        except OSError:
            return ""

    def properties(self, ifindex: str) -> Mapping[str, str] | None:
        """Those of udev's database (systemd:src/libsystemd/sd-device/sd-device.c)."""
        text = self.text(f"/run/udev/data/n{ifindex}")
        if text is None:
            return None
        lines = text.splitlines()
        return _assignments("\n".join(it[2:] for it in lines if it.startswith("E:")))

    def is_marked(self, name: str, properties: Mapping[str, str] | None) -> bool:
        """As udev has it; or as it will be, where udev does not know the device."""
        if properties is not None:
            return properties.get(_MARK) == "1"
        rules = self.sources(self.layered(_RULES_FOLDERS, _RULES))
        files = (self.place(prefix + name) for prefix in HOSTNAME_PREFIXES)
        return bool(rules) and any(file.exists() for file in files)

    def driver(self, folder: str, properties: Mapping[str, str] | None) -> str | None:
        if properties and "ID_NET_DRIVER" in properties:
            return properties["ID_NET_DRIVER"]
        try:
            return escaped(self.place(f"{folder}/device/driver").readlink().name)
        except OSError:
            return None

    def type(self, folder: str) -> str | None:
        number = (self.text(f"{folder}/type") or "").strip()
        return _TYPES.get(int(number)) if number.isdecimal() and len(number) < 10 else None


def _assignments(text: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in text.splitlines())
    return {key: value for key, equals, value in pairs if equals}


def _kind(device_type: str, *, is_hardware: bool) -> str | None:
    if device_type in _KINDS:
        return device_type
    return "" if is_hardware and not device_type else None
