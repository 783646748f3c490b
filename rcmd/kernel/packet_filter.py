"""Programs that the kernel runs on each packet of a socket (linux:networking/filter.rst)."""

from __future__ import annotations

import ctypes
import socket
import struct
from typing import Final

Instruction = tuple[int, int, int, int]
"""code, jump if true, jump if false, operand (struct sock_filter, linux/filter.h)."""

LOAD_WORD: Final = 0x20
LOAD_HALF: Final = 0x28
LOAD_BYTE: Final = 0x30
LOAD_WORD_INDEXED: Final = 0x40
JUMP_IF_EQUAL: Final = 0x15
RETURN: Final = 0x06
ACCEPT: Final = (RETURN, 0, 0, 0xFFFF_FFFF)
DROP: Final = (RETURN, 0, 0, 0)

_SO_ATTACH_FILTER: Final = 26


def attach(receiver: socket.socket, *program: Instruction) -> None:
    """From now on the socket receives what the program accepts."""
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in program))
    receiver.setsockopt(
        socket.SOL_SOCKET,
        _SO_ATTACH_FILTER,
        struct.pack("@HP", len(program), ctypes.addressof(code)),
    )
