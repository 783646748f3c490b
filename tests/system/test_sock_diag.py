import logging
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from rtnetlink_lab import Lab, lab

from rcmd.model import Family
from rcmd.rcm.bystanders import BoundSocket, SocketProtocol
from rcmd.system import sock_diag
from rcmd.system.netlink_message import MalformedMessage
from rcmd.system.netlink_socket import KernelRefused
from rcmd.system.sock_diag import bound_sockets, decode, encode_dump

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
    request = encode_dump(Family.IPV4, SocketProtocol.TCP, 3)
    assert int.from_bytes(request[:4], sys.byteorder) == len(request)
