"""Which files there are, and what their names say."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from rcmd.configuration.foreign_bridges import bridge_maker
from rcmd.configuration.text import printable, quoted
from rcmd.model.network import Family
from rcmd.model.settings import Fault

SETTINGS_PATH = "/etc/rcmd/rcmd.yaml"
MPATHD_PATH = "/etc/default/mpathd"
HOSTS_PATHS = ("/etc/hosts", "/etc/inet/hosts", "/etc/inet/ipnodes")
NETMASKS_PATHS = ("/etc/inet/netmasks", "/etc/netmasks")
DHCP_PREFIX = "/etc/dhcp."
HOSTNAME_PREFIXES = {"/etc/hostname.": Family.IPV4, "/etc/hostname6.": Family.IPV6}

_LEFT_BEHIND = re.compile(
    r"(?:~|-|\.bak|_bak|\.old|\.org|\.orig|\.save|\.disabled|\.sw[a-p])$"
    r"|\.dpkg-|\.rpm|\.ucf-|\.pac(?:new|save|orig)$",
    re.IGNORECASE,
)
"""What editors, package managers and people leave beside a file."""

_LIKE_LEFT_BEHIND = re.compile(
    r"[._-](?:bak|backup|old|org|orig|save|saved|sav|disabled|copy|tmp|rej|off"
    r"|(?:19|20)[0-9]{2}[._-]?[0-9]{2}[._-]?[0-9]{2})$",
    re.IGNORECASE,
)
"""The like, which might be the name of a device all the same."""

_APART = ".,;+@#%^=!&() "
"""Between the name of an interface and what makes it the name of a copy."""

_NAME_BYTES = 15
"""IFNAMSIZ less the closing NUL (linux:include/uapi/linux/if.h)."""

HIGHEST_LOGICAL = 8191
"""The largest number of logical interfaces Solaris can be set to is 8192 (ip_addrs_per_if)."""


@dataclass(frozen=True, slots=True)
class ConfigurationFiles:
    """The text of every configuration file, by its absolute path."""

    hostname: Mapping[str, str] = field(default_factory=dict)
    """Path -> text of /etc/hostname.* and /etc/hostname6.*."""
    dhcp: frozenset[str] = frozenset()
    """Paths of the /etc/dhcp.* files; only that they exist matters."""
    settings: str = ""
    mpathd: str = ""
    hosts: Mapping[str, str] = field(default_factory=dict)
    """Path -> text, of those of `HOSTS_PATHS` that exist."""
    netmasks: Mapping[str, str] = field(default_factory=dict)
    """Path -> text; /etc/inet/netmasks and /etc/netmasks may both exist."""
    devices: frozenset[str] | None = None
    """Of the names of the hostname files those that devices have; None where nobody has looked."""
    faults: tuple[Fault, ...] = ()
    """Files that could not be read, and directories where a file should be."""
    distrusted: tuple[Fault, ...] = ()
    """Warnings of files that others than root may write."""


@dataclass(frozen=True, slots=True, order=True)
class HostnameName:
    """What the name of a hostname file says; the order is the order of configuration."""

    interface: str
    family: Family
    logical: int
    path: str


def is_left_behind(path: str) -> bool:
    """Is it a backup, a package manager's copy or the like, to be ignored?"""
    return _LEFT_BEHIND.search(path) is not None


def ignored(paths: Collection[str], devices: Collection[str] | None) -> dict[str, str]:
    """Of hostname and dhcp files those that are about no interface, and why."""
    names = {path: _name(path) for path in paths}
    beside = set(names.values())
    found: dict[str, str] = {}
    for path, name in names.items():
        reason = _ignored_because(path, name, beside, devices or ())
        if reason:
            found[path] = reason
    return found


def interface_of(path: str) -> str:
    """The interface that a hostname or dhcp file would be about, whatever its name is worth."""
    return re.sub(r":[0-9]+$", "", _name(path))


def _name(path: str) -> str:
    """`IF` or `IF:N` of the path."""
    for prefix in (*HOSTNAME_PREFIXES, DHCP_PREFIX):
        if path.startswith(prefix):
            return path.removeprefix(prefix)
    return path


def _ignored_because(
    path: str, name: str, beside: Collection[str], devices: Collection[str]
) -> str:
    if is_left_behind(path):
        return "ignored: its name is that of a copy or a leftover"
    interface = interface_of(path)
    if interface in devices:
        return ""
    if _LIKE_LEFT_BEHIND.search(name):
        return "ignored: its name is that of a copy or a leftover, and no device is called so"
    original = _original(name, beside)
    if original:
        file = path.removesuffix(name) + original
        return f"ignored: no device is called {printable(interface)}; it seems a copy of {file}"
    problem = interface_name_problem(name.partition(":")[0])
    return f"ignored: {problem}" if problem else ""


def _original(name: str, beside: Collection[str]) -> str:
    """Of what it is a copy by its name: `IF.word` beside IF.  A number is that of a VLAN."""
    for position, character in enumerate(name):
        if character in _APART and name[:position] in beside:
            word = name[position + 1 :].partition(":")[0]
            if character != "." or not re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,4})*", word):
                return name[:position]
    return ""


def hostname_name(path: str) -> HostnameName | Fault | None:
    """Take the path of a hostname file apart; None where the file is none of ours.

    Unlike on Solaris the name need not end in a digit: Linux names do not always do.
    """
    for prefix, family in HOSTNAME_PREFIXES.items():
        if path.startswith(prefix):
            return _split(path, path.removeprefix(prefix), family)
    return None


def hostname_interface(path: str) -> str:
    """The interface a hostname file is about, whatever its name is worth; empty for other files."""
    for prefix in HOSTNAME_PREFIXES:
        if path.startswith(prefix):
            return path.removeprefix(prefix).partition(":")[0]
    return ""


def _split(path: str, name: str, family: Family) -> HostnameName | Fault:
    interface, colon, number = name.partition(":")
    maker = bridge_maker(interface)
    if maker:
        text = f"{interface} is a bridge of {maker}, which rcmd never touches: remove this file"
        return Fault(printable(path), 1, text)
    if not colon:
        return HostnameName(interface, family, 0, path)
    if not re.fullmatch(r"[1-9][0-9]{0,3}", number) or int(number) > HIGHEST_LOGICAL:
        text = f"{quoted(number)}: a logical interface number is 1 to {HIGHEST_LOGICAL}"
        return Fault(printable(path), 1, text)
    return HostnameName(interface, family, int(number), path)


def interface_name_problem(name: str) -> str:
    """Say why Linux cannot have an interface of that name; empty where it can.

    linux:net/core/dev.c dev_valid_name(); `all` and `default` would name the sysctls of every
    interface.
    """
    size = len(name.encode(errors="replace"))
    if not 1 <= size <= _NAME_BYTES:
        return f"{quoted(name)}: an interface name has 1 to {_NAME_BYTES} bytes, this has {size}"
    if name in {".", "..", "all", "default"} or not name.isprintable():
        return f"{quoted(name)}: not an interface name"
    if re.search(r"[\s/:]", name):
        return f"{quoted(name)}: an interface name has no blank, slash or colon"
    return ""
