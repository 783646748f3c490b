from ipaddress import IPv4Address

import pytest

from rcmd.configuration.netmasks import mask_prefix, parse_netmasks

TEXT = """\
# network  netmask
128.50 255.255.255.0
128.50.27.16\t255.255.255.240   # a smaller one
10.20.30.0 255.255.255.0
10.20.0.0 255.255.0.0
172.16.0.0 255.240.0.0
"""


@pytest.mark.parametrize(
    ("address", "prefix"),
    [
        ("10.20.30.1", 24),  # the longest match
        ("10.20.31.1", 16),
        ("10.21.0.1", 8),  # class A
        ("128.50.27.17", 28),
        ("128.50.27.33", 24),  # the class network's mask is that of its subnets
        ("128.50.0.1", 24),
        ("128.51.0.1", 16),  # class B
        ("172.17.0.1", 12),
        ("192.0.2.1", 24),  # class C
    ],
)
def test_the_mask_of_an_address(address, prefix):  # behaviour 87
    netmasks, findings = parse_netmasks({"/etc/netmasks": TEXT})
    assert netmasks.prefix_for(IPv4Address(address)) == prefix
    assert not findings.faults


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("10.0.0.0", "expected a network and a netmask, found '10.0.0.0'"),
        ("10.0.0.0 255.0.0.0 x", "expected a network and a netmask, found '10.0.0.0 255.0.0.0 x'"),
        ("ten 255.0.0.0", "'ten': bad network"),
        ("10.0.0.0 255.0.255.0", "'255.0.255.0': bad netmask"),
        ("10.0.0.0 8", "'8': bad netmask"),
    ],
)
def test_a_bad_line_is_told_and_the_others_count(line, message):
    netmasks, findings = parse_netmasks({"/n": f"\n{line}\n10.1.0.0 255.255.0.0\n"})
    assert [str(fault) for fault in findings.faults] == [
        f"/n:2: warning: {message}; the line is ignored"
    ]
    assert netmasks.prefix_for(IPv4Address("10.1.0.1")) == 16


def test_both_files_count():
    netmasks, _ = parse_netmasks({"/a": "10.1.0.0 255.255.0.0", "/b": "10.2.0.0 255.255.0.0"})
    assert netmasks.prefix_for(IPv4Address("10.2.0.1")) == 16


@pytest.mark.parametrize("mask", ["255.255.240.0", "0xfffff000", "FFFFF000"])
def test_a_mask_may_be_hexadecimal(mask):
    netmasks, _ = parse_netmasks({"/n": f"10.1.0.0 {mask}\r\n"})
    assert netmasks.prefix_for(IPv4Address("10.1.0.1")) == 20


@pytest.mark.parametrize(
    ("mask", "prefix"),
    [("255.255.255.255", 32), ("128.0.0.0", 1), ("0.0.0.0", None), ("255.0.0.255", None)],
)
def test_only_contiguous_masks_have_a_prefix(mask, prefix):
    assert mask_prefix(IPv4Address(mask)) == prefix
