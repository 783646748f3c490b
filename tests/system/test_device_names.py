"""The kernel is asked by name; in the lab it has alternative names, too."""

import errno
import socket

import pytest

from rcmd.kernel import device_names
from rcmd.kernel.device_names import existing_names


def test_a_device_is_found_by_its_name():
    names = [
        "lo",
        "no-such-device",
        "no-such-device-of-that-length",
        "",
        "a\0b",
        "caf\udce9",
        "x" * 200,
    ]
    assert existing_names(names) == {"lo"}


def test_where_the_kernel_does_not_answer_nothing_is_known(monkeypatch):
    def refuse(*_args):
        raise OSError(errno.EAFNOSUPPORT, "no netlink")

    monkeypatch.setattr(socket, "socket", refuse)
    assert existing_names(["lo"]) is None


@pytest.mark.parametrize("code", [errno.ENODEV, errno.EINVAL, errno.EOPNOTSUPP])
def test_a_kernel_that_knows_no_alternative_names_has_none(code):
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with here, there:
        there.send(
            device_names._HEADER.pack(20, 2, 0, 0, 0) + (-code).to_bytes(4, "little", signed=True)
        )
        assert not device_names._exists(here, b"an-alternative-name")
