"""Who only reads a document, without an event loop."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from rcmd.bus.client import ManagerClient
from rcmd.bus.reader import DocumentReader, finish
from rcmd.bus.wire import Kind, Message, encode, marshal, marshal_string
from rcmd.errors import NotAuthorized, RcmError, Unreachable

from .fakes import stage

DOCUMENTS = ("status", "targets", "resources", "scripts")


def read(address: str, document: str, timeout_s: float = 5.0) -> Any:
    async def work() -> Any:
        async with DocumentReader.connect(address, timeout=timeout_s) as reader:
            return await getattr(reader, document)()

    return finish(work())


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_same_documents(address: str, document: str) -> None:
    async def scenario() -> None:
        async with stage(address), ManagerClient.connect(address) as manager:
            wanted = await getattr(manager, document)()
            assert await asyncio.to_thread(read, address, document) == wanted

    asyncio.run(scenario())


def test_nobody_there(address: str, tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="rcmd is not running"):
        read(address, "status")
    with pytest.raises(Unreachable, match="cannot reach the system bus"):
        read(f"unix:path={tmp_path}/none;unix:path={tmp_path}/neither", "status")
    with pytest.raises(Unreachable, match="no unix socket"):
        read("tcp:host=localhost", "status")


def test_another_loop_is_needed_for_the_rest() -> None:
    with pytest.raises(RuntimeError, match="event loop"):
        finish(asyncio.sleep(1))


def test_neither_loop_nor_library_is_loaded() -> None:
    program = (
        "import sys, rcmd.ctl.main, rcmd.ctl.verbs.status, rcmd.bus.reader;"
        "print(sorted({it.partition('.')[0] for it in sys.modules} & {'asyncio', 'dbus_next'}))"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert told.stdout == "[]\n"


# --- a bus that is not one ---


def answer(serial: int, *, kind: Kind = Kind.RETURN, name: str = "", text: str = "") -> bytes:
    body = marshal_string(text)
    message = Message(kind, error_name=name, signature="s", reply_serial=serial, body=body)
    return encode(message, serial)


ERROR = "org.freedesktop.DBus.Error"
HELLO = answer(1, text=":1.7")
OWNER = answer(2, text=":1.5")
SIGNAL = encode(Message(Kind.SIGNAL, "/", "a.b", "C"), 9)
EMPTY = Message(Kind.RETURN, reply_serial=3)
NUMBER = Message(Kind.RETURN, signature="u", reply_serial=3, body=marshal("u", [7]))
NO_UTF8 = Message(Kind.RETURN, signature="s", reply_serial=3, body=b"\1\0\0\0\xff\0")
TOO_LONG = Message(Kind.RETURN, signature="s", reply_serial=3, body=b"\xff\0\0\0abc\0")
BEGUN = b"OK 1234\r\n"


@contextmanager
def bus(folder: Path, *said: bytes, is_open: bool = False) -> Iterator[str]:
    """Says something after each thing that it hears, then closes, or says no more."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / "bus"))
    listener.listen()
    held: list[socket.socket] = []

    def talk() -> None:
        connection, _ = listener.accept()
        held.append(connection)
        for words in said:
            connection.recv(4096)
            connection.sendall(words)
        if not is_open:
            connection.close()

    thread = threading.Thread(target=talk, daemon=True)
    thread.start()
    yield f"unix:path={folder}/bus"
    listener.close()
    thread.join(5.0)
    for connection in held:
        connection.close()


@pytest.mark.parametrize(
    ("said", "error", "words"),
    [
        ([b"REJECTED EXTERNAL\r\n"], Unreachable, "refused us"),
        ([b"x" * 5000], Unreachable, "nonsense"),
        ([b""], Unreachable, "closed the connection"),
        ([BEGUN, b"x" * 400], Unreachable, "starts with"),
        (
            [BEGUN, answer(1, kind=Kind.ERROR, name=f"{ERROR}.LimitsExceeded")],
            Unreachable,
            "refused us",
        ),
        (
            [BEGUN, HELLO, answer(2, kind=Kind.ERROR, name=f"{ERROR}.NameHasNoOwner")],
            Unreachable,
            "rcmd is not running",
        ),
        (
            [BEGUN, HELLO, OWNER, answer(3, kind=Kind.ERROR, name=f"{ERROR}.NoReply")],
            Unreachable,
            "went away",
        ),
        (
            [
                BEGUN,
                HELLO,
                OWNER,
                answer(3, kind=Kind.ERROR, name=f"{ERROR}.AccessDenied", text="not you"),
            ],
            NotAuthorized,
            "not you",
        ),
        ([BEGUN, HELLO, OWNER, answer(3, text="{")], RcmError, "no JSON"),
        ([BEGUN, HELLO, OWNER, answer(3, text="[1]")], RcmError, "not an object"),
        ([BEGUN, HELLO, OWNER, encode(EMPTY, 3)], RcmError, "not a string"),
        ([BEGUN, HELLO, OWNER, encode(NUMBER, 3)], RcmError, "not a string"),
        ([BEGUN, HELLO, OWNER, encode(NO_UTF8, 3)], RcmError, "utf-8"),
        ([BEGUN, HELLO, OWNER, encode(TOO_LONG, 3)], RcmError, "255 bytes"),
    ],
)
def test_what_goes_wrong_is_said(
    tmp_path: Path, said: list[bytes], error: type[RcmError], words: str
) -> None:
    with bus(tmp_path, *said) as address, pytest.raises(error, match=words):
        read(address, "status")


@pytest.mark.parametrize("said", [[], [BEGUN], [BEGUN, HELLO], [BEGUN, HELLO, OWNER]])
def test_nobody_waits_for_ever(tmp_path: Path, said: list[bytes]) -> None:
    with bus(tmp_path, *said, is_open=True) as address, pytest.raises(Unreachable):
        read(address, "status", timeout_s=0.2)


def test_what_others_say_is_passed_over(tmp_path: Path) -> None:
    """A signal, a message of a kind to come, and the answer to a question of nobody's."""
    other = bytearray(SIGNAL)
    other[1] = 77
    text = '{"text": "' + "x" * 200_000 + '"}'
    said = [BEGUN, SIGNAL + HELLO, bytes(other) + answer(9, text="?") + OWNER, answer(3, text=text)]
    with bus(tmp_path, *said) as address:
        assert len(read(address, "status")["text"]) == 200_000
