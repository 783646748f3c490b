import socket
import struct
from collections.abc import Callable

import pytest

from rcmd.kernel.probes.datagrams import SO_TIMESTAMPNS_NEW, drain, find, open_socket, stamp_of


def test_a_stamp_is_in_nanoseconds() -> None:
    content = struct.pack("=qq", 1_700_000_000, 123_456_789)
    stamp = (socket.SOL_SOCKET, SO_TIMESTAMPNS_NEW, content)
    assert stamp_of([(socket.IPPROTO_IP, 8, b""), stamp]) == 1_700_000_000_123_456_789
    assert stamp_of([]) is None


def test_level_and_type_tell_what_the_kernel_says() -> None:
    control = [(1, 2, b"a"), (3, 2, b"b"), (1, 4, b"c")]
    assert find(control, 3, 2) == b"b"
    assert find(control, 1, 4) == b"c"
    assert find(control, 3, 4) is None


def test_everything_that_waits_is_read() -> None:
    receiver, sender = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with receiver, sender:
        receiver.setblocking(False)
        for number in range(5):
            sender.send(bytes((number,)))
        assert [packet for packet, _, _ in drain(receiver)] == [b"\0", b"\1", b"\2", b"\3", b"\4"]
        assert list(drain(receiver)) == []


@pytest.mark.lab
def test_the_queues_of_all_interfaces_fit(
    in_namespaces: Callable[[Callable[[], None]], None],
) -> None:
    def scenario() -> None:
        with open_socket(socket.AF_INET, socket.IPPROTO_ICMP) as opened:
            # The default, 208 KiB, is full with the probes that one dead NIC holds back.
            assert opened.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) >= 64 << 20
            assert opened.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) >= 8 << 20
            assert not opened.getblocking()
            assert not opened.get_inheritable()

    in_namespaces(scenario)
