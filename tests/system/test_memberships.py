"""The tables of /proc/net as the kernel writes them, and as nobody should."""

from __future__ import annotations

import socket
import struct
import sys
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import pytest
from rtnetlink_lab import ip, lab

from rcmd.ipmp.api.memberships import Membership
from rcmd.kernel.memberships import TABLES, MembershipTables, memberships


def printed(group: str) -> str:
    """A number in network order, printed as one of this machine."""
    return f"{int.from_bytes(IPv4Address(group).packed, sys.byteorder):08X}"


IGMP = f"""Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter
1\tlo        :     1      V3
\t\t\t\t{printed("224.0.0.1")}     1 0:00000000\t\t0
3\thme0      :     3      V3
\t\t\t\t{printed("239.1.2.3")}     2 1:0000000C\t\t1
\t\t\t\t{printed("232.1.1.1")}     2 0:00000000\t\t0
\t\t\t\t{printed("224.0.0.1")}     1 0:00000000\t\t0
""".encode()
IGMP6 = b"""\
1    lo              ff020000000000000000000000000001     1 0000000C 0
3    hme0            ff3e0000000000000000000000000001     1 00000004 0
3    hme0            ff050000000000000000000000010003     1 00000004 0
"""
MCFILTER = b"""\
Idx Device        MCA        SRC    INC    EXC
  3   hme0 0xef010203 0x0a000007      0      1
  3   hme0 0xe8010101 0x0a000005      1      0
  3   hme0 0xe8010101 0x0a000006      2      0
"""
MCFILTER6 = b"""\
Idx Device                Multicast Address                   Source Address    INC    EXC
  3   hme0 ff3e0000000000000000000000000001 20010db8000000000000000000000005      1      0
"""
ALL_HOSTS = IPv4Address("224.0.0.1")
FOUND = [
    Membership(1, ALL_HOSTS, 1),
    Membership(3, IPv4Address("239.1.2.3"), 2),
    Membership(
        3,
        IPv4Address("232.1.1.1"),
        2,
        (IPv4Address("10.0.0.5"), IPv4Address("10.0.0.6")),
        2,
    ),
    Membership(3, ALL_HOSTS, 1),
    Membership(1, IPv6Address("ff02::1"), 1),
    Membership(3, IPv6Address("ff3e::1"), 1, (IPv6Address("2001:db8::5"),), 1),
    Membership(3, IPv6Address("ff05::1:3"), 1),
]


def test_tables_as_they_are() -> None:
    assert memberships(IGMP, IGMP6, MCFILTER, MCFILTER6) == FOUND


def test_no_tables_are_no_memberships() -> None:
    assert memberships(b"", b"", b"", b"") == []


@pytest.mark.parametrize(
    ("igmp", "igmp6", "mcfilter"),
    [
        (b"Idx\n3\thme0 : 1 V3\n\t\tGGGGGGGG 1 0:0 0\n", b"", b""),
        (b"Idx\n3\thme0 : 1 V3\n\t\t1030201EF1 1 0:0 0\n", b"", b""),
        (b"Idx\n\n", b"", b""),
        (b"", b"3 hme0 ff05 1 00000004 0\n", b""),
        (b"", b"3 hme0\n", b""),
        (b"", b"", b"Idx\n 3 hme0 0xe8010101 0x0a000005\n"),
    ],
)
def test_lines_that_are_not_understood_are_left_out(
    igmp: bytes, igmp6: bytes, mcfilter: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    found = memberships(igmp + IGMP.partition(b"\n")[2], igmp6 + IGMP6, mcfilter, MCFILTER6)
    assert [it.group for it in found if it.ifindex == 3] == [
        it.group for it in FOUND if it.ifindex == 3
    ]
    assert "is not understood" in caplog.text


def write(net: Path, igmp: bytes) -> None:
    for name, text in zip(TABLES, (igmp, IGMP6, MCFILTER, MCFILTER6), strict=True):
        (net / name).write_bytes(text)


def test_only_news_of_our_devices_is_told(tmp_path: Path) -> None:
    write(tmp_path, IGMP)
    tables = MembershipTables(tmp_path)
    ours = tuple(it for it in FOUND if it.ifindex == 3)
    assert tables.poll({3}) == ours
    assert tables.poll({3}) is None
    assert tables.poll({1, 3}) == tuple(FOUND)
    write(tmp_path, IGMP.replace(b" 2 1:0000000C", b" 1 0:00000000"))
    changed = tables.poll({1, 3})
    assert changed is not None
    assert [it.users for it in changed if str(it.group) == "239.1.2.3"] == [1]
    assert tables.poll({1, 3}) is None
    tables.forget()
    assert tables.poll({1, 3}) == changed


def test_a_kernel_without_ipv6_has_fewer_tables(tmp_path: Path) -> None:
    (tmp_path / "igmp").write_bytes(IGMP)
    found = MembershipTables(tmp_path).poll({3})
    assert found is not None
    assert {it.group.version for it in found} == {4}


@pytest.mark.lab
def test_the_tables_of_this_kernel() -> None:
    """An application and an `autojoin` address are one user each."""
    with lab() as host:
        ip("address add 10.0.0.1/24 dev left")
        tables = MembershipTables()
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain,
            socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as plain6,
        ):
            joining = struct.pack("@4s4si", IPv4Address("239.1.2.3").packed, bytes(4), host.left)
            plain.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, joining)
            joining6 = IPv6Address("ff05::1:3").packed + struct.pack("@i", host.left)
            plain6.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, joining6)
            assert counts(tables, host.left) == {"239.1.2.3": 1, "ff05::1:3": 1}
            ip("address add 239.1.2.3/32 dev left autojoin")
            ip("-6 address add ff05::1:3/128 dev left autojoin nodad")
            assert counts(tables, host.left) == {"239.1.2.3": 2, "ff05::1:3": 2}
        assert counts(tables, host.left) == {"239.1.2.3": 1, "ff05::1:3": 1}


def counts(tables: MembershipTables, ifindex: int) -> dict[str, int]:
    found = tables.poll({ifindex}) or ()
    return {str(it.group): it.users for it in found if str(it.group) in ("239.1.2.3", "ff05::1:3")}
