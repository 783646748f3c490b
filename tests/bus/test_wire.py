"""Messages as bytes."""

from __future__ import annotations

import struct

import pytest

from rcmd.bus.faults import Malformed
from rcmd.bus.library import Variant
from rcmd.bus.wire import FIXED_HEADER, Flag, Kind, Message, decode, encode, marshal, message_extent

CALL = Message(
    Kind.CALL,
    path="/org/rcmd1",
    interface="org.rcmd1.Manager",
    member="Detach",
    destination="org.rcmd1",
    signature="sa{sv}",
    flags=Flag.ALLOW_INTERACTIVE,
    body=marshal("sa{sv}", ["hme0", {"force": Variant("b", True)}]),
)


@pytest.mark.parametrize(
    "message",
    [
        CALL,
        Message(Kind.RETURN, destination=":1.2", reply_serial=7),
        Message(
            Kind.ERROR,
            destination=":1.2",
            reply_serial=7,
            error_name="org.rcmd1.Error.Busy",
            signature="s",
            body=marshal("s", ["later"]),
        ),
        Message(Kind.SIGNAL, path="/a", interface="a.b", member="C"),
    ],
)
def test_what_is_written_is_read_again(message: Message) -> None:
    data = encode(message, 1)
    assert message_extent(data[:FIXED_HEADER]).length == len(data)
    read = decode(data)
    assert read is not None
    assert read.serial == 1
    assert encode(read, 1) == data
    assert read.arguments() == message.arguments()


def test_arguments_of_a_call() -> None:
    assert CALL.arguments() == ["hme0", {"force": Variant("b", True)}]


def test_a_text_where_a_number_belongs_is_malformed() -> None:
    fields = struct.pack("<BB1sxI3sx", 5, 1, b"s", 3, b"/or")
    head = struct.pack("<cBBBIII", b"l", 2, 0, 1, 0, 9, len(fields))
    with pytest.raises(Malformed, match="header"):
        decode(head + fields + bytes(-len(fields) % 8))


def test_big_endian_and_an_unknown_field() -> None:
    fields = struct.pack(">BB1sxI2sx", 3, 1, b"s", 2, b"Go") + bytes(5)
    fields += struct.pack(">BB1sxI", 99, 1, b"u", 5)
    fields += struct.pack(">BB1sxB1sx", 8, 1, b"g", 1, b"u")
    head = struct.pack(">cBBBIII", b"B", 1, 0, 1, 4, 9, len(fields))
    data = head + fields + bytes(-len(fields) % 8) + struct.pack(">I", 258)
    assert message_extent(data[:FIXED_HEADER]).length == len(data)
    message = decode(data)
    assert message is not None
    assert (message.member, message.serial, message.arguments()) == ("Go", 9, [258])


def test_an_unknown_kind_is_ignored() -> None:
    data = bytearray(encode(CALL, 1))
    data[1] = 9
    assert decode(bytes(data)) is None


@pytest.mark.parametrize("head", [b"x" * 16, b"l\1\0\2" + bytes(12), b"l\1\0\1" + b"\xff" * 12])
def test_nonsense_is_refused(head: bytes) -> None:
    with pytest.raises(Malformed):
        message_extent(head)


def test_a_body_that_ends_early_is_refused() -> None:
    message = Message(Kind.SIGNAL, signature="as", body=struct.pack("<II", 100, 90))
    with pytest.raises(Malformed):
        message.arguments()
