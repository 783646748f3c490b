"""Bridges of Docker and libvirt, and ports of bridges, are nothing for rcmd."""

import pytest

from rcmd.configuration.conflicts import Device, Manager, Neighbours, find_claims


@pytest.mark.parametrize(
    ("name", "bridge", "manager"),
    [
        ("virbr1-nic", "virbr1", Manager.LIBVIRT),
        ("veth0a1b2c3", "docker0", Manager.DOCKER),
        ("veth0a1b2c3", "", Manager.DOCKER),
        ("vnet3", "br0", Manager.LIBVIRT),
        ("eth1", "virbr0", Manager.LIBVIRT),
        ("eth1", "br0", Manager.BRIDGE),
    ],
)
def test_whose_it_is(name, bridge, manager):
    neighbours = Neighbours(devices={name: Device(name, bridge=bridge)})
    (claim,) = find_claims([name], neighbours)
    assert (claim.file, claim.line, claim.manager) == (f"/etc/hostname.{name}", 1, manager)
    assert claim.fault.is_warning


@pytest.mark.parametrize(
    "name", ["hme0", "br0", "br-lan", "bond0", "veth0", "eth0", "docker", "vnet"]
)
def test_what_is_ours(name):
    assert find_claims([name], Neighbours()) == ()


def test_the_words():
    neighbours = Neighbours(devices={"eth1": Device("eth1", bridge="br0")})
    (port,) = find_claims(["eth1"], neighbours)
    assert str(port) == (
        "/etc/hostname.eth1:1: warning: a bridge claims eth1: it is a port of br0, and is not "
        "reached by addresses of its own: put them on the bridge, or take it out of that"
    )
