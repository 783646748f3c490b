"""What udhcpc tells its script; what a server wrote into it is not believed."""

from __future__ import annotations

import os
import subprocess
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

import pytest

from rcmd.ipmp.api.lease import LeaseRoute
from rcmd.platform.dhcp_client import SCRIPT
from rcmd.platform.udhcpc_words import EVENT, granted, variables

ANYWHERE = IPv4Network("0.0.0.0/0")
ROUTER = IPv4Address("192.168.85.1")
WORDS = {
    "interface": "hme0",
    "ip": "192.168.85.103",
    "subnet": "255.255.255.0",
    "mask": "24",
    "broadcast": "192.168.85.255",
    "router": "192.168.85.1 192.168.85.2",
    "serverid": "192.168.85.1",
    "lease": "120",
    "dns": "192.168.85.1 192.168.85.2",
    "domain": "example.org",
}


def test_a_lease() -> None:
    found = granted(WORDS)
    assert found.address == IPv4Interface("192.168.85.103/24")
    assert (found.lease_s, found.broadcast) == (120, IPv4Address("192.168.85.255"))
    assert found.server == ROUTER
    assert found.routes == (LeaseRoute(ANYWHERE, ROUTER),)
    assert found.options == {"dns": "192.168.85.1 192.168.85.2", "domain": "example.org"}


def test_classless_routes_are_instead_of_the_router() -> None:
    """RFC 3442."""
    text = "10.9.0.0/16 192.168.85.7 10.8.0.0/16 0.0.0.0 0.0.0.0/0 192.168.85.1"
    assert granted({**WORDS, "staticroutes": text}).routes == (
        LeaseRoute(IPv4Network("10.9.0.0/16"), IPv4Address("192.168.85.7")),
        LeaseRoute(IPv4Network("10.8.0.0/16"), None),
        LeaseRoute(ANYWHERE, ROUTER),
    )


def test_what_is_not_said() -> None:
    found = granted({"ip": "192.168.85.103"})
    assert found.address == IPv4Interface("192.168.85.103/32")
    assert (found.lease_s, found.routes, found.broadcast) == (3600, (), None)
    assert granted({**WORDS, "lease": "4294967295"}).lease_s is None


def test_a_router_that_is_oneself_is_none() -> None:
    assert granted({**WORDS, "router": "192.168.85.103"}).routes == ()


@pytest.mark.parametrize(
    "wrong",
    [
        {"ip": ""},
        {"ip": "127.0.0.1"},
        {"ip": "224.0.0.1"},
        {"ip": "0.0.0.0"},
        {"subnet": "255.0.255.0"},
        {"lease": "0"},
        {"lease": "soon"},
        {"router": "$(reboot)"},
        {"staticroutes": "10.0.0.0/8"},
        {"broadcast": "x"},
    ],
)
def test_nonsense_is_no_lease(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        granted({**WORDS, **wrong})


def test_the_script_hands_over_what_it_is_given_untouched() -> None:
    nasty = {"domain": "$(touch /tmp/x);`id`\nip=10.0.0.1", "dns": "-n \\c 'x\" *", "ip": "x"}
    done = subprocess.run(
        [SCRIPT, "bound"], env={"PATH": "/usr/bin:/bin", **nasty}, capture_output=True, check=True
    )
    record, rest = done.stdout.split(b"\0\0")
    found = variables(record)
    assert (rest, done.stderr) == (b"", b"")
    assert {name: found[name] for name in nasty} == nasty
    assert found[EVENT] == "bound"


def test_the_script_can_be_executed() -> None:
    assert os.access(SCRIPT, os.X_OK)
