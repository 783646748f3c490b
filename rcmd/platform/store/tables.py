"""The tables of the store, in SQLite: read once, changed a batch at a time, asked for the history.

One thread at a time uses them.  A batch with anything in it that outlives the boot is on disk when
`apply` returns.  The history, and what ends with the boot anyhow, is written without waiting for
the disk: losing the last lines in a power cut is no reason to wear it out.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

from rcmd.foreign_text import escaped
from rcmd.model.network import Identity
from rcmd.platform.store.changes import HISTORY_LIMIT, NICS_KEPT, OPERATIONS_KEPT, Changes, Contents
from rcmd.platform.store.database import StoreError, open_database, volatile_database
from rcmd.ports.store import FINISHED, HistoryEvent, Operation, OperationKind, SavedSysctls, Step

_FINISHED = "({})".format(", ".join(f"'{step.value}'" for step in sorted(FINISHED)))
_OPERATION = "number, kind, resource, caller, step, started_us, is_forced, interfaces"

_log = logging.getLogger(__name__)


class Tables:
    """Every method but `close` raises StoreError where the database cannot be used.

    It is then as it was before the call.
    """

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    @classmethod
    def open(cls, path: Path) -> Tables:
        """Open or begin them."""
        return cls(open_database(path))

    @classmethod
    def volatile(cls) -> Tables:
        """They are forgotten at `close`."""
        return cls(volatile_database())

    def close(self) -> None:
        self._database.close()

    def enter_boot(self, boot: str) -> tuple[Operation, ...]:
        """Drop what was kept for another boot; return what was under way in it, now UNDONE."""
        with self._transaction() as database:
            if database.execute("SELECT 1 FROM boot WHERE id = ?", (boot,)).fetchone():
                return ()
            interrupted = _unfinished(database)
            database.execute(
                f"UPDATE operation SET step = ? WHERE step NOT IN {_FINISHED}",
                (Step.UNDONE.value,),
            )
            database.execute("DELETE FROM remembered")
            database.execute("DELETE FROM sysctls")
            database.execute("DELETE FROM boot")
            database.execute("INSERT INTO boot (id) VALUES (?)", (boot,))
        return tuple(replace(operation, step=Step.UNDONE) for operation in interrupted)

    def load(self) -> Contents:
        """Everything but the history and what is over."""
        with self._transaction() as database:
            nics = database.execute(
                "SELECT name, permanent_address, bus_path, driver FROM nic ORDER BY number"
            ).fetchall()
            settings = database.execute("SELECT text FROM settings WHERE id = 1").fetchone()
            return Contents(
                remembered=dict(database.execute("SELECT key, text FROM remembered").fetchall()),
                unfinished={it.number: it for it in _unfinished(database)},
                sysctls={it.key: it for it in _saved_sysctls(database)},
                nics={name: Identity(name, *more) for name, *more in nics},
                settings=None if settings is None else settings[0],
                last_operation=_last(database, "SELECT max(number) FROM operation"),
                last_event=_last(database, "SELECT max(number) FROM history"),
            )

    def apply(self, changes: Changes) -> None:
        """All of them or none.  The same again changes nothing more."""
        waiting = nullcontext() if changes.are_lasting else self._without_waiting()
        with waiting, self._transaction() as database:
            _put_operations(database, changes.operations.values())
            database.executemany(
                "INSERT OR REPLACE INTO remembered (key, text) VALUES (?, ?)",
                [(escaped(key), escaped(text)) for key, text in changes.remembered.items()],
            )
            _put_sysctls(database, changes.sysctls)
            _put_nics(database, changes.nics.values())
            if changes.settings is not None:
                database.execute(
                    "INSERT OR REPLACE INTO settings (id, text) VALUES (1, ?)",
                    (escaped(changes.settings),),
                )
            _put_events(database, changes.events)

    def since(self, time_us: int, *, limit: int, skip: int = 0) -> tuple[HistoryEvent, ...]:
        """The newest `limit` events at or after the time, less the newest `skip` of them.

        In the order in which they happened.  Numbers beyond 63 bits count as that.
        """
        with self._transaction() as database:
            rows = database.execute(
                "SELECT time_us, severity, kind, subject, message, detail FROM history"
                " WHERE time_us >= ? ORDER BY number DESC LIMIT ? OFFSET ?",
                tuple(map(_integer, (time_us, max(limit, 0), max(skip, 0)))),
            ).fetchall()
        return tuple(
            HistoryEvent(at_us, severity, kind, subject, message, _from_json(detail))
            for at_us, severity, kind, subject, message, detail in reversed(rows)
        )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """All of the block or nothing of it."""
        database = self._database
        try:
            database.execute("BEGIN")
            yield database
            database.execute("COMMIT")
        except (sqlite3.Error, UnicodeDecodeError) as error:
            # The second is how the sqlite3 module fails on a message that quotes damaged bytes.
            raise StoreError(f"the store cannot be used: {error}") from error
        finally:
            self._roll_back()

    def _roll_back(self) -> None:
        """Leave no transaction open; SQLite has ended it itself after some errors."""
        try:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
        except sqlite3.Error as error:
            _log.error("a transaction could not be rolled back: %s", error)

    @contextmanager
    def _without_waiting(self) -> Iterator[None]:
        """Commits in the block do not wait for the disk; the next one outside syncs them too."""
        self._set_synchronous("NORMAL")
        try:
            yield
        finally:
            self._set_synchronous("FULL")

    def _set_synchronous(self, level: str) -> None:
        try:
            self._database.execute(f"PRAGMA synchronous={level}")
        except sqlite3.Error as error:
            raise StoreError(f"the store cannot be used: {error}") from error


def _unfinished(database: sqlite3.Connection) -> tuple[Operation, ...]:
    rows = database.execute(
        f"SELECT {_OPERATION} FROM operation WHERE step NOT IN {_FINISHED} ORDER BY number"
    ).fetchall()
    return tuple(
        Operation(
            number,
            OperationKind(kind),
            resource,
            caller,
            Step(step),
            started_us,
            bool(is_forced),
            tuple(interfaces.split()),
        )
        for number, kind, resource, caller, step, started_us, is_forced, interfaces in rows
    )


def _last(database: sqlite3.Connection, query: str) -> int:
    (number,) = database.execute(query).fetchone()
    return int(number or 0)


def _saved_sysctls(database: sqlite3.Connection) -> list[SavedSysctls]:
    rows = database.execute('SELECT name, ifindex, "values" FROM sysctls').fetchall()
    return [SavedSysctls(name, ifindex, _from_json(values)) for name, ifindex, values in rows]


def _put_operations(database: sqlite3.Connection, operations: Iterable[Operation]) -> None:
    for it in operations:
        values = (
            it.number,
            it.kind.value,
            escaped(it.resource),
            escaped(it.caller),
            it.step.value,
            it.started_us,
            int(it.is_forced),
            escaped(" ".join(it.interfaces)),
        )
        database.execute(
            f"INSERT OR REPLACE INTO operation ({_OPERATION}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            values,
        )
        database.execute(
            f"DELETE FROM operation WHERE number <= ? AND step IN {_FINISHED}",
            (it.number - OPERATIONS_KEPT,),
        )


def _put_sysctls(
    database: sqlite3.Connection, sysctls: Mapping[tuple[str, int], SavedSysctls | None]
) -> None:
    for (name, ifindex), saved in sysctls.items():
        if saved is None:
            database.execute(
                "DELETE FROM sysctls WHERE name = ? AND ifindex = ?", (escaped(name), ifindex)
            )
        else:
            database.execute(
                'INSERT OR REPLACE INTO sysctls (name, ifindex, "values") VALUES (?, ?, ?)',
                (escaped(name), ifindex, _to_json(saved.values)),
            )


def _put_nics(database: sqlite3.Connection, nics: Iterable[Identity]) -> None:
    rows = [
        tuple(map(escaped, (it.name, it.permanent_address, it.bus_path, it.driver))) for it in nics
    ]
    if not rows:
        return
    database.executemany(
        "INSERT OR REPLACE INTO nic (name, permanent_address, bus_path, driver)"
        " VALUES (?, ?, ?, ?)",
        rows,
    )
    database.execute(
        "DELETE FROM nic WHERE number NOT IN (SELECT number FROM nic ORDER BY number DESC LIMIT ?)",
        (NICS_KEPT,),
    )


def _put_events(database: sqlite3.Connection, events: Mapping[int, HistoryEvent]) -> None:
    if not events:
        return
    database.executemany(
        "INSERT OR REPLACE INTO history"
        " (number, time_us, severity, kind, subject, message, detail)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (
                number,
                it.time_us,
                it.severity,
                escaped(it.kind),
                escaped(it.subject),
                escaped(it.message),
                _to_json(it.detail),
            )
            for number, it in events.items()
        ],
    )
    database.execute(
        "DELETE FROM history WHERE number <= (SELECT max(number) FROM history) - ?",
        (HISTORY_LIMIT,),
    )


def _integer(number: int) -> int:
    """What SQLite can hold: nothing is later or more than that."""
    return max(-(2**63), min(number, 2**63 - 1))


def _to_json(values: Mapping[str, str]) -> str:
    return json.dumps(dict(values))


def _from_json(text: str) -> dict[str, str]:
    """What `_to_json` wrote; where a damaged disk has changed it, as much as is still so."""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        _log.warning("a record of the store cannot be read: %s", error)
        return {}
    if not isinstance(values, dict):
        _log.warning("a record of the store is of another shape")
        return {}
    return {escaped(it): escaped(that) for it, that in values.items() if isinstance(that, str)}
