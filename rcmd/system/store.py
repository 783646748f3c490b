"""What survives a crash and a reboot: the journal and the history of `rcm.journal`, in SQLite.

A call of the journal returns when its change is on disk.  The history, and what ends with the boot
anyhow, is written without waiting for the disk: losing the last lines in a power cut is better than
a failover that waits.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

from rcmd.foreign_text import escaped
from rcmd.model import Identity
from rcmd.rcm.journal import (
    FINISHED,
    FIRST_STEP,
    HistoryEvent,
    Operation,
    OperationKind,
    SavedSysctls,
    Step,
)
from rcmd.system.database import StoreError, open_database, volatile_database

__all__ = ["HISTORY_LIMIT", "Store", "StoreError"]

HISTORY_LIMIT = 10_000
"""Events kept; the oldest go first."""
OPERATIONS_KEPT = 100
NICS_KEPT = 1_000

_FINISHED = "({})".format(", ".join(f"'{step.value}'" for step in sorted(FINISHED)))
_OPERATION = "number, kind, resource, caller, step, started_us, is_forced, interfaces"

_log = logging.getLogger(__name__)


class Store:
    """Implements `rcm.journal.Journal` and `rcm.journal.History`.

    Every method but `append` and `close` raises StoreError where the database cannot be used; the
    database is then as it was before the call.
    """

    def __init__(self, database: sqlite3.Connection, boot: str) -> None:
        """Use `Store.open`."""
        self._database = database
        self._is_history_failing = False
        self.undone_by_reboot = self._enter_boot(boot)
        """What was under way when the machine went down, already marked UNDONE."""

    @classmethod
    def open(cls, path: Path, boot: str) -> Store:
        """Open or begin the store; `boot` names this boot (`system.instance.boot_id`).

        What was kept for another boot is dropped, and its unfinished operations count as undone,
        because a reboot puts every device back.  Raises StoreError.
        """
        database = open_database(path)
        try:
            return cls(database, boot)
        except StoreError:
            database.close()
            raise

    @classmethod
    def volatile(cls, boot: str) -> Store:
        """A store that forgets everything at `close`, for a machine whose disk cannot be used."""
        return cls(volatile_database(), boot)

    def close(self) -> None:
        self._database.close()

    # --- Journal --------------------------------------------------------------------------------

    def begin(
        self,
        kind: OperationKind,
        resource: str,
        caller: str,
        *,
        is_forced: bool = False,
        interfaces: tuple[str, ...] = (),
    ) -> Operation:
        operation = Operation(
            number=0,
            kind=kind,
            resource=resource,
            caller=caller,
            step=FIRST_STEP[kind],
            started_us=time.time_ns() // 1000,
            is_forced=is_forced,
            interfaces=interfaces,
        )
        with self._transaction() as database:
            number = database.execute(
                "INSERT INTO operation (kind, resource, caller, step, started_us, is_forced,"
                " interfaces) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    kind.value,
                    _storable(resource),
                    _storable(caller),
                    operation.step.value,
                    operation.started_us,
                    int(is_forced),
                    _storable(" ".join(interfaces)),
                ),
            ).lastrowid
            assert number is not None
            database.execute(
                f"DELETE FROM operation WHERE number <= ? AND step IN {_FINISHED}",
                (number - OPERATIONS_KEPT,),
            )
        return replace(operation, number=number)

    def advance(self, operation: Operation, step: Step) -> Operation:
        with self._transaction() as database:
            changed = database.execute(
                "UPDATE operation SET step = ? WHERE number = ?", (step.value, operation.number)
            ).rowcount
        if changed == 0:
            raise StoreError(f"operation {operation.number} is not in the journal")
        return replace(operation, step=step)

    def unfinished(self) -> tuple[Operation, ...]:
        with self._transaction() as database:
            return _unfinished(database)

    def remember(self, key: str, text: str, *, is_part_of_operation: bool = False) -> None:
        waiting = nullcontext() if is_part_of_operation else self._without_waiting()
        with waiting, self._transaction() as database:
            database.execute(
                "INSERT OR REPLACE INTO remembered (key, text) VALUES (?, ?)",
                (_storable(key), _storable(text)),
            )

    def recall(self, key: str) -> str | None:
        return self._text("SELECT text FROM remembered WHERE key = ?", _storable(key))

    def save_sysctls(self, saved: SavedSysctls) -> None:
        with self._transaction() as database:
            earlier = _saved_sysctls(database, saved.name, saved.ifindex)
            values = {**saved.values, **(earlier.values if earlier else {})}
            database.execute(
                'INSERT OR REPLACE INTO sysctls (name, ifindex, "values") VALUES (?, ?, ?)',
                (_storable(saved.name), saved.ifindex, _to_json(values)),
            )

    def saved_sysctls(self, name: str, ifindex: int) -> SavedSysctls | None:
        with self._transaction() as database:
            return _saved_sysctls(database, name, ifindex)

    def take_sysctls(self, name: str, ifindex: int) -> SavedSysctls | None:
        with self._transaction() as database:
            saved = _saved_sysctls(database, name, ifindex)
            database.execute(
                "DELETE FROM sysctls WHERE name = ? AND ifindex = ?", (_storable(name), ifindex)
            )
        return saved

    def know(self, identity: Identity) -> None:
        """Record (or update) a NIC, across boots: one record for each name."""
        values = tuple(
            _storable(text)
            for text in (
                identity.name,
                identity.permanent_address,
                identity.bus_path,
                identity.driver,
            )
        )
        with self._transaction() as database:
            number = database.execute(
                "INSERT OR REPLACE INTO nic (name, permanent_address, bus_path, driver)"
                " VALUES (?, ?, ?, ?)",
                values,
            ).lastrowid
            assert number is not None
            database.execute(
                "DELETE FROM nic WHERE number NOT IN"
                " (SELECT number FROM nic ORDER BY number DESC LIMIT ?)",
                (NICS_KEPT,),
            )

    def known(self) -> tuple[Identity, ...]:
        """Return every recorded NIC, the one recorded last first."""
        with self._transaction() as database:
            rows = database.execute(
                "SELECT name, permanent_address, bus_path, driver FROM nic ORDER BY number DESC"
            ).fetchall()
        return tuple(Identity(*row) for row in rows)

    def keep_settings(self, text: str) -> None:
        with self._transaction() as database:
            database.execute(
                "INSERT OR REPLACE INTO settings (id, text) VALUES (1, ?)", (_storable(text),)
            )

    def last_good_settings(self) -> str | None:
        return self._text("SELECT text FROM settings WHERE id = ?", 1)

    # --- History --------------------------------------------------------------------------------

    def append(self, events: Iterable[HistoryEvent]) -> None:
        """Record events, all or none.  A failure is logged once and the events are dropped."""
        rows = [
            (
                event.time_us,
                event.severity,
                _storable(event.kind),
                _storable(event.subject),
                _storable(event.message),
                _to_json(event.detail),
            )
            for event in events
        ]
        try:
            with self._without_waiting(), self._transaction() as database:
                database.executemany(
                    "INSERT INTO history (time_us, severity, kind, subject, message, detail)"
                    " VALUES (?, ?, ?, ?, ?, ?)",
                    rows,
                )
                database.execute(
                    "DELETE FROM history WHERE number <= (SELECT max(number) FROM history) - ?",
                    (HISTORY_LIMIT,),
                )
        except StoreError as error:
            if not self._is_history_failing:
                _log.error("the history cannot be written, its events are lost: %s", error)
            self._is_history_failing = True
            return
        self._is_history_failing = False

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

    # --- inside ---------------------------------------------------------------------------------

    def _enter_boot(self, boot: str) -> tuple[Operation, ...]:
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

    def _text(self, query: str, key: str | int) -> str | None:
        with self._transaction() as database:
            row: tuple[str] | None = database.execute(query, (key,)).fetchone()
        return None if row is None else row[0]

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


def _saved_sysctls(database: sqlite3.Connection, name: str, ifindex: int) -> SavedSysctls | None:
    row = database.execute(
        'SELECT "values" FROM sysctls WHERE name = ? AND ifindex = ?', (_storable(name), ifindex)
    ).fetchone()
    return None if row is None else SavedSysctls(name, ifindex, _from_json(row[0]))


def _integer(number: int) -> int:
    """What SQLite can hold: nothing is later or more than that."""
    return max(-(2**63), min(number, 2**63 - 1))


def _storable(text: str) -> str:
    """What UTF-8 cannot hold, undecodable bytes of a file name, is escaped."""
    return escaped(text)


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
