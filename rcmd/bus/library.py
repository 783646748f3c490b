"""The D-Bus library: values as the bytes of a body, and back.  Nothing else imports one.

It is dbus-next, and its maintained fork dbus-fast where dbus-next cannot be imported: that needs
`typing.no_type_check_decorator`, which Python 3.15 has no more.  Those who develop rcmd choose one
with RCMD_BUS_LIBRARY=dbus-next or RCMD_BUS_LIBRARY=dbus-fast in the environment.

`Marshaller` and `Unmarshaller` are private in both, and used in the same way in both.
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from rcmd.bus.faults import Malformed

__all__ = ["LIBRARY", "Library", "Variant", "marshal_body", "unmarshal_body"]


class Library(StrEnum):
    DBUS_NEXT = "dbus-next"
    DBUS_FAST = "dbus-fast"


LIBRARY = Library(os.environ.get("RCMD_BUS_LIBRARY", Library.DBUS_NEXT))
"""The one in use."""

if LIBRARY is Library.DBUS_NEXT:
    try:
        from dbus_next import Variant
        from dbus_next._private.marshaller import Marshaller
        from dbus_next._private.unmarshaller import Unmarshaller
    except ImportError:
        LIBRARY = Library.DBUS_FAST
if LIBRARY is Library.DBUS_FAST:
    from dbus_fast import Variant
    from dbus_fast._private.marshaller import Marshaller
    from dbus_fast._private.unmarshaller import Unmarshaller
    from dbus_fast.signature import get_signature_tree

_BYTE_ORDER_MARKS = {"<": b"l", ">": b"B"}
_RETURN = 2
_REPLY_SERIAL = 5
_SIGNATURE = 8


def marshal_body(signature: str, values: Sequence[Any]) -> bytes:
    """A body as little-endian bytes.  Raises `ValueError` for values that do not fit."""
    body = list(values)
    if LIBRARY is Library.DBUS_FAST:
        # Its marshaller trusts the caller; that of dbus-next looks for itself.
        get_signature_tree(signature).verify(body)
    return bytes(Marshaller(signature, body).marshall())


def unmarshal_body(signature: str, body: bytes, order: str) -> list[Any]:
    """The values in a body of this byte order, as `struct` writes it.  Raises `Malformed`.

    A struct is a list or a tuple, an array of bytes is `bytes` or `bytearray`.

    Only for what came over a bus: it drops whoever sends an invalid message (D-Bus specification,
    "Invalid Protocol and Spec Extensions"), and dbus-fast 5.2, which is compiled, can crash on one.
    """
    if not signature:
        return []
    if not body:
        raise Malformed(f"no body, but a signature ({signature})")
    try:
        message = Unmarshaller(io.BytesIO(_header(signature, body, order) + body)).unmarshall()
        return list(message.body)
    except (
        AttributeError,
        EOFError,
        IndexError,
        RecursionError,
        TypeError,
        ValueError,
        struct.error,
    ) as error:
        raise Malformed(f"a body of ({signature}): {error}") from error


def _header(signature: str, body: bytes, order: str) -> bytes:
    """The least header that this body can follow: the libraries read whole messages only."""
    text = signature.encode()
    fields = struct.pack(
        f"{order}BB1sxIBB1sxB{len(text)}sx",
        *(_REPLY_SERIAL, 1, b"u", 1),
        *(_SIGNATURE, 1, b"g", len(text), text),
    )
    head = struct.pack(
        f"{order}cBBBIII", _BYTE_ORDER_MARKS[order], _RETURN, 0, 1, len(body), 1, len(fields)
    )
    return head + fields + bytes(-len(fields) % 8)
