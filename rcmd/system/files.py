"""Gathers the configuration files from disk."""

from __future__ import annotations

import glob
import logging
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from rcmd.configuration.files import (
    DHCP_PREFIX,
    HOSTNAME_PREFIXES,
    HOSTS_PATH,
    MPATHD_PATH,
    NETMASKS_PATHS,
    SETTINGS_PATH,
    ConfigurationFiles,
    is_left_behind,
)
from rcmd.model import Fault

_log = logging.getLogger(__name__)

LARGEST = 1 << 20
"""Bytes; a configuration file beyond it is a mistake.  /etc/hosts may be larger."""


class _Unreadable(Exception):
    """A file is there but has no text for us."""

    def __init__(self, message: str, line: int = 1) -> None:
        super().__init__(message)
        self.line = line


@dataclass(slots=True)
class _Gatherer:
    root: Path
    faults: list[Fault] = field(default_factory=list)

    def text(self, path: str, *, encoding_errors: str = "strict", largest: int = LARGEST) -> str:
        """The file's text; empty where it does not exist or, which is a fault, is unreadable."""
        return self._text_if_any(path, encoding_errors, largest) or ""

    def texts(self, paths: Iterable[str]) -> dict[str, str]:
        """Path -> text of those that exist and can be read."""
        found = {path: self._text_if_any(path, "strict", LARGEST) for path in paths}
        return {path: text for path, text in found.items() if text is not None}

    def _text_if_any(self, path: str, encoding_errors: str, largest: int) -> str | None:
        try:
            content = _content(self.root / path.lstrip("/"), largest)
            return None if content is None else _decoded(content, encoding_errors)
        except _Unreadable as unreadable:
            self.faults.append(Fault(path, unreadable.line, str(unreadable)))
            return None

    def names(self) -> list[str]:
        """The paths of the hostname and dhcp files, sorted; directories are none."""
        prefixes = (*HOSTNAME_PREFIXES, DHCP_PREFIX)
        found: list[str] = []
        try:
            for file in (self.root / "etc").iterdir():
                path = f"/etc/{file.name}"
                is_wanted = path.startswith(prefixes) and not is_left_behind(path)
                if is_wanted and not file.is_dir():
                    found.append(path)
        except FileNotFoundError:
            _log.debug("%s/etc does not exist", self.root)
        except OSError as error:
            self.faults.append(Fault("/etc", 1, f"cannot be read: {error.strerror}"))
        return sorted(found)


def _content(file: Path, largest: int) -> bytes | None:
    """The bytes of a file; None where it does not exist."""
    try:
        status = file.stat()
        # A FIFO would hold the daemon up for ever.
        if not stat.S_ISREG(status.st_mode):
            raise _Unreadable("not a regular file")
        if status.st_size > largest:
            raise _Unreadable(f"larger than {largest} bytes")
        return file.read_bytes()
    except FileNotFoundError:
        if file.is_symlink():
            raise _Unreadable("a symbolic link to nothing") from None
        return None
    except OSError as error:
        raise _Unreadable(f"cannot be read: {error.strerror}") from error


def _decoded(content: bytes, encoding_errors: str) -> str:
    try:
        return content.decode("utf-8-sig", encoding_errors)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _Unreadable(f"not UTF-8 text: {error.reason}", line) from error


def read_tree(root: Path = Path("/")) -> ConfigurationFiles:
    """Read every configuration file there is.

    Raises nothing for a file that is unreadable, too large or not UTF-8: that is a `Fault`, named
    by its path as seen from `root`.  /etc/hosts and the netmasks are not ours alone: bytes of
    hosts that are not UTF-8 cannot be part of a name and are replaced.
    """
    gatherer = _Gatherer(root)
    names = gatherer.names()
    return ConfigurationFiles(
        hostname=gatherer.texts(path for path in names if not path.startswith(DHCP_PREFIX)),
        dhcp=frozenset(path for path in names if path.startswith(DHCP_PREFIX)),
        settings=gatherer.text(SETTINGS_PATH),
        mpathd=gatherer.text(MPATHD_PATH),
        hosts=gatherer.text(HOSTS_PATH, encoding_errors="replace", largest=64 * LARGEST),
        netmasks=gatherer.texts(NETMASKS_PATHS),
        faults=tuple(gatherer.faults),
    )


def has_hostname_file(name: str, root: Path = Path("/")) -> bool:
    """Is there any /etc/hostname.NAME, hostname6.NAME or hostname.NAME:N?  Reads none of them.

    Most devices that come and go on a busy machine are no business of ours.
    """
    etc = root / "etc"
    for prefix in HOSTNAME_PREFIXES:
        path = root / f"{prefix}{name}".lstrip("/")
        if os.path.lexists(path) or any(etc.glob(f"{glob.escape(path.name)}:*")):
            return True
    return False
