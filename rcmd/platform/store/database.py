"""The database file of the store: opened, checked, and moved aside where it is of no use.

A store that cannot be read must not keep the machine down (contract, "A machine must come up"), so
a damaged file costs what was in it and one warning, never the start.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from rcmd.errors import RcmError
from rcmd.platform.aside import name_aside
from rcmd.ports.store import OperationKind, Step

SCHEMA_VERSION = 2


def _one_of(words: Iterable[str]) -> str:
    return ", ".join(f"'{word}'" for word in words)


# integrity_check looks at the CHECKs too, so that what passes it can be read.  Whoever adds a kind
# or a step here raises SCHEMA_VERSION and brings the older file along in `_check_or_create`.
_OPERATION = f"""
CREATE TABLE operation (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL CHECK (kind IN ({_one_of(OperationKind)})),
    resource TEXT NOT NULL,
    caller TEXT NOT NULL,
    step TEXT NOT NULL CHECK (step IN ({_one_of(Step)})),
    started_us INTEGER NOT NULL,
    is_forced INTEGER NOT NULL,
    interfaces TEXT NOT NULL
) STRICT;
"""

_FROM_VERSION_1 = f"""
ALTER TABLE operation RENAME TO operation_of_version_1;
{_OPERATION}
INSERT INTO operation SELECT number, kind, resource, caller,
    CASE step WHEN 'started' THEN '{Step.ASKING.value}' ELSE step END,
    started_us, is_forced, resource FROM operation_of_version_1;
DROP TABLE operation_of_version_1;
"""
"""An operation was about one interface, and the resource was its name."""

_SCHEMA = f"""
CREATE TABLE boot (id TEXT NOT NULL PRIMARY KEY) STRICT;
{_OPERATION}
CREATE TABLE remembered (key TEXT NOT NULL PRIMARY KEY, text TEXT NOT NULL) STRICT;
CREATE TABLE sysctls (
    name TEXT NOT NULL,
    ifindex INTEGER NOT NULL,
    "values" TEXT NOT NULL,
    PRIMARY KEY (name, ifindex)
) STRICT;
CREATE TABLE nic (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    permanent_address TEXT NOT NULL,
    bus_path TEXT NOT NULL,
    driver TEXT NOT NULL
) STRICT;
CREATE TABLE settings (id INTEGER PRIMARY KEY CHECK (id = 1), text TEXT NOT NULL) STRICT;
CREATE TABLE history (
    number INTEGER PRIMARY KEY,
    time_us INTEGER NOT NULL,
    severity INTEGER NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    message TEXT NOT NULL,
    detail TEXT NOT NULL
) STRICT;
"""

_HELD_UP = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
}
"""The file may be sound and only cannot be used now: it stays where it is."""

_COMPANIONS = ("", "-wal", "-shm", "-journal")
_SMALLEST = 512
"""Bytes of the smallest possible page; SQLite takes some shorter files for empty ones."""

_log = logging.getLogger(__name__)


class StoreError(RcmError):
    """Something could not be read or written; the message says what the system said."""


class _UnusableError(Exception):
    """The file is there, and not what we can work with.  `label` becomes part of its new name."""

    def __init__(self, label: str, reason: str) -> None:
        super().__init__(reason)
        self.label = label


def open_database(path: Path) -> sqlite3.Connection:
    """Open the file, or make it, with every commit synced to disk (WAL, synchronous=FULL).

    A damaged file, or one of a newer version, is renamed and a new one begun, with a warning.
    Raises StoreError where even that is not possible: no space, read-only, in use.
    """
    try:
        return _open(path)
    except _UnusableError as reason:
        aside = _move_aside(path, reason.label)
        _log.warning(
            "%s is of no use (%s): kept as %s and begun anew; what it recorded is lost",
            path,
            reason,
            aside,
        )
    try:
        return _open(path)
    except _UnusableError as reason:
        # Once is a damaged file, twice is a damaged disk.
        raise StoreError(f"{path}: {reason}") from reason


def volatile_database() -> sqlite3.Connection:
    """A database in memory, for a machine whose disk cannot be written."""
    connection = _connect(":memory:")
    _create(connection)
    return connection


def _open(path: Path) -> sqlite3.Connection:
    try:
        size = _make_file(path)
    except IsADirectoryError as error:
        raise _UnusableError("damaged", "it is a directory") from error
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}") from error
    if 0 < size < _SMALLEST:
        raise _UnusableError("damaged", f"it ends after {size} bytes")
    for companion in _COMPANIONS[1:]:
        # SQLite calls it an input/output error, which says nothing about the file.
        if path.with_name(path.name + companion).is_dir():
            raise _UnusableError("damaged", f"its {companion} is a directory")
    is_alone = not path.with_name(path.name + "-wal").exists()
    connection: sqlite3.Connection | None = None
    is_ready = False
    try:
        connection = _connect(str(path))
        _prepare(connection)
        if is_alone and size > 0:
            _check_length(connection, size)
        _check_or_create(connection)
        is_ready = True
    except UnicodeDecodeError as error:
        # The sqlite3 module fails so when SQLite's message quotes a damaged name.
        raise _UnusableError("damaged", "its names are not UTF-8") from error
    except sqlite3.Error as error:
        # The lower byte is the primary result code (sqlite.org/rescode.html).
        if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF in _HELD_UP:
            raise StoreError(f"{path}: {error}") from error
        raise _UnusableError("damaged", str(error)) from error
    finally:
        if connection is not None and not is_ready:
            connection.close()
    return connection


def _make_file(path: Path) -> int:
    """Make an empty file only its owner may read, unless it is there; return its size.

    SQLite gives the companions of the file the same mode.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    is_new = not path.exists()
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    if is_new:
        _sync_directory(path.parent)
    return path.stat().st_size


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _connect(name: str) -> sqlite3.Connection:
    # No waiting: the daemon is alone on its file.  One thread at a time uses it, and not always
    # the same.
    connection = sqlite3.connect(name, timeout=0, isolation_level=None, check_same_thread=False)
    # A flipped bit in a text is a wrong letter, not a reason to fail.
    connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    # Exclusive before WAL: the index of the WAL is then in our memory and not in a file.
    connection.execute("PRAGMA locking_mode=EXCLUSIVE")
    connection.execute("PRAGMA cell_size_check=ON")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")


def _check_length(connection: sqlite3.Connection, size: int) -> None:
    """Notice a last page that was cut: SQLite reads it with zeros at the end.

    Only where there is no WAL; beside one, a crash during its checkpoint leaves such a file.
    """
    (page_size,) = connection.execute("PRAGMA page_size").fetchone()
    if size % page_size:
        raise _UnusableError("damaged", f"it ends in the middle of a page, after {size} bytes")


def _check_or_create(connection: sqlite3.Connection) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        raise _UnusableError(
            "newer", f"it was written by a newer rcmd: version {version}, we know {SCHEMA_VERSION}"
        )
    (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if verdict != "ok":
        raise _UnusableError("damaged", verdict)
    if version == 0:
        _create(connection)
        return
    if version == 1:
        _run(connection, _FROM_VERSION_1)
    if _shape(connection) != _expected_shape():
        raise _UnusableError("damaged", f"its tables are not those of version {version}")


def _create(connection: sqlite3.Connection) -> None:
    _run(connection, _SCHEMA)


def _run(connection: sqlite3.Connection, script: str) -> None:
    """All in one transaction: a crash leaves the file as it was, or as it is to be."""
    connection.executescript(
        f"BEGIN IMMEDIATE; {script} PRAGMA user_version={SCHEMA_VERSION}; COMMIT;"
    )


def _shape(connection: sqlite3.Connection) -> list[tuple[str, str | None]]:
    return connection.execute("SELECT name, sql FROM sqlite_schema ORDER BY name").fetchall()


def _expected_shape() -> list[tuple[str, str | None]]:
    with closing(volatile_database()) as model:
        return _shape(model)


def _move_aside(path: Path, label: str) -> Path:
    """Rename the database and its companions."""
    aside = name_aside(path, label)
    try:
        for companion in _COMPANIONS:
            source = path.with_name(path.name + companion)
            if source.exists():
                source.rename(aside.with_name(aside.name + companion))
        _sync_directory(path.parent)
    except OSError as error:
        raise StoreError(f"{path} cannot be moved aside: {error.strerror}") from error
    return aside
