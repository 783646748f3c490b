"""What a script prints, a line at a time: a flood fills neither memory nor the loop."""

from __future__ import annotations

import asyncio
import fcntl
import os
import struct
import termios
from collections.abc import Callable

from rcmd.ports.script_protocol import MAX_LINE

_CHUNK = 128
"""Bytes read at a time: a few lines, then everybody else has their turn.  64 scripts that flood the
log at once hold up the loop for 64 times as long."""
_DROPPED_CHUNK = 1 << 16
_PAUSE_S = 0.05
"""Between two reads of what is thrown away."""
_PIPE = 1 << 16
"""Bytes that a pipe holds; all that is read of it after its script has ended (pipe(7))."""


class LineReader:
    """Reads a pipe and hands over each line without its end.

    A line that is too long is handed over cut, one byte longer than allowed: the receiver sees
    that it is too long, and the rest of it is gone.
    """

    def __init__(self, descriptor: int, take: Callable[[bytes], None]) -> None:
        self._descriptor = descriptor
        self._take = take
        self._partial = bytearray()
        self._is_skipping = False
        self._is_dropping = False
        self._is_open = True
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        os.set_blocking(descriptor, False)
        self._loop.add_reader(descriptor, self._readable)

    def drop_the_rest(self) -> None:
        """Nobody wants more; read on slowly, so that its writer is neither stuck nor fast."""
        self._is_dropping = True
        self._partial.clear()

    async def drain(self) -> None:
        """Its writer has ended: read what is there.  Others may hold the pipe open for ever."""
        for _ in range(_PIPE // _CHUNK):
            if not self._is_open or self._waiting() == 0:
                break
            self._readable()
            await asyncio.sleep(0)
        if self._partial and not self._is_skipping and self._is_open:
            self._end_line()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._is_open:
            self._is_open = False
            self._loop.remove_reader(self._descriptor)

    def _waiting(self) -> int:
        answer = fcntl.ioctl(self._descriptor, termios.FIONREAD, struct.pack("i", 0))
        return int(struct.unpack("i", answer)[0])

    def _readable(self) -> None:
        try:
            data = os.read(self._descriptor, _DROPPED_CHUNK if self._is_dropping else _CHUNK)
        except BlockingIOError:
            return
        if not data:
            if self._partial and not self._is_skipping:
                self._end_line()
            self.close()
        elif self._is_dropping:
            self._loop.remove_reader(self._descriptor)
            self._timer = self._loop.call_later(_PAUSE_S, self._resume)
        else:
            self._split(data)

    def _resume(self) -> None:
        if self._is_open:
            self._loop.add_reader(self._descriptor, self._readable)

    def _split(self, data: bytes) -> None:
        *whole, rest = data.split(b"\n")
        for piece in whole:
            self._extend(piece)
            if self._is_skipping:
                self._is_skipping = False
            else:
                self._end_line()
        self._extend(rest)

    def _extend(self, piece: bytes) -> None:
        if self._is_skipping or self._is_dropping:
            return
        self._partial += piece
        if len(self._partial) > MAX_LINE:
            self._is_skipping = True
            del self._partial[MAX_LINE + 1 :]
            self._end_line()

    def _end_line(self) -> None:
        line = bytes(self._partial)
        self._partial.clear()
        if self._is_open and not self._is_dropping:
            self._take(line)
