import pytest

from rcmd.configuration.files import HostnameName, hostname_interface, hostname_name
from rcmd.model import Family, Fault


@pytest.mark.parametrize(
    ("path", "interface", "family", "logical"),
    [
        ("/etc/hostname.hme0", "hme0", Family.IPV4, 0),
        ("/etc/hostname6.hme0", "hme0", Family.IPV6, 0),
        ("/etc/hostname.hme0:3", "hme0", Family.IPV4, 3),
        ("/etc/hostname.eth0.100", "eth0.100", Family.IPV4, 0),
        ("/etc/hostname.wan", "wan", Family.IPV4, 0),
        ("/etc/hostname.enx001122334455", "enx001122334455", Family.IPV4, 0),
    ],
)
def test_a_name_is_taken_apart(path, interface, family, logical):
    assert hostname_name(path) == HostnameName(interface, family, logical, path)


@pytest.mark.parametrize(
    "path",
    [
        "/etc/hostname",
        "/etc/hostname.hme0~",
        "/etc/hostname.hme0.bak",
        "/etc/hostname.hme0.orig",
        "/etc/hostname.hme0.dpkg-old",
        "/etc/hostname6.hme0.dpkg-dist",
        "/etc/hostname.hme0.rpmsave",
        "/etc/hostname.rpmnew",
        "/etc/hosts",
    ],
)
def test_other_files_are_ignored(path):
    assert hostname_name(path) is None


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a-name-too-long0",
        "ä" * 8,
        "a b",
        "a\x07",
        "all",
        "default",
        ".",
        "..",
        ":1",
        "hme0:",
        "hme0:0",
        "hme0:03",
        "hme0:9999",
        "hme0:x",
        "hme0:1:2",
        "hme0:٣",
    ],
)
def test_an_impossible_name_is_a_fault(name):
    fault = hostname_name(f"/etc/hostname.{name}")
    assert isinstance(fault, Fault)
    assert (fault.file, fault.line, fault.is_warning) == (f"/etc/hostname.{name}", 1, False)


def test_the_interface_a_file_is_about():
    assert hostname_interface("/etc/hostname6.net0:1") == "net0"
    assert hostname_interface("/etc/rcmd/rcmd.yaml") == ""


@pytest.mark.parametrize(
    ("name", "maker"),
    [
        ("docker0", "Docker"),
        ("docker_gwbridge", "Docker"),
        ("br-0123456789ab", "Docker"),
        ("virbr0", "libvirt"),
        ("virbr1-nic", "libvirt"),
    ],
)
def test_bridges_of_docker_and_libvirt_are_refused(name, maker):
    fault = hostname_name(f"/etc/hostname.{name}")
    assert isinstance(fault, Fault)
    assert not fault.is_warning
    assert f"{name} is a bridge of {maker}" in fault.message
