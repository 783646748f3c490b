"""A D-Bus message as bytes and as a value ("Message Protocol" of the D-Bus specification).

Headers are read and written here; bodies are marshalled by the library, and only when somebody
asks for them: a stranger's megabyte of arguments to a method that is refused costs nothing.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from enum import IntEnum, IntFlag
from functools import lru_cache
from typing import Any, NamedTuple

from rcmd.bus.faults import Malformed

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


_KINDS = {kind.value: kind for kind in Kind}
_ANSWERS = (Kind.RETURN, Kind.ERROR)
_FLAGS = [Flag(value) for value in range(8)]
_STRING_HEAD = 4
_LONGEST_KEPT = 512
"""Bytes of fields that are kept, once they are read."""


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


class Message(NamedTuple):
    """One message; `body` is marshalled already.

    Made ten thousand times a second in a flood, and much faster than a frozen dataclass.
    """

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
    is_cut: bool = False
    """The body was longer than the reader takes, and is not here."""

    @property
    def wants_reply(self) -> bool:
        return self.kind is Kind.CALL and not self.flags & Flag.NO_REPLY

    def arguments(self) -> list[Any]:
        """The body as values.  Raises `Malformed`."""
        # Loaded when it is needed: who only reads strings needs none, and runs for a moment.
        from rcmd.bus.library import unmarshal_body

        if self.is_cut:
            raise Malformed(f"{self.member} from {self.sender}: too long")
        try:
            return unmarshal_body(self.signature, self.body, self.body_order)
        except Malformed as error:
            raise Malformed(f"{self.member} from {self.sender}: {error}") from error

    def string(self) -> str:
        """The only argument, a string; read without the library.  Raises `Malformed`."""
        if self.signature != "s" or len(self.body) < _STRING_HEAD:
            raise Malformed(f"answered with ({self.signature}), not a string")
        (length,) = struct.unpack_from(self.body_order + "I", self.body)
        data = self.body[_STRING_HEAD : _STRING_HEAD + length]
        if len(data) != length or len(self.body) != _STRING_HEAD + length + 1:
            raise Malformed(f"a string of {length} bytes in a body of {len(self.body)}")
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            raise Malformed(f"a string: {error}") from error


def marshal_string(value: str) -> bytes:
    """The body that is one string, without the library."""
    data = value.encode()
    return struct.pack("<I", len(data)) + data + b"\0"


def marshal(signature: str, values: Sequence[Any]) -> bytes:
    """A body as bytes.  Values that do not fit the signature are a mistake of the caller."""
    if not signature:
        return b""
    from rcmd.bus.library import marshal_body

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


class Extent(NamedTuple):
    """How many bytes a message takes."""

    header: int
    body: int

    @property
    def length(self) -> int:
        return self.header + self.body


def message_extent(head: bytes) -> Extent:
    """That of the message that starts with these `FIXED_HEADER` bytes.  Raises `Malformed`."""
    order = _BYTE_ORDERS.get(head[0])
    if order is None or head[3] != _PROTOCOL_VERSION:
        raise Malformed(f"a message starts with {head[:4]!r}")
    body, _, fields = struct.unpack_from(order + "III", head, 4)
    extent = Extent(FIXED_HEADER + fields + -fields % 8, body)
    if extent.length > MAX_MESSAGE:
        raise Malformed(f"a message of {extent.length} bytes")
    return extent


def decode(data: bytes) -> Message | None:
    """The message in exactly these bytes; None for a kind that is to be ignored.

    Where the body is not among them, the message is cut.
    """
    kind = _KINDS.get(data[1])
    if kind is None:
        return None
    order = _BYTE_ORDERS[data[0]]
    body_length, serial, fields_length = struct.unpack_from(order + "III", data, 4)
    end = FIXED_HEADER + fields_length
    # Who calls often calls with the same fields; an answer has a number of its own.
    read = _fields if kind in _ANSWERS or fields_length > _LONGEST_KEPT else _kept_fields
    try:
        fields = read(data[FIXED_HEADER:end], order)
    except (struct.error, IndexError, ValueError) as error:
        # ValueError: what is no UTF-8, or a text where a number belongs.
        raise Malformed(f"a header: {error}") from error
    body_at = end + -end % 8
    return Message(
        kind,
        *fields,
        flags=_FLAGS[data[2] & 7],
        serial=serial,
        body=data[body_at:],
        body_order=order,
        is_cut=len(data) < body_at + body_length,
    )


def _fields(data: bytes, order: str) -> tuple[str, str, str, str, str, str, str, int]:
    """In the order of `Message`."""
    found = _decode_fields(data, order)
    return (
        str(found.get(_Field.PATH, "")),
        str(found.get(_Field.INTERFACE, "")),
        str(found.get(_Field.MEMBER, "")),
        str(found.get(_Field.ERROR_NAME, "")),
        str(found.get(_Field.DESTINATION, "")),
        str(found.get(_Field.SENDER, "")),
        str(found.get(_Field.SIGNATURE, "")),
        int(found.get(_Field.REPLY_SERIAL, 0)),
    )


_kept_fields = lru_cache(maxsize=512)(_fields)


def _decode_fields(data: bytes, order: str) -> dict[int, str | int]:
    """An array of fields begins at a multiple of 8 bytes, and so do they here."""
    fields: dict[int, str | int] = {}
    at, end = 0, len(data)
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
