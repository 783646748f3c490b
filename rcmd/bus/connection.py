"""One connection to a message bus, shared fairly with everything else on the loop.

At most `TURN_S` of work is done for the bus before the loop gets its turn; when more is waiting
than that, reading stops and the bus keeps it.  When the bus does not read, incoming calls wait and
`is_congested` tells senders of signals to hold back.  A body that is longer than its reader wants
is thrown away as it comes.  File descriptors are never negotiated, so none can arrive or leak.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rcmd.bus.address import socket_names
from rcmd.bus.faults import Disconnected, ErrorReply, Malformed
from rcmd.bus.names import BUS_NAME, BUS_PATH
from rcmd.bus.wire import (
    FIXED_HEADER,
    MAX_MESSAGE,
    Extent,
    Flag,
    Kind,
    Message,
    decode,
    encode,
    marshal,
    message_extent,
)

TURN_S = 0.0005
"""Seconds of work for the bus in one turn of the loop."""
_BACKLOG = 2**20
"""Bytes that may wait to be handled before reading stops."""
_CONGESTED = 4 * 2**20
"""Bytes that may wait to be written before handling stops."""
_MAX_HEADER = 2**16
"""Bytes.  Only an object path can be longer, and no object of ours has such a path: whoever sends
a message to it hears nothing."""
_MAX_SERIAL = 2**32 - 1
_MAX_GREETING = 4096
_UNREADABLE = "org.freedesktop.DBus.Error.InvalidSignature"


class Connection(asyncio.Protocol):
    """Made by `open`; ends by `close` or when the bus goes away, and is not used again."""

    def __init__(
        self, on_message: Callable[[Message], None], *, largest_body: int = MAX_MESSAGE
    ) -> None:
        loop = asyncio.get_running_loop()
        self._largest_body = largest_body
        self._to_skip = 0
        """Bytes of a message that are still to come and that nobody wants."""
        self.unique_name = ""
        self.on_drained: Callable[[], None] = _nothing
        """Called when the bus reads again after a congestion."""
        self._on_message = on_message
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._greeting: asyncio.Future[bytes] | None = None
        self._closed: asyncio.Future[str] = loop.create_future()
        self._pending: dict[int, asyncio.Future[Message]] = {}
        self._may_write = asyncio.Event()
        self._may_write.set()
        self._serial = 0
        self._received = bytearray()
        self._turn: asyncio.Handle | None = None
        self._is_congested = False

    @classmethod
    async def open(
        cls,
        address: str,
        *,
        on_message: Callable[[Message], None],
        timeout_s: float = 5.0,
        largest_body: int = MAX_MESSAGE,
    ) -> Connection:
        """Connect, authenticate, say hello.  Raises `OSError`, `Disconnected`.

        Messages with more than `largest_body` bytes of arguments arrive without them.
        """
        loop = asyncio.get_running_loop()
        connection = cls(on_message, largest_body=largest_body)
        try:
            async with asyncio.timeout(timeout_s):
                await _connect_to_any(loop, connection, socket_names(address))
                await connection._authenticate()
                answer = await connection.call(BUS_NAME, BUS_PATH, BUS_NAME, "Hello")
            connection.unique_name = str(answer[0])
        except TimeoutError as error:
            raise Disconnected(f"the bus did not answer within {timeout_s:g} s") from error
        except ErrorReply as error:
            raise Disconnected(f"the bus refused us: {error}") from error
        finally:
            if not connection.unique_name:
                connection.abort("not connected")
        return connection

    async def _authenticate(self) -> None:
        """SASL EXTERNAL ("Authentication Protocol"): the kernel vouches for our user id."""
        if self.is_closed:
            raise Disconnected(self._closed.result())
        greeting = self._greeting = self._loop.create_future()
        self._write(b"\0AUTH EXTERNAL " + str(os.geteuid()).encode().hex().encode() + b"\r\n")
        try:
            line = await greeting
        finally:
            self._greeting = None
        if not line.startswith(b"OK "):
            raise Disconnected(f"the bus refused us: {line.decode(errors='replace')}")
        self._write(b"BEGIN\r\n")

    # --- what others ask ------------------------------------------------------------------------

    @property
    def is_closed(self) -> bool:
        return self._closed.done()

    @property
    def is_congested(self) -> bool:
        return self._is_congested

    async def call(
        self,
        destination: str,
        path: str,
        interface: str,
        member: str,
        signature: str = "",
        body: Sequence[Any] = (),
        *,
        timeout_s: float | None = None,
        flags: Flag = Flag.NONE,
        expects: str | None = None,
    ) -> list[Any]:
        """The arguments of the answer.  Raises `ErrorReply`, `Disconnected`, `TimeoutError`.

        With `expects`, an answer of another signature is not even read: a stranger gave it.
        """
        question = self.ask(
            destination, path, interface, member, signature, body, flags=flags, expects=expects
        )
        return await question.answer(timeout_s)

    def ask(
        self,
        destination: str,
        path: str,
        interface: str,
        member: str,
        signature: str = "",
        body: Sequence[Any] = (),
        *,
        flags: Flag = Flag.NONE,
        expects: str | None = None,
    ) -> Question:
        """Send a call now.  Raises `Disconnected`."""
        if self.is_closed:
            raise Disconnected(self._closed.result())
        message = Message(
            Kind.CALL,
            path=path,
            interface=interface,
            member=member,
            destination=destination,
            signature=signature,
            flags=flags,
            body=marshal(signature, body),
        )
        serial = self.send(message)
        reply: asyncio.Future[Message] = self._loop.create_future()
        self._pending[serial] = reply
        reply.add_done_callback(lambda it: self._replied(serial, it))
        return Question(reply, expects)

    def _replied(self, serial: int, reply: asyncio.Future[Message]) -> None:
        self._pending.pop(serial, None)
        if not reply.cancelled():
            # Nobody may wait for it any more: then it is no error that nobody heard of.
            reply.exception()

    def send(self, message: Message) -> int:
        """Send without waiting; return the serial.  Into a closed connection it is dropped."""
        self._serial = self._serial % _MAX_SERIAL + 1
        self._write(encode(message, self._serial))
        return self._serial

    async def wait_writable(self) -> None:
        """Return as soon as the bus reads, or the connection has ended."""
        await self._may_write.wait()

    async def wait_closed(self) -> str:
        """Return why, once the connection has ended."""
        return await asyncio.shield(self._closed)

    async def close(self, *, grace_s: float = 1.0) -> None:
        """Send what is waiting, for at most `grace_s` seconds, and end."""
        if self._transport is not None and not self.is_closed:
            self._transport.close()
            try:
                await asyncio.wait_for(self.wait_closed(), grace_s)
            except TimeoutError:
                self.abort("the bus does not read")
                await self.wait_closed()

    def abort(self, reason: str) -> None:
        """End at once."""
        self._end(reason)
        if self._transport is not None:
            self._transport.abort()

    # --- what the transport tells (asyncio.Protocol) ----------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=_CONGESTED)

    def data_received(self, data: bytes) -> None:
        if self._to_skip:
            skipped = min(self._to_skip, len(data))
            self._to_skip -= skipped
            data = data[skipped:]
        self._received += data
        if self._greeting is not None:
            self._read_greeting(self._greeting)
        elif self._is_congested:
            self._pause_if_full()
        else:
            self._schedule()

    def pause_writing(self) -> None:
        self._is_congested = True
        self._may_write.clear()

    def resume_writing(self) -> None:
        self._is_congested = False
        self._may_write.set()
        self._schedule()
        self.on_drained()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(str(exc) if exc else "the bus closed the connection")

    # --- inside -----------------------------------------------------------------------------------

    def _end(self, reason: str) -> None:
        if self._closed.done():
            return
        self._closed.set_result(reason)
        self._may_write.set()
        if self._turn is not None:
            self._turn.cancel()
        waiting = [*self._pending.values(), self._greeting]
        for answer in waiting:
            if answer is not None and not answer.done():
                answer.set_exception(Disconnected(reason))

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _read_greeting(self, greeting: asyncio.Future[bytes]) -> None:
        line, ending, rest = bytes(self._received).partition(b"\r\n")
        if ending and not greeting.done():
            self._received = bytearray(rest)
            greeting.set_result(line)
        elif len(self._received) > _MAX_GREETING:
            self.abort("the bus talks nonsense")

    def _schedule(self) -> None:
        if self._turn is None and not self.is_closed and not self._is_congested:
            self._turn = self._loop.call_soon(self._take_turn)

    def _take_turn(self) -> None:
        """Handle what has arrived, for `TURN_S` at most; come back for what is left."""
        self._turn = None
        end = self._loop.time() + TURN_S
        at = 0
        try:
            while not self._is_congested and (extent := self._next(at)):
                # Before anything can fail: nothing is handled twice.
                at, begin = at + extent.length, at
                if extent.header <= _MAX_HEADER:
                    is_cut = extent.body > self._largest_body
                    wanted = extent.header if is_cut else extent.length
                    message = decode(bytes(self._received[begin : begin + wanted]))
                    if message is not None:
                        self._deliver(message)
                if self._loop.time() >= end:
                    break
            if self._next(at):
                self._schedule()
        except Malformed as error:
            self.abort(str(error))
        finally:
            self._to_skip += max(0, at - len(self._received))
            del self._received[:at]
            self._pause_if_full()

    def _pause_if_full(self) -> None:
        """Leave the rest to the bus while more than enough is waiting; else read on."""
        transport = self._transport
        if self.is_closed or transport is None or transport.is_closing():
            return
        is_waiting = self._turn is not None or self._is_congested
        if is_waiting and len(self._received) > _BACKLOG:
            transport.pause_reading()
        else:
            transport.resume_reading()

    def _next(self, at: int) -> Extent | None:
        """The extent of the message at this offset; None while what is wanted of it is missing."""
        here = len(self._received) - at
        if here < FIXED_HEADER:
            return None
        extent = message_extent(bytes(self._received[at : at + FIXED_HEADER]))
        if extent.header > _MAX_HEADER:
            return extent
        wanted = extent.header if extent.body > self._largest_body else extent.length
        return extent if here >= wanted else None

    def _deliver(self, message: Message) -> None:
        if message.kind in (Kind.RETURN, Kind.ERROR):
            answer = self._pending.get(message.reply_serial)
            if answer is not None and not answer.done():
                answer.set_result(message)
        else:
            self._on_message(message)


@dataclass(slots=True, eq=False)
class Question:
    """A call that was sent; `reply` is done when the bus owes us no answer to it any more."""

    reply: asyncio.Future[Message]
    expects: str | None

    async def answer(self, timeout_s: float | None) -> list[Any]:
        """The arguments.  Raises `ErrorReply`, `Disconnected`, `TimeoutError`.

        Whoever loses patience leaves the question open: it counts for the bus until it is answered.
        """
        async with asyncio.timeout(timeout_s):
            return _values(await asyncio.shield(self.reply), self.expects)


def _values(reply: Message, expects: str | None) -> list[Any]:
    """The arguments of an answer; raises `ErrorReply` where it is an error, or unreadable."""
    wanted = "s" if reply.kind is Kind.ERROR else expects
    is_readable = wanted is None or reply.signature == wanted
    try:
        values = reply.arguments() if is_readable else []
    except Malformed as error:
        raise ErrorReply(_UNREADABLE, str(error)) from error
    if reply.kind is Kind.ERROR:
        raise ErrorReply(reply.error_name, str(values[0]) if values else "")
    if not is_readable:
        raise ErrorReply(_UNREADABLE, f"answered with ({reply.signature}), not ({expects})")
    return values


def _nothing() -> None:
    """Nobody waits for the bus to read again."""


async def _connect_to_any(
    loop: asyncio.AbstractEventLoop, connection: Connection, names: tuple[str, ...]
) -> None:
    """Connect to the first socket that accepts us; raise the last `OSError` if none does."""
    for name in names[:-1]:
        try:
            await loop.create_unix_connection(lambda: connection, name)
        except OSError:
            continue
        return
    await loop.create_unix_connection(lambda: connection, names[-1])
