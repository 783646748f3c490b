import asyncio
import errno
import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

import pytest
from rtnetlink_lab import Lab, lab

from rcmd.kernel import sock_diag
from rcmd.kernel.netlink.message import MalformedMessage
from rcmd.kernel.netlink.sockets import CommandSocket, KernelRefused
from rcmd.kernel.sock_diag import bound_sockets, decode, encode_dump, list_bound_sockets
from rcmd.model.network import Family
from rcmd.ports.sockets import BoundSocket, SocketProtocol

HOLDER = """
import socket, sys
family, kind, host, device = sys.argv[1:]
held = socket.socket(getattr(socket, family), getattr(socket, kind))
if device:
    held.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
held.bind((host, 0))
if kind == "SOCK_STREAM":
    held.listen()
print(held.getsockname()[1], flush=True)
input()
"""
"""Another process with one socket: ours are not listed."""


@contextmanager
def held(family: str, kind: str, host: str, device: str) -> Iterator[int]:
    """The port of a socket that somebody holds in this thread's network namespace."""
    command = [sys.executable, "-c", HOLDER, family, kind, host, device]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.stdin.write("\n")


@pytest.fixture
def cables() -> Iterator[Lab]:
    with lab() as made:
        yield made


@pytest.mark.lab
@pytest.mark.parametrize(
    ("family", "host", "shown"),
    [("AF_INET", "0.0.0.0", "0.0.0.0"), ("AF_INET6", "::", "[::]")],
)
@pytest.mark.parametrize(
    ("kind", "protocol"),
    [("SOCK_STREAM", SocketProtocol.TCP), ("SOCK_DGRAM", SocketProtocol.UDP)],
)
def test_lists_what_is_bound(
    cables: Lab, family: str, host: str, shown: str, kind: str, protocol: SocketProtocol
) -> None:
    with held(family, kind, host, "left") as port:
        (found,) = bound_sockets({cables.left, cables.right})
        assert found == BoundSocket(
            cables.left, protocol, f"{shown}:{port}", os.getuid(), found.inode
        )
        assert found.inode != 0
        assert bound_sockets({cables.right}) == ()
        assert bound_sockets(()) == ()
    assert bound_sockets({cables.left}) == ()


@pytest.mark.lab
def test_a_socket_of_no_device_is_free_to_follow(cables: Lab) -> None:
    with held("AF_INET", "SOCK_DGRAM", "0.0.0.0", ""):
        assert bound_sockets({cables.left, cables.right}) == ()


@pytest.mark.lab
def test_each_device_has_its_own(cables: Lab) -> None:
    with (
        held("AF_INET", "SOCK_DGRAM", "0.0.0.0", "left"),
        held("AF_INET", "SOCK_STREAM", "127.0.0.1", "right"),
    ):
        found = bound_sockets((cables.left, cables.right))
    assert [(each.ifindex, each.protocol) for each in found] == [
        (cables.left, SocketProtocol.UDP),
        (cables.right, SocketProtocol.TCP),
    ]


@pytest.mark.lab
def test_many_devices_cost_one_walk_for_each_protocol_and_family(
    cables: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    dumps: list[bytes] = []
    dump = CommandSocket.dump

    def counted(diag: CommandSocket, request: bytes) -> list[bytes]:
        dumps.append(request)
        return dump(diag, request)

    monkeypatch.setattr(CommandSocket, "dump", counted)
    with (
        held("AF_INET", "SOCK_DGRAM", "0.0.0.0", "left"),
        held("AF_INET6", "SOCK_STREAM", "::", "right"),
    ):
        found = bound_sockets((*range(9000, 9200), cables.left, cables.right))
        assert {each.ifindex for each in found} == {cables.left, cables.right}
        assert len(found) == 2
        assert len(dumps) == len(SocketProtocol) * len(Family)
        assert bound_sockets(range(9000, 9200)) == ()


@pytest.mark.lab
def test_the_loop_goes_on_while_they_are_listed(cables: Lab) -> None:
    with held("AF_INET", "SOCK_DGRAM", "0.0.0.0", "left"):
        (found,) = asyncio.run(list_bound_sockets({cables.left}))
    assert found.ifindex == cables.left


def test_a_kernel_that_takes_too_long(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    may_answer = threading.Event()

    def wait(_ifindexes: Collection[int]) -> tuple[BoundSocket, ...]:
        may_answer.wait(30)
        return ()

    async def story() -> None:
        try:
            assert await list_bound_sockets({1}) == ()
            assert not may_answer.is_set()
        finally:
            may_answer.set()

    monkeypatch.setattr(sock_diag, "bound_sockets", wait)
    monkeypatch.setattr(sock_diag, "TIMEOUT_S", 0.05)
    with caplog.at_level(logging.WARNING):
        asyncio.run(story())
    assert "cannot be listed: no answer within 0.05 s" in caplog.text


def test_no_descriptor_left_is_not_the_end(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """EMFILE: one is left for the netlink socket, none to look at our own."""

    def fail() -> set[int]:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    answer = bytearray(72)
    answer[0] = Family.IPV4
    monkeypatch.setattr(sock_diag, "CommandSocket", Answering(bytes(answer)))
    monkeypatch.setattr(sock_diag, "_own_inodes", fail)
    with caplog.at_level(logging.WARNING):
        assert bound_sockets({1}) == ()
    assert "Too many open files" in caplog.text


class Answering:
    """A kernel that gives the same answer to every dump."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    def __call__(self, _protocol: int) -> "Answering":
        return self

    def dump(self, _request: bytes) -> list[bytes]:
        return [self._answer]

    def close(self) -> None:
        pass


@pytest.mark.lab
def test_our_own_are_not_listed(cables: Lab) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"left")
        ours.bind(("0.0.0.0", 0))
        assert bound_sockets({cables.left}) == ()


@pytest.mark.lab
def test_more_than_one_datagram_of_them(cables: Lab) -> None:
    """The kernel tells in portions."""
    many = 700
    script = (
        "import socket\n"
        f"held = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range({many})]\n"
        "for each in held:\n"
        "    each.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'left')\n"
        "    each.bind(('0.0.0.0', 0))\n"
        "print('ready', flush=True)\n"
        "input()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        found = bound_sockets({cables.left})
        assert len({each.inode for each in found}) == len(found) == many
        process.stdin.write("\n")


class Refusing:
    """A kernel that refuses every dump."""

    def __init__(self, number: int) -> None:
        self._number = number

    def __call__(self, _protocol: int) -> "Refusing":
        return self

    def dump(self, _request: bytes) -> list[bytes]:
        raise KernelRefused(self._number, os.strerror(self._number))

    def close(self) -> None:
        pass


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    def with_error(number: int) -> None:
        monkeypatch.setattr(sock_diag, "CommandSocket", Refusing(number))

    return with_error


def test_a_protocol_that_this_kernel_cannot_list(
    refuse: Callable[[int], None], caplog: pytest.LogCaptureFixture
) -> None:
    refuse(2)  # ENOENT
    assert bound_sockets({1}) == ()
    assert caplog.text == ""


def test_a_kernel_that_refuses(
    refuse: Callable[[int], None], caplog: pytest.LogCaptureFixture
) -> None:
    refuse(22)  # EINVAL
    with caplog.at_level(logging.WARNING):
        assert bound_sockets({1}) == ()
    assert "cannot be listed: " in caplog.text


def test_a_raw_socket_shows_its_protocol_in_place_of_a_port() -> None:
    """As net/ipv4/raw_diag.c has it; many kernels are built without."""
    answer = bytearray(72)
    answer[0] = Family.IPV4
    answer[4:6] = (1).to_bytes(2, "big")
    answer[40:44] = (7).to_bytes(4, sys.byteorder)
    assert decode(SocketProtocol.RAW, bytes(answer)).local == "0.0.0.0:1"
    assert decode(SocketProtocol.RAW, bytes(answer)).ifindex == 7


@pytest.mark.parametrize("payload", [b"", bytes(72), b"\x02" + bytes(70)])
def test_malformed_answers(payload: bytes) -> None:
    with pytest.raises(MalformedMessage):
        decode(SocketProtocol.TCP, payload)


def test_a_request_says_how_long_it_is() -> None:
    request = encode_dump(Family.IPV4, SocketProtocol.TCP, (3, 4, 5))
    assert int.from_bytes(request[:4], sys.byteorder) == len(request)
