import errno
import os
from pathlib import Path

import pytest

from rcmd.configuration import ConfigurationFiles, load
from rcmd.model.settings import Fault
from rcmd.platform.files import LARGEST, LARGEST_IN_ALL, has_hostname_file, read_tree


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
        "inet/hosts", "inet/ipnodes", "passwd",
    ):  # fmt: skip
        (root / "etc" / path).write_text(f"{path}\n")
    (root / "etc/hostname.d").mkdir()
    assert read_tree(root) == ConfigurationFiles(
        hostname={
            "/etc/hostname.net0": "hostname.net0\n",
            "/etc/hostname.net0:1": "hostname.net0:1\n",
            "/etc/hostname.net0~": "",
            "/etc/hostname6.net0": "hostname6.net0\n",
        },
        dhcp=frozenset({"/etc/dhcp.net0"}),
        settings="rcmd/rcmd.yaml\n",
        mpathd="default/mpathd\n",
        hosts={
            "/etc/hosts": "hosts\n",
            "/etc/inet/hosts": "inet/hosts\n",
            "/etc/inet/ipnodes": "inet/ipnodes\n",
        },
        netmasks={"/etc/inet/netmasks": "inet/netmasks\n", "/etc/netmasks": "netmasks\n"},
        faults=(Fault("/etc/hostname.d", 1, "a directory: ignored", is_warning=True),),
    )


def warnings(root: Path) -> list[str]:
    """All there is to say; none of it refuses anything."""
    loaded = load(read_tree(root))
    assert not loaded.has_errors, loaded.errors
    return [str(fault) for fault in loaded.faults]


def test_bytes_that_are_not_utf_8_drop_no_file(root):
    (root / "etc/hostname.net0").write_bytes(b"# caf\xe9, caf\xe9\n10.20.30.1 netmask + up # \xfc")
    (root / "etc/rcmd/rcmd.yaml").write_bytes(b"failback: no # \xe9\n")
    (root / "etc/default/mpathd").write_bytes(b"# \xe9\nFAILURE_DETECTION_TIME=500\n")
    (root / "etc/hosts").write_bytes(b"# caf\xe9\n10.0.0.1 web\n")
    (root / "etc/netmasks").write_bytes(b"# caf\xe9\n10.20.30.0 255.255.255.240\n")
    configuration = load(read_tree(root)).configuration
    (address,) = configuration.interfaces["net0"].addresses
    assert str(address.address) == "10.20.30.1/28"
    assert not configuration.settings.default_group.failback
    assert configuration.settings.default_group.failure_detection_ms == 500
    assert warnings(root) == [
        "/etc/default/mpathd:1: warning: the byte 0xe9 is not UTF-8 text",
        "/etc/hostname.net0:1: warning: the byte 0xe9 is not UTF-8 text",
        "/etc/hostname.net0:2: warning: the byte 0xfc is not UTF-8 text",
        "/etc/netmasks:1: warning: the byte 0xe9 is not UTF-8 text",
        "/etc/rcmd/rcmd.yaml:1: warning: the byte 0xe9 is not UTF-8 text",
    ]


def test_where_such_a_byte_is_no_comment_its_line_is_at_fault_once(root):
    (root / "etc/hostname.net0").write_bytes(b"10.20.30.1/24 up\ncaf\xe9 up\nmtu 1400\n")
    loaded = load(read_tree(root))
    assert [str(fault) for fault in loaded.faults] == [
        "/etc/hostname.net0:2: 'caf\\xe9': bad address: neither an IPv4 address nor a name with "
        "one in /etc/hosts"
    ]
    assert loaded.configuration.interfaces["net0"].mtu == 1400


def test_one_bad_line_of_netmasks_refuses_nothing(root):
    (root / "etc/hostname.net0").write_text("10.20.30.1 netmask + up\n")
    (root / "etc/netmasks").write_text("frob\n10.20.30.0 255.255.255.240\n10.20.0.0 255.0.255.0\n")
    assert warnings(root) == [
        "/etc/netmasks:1: warning: expected a network and a netmask, found 'frob'; "
        "the line is ignored",
        "/etc/netmasks:3: warning: '255.0.255.0': bad netmask; the line is ignored",
    ]


def test_a_copy_refuses_nothing_and_configures_nothing(root):
    (root / "etc/hostname.net0").write_text("10.20.30.1/24 up\n")
    (root / "etc/hostname.net0.not-now").write_text("10.20.30.1/24 up\nfrob\n")
    # Not even what cannot be read.
    os.mkfifo(root / "etc/hostname.net0.old")
    (root / "etc/hostname.net0.copy").symlink_to("nowhere")
    (root / "etc/hostname6.net0.save").mkdir()
    assert set(load(read_tree(root)).configuration.interfaces) == {"net0"}
    assert [line.partition(": ")[0] for line in warnings(root)] == [
        "/etc/hostname.net0.copy:1",
        "/etc/hostname.net0.not-now:1",
        "/etc/hostname.net0.old:1",
        "/etc/hostname6.net0.save:1",
    ]


def test_who_else_may_write_a_file_is_told(root):
    for path, mode in (
        ("hostname.net0", 0o666), ("hostname.net1", 0o644), ("hostname.net2", 0o664),
        ("rcmd/rcmd.yaml", 0o602), ("hosts", 0o606),
    ):  # fmt: skip
        (root / "etc" / path).touch()
        (root / "etc" / path).chmod(mode)
    (root / "etc/rcmd").chmod(0o777)
    if os.geteuid() == 0:
        os.chown(root / "etc/hostname.net1", 65534, 0)
        os.chown(root / "etc/hostname.net2", 0, 65534)
    found = warnings(root)
    others = [line for line in found if "net1" not in line and "net2" not in line]
    assert others == [
        "/etc/hostname.net0:1: warning: can be written by everybody",
        "/etc/hosts:1: warning: can be written by everybody",
        "/etc/rcmd/rcmd.yaml:1: warning: can be written by everybody",
        "/etc/rcmd/rcmd.yaml:1: warning: its directory /etc/rcmd can be written by everybody",
    ]
    if os.geteuid() == 0:
        assert set(found) - set(others) == {
            "/etc/hostname.net1:1: warning: belongs to uid 65534, which thus decides about the "
            "network",
            "/etc/hostname.net2:1: warning: can be written by the group 65534",
        }


def test_files_of_a_whole_disk_are_not_read(root):
    for number in range(LARGEST_IN_ALL // LARGEST + 2):
        (root / f"etc/hostname.net{number:02}").write_bytes(b"\n" * LARGEST)
    assert [str(fault) for fault in read_tree(root).faults] == [
        f"/etc/hostname.net{number}:1: all hostname files have more than {LARGEST_IN_ALL} bytes"
        for number in (16, 17)
    ]


@pytest.mark.parametrize("name", [b"hostname.\xff", b"hostname.a\nb", b"hostname6.\x1b[31m"])
def test_odd_names_of_files_are_shown_escaped(root, name):
    (root / "etc" / os.fsdecode(name)).write_text("frob\n")
    (line,) = warnings(root)
    assert line.isprintable()
    assert "warning: ignored: " in line


def test_the_devices_are_asked_for_by_the_names_of_the_files(root):
    asked: list[str] = []

    def find_devices(names):
        asked.extend(names)
        return frozenset({"net0.lan"})

    for name in ("hostname.net0", "hostname6.net0:1", "hostname.net0.lan", "dhcp.net1"):
        (root / "etc" / name).write_text("up\n")
    files = read_tree(root, find_devices)
    assert asked == ["net1", "net0", "net0.lan", "net0"]
    assert files.devices == {"net0.lan"}
    assert "net0.lan" in load(files).configuration.interfaces


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


def test_a_file_that_waits_is_a_fault_and_holds_nobody_up(root, monkeypatch):
    """As /proc/kmsg does, which is a regular file."""
    (root / "etc/hostname.net0").write_bytes(b"up\n")
    monkeypatch.setattr(os, "read", wait)
    assert [str(fault) for fault in read_tree(root).faults] == [
        "/etc/hostname.net0:1: cannot be read: Resource temporarily unavailable"
    ]


def wait(descriptor, length):
    raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))


def test_a_byte_order_mark_is_not_a_word(root):
    (root / "etc/hostname.net0").write_bytes(b"\xef\xbb\xbfup\n")
    assert read_tree(root).hostname == {"/etc/hostname.net0": "up\n"}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
def test_what_windows_calls_unicode_is_text(root, encoding):
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    (root / "etc/hostname.net0").write_bytes(mark + "10.20.30.1/24 # ä\r\n".encode(encoding))
    loaded = load(read_tree(root))
    assert not loaded.faults
    (address,) = loaded.configuration.interfaces["net0"].addresses
    assert str(address.address) == "10.20.30.1/24"


def test_a_file_of_which_a_crash_left_nothing_is_one_fault(root):
    for path in ("hostname.net0", "rcmd/rcmd.yaml"):
        (root / "etc" / path).write_bytes(bytes(4096))
    faults = load(read_tree(root)).faults
    assert [fault.file for fault in faults] == ["/etc/hostname.net0", "/etc/rcmd/rcmd.yaml"]


def test_whether_an_interface_has_a_file_is_known_without_reading(root):
    assert not has_hostname_file("net0", root)
    for path in ("hostname.net0", "hostname6.net1", "hostname.net2:1"):
        (root / "etc" / path).write_text("up\n")
    (root / "etc/hostname.net3").symlink_to("nowhere")
    names = ("net", "net0", "net1", "net2", "net3", "net4", "net*", "net[0-9]")
    found = [name for name in names if has_hostname_file(name, root)]
    assert found == ["net0", "net1", "net2", "net3"]
