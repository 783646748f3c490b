import pytest

from rcmd.configuration.files import HostnameName, hostname_interface, hostname_name, ignored
from rcmd.model.network import Family
from rcmd.model.settings import Fault


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


def left_out(*names: str, devices: set[str] | None = None) -> set[str]:
    """Of these names of files in /etc those that are ignored."""
    paths = {f"/etc/{name}": name for name in names}
    return {paths[path] for path in ignored(paths, devices)}


ENDS = (
    "~", "-", ".bak", "_bak", ".old", ".org", ".orig", ".save", ".disabled", ".dpkg-old",
    ".dpkg-new", ".dpkg-dist", ".rpmsave", ".rpmnew", ".rpmorig", ".ucf-old", ".ucf-dist", ".swp",
    ".OLD", ".Bak", ".~1~", ".pacnew",
)  # fmt: skip


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize(
    "file", ["hostname.hme0", "hostname6.hme0", "hostname.hme0:1", "dhcp.hme0"]
)
def test_copies_are_ignored_whatever_lies_beside_them(file, end):
    name = file + end
    assert left_out(name) == {name}
    assert left_out(file, name) == {name}
    assert left_out(name, devices={name.partition(".")[2]}) == {name}


@pytest.mark.parametrize(
    "end",
    ["_old", "-old", "-bak", "_20240105", "-2024-01-05", "_orig", "-orig", ".copy", ".sav", ".tmp"],
)
def test_names_like_those_of_copies_may_be_those_of_devices(end):
    name = f"hostname.hme0{end}"
    assert left_out(name) == {name}
    assert left_out(name, devices={f"hme0{end}"}) == set()


@pytest.mark.parametrize(
    "end",
    [
        ".lan", ".x", ".not-used", ".IPMP-NotUsed", ".backup1", ".bak.1", ".2024-01-05",
        ".20240105", ".orig2", ",v", ";1", " (copy)", "+", "#", ".lan.100", ".lan:1", "..",
    ],
)  # fmt: skip
def test_a_name_with_a_word_beside_the_one_without_is_a_copy(end):
    name = f"hostname.hme0{end}"
    assert left_out("hostname.hme0", name) == {name}
    assert left_out("hostname.hme0", name, devices={"hme0"}) == {name}
    assert left_out("hostname6.hme0", f"hostname6.hme0{end}") == {f"hostname6.hme0{end}"}
    assert left_out("hostname.hme0", f"dhcp.hme0{end}") == {f"dhcp.hme0{end}"}
    logical = f"hostname.hme0:1{end}"
    assert left_out("hostname.hme0:1", logical, devices={"hme0"}) == {logical}


@pytest.mark.parametrize("end", [".100", ".4094", ".100.200", ".100:3", ":7", "a", "-lan", "_lan"])
def test_a_number_is_that_of_a_vlan_and_other_names_are_real(end):
    assert left_out("hostname.hme0", f"hostname.hme0{end}") == set()


def test_a_device_of_that_name_makes_the_file_real():
    assert left_out("hostname.hme0", "hostname.hme0.lan", devices={"hme0.lan"}) == set()
    assert left_out("hostname.hme0", "hostname.hme0.lan:2", devices={"hme0.lan"}) == set()


def test_without_the_one_beside_it_a_word_is_part_of_the_name():
    assert left_out("hostname.hme0.lan", "hostname.hme1") == set()


def test_it_is_told_of_what_it_seems_a_copy():
    paths = ("/etc/hostname6.hme0", "/etc/hostname6.hme0.not")
    assert ignored(paths, frozenset()) == {
        "/etc/hostname6.hme0.not": "ignored: no device is called hme0.not; it seems a copy of "
        "/etc/hostname6.hme0"
    }


@pytest.mark.parametrize("path", ["/etc/hostname", "/etc/hosts", "/etc/dhcp.hme0"])
def test_other_files_are_no_hostname_files(path):
    assert hostname_name(path) is None


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a-name-too-long0",
        "ä" * 8,
        "a b",
        "a\x07",
        "caf\udce9",
        "all",
        "default",
        ".",
        "..",
        ":1",
    ],
)
def test_an_impossible_name_is_ignored(name):
    path = f"/etc/hostname.{name}"
    reasons = ignored((path,), None)
    assert set(reasons) == {path}
    assert reasons[path].isprintable()


def test_an_alternative_name_may_be_long():
    name = "enp0s31f6-behind-the-desk"
    assert left_out(f"hostname.{name}") == {f"hostname.{name}"}
    assert left_out(f"hostname.{name}", devices={name}) == set()
    assert left_out(f"hostname.{name}:2", devices={name}) == set()


@pytest.mark.parametrize(
    "name", ["hme0:", "hme0:0", "hme0:03", "hme0:9999", "hme0:x", "hme0:1:2", "hme0:٣"]
)
def test_an_impossible_logical_number_is_a_fault(name):
    assert left_out(f"hostname.{name}") == set()
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
