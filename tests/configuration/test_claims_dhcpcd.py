"""Which interfaces dhcpcd takes (dhcpcd.conf(5))."""

import pytest

from rcmd.configuration.conflicts import Device, Manager, Neighbours, SourceText, find_claims

HME0 = Device("hme0", type="ether", kind="")
IN_USE = frozenset({Manager.DHCPCD})


def lines(text: str | None, *, in_use=frozenset(), device: Device = HME0) -> list[int]:
    source = SourceText("/etc/dhcpcd.conf", text)
    neighbours = Neighbours(dhcpcd=source, in_use=in_use, devices={"hme0": device})
    return [claim.line for claim in find_claims(["hme0"], neighbours)]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("duid\ninterface hme0\n static ip_address=10.0.0.1/24\n", 2),
        ("duid\nallowinterfaces hme*\n", 2),
        ("allowinterfaces lo,hme0\n", 1),
        ("allowinterfaces lo\nallowinterfaces hme0\ninterface hme0\n", 3),
        ("denyinterfaces veth* hme1 # hme0\n\ninterface hme0\n", 3),
    ],
)
def test_what_the_file_names_is_a_claim(text, line):
    assert lines(text) == [line]


@pytest.mark.parametrize(
    "text",
    [
        "denyinterfaces hme0\ninterface hme0\n",
        "denyinterfaces lo,hme?\nallowinterfaces hme0\n",
        "allowinterfaces eth*\ninterface hme0\n",
        "interface hme1\ndenyinterfaces hme0\n",
        "denyinterfaces hme[[:digit:]]\ninterface hme0\n",
        None,
    ],
)
def test_what_it_denies_or_leaves_in_doubt_is_none(text):
    assert lines(text) == []
    assert lines(text, in_use=IN_USE) == []


def test_it_takes_every_ethernet_device_where_it_is_in_use():
    assert lines("duid\n") == []
    assert lines("duid\n", in_use=IN_USE) == [1]
    assert lines("", in_use=IN_USE) == [1]
    assert lines("", in_use=IN_USE, device=Device("hme0")) == []
    assert lines("", in_use=IN_USE, device=Device("hme0", type="ether", kind="vlan")) == []


def test_message():
    source = SourceText("/etc/dhcpcd.conf", "interface hme0\n")
    (claim,) = find_claims(["hme0"], Neighbours(dhcpcd=source))
    assert str(claim) == (
        "/etc/dhcpcd.conf:1: warning: dhcpcd claims hme0: "
        "add `denyinterfaces hme0` before any `interface` line"
    )
