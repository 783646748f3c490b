"""Finding RCM scripts, and opening them once: what was checked is what is run.

A script is opened relative to its opened directory, and everything is asked of the two descriptors.
Symbolic links are not followed: nobody has checked the directory that one leads to.  A link to
/dev/null hides the scripts of that name in the directories behind, as it does for systemd and udev.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from rcmd.configuration.files import is_left_behind
from rcmd.foreign_text import escaped
from rcmd.ports.scripts import ScriptFile

_log = logging.getLogger(__name__)

DIRECTORIES = (Path("/etc/rcm/scripts"), Path("/usr/lib/rcm/scripts"))
"""Where scripts are looked for; the first occurrence of a name wins."""
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_ANYONE_EXECUTES = stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH
_MASK = "/dev/null"
_MAX_NAME = 255


class UnsafeScript(Exception):
    """It must not be run; the message is a sentence without a subject."""


@dataclass(frozen=True, slots=True)
class OpenScript:
    """A checked script; the descriptor is the caller's for as long as the context lasts."""

    descriptor: int
    uid: int
    gid: int
    version: tuple[int, ...]


@contextmanager
def open_script(path: Path, *, is_place_trusted: bool = False) -> Iterator[OpenScript]:
    """Open and check it.  Raises UnsafeScript.

    A trusted place is not checked: somebody tries out a script that is not installed yet.
    """
    directory = _open(path.parent, os.O_DIRECTORY)
    try:
        if not is_place_trusted:
            _check_directory(path.parent, os.fstat(directory))
        # Not for reading: that is its owner's business, and may be denied to us (mode 0700).
        script = _open(Path(path.name), os.O_NOFOLLOW | os.O_PATH, directory)
    finally:
        os.close(directory)
    try:
        yield _checked(script)
    finally:
        os.close(script)


def _open(path: Path, flags: int, directory: int | None = None) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC | flags, dir_fd=directory)
    except OSError as error:
        raise UnsafeScript(f"cannot be opened: {error.strerror}") from error


def _check_directory(path: Path, status: os.stat_result) -> None:
    if status.st_uid not in (0, os.geteuid()):
        raise UnsafeScript(f"its directory {path} belongs to uid {status.st_uid}")
    if status.st_mode & _OTHERS_WRITE:
        raise UnsafeScript(f"its directory {path} can be written by group or others")


def _checked(script: int) -> OpenScript:
    status = os.fstat(script)
    if stat.S_ISLNK(status.st_mode):
        raise UnsafeScript("is a symbolic link, which is not followed")
    if not stat.S_ISREG(status.st_mode):
        raise UnsafeScript("is not a regular file")
    if status.st_mode & _OTHERS_WRITE:
        raise UnsafeScript("can be written by group or others")
    if not status.st_mode & _ANYONE_EXECUTES:
        raise UnsafeScript("is not executable")
    # It runs as its owner; who cannot become another, runs its own only.
    if os.geteuid() not in (0, status.st_uid):
        raise UnsafeScript(f"belongs to uid {status.st_uid}, which rcmd cannot become")
    return OpenScript(script, status.st_uid, status.st_gid, _version(status))


def _version(status: os.stat_result) -> tuple[int, ...]:
    """The change time moves with every change of content, owner and mode."""
    return (status.st_dev, status.st_ino, status.st_ctime_ns, status.st_size)


def survey(directories: tuple[Path, ...]) -> tuple[ScriptFile, ...]:
    """Every script, in the order of their names."""
    found: dict[str, Path | None] = {}
    for directory in directories:
        for name, path in _candidates(directory):
            found.setdefault(name, path)
    return tuple(_look_at(name, path) for name, path in sorted(found.items()) if path is not None)


def _candidates(directory: Path) -> Iterator[tuple[str, Path | None]]:
    """Name and path of everything that is tried; no path where the name is hidden."""
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                if entry.name.startswith(".") or is_left_behind(entry.name):
                    continue
                if entry.is_symlink():
                    yield entry.name, None if _is_mask(entry.path) else Path(entry.path)
                elif entry.is_file(follow_symlinks=False):
                    yield entry.name, Path(entry.path)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        _log.error("%s cannot be searched for scripts: %s", directory, error.strerror)


def _is_mask(path: str) -> bool:
    with suppress(OSError):
        return str(Path(path).readlink()) == _MASK
    return False


def _look_at(name: str, path: Path) -> ScriptFile:
    if not name.isprintable() or ": " in name or len(name) > _MAX_NAME:
        problem = "its name is not one line without ': '"
        return ScriptFile(escaped(name), escaped(str(path)), problem=problem)
    try:
        with open_script(path) as script:
            return ScriptFile(name, str(path), script.version)
    except UnsafeScript as error:
        return ScriptFile(name, str(path), problem=str(error))
