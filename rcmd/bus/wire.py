"""A D-Bus message as bytes and as a value ("Message Protocol" of the D-Bus specification).

Headers are read and written here; bodies are marshalled by the library, and only when somebody
asks for them: a stranger's megabyte of arguments to a method that is refused costs nothing.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Any

from rcmd.bus.faults import Malformed
from rcmd.bus.library import marshal_body, unmarshal_body

FIXED_HEADER = 16
MAX_MESSAGE = 128 * 2**20
"""Bytes; the specification's limit."""
_PROTOCOL_VERSION = 1
_BYTE_ORDERS = {ord("l"): "<", ord("B"): ">"}


class Kind(IntEnum):
    CALL = 1
    RETURN = 2
    ERROR = 3
    SIGNAL = 4


class Flag(IntFlag):
    NONE = 0
    NO_REPLY = 1
    NO_AUTO_START = 2
    ALLOW_INTERACTIVE = 4
    """The caller's user may be asked for a password."""


class _Field(IntEnum):
    PATH = 1
    INTERFACE = 2
    MEMBER = 3
    ERROR_NAME = 4
    REPLY_SERIAL = 5
    DESTINATION = 6
    SENDER = 7
    SIGNATURE = 8


_FIELD_TYPES = {_Field.PATH: b"o", _Field.REPLY_SERIAL: b"u", _Field.SIGNATURE: b"g"}
"""Those that are not strings."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message; `body` is marshalled already."""

    kind: Kind
    path: str = ""
    interface: str = ""
    member: str = ""
    error_name: str = ""
    destination: str = ""
    sender: str = ""
    signature: str = ""
    reply_serial: int = 0
    flags: Flag = Flag.NONE
    serial: int = 0
    body: bytes = b""
    body_order: str = "<"
    """Byte order of the body, as `struct` writes it."""

    @property
    def wants_reply(self) -> bool:
        return self.kind is Kind.CALL and not self.flags & Flag.NO_REPLY

    def arguments(self) -> list[Any]:
        """The body as values.  Raises `Malformed`."""
        try:
            return unmarshal_body(self.signature, self.body, self.body_order)
        except Malformed as error:
            raise Malformed(f"{self.member} from {self.sender}: {error}") from error


def marshal(signature: str, values: Sequence[Any]) -> bytes:
    """A body as bytes.  Values that do not fit the signature are a mistake of the caller."""
    if not signature:
        return b""
    return marshal_body(signature, values)


def encode(message: Message, serial: int) -> bytes:
    """The message as the bus wants it, under this serial; the body must be little-endian."""
    fields = bytearray()
    for field, value in (
        (_Field.PATH, message.path),
        (_Field.INTERFACE, message.interface),
        (_Field.MEMBER, message.member),
        (_Field.ERROR_NAME, message.error_name),
        (_Field.REPLY_SERIAL, message.reply_serial),
        (_Field.DESTINATION, message.destination),
        (_Field.SIGNATURE, message.signature),
    ):
        if value:
            fields += bytes(-len(fields) % 8)
            fields += _encode_field(field, value)
    head = struct.pack(
        "<cBBBIII",
        b"l",
        message.kind,
        message.flags,
        _PROTOCOL_VERSION,
        len(message.body),
        serial,
        len(fields),
    )
    return b"".join((head, fields, bytes(-len(fields) % 8), message.body))


def _encode_field(field: _Field, value: str | int) -> bytes:
    kind = _FIELD_TYPES.get(field, b"s")
    head = struct.pack("<BB1sx", field, 1, kind)
    if isinstance(value, int):
        return head + struct.pack("<I", value)
    data = value.encode()
    if kind == b"g":
        return head + struct.pack("<B", len(data)) + data + b"\0"
    return head + struct.pack("<I", len(data)) + data + b"\0"


def message_length(head: bytes) -> int:
    """The length in bytes of the message that starts with these `FIXED_HEADER` bytes."""
    order = _BYTE_ORDERS.get(head[0])
    if order is None or head[3] != _PROTOCOL_VERSION:
        raise Malformed(f"a message starts with {head[:4]!r}")
    body, _, fields = struct.unpack_from(order + "III", head, 4)
    length: int = FIXED_HEADER + fields + -fields % 8 + body
    if length > MAX_MESSAGE:
        raise Malformed(f"a message of {length} bytes")
    return length


def decode(data: bytes) -> Message | None:
    """The message in exactly these bytes; None for a kind that is to be ignored."""
    order = _BYTE_ORDERS[data[0]]
    body_length, serial, fields_length = struct.unpack_from(order + "III", data, 4)
    if data[1] not in Kind.__members__.values():
        return None
    try:
        fields = _decode_fields(data, order, FIXED_HEADER + fields_length)
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise Malformed(f"a header: {error}") from error
    return Message(
        kind=Kind(data[1]),
        path=str(fields.get(_Field.PATH, "")),
        interface=str(fields.get(_Field.INTERFACE, "")),
        member=str(fields.get(_Field.MEMBER, "")),
        error_name=str(fields.get(_Field.ERROR_NAME, "")),
        destination=str(fields.get(_Field.DESTINATION, "")),
        sender=str(fields.get(_Field.SENDER, "")),
        signature=str(fields.get(_Field.SIGNATURE, "")),
        reply_serial=int(fields.get(_Field.REPLY_SERIAL, 0)),
        flags=Flag(data[2] & 7),
        serial=serial,
        body=data[len(data) - body_length :],
        body_order=order,
    )


def _decode_fields(data: bytes, order: str, end: int) -> dict[int, str | int]:
    fields: dict[int, str | int] = {}
    at = FIXED_HEADER
    while at < end:
        at += -at % 8
        code, kind = data[at], data[at + 2 : at + 3]
        at += 4
        match kind:
            case b"u":
                fields[code] = struct.unpack_from(order + "I", data, at)[0]
                at += 4
            case b"g":
                length = data[at]
                fields[code] = data[at + 1 : at + 1 + length].decode()
                at += length + 2
            case b"s" | b"o":
                length = struct.unpack_from(order + "I", data, at)[0]
                fields[code] = data[at + 4 : at + 4 + length].decode()
                at += length + 5
            case _:
                # A field of a later protocol: its length is unknown, what follows is out of reach.
                break
    return fields
