"""What a process has accepted and not yet written to the store, for the one after it.

The store may be on a disk that takes seconds, and a process may be killed in between.  So what is
accepted goes to a file in /run first, which is memory and takes a moment: a line for each batch of
changes.  It is emptied as soon as the store has everything.
"""

from __future__ import annotations

import json
import logging
import os
from dataclasses import replace
from pathlib import Path

from rcmd.foreign_text import from_bytes
from rcmd.platform.instance import RUN_DIRECTORY
from rcmd.platform.store.changes import Changes

LARGEST = 4 * 2**20
"""Bytes.  What is written beyond that is put together first: later changes replace earlier ones."""

_TEXT = "text"
"""The word before a remembered text, with its key and its length in bytes."""

_log = logging.getLogger(__name__)


class HandOver:
    """`RUN/unwritten`.  Where it cannot be used it is done without, with one line in the log."""

    def __init__(self, run: Path = RUN_DIRECTORY) -> None:
        self._path = run / "unwritten"
        self._size = 0
        self._has_complained = False
        self._descriptor: int | None = None

    def read(self) -> Changes:
        """What the last process has left; a line that is damaged costs what it held."""
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return Changes()
        except OSError as error:
            self._complain(error)
            return Changes()
        self._size = len(data)
        found = Changes()
        while data:
            try:
                part, data = _first(data)
                found.add(part)
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
                _log.error("a line of %s cannot be understood: %s", self._path, error)
                data = data.partition(b"\n")[2]
        return found

    def add(self, new: Changes, unwritten: Changes) -> None:
        """`unwritten` is everything that is to be found here, the new ones included."""
        data = _bytes(new)
        if self._size and self._size + len(data) > LARGEST:
            self.clear()
            data = _bytes(unwritten)
        try:
            if self._descriptor is None:
                self._descriptor = self._open()
            os.write(self._descriptor, data)
            self._size += len(data)
        except OSError as error:
            self._complain(error)

    def clear(self) -> None:
        """The store has everything."""
        if not self._size:
            return
        try:
            os.truncate(self._path, 0)
        except OSError as error:
            self._complain(error)
        self._size = 0

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _open(self) -> int:
        self._path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        return os.open(self._path, flags, 0o600)

    def _complain(self, error: OSError) -> None:
        if not self._has_complained:
            _log.error("%s cannot be used: %s", self._path, error.strerror)
        self._has_complained = True


def _bytes(changes: Changes) -> bytes:
    """A line of JSON; a remembered text, which may be megabytes, behind a line of its own."""
    parts = []
    if rest := replace(changes, remembered={}):
        parts.append(rest.to_text().encode())
    for key, text in changes.remembered.items():
        raw = text.encode()
        parts += [json.dumps({_TEXT: [key, len(raw)]}).encode(), raw]
    return b"".join(part + b"\n" for part in parts)


def _first(data: bytes) -> tuple[Changes, bytes]:
    """What comes first, and the rest.  Raises one of the errors of a wrong shape."""
    line, _, rest = data.partition(b"\n")
    text = line.decode("utf-8", "replace")
    words = json.loads(text)
    if not (isinstance(words, dict) and _TEXT in words):
        return Changes.from_text(text), rest
    key, length = words[_TEXT]
    if not isinstance(length, int) or not 0 <= length < len(rest):
        raise ValueError("a text that is cut off")
    return Changes(remembered={str(key): from_bytes(rest[:length])}), rest[length + 1 :]
