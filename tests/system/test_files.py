import os
from pathlib import Path

import pytest

from rcmd.configuration import ConfigurationFiles
from rcmd.system.files import LARGEST, has_hostname_file, read_tree


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for directory in ("etc/rcmd", "etc/default", "etc/inet"):
        (tmp_path / directory).mkdir(parents=True)
    return tmp_path


def test_an_empty_tree_is_empty(tmp_path):
    assert read_tree(tmp_path) == ConfigurationFiles()


def test_every_file_is_gathered(root):
    for path in (
        "hostname.net0", "hostname6.net0", "hostname.net0:1", "hostname.net0~", "hostname",
        "dhcp.net0", "rcmd/rcmd.yaml", "default/mpathd", "hosts", "netmasks", "inet/netmasks",
        "passwd",
    ):  # fmt: skip
        (root / "etc" / path).write_text(f"{path}\n")
    (root / "etc/hostname.d").mkdir()
    assert read_tree(root) == ConfigurationFiles(
        hostname={
            "/etc/hostname.net0": "hostname.net0\n",
            "/etc/hostname.net0:1": "hostname.net0:1\n",
            "/etc/hostname6.net0": "hostname6.net0\n",
        },
        dhcp=frozenset({"/etc/dhcp.net0"}),
        settings="rcmd/rcmd.yaml\n",
        mpathd="default/mpathd\n",
        hosts="hosts\n",
        netmasks={"/etc/inet/netmasks": "inet/netmasks\n", "/etc/netmasks": "netmasks\n"},
    )


def test_a_file_that_is_not_text_is_a_fault_at_its_line(root):
    (root / "etc/hostname.net0").write_bytes(b"up\n\xff\n")
    (root / "etc/rcmd/rcmd.yaml").write_bytes(b"\xfe")
    gathered = read_tree(root)
    assert gathered.hostname == {}
    assert [str(fault) for fault in gathered.faults] == [
        "/etc/hostname.net0:2: not UTF-8 text: invalid start byte",
        "/etc/rcmd/rcmd.yaml:1: not UTF-8 text: invalid start byte",
    ]


def test_foreign_bytes_in_hosts_do_no_harm(root):
    (root / "etc/hosts").write_bytes(b"# caf\xe9\n10.0.0.1 web\n")
    gathered = read_tree(root)
    assert gathered.hosts.endswith("10.0.0.1 web\n")
    assert not gathered.faults


def test_what_cannot_be_read_is_a_fault(root):
    os.mkfifo(root / "etc/hostname.net0")
    (root / "etc/hostname.net1").symlink_to("nowhere")
    (root / "etc/hostname.net2").write_bytes(b"\n" * (LARGEST + 1))
    (root / "etc/hostname.net3").symlink_to("hostname.net3")
    assert [str(fault) for fault in read_tree(root).faults] == [
        "/etc/hostname.net0:1: not a regular file",
        "/etc/hostname.net1:1: a symbolic link to nothing",
        f"/etc/hostname.net2:1: larger than {LARGEST} bytes",
        "/etc/hostname.net3:1: cannot be read: Too many levels of symbolic links",
    ]


def test_a_byte_order_mark_is_not_a_word(root):
    (root / "etc/hostname.net0").write_bytes(b"\xef\xbb\xbfup\n")
    assert read_tree(root).hostname == {"/etc/hostname.net0": "up\n"}


def test_whether_an_interface_has_a_file_is_known_without_reading(root):
    assert not has_hostname_file("net0", root)
    for path in ("hostname.net0", "hostname6.net1", "hostname.net2:1"):
        (root / "etc" / path).write_text("up\n")
    (root / "etc/hostname.net3").symlink_to("nowhere")
    names = ("net", "net0", "net1", "net2", "net3", "net4", "net*", "net[0-9]")
    found = [name for name in names if has_hostname_file(name, root)]
    assert found == ["net0", "net1", "net2", "net3"]
