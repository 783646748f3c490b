"""The daemon for those who only read a document or two, such as `rcmctl status`.

It needs neither an event loop nor the D-Bus library: to load those takes longer than everything
else that such a command does.  Its methods are coroutines as those of `rcmd.bus.client`, but never
suspend: `finish` runs what uses them.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Self, TypeVar

from rcmd.bus.address import socket_names, system_bus_address
from rcmd.bus.faults import Disconnected, ErrorReply, Malformed
from rcmd.bus.names import BUS_NAME, BUS_PATH, MANAGER, ROOT, SERVICE
from rcmd.bus.replies import NOT_RUNNING, document_of, error_of
from rcmd.bus.wire import (
    FIXED_HEADER,
    Flag,
    Kind,
    Message,
    decode,
    encode,
    marshal_string,
    message_extent,
)
from rcmd.errors import Unreachable

_RECEIVE = 65536
_LONGEST_GREETING = 4096

Value = TypeVar("Value")


def finish(work: Coroutine[Any, Any, Value]) -> Value:
    """What the coroutine returns; it must not wait for anything but a `DocumentReader`."""
    try:
        work.send(None)
    except StopIteration as end:
        value: Value = end.value
        return value
    work.close()
    raise RuntimeError("it waits for an event loop")


class DocumentReader:
    """One connection, one question after the other; made by `connect`."""

    def __init__(self, bus: _Bus, owner: str) -> None:
        self._bus = bus
        self._owner = owner

    @classmethod
    @asynccontextmanager
    async def connect(
        cls,
        address: str | None = None,
        *,
        timeout: float = 10.0,  # noqa: ASYNC109
    ) -> AsyncIterator[Self]:
        """Connect to the bus and find the daemon on it, without starting it.

        `timeout` in seconds bounds the connecting, and every question.  Raises `Unreachable`.
        """
        try:
            bus = _Bus.open(address or system_bus_address(), timeout)
        except (OSError, Disconnected) as error:
            raise Unreachable(f"cannot reach the system bus: {error}") from error
        try:
            yield cls(bus, _owner_of_service(bus))
        finally:
            bus.close()

    async def status(self) -> dict[str, Any]:
        """The document that `rcmctl status --json` prints (`rcmd.bus.status_document`)."""
        return self._document("GetStatus")

    async def targets(self) -> dict[str, Any]:
        return self._document("GetTargets")

    async def resources(self) -> dict[str, Any]:
        return self._document("GetResources")

    async def scripts(self) -> dict[str, Any]:
        return self._document("GetScripts")

    def _document(self, member: str) -> dict[str, Any]:
        try:
            text = self._bus.ask(self._owner, ROOT, MANAGER, member)
        except ErrorReply as error:
            raise error_of(error) from None
        except Disconnected as error:
            raise Unreachable(f"lost the system bus: {error}") from error
        except TimeoutError as error:
            raise Unreachable(f"rcmd did not answer within {self._bus.timeout_s:g} s") from error
        return document_of(member, text)


def _owner_of_service(bus: _Bus) -> str:
    try:
        return bus.ask(BUS_NAME, BUS_PATH, BUS_NAME, "GetNameOwner", SERVICE)
    except ErrorReply as error:
        raise Unreachable(NOT_RUNNING) from error
    except Disconnected as error:
        raise Unreachable(f"lost the system bus: {error}") from error
    except TimeoutError as error:
        raise Unreachable("the system bus does not answer") from error


class _Bus:
    """A socket to the bus, on which questions are asked that are answered with one string."""

    def __init__(self, connection: socket.socket, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self._socket = connection
        self._received = bytearray()
        self._serial = 0
        self._until = time.monotonic() + timeout_s

    @classmethod
    def open(cls, address: str, timeout_s: float) -> Self:
        """Connect, authenticate, say hello.  Raises `OSError`, `Disconnected`."""
        bus = cls(_connected(socket_names(address), timeout_s), timeout_s)
        is_accepted = False
        try:
            bus._authenticate()
            is_accepted = bool(bus.ask(BUS_NAME, BUS_PATH, BUS_NAME, "Hello"))
        except TimeoutError as error:
            raise Disconnected(f"the bus did not answer within {timeout_s:g} s") from error
        except ErrorReply as error:
            raise Disconnected(f"the bus refused us: {error}") from error
        finally:
            if not is_accepted:
                bus.close()
        return bus

    def close(self) -> None:
        self._socket.close()

    def ask(
        self, destination: str, path: str, interface: str, member: str, argument: str | None = None
    ) -> str:
        """The string that is the answer.  Raises `ErrorReply`, `Disconnected`, `TimeoutError`."""
        self._until = time.monotonic() + self.timeout_s
        self._serial += 1
        call = Message(
            Kind.CALL,
            path,
            interface,
            member,
            destination=destination,
            signature="" if argument is None else "s",
            flags=Flag.NO_AUTO_START,
            body=b"" if argument is None else marshal_string(argument),
        )
        # Nothing is said between the end of the greeting and the first message.
        begin = b"BEGIN\r\n" if self._serial == 1 else b""
        self._send(begin + encode(call, self._serial))
        while True:
            reply = self._next()
            is_answer = reply is not None and reply.kind in (Kind.RETURN, Kind.ERROR)
            if reply is not None and is_answer and reply.reply_serial == self._serial:
                return _string(reply)

    def _authenticate(self) -> None:
        """SASL EXTERNAL ("Authentication Protocol"): the kernel vouches for our user id."""
        self._send(b"\0AUTH EXTERNAL " + str(os.geteuid()).encode().hex().encode() + b"\r\n")
        while b"\r\n" not in self._received:
            if len(self._received) > _LONGEST_GREETING:
                raise Disconnected("the bus talks nonsense")
            self._receive()
        line, _, self._received = self._received.partition(b"\r\n")
        if not line.startswith(b"OK "):
            raise Disconnected(f"the bus refused us: {line.decode(errors='replace')}")

    def _next(self) -> Message | None:
        """One message; None for one that is to be ignored."""
        try:
            self._receive_until(FIXED_HEADER)
            length = message_extent(bytes(self._received[:FIXED_HEADER])).length
            self._receive_until(length)
            data = bytes(self._received[:length])
            del self._received[:length]
            return decode(data)
        except Malformed as error:
            raise Disconnected(str(error)) from error

    def _receive_until(self, length: int) -> None:
        while len(self._received) < length:
            self._receive()

    def _send(self, data: bytes) -> None:
        self._socket.settimeout(self._left_s())
        try:
            self._socket.sendall(data)
        except TimeoutError:
            raise
        except OSError as error:
            raise Disconnected(str(error)) from error

    def _receive(self) -> None:
        self._socket.settimeout(self._left_s())
        try:
            data = self._socket.recv(_RECEIVE)
        except TimeoutError:
            raise
        except OSError as error:
            raise Disconnected(str(error)) from error
        if not data:
            raise Disconnected("the bus closed the connection")
        self._received += data

    def _left_s(self) -> float:
        left_s = self._until - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        return left_s


def _connected(names: tuple[str, ...], timeout_s: float) -> socket.socket:
    """To the first socket that accepts us; raises the last `OSError` if none does."""
    failure: OSError | None = None
    for name in names:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        connection.settimeout(timeout_s)
        try:
            connection.connect(name)
        except OSError as error:
            connection.close()
            failure = error
            continue
        return connection
    assert failure is not None
    raise failure


def _string(reply: Message) -> str:
    """Raises `ErrorReply` where it is an error, or no string."""
    try:
        text = reply.string()
    except Malformed as error:
        if reply.kind is Kind.ERROR:
            text = ""
        else:
            raise ErrorReply("org.freedesktop.DBus.Error.InvalidSignature", str(error)) from error
    if reply.kind is Kind.ERROR:
        raise ErrorReply(reply.error_name, text)
    return text
