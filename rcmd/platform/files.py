"""Gathers the configuration files from disk."""

from __future__ import annotations

import codecs
import logging
import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from rcmd.configuration.files import (
    DHCP_PREFIX,
    HOSTNAME_PREFIXES,
    HOSTS_PATHS,
    MPATHD_PATH,
    NETMASKS_PATHS,
    SETTINGS_PATH,
    ConfigurationFiles,
    ignored,
    interface_of,
)
from rcmd.configuration.text import printable
from rcmd.kernel.device_names import existing_names
from rcmd.model.settings import Fault
from rcmd.platform import regular_files
from rcmd.platform.regular_files import NotRegular, TooLarge

_log = logging.getLogger(__name__)

LARGEST = 1 << 20
"""Bytes; a configuration file beyond it is a mistake."""
LARGEST_HOSTS = 8 * LARGEST
"""Lists of unwanted hosts have some five million bytes."""
LARGEST_IN_ALL = 16 * LARGEST
"""Of all hostname files together."""

ROOT = Path("/")


class _Unreadable(Exception):
    """A file is there but has no text for us."""


@dataclass(slots=True)
class _Gatherer:
    root: Path
    faults: list[Fault] = field(default_factory=list)
    distrusted: list[Fault] = field(default_factory=list)

    def text(self, path: str, largest: int = LARGEST) -> str | None:
        """The file's text; None where it does not exist or, which is a fault, is unreadable.

        Bytes that are not UTF-8 are kept (PEP 383): in a comment they do no harm.
        """
        try:
            found = _content(self.root / path.lstrip("/"), largest)
        except _Unreadable as unreadable:
            self.fault(path, str(unreadable))
            return None
        if found is None:
            return None
        content, status = found
        self.distrust(path, _distrusted(status))
        return _decoded(content)

    def texts(self, paths: Iterable[str], largest: int = LARGEST) -> dict[str, str]:
        """Path -> text of those that exist and can be read."""
        found = {path: self.text(path, largest) for path in paths}
        return {path: text for path, text in found.items() if text is not None}

    def hostname_texts(self, paths: Iterable[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        left = LARGEST_IN_ALL
        for path in paths:
            if left <= 0:
                self.fault(path, f"all hostname files have more than {LARGEST_IN_ALL} bytes")
                continue
            text = self.text(path)
            if text is not None:
                found[path] = text
                left -= len(text)
        return found

    def names(self) -> list[str]:
        """The paths of the hostname and dhcp files, sorted; directories are none."""
        prefixes = (*HOSTNAME_PREFIXES, DHCP_PREFIX)
        found: list[str] = []
        try:
            with os.scandir(self.root / "etc") as entries:
                for entry in entries:
                    path = f"/etc/{entry.name}"
                    if not path.startswith(prefixes):
                        continue
                    if _is_directory(entry):
                        self.warn(path, "a directory: ignored")
                    else:
                        found.append(path)
        except FileNotFoundError:
            _log.debug("%s/etc does not exist", self.root)
        except OSError as error:
            self.faults.append(Fault("/etc", 1, f"cannot be read: {error.strerror}"))
        return sorted(found)

    def judge_directory(self, path: str) -> None:
        """Who may write a directory may put another file in the place of one."""
        directory = Path(path).parent
        try:
            reason = _distrusted((self.root / str(directory).lstrip("/")).stat())
        except OSError:
            return
        self.distrust(path, f"its directory {directory} {reason}" if reason else "")

    def fault(self, path: str, message: str) -> None:
        self.faults.append(Fault(printable(path), 1, message))

    def warn(self, path: str, message: str) -> None:
        self.faults.append(Fault(printable(path), 1, message, is_warning=True))

    def distrust(self, path: str, reason: str) -> None:
        if reason:
            self.distrusted.append(Fault(printable(path), 1, reason, is_warning=True))


def _is_directory(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        # A link that leads nowhere; what is wrong with it is told when it is opened.
        return False


def _distrusted(status: os.stat_result) -> str:
    """Say who besides root may write it; empty where nobody may."""
    if status.st_uid not in (0, os.geteuid()):
        return f"belongs to uid {status.st_uid}, which thus decides about the network"
    if status.st_mode & stat.S_IWOTH:
        return "can be written by everybody"
    if status.st_mode & stat.S_IWGRP and status.st_gid != 0:
        return f"can be written by the group {status.st_gid}"
    return ""


def _content(file: Path, largest: int) -> tuple[bytes, os.stat_result] | None:
    """The bytes of a file, and what is known of it; None where it does not exist."""
    try:
        return regular_files.read(file, largest)
    except FileNotFoundError:
        if file.is_symlink():
            raise _Unreadable("a symbolic link to nothing") from None
        return None
    except (NotRegular, TooLarge) as error:
        raise _Unreadable(str(error.strerror)) from error
    except OSError as error:
        raise _Unreadable(f"cannot be read: {error.strerror}") from error


def _decoded(content: bytes) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        # What an editor of Windows calls Unicode.
        return content.decode("utf-16", "replace")
    return content.decode("utf-8-sig", "surrogateescape")


def read_tree(
    root: Path = ROOT, find_devices: Callable[[Iterable[str]], frozenset[str] | None] | None = None
) -> ConfigurationFiles:
    """Read every configuration file there is.

    Raises nothing for a file that is unreadable or too large: that is a `Fault`, named by its path
    as seen from `root`.  One that others may write is used, with a warning.  `find_devices` tells
    which names devices have; without it those of this machine are asked for where `root` is its.
    """
    gatherer = _Gatherer(root)
    names = gatherer.names()
    if find_devices is None and root == ROOT:
        find_devices = existing_names
    devices = find_devices(map(interface_of, names)) if find_devices is not None else None
    left_out = ignored(names, devices)
    hostname = [path for path in names if not path.startswith(DHCP_PREFIX)]
    texts = gatherer.hostname_texts(path for path in hostname if path not in left_out)
    gatherer.judge_directory(SETTINGS_PATH)
    return ConfigurationFiles(
        # What is left out is listed, so that it can be told of.
        hostname={path: texts.get(path, "") for path in hostname if path in texts | left_out},
        dhcp=frozenset(path for path in names if path.startswith(DHCP_PREFIX)),
        settings=gatherer.text(SETTINGS_PATH) or "",
        mpathd=gatherer.text(MPATHD_PATH) or "",
        hosts=gatherer.texts(HOSTS_PATHS, LARGEST_HOSTS),
        netmasks=gatherer.texts(NETMASKS_PATHS),
        devices=devices,
        faults=tuple(gatherer.faults),
        distrusted=tuple(gatherer.distrusted),
    )


def has_hostname_file(name: str, root: Path = Path("/")) -> bool:
    """Is there any /etc/hostname.NAME, hostname6.NAME or hostname.NAME:N?  Reads none of them.

    Most devices that come and go on a busy machine are no business of ours.
    """
    files = [f"{prefix}{name}".removeprefix("/etc/") for prefix in HOSTNAME_PREFIXES]
    logical = tuple(f"{file}:" for file in files)
    try:
        present = [it.name for it in (root / "etc").iterdir()]
    except OSError:
        return False
    return any(it in files or it.startswith(logical) for it in present)
