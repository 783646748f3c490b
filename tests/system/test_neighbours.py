"""The files of other network managers below a root, and what is known of our devices there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rcmd.configuration.conflicts import Device, Manager, Neighbours, find_claims
from rcmd.platform.network_managers import read_neighbours

SHIPPED = Path(__file__).parents[2]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path


def write(root: Path, path: str, text: str = "") -> None:
    place = root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)


def link(root: Path, path: str, target: str) -> None:
    place = root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(target)


def read(root: Path, *names: str) -> Neighbours:
    return read_neighbours(names, root, lambda _name: "02:00:00:00:00:aa")


def claims(root: Path, *names: str) -> list[tuple[str, int]]:
    return [(it.file, it.line) for it in find_claims(names, read(root, *names))]


def device(root: Path, name: str = "hme0", number: int = 7, **files: str) -> None:
    folder = f"sys/class/net/{name}"
    values = {"ifindex": str(number), "address": "02:00:00:00:00:01", "type": "1", **files}
    for file, text in values.items():
        write(root, f"{folder}/{file}", text + "\n")


def test_an_empty_tree_is_empty(root: Path) -> None:
    assert read(root) == Neighbours()
    assert read(root, "hme0") == Neighbours(devices={"hme0": Device("hme0")})


# --- systemd-networkd ---------------------------------------------------------------------------


def test_network_files_are_sorted_by_name_whatever_their_folder(root: Path) -> None:
    write(root, "usr/lib/systemd/network/10-a.network", "a")
    write(root, "run/systemd/network/20-b.network", "b")
    write(root, "etc/systemd/network/15-c.network", "c")
    write(root, "usr/local/lib/systemd/network/12-d.network", "d")
    write(root, "etc/systemd/network/05-e.link", "e")
    (root / "etc/systemd/network/11-f.network").mkdir()
    names = [file.main.name for file in read(root).networks]
    assert names == ["10-a.network", "12-d.network", "15-c.network", "20-b.network"]


def test_a_file_replaces_those_of_its_name(root: Path) -> None:
    for folder in ("usr/lib", "run", "etc"):
        write(root, f"{folder}/systemd/network/10-a.network", folder)
    write(root, "usr/lib/systemd/network/20-b.network", "b")
    write(root, "run/systemd/network/20-b.network", "run")
    files = [(file.main.path, file.main.text) for file in read(root).networks]
    assert files == [
        ("/etc/systemd/network/10-a.network", "etc"),
        ("/run/systemd/network/20-b.network", "run"),
    ]


def test_an_empty_file_or_a_link_to_null_masks(root: Path) -> None:
    for name in ("10-a", "20-b", "30-c"):
        write(root, f"usr/lib/systemd/network/{name}.network", "[Match]\nName=*\n")
    link(root, "etc/systemd/network/10-a.network", "/dev/null")
    write(root, "run/systemd/network/20-b.network")
    assert [file.main.name for file in read(root).networks] == ["30-c.network"]


def test_drop_ins_come_from_every_folder(root: Path) -> None:
    write(root, "run/systemd/network/10-a.network", "[Match]\nName=hme0\n")
    write(root, "usr/lib/systemd/network/10-a.network.d/20-b.conf", "b")
    write(root, "usr/lib/systemd/network/10-a.network.d/10-a.conf", "hidden")
    write(root, "etc/systemd/network/10-a.network.d/10-a.conf", "a")
    write(root, "etc/systemd/network/10-a.network.d/30-c.txt", "c")
    link(root, "etc/systemd/network/10-a.network.d/40-d.conf", "/dev/null")
    (file,) = read(root).networks
    assert [it.text for it in file.drop_ins] == ["a", "b"]
    assert claims(root, "hme0") == [("/run/systemd/network/10-a.network", 2)]
    write(root, "etc/systemd/network/10-a.network.d/50-off.conf", "[Link]\nUnmanaged=yes\n")
    assert claims(root, "hme0") == []


def test_what_cannot_be_read_is_said_to_be_so(root: Path) -> None:
    (root / "etc/systemd/network").mkdir(parents=True)
    os.mkfifo(root / "etc/systemd/network/10-a.network")
    link(root, "etc/systemd/network/20-b.network", "20-b.network")
    write(root, "etc/systemd/network/30-c.network", "[Match]\nName=*\n" + "#" * (1 << 20))
    link(root, "etc/systemd/network/40-d.network", "nowhere")
    write(root, "etc/systemd/network/50-e.network", "[Match]\nName=*\n")
    assert [file.main.text for file in read(root).networks] == [
        None, None, None, "[Match]\nName=*\n",
    ]  # fmt: skip
    assert claims(root, "hme0") == []


def test_foreign_bytes_do_no_harm(root: Path) -> None:
    write(root, "etc/dhcpcd.conf")
    (root / "etc/dhcpcd.conf").write_bytes(b"# \xe9\ninterface hme0\n")
    assert claims(root, "hme0") == [("/etc/dhcpcd.conf", 2)]


def test_what_we_ship_keeps_networkd_off(root: Path) -> None:
    write(root, "etc/systemd/network/10-all.network", "[Match]\nName=*\n")
    write(root, "etc/hostname.hme0")
    write(root, "etc/hostname.hme1:1")
    assert claims(root, "hme0") == [("/etc/systemd/network/10-all.network", 2)]
    for path, place in (
        ("etc/systemd/network/05-rcmd.network", "usr/lib/systemd/network"),
        ("udev-rules/81-rcmd.rules", "usr/lib/udev/rules.d"),
    ):
        source = SHIPPED / path
        write(root, f"{place}/{source.name}", source.read_text())
    assert claims(root, "hme0") == []
    # The rules know no logical interfaces.
    assert claims(root, "hme1") == [("/etc/systemd/network/10-all.network", 2)]
    link(root, "etc/udev/rules.d/81-rcmd.rules", "/dev/null")
    assert claims(root, "hme0") == [("/etc/systemd/network/10-all.network", 2)]


def test_its_settings_are_in_the_order_they_are_read(root: Path) -> None:
    write(root, "usr/lib/systemd/networkd.conf", "vendor")
    write(root, "etc/systemd/networkd.conf.d/20-b.conf", "b")
    write(root, "usr/lib/systemd/networkd.conf.d/10-a.conf", "a")
    assert read(root).networkd is None
    write(root, "run/systemd/netif/state")
    assert [it.text for it in read(root).networkd or ()] == ["vendor", "a", "b"]
    write(root, "etc/systemd/networkd.conf", "main")
    assert [it.text for it in read(root).networkd or ()] == ["main", "a", "b"]


def test_a_port_tells_its_bridge(root: Path) -> None:
    device(root)
    assert read(root, "hme0").devices["hme0"].bridge == ""
    link(root, "sys/class/net/hme0/brport/bridge", "../../docker0")
    assert read(root, "hme0").devices["hme0"].bridge == "docker0"


# --- NetworkManager -----------------------------------------------------------------------------


def test_settings_are_in_the_order_they_are_read(root: Path) -> None:
    write(root, "etc/NetworkManager/NetworkManager.conf", "main")
    write(root, "etc/NetworkManager/conf.d/20-b.conf", "b")
    write(root, "etc/NetworkManager/conf.d/10-a.conf", "a")
    write(root, "run/NetworkManager/conf.d/30-c.conf", "c")
    write(root, "run/NetworkManager/conf.d/10-a.conf", "hidden")
    write(root, "usr/lib/NetworkManager/conf.d/40-d.conf", "d")
    write(root, "usr/lib/NetworkManager/conf.d/30-c.conf", "hidden")
    write(root, "usr/lib/NetworkManager/conf.d/readme.txt", "e")
    assert [it.text for it in read(root).settings] == ["d", "c", "main", "a", "b"]


def test_profiles_are_those_that_nobody_left_behind(root: Path) -> None:
    text = "[connection]\ninterface-name=hme0\n"
    for name in ("a.nmconnection", "old", ".hidden", "a~", "a.bak", "a.rpmnew"):
        write(root, f"etc/NetworkManager/system-connections/{name}", text)
    write(root, "run/NetworkManager/system-connections/netplan-hme0.nmconnection", text)
    assert claims(root, "hme0") == [
        ("/etc/NetworkManager/system-connections/a.nmconnection", 2),
        ("/etc/NetworkManager/system-connections/old", 2),
        ("/run/NetworkManager/system-connections/netplan-hme0.nmconnection", 2),
    ]


# --- ifupdown -----------------------------------------------------------------------------------


def test_interfaces_include_others(root: Path) -> None:
    write(
        root,
        "etc/network/interfaces",
        "source interfaces.d/*\nsource-directory /run/net?ork\nsource /etc/network/interfaces\n",
    )
    stanza = "iface hme0 inet dhcp\n"
    write(root, "etc/network/interfaces.d/b.cfg", f"\n{stanza}source more/*\n")
    write(root, "etc/network/interfaces.d/more/a", stanza)
    write(root, "etc/network/interfaces.d/.hidden", stanza)
    write(root, "run/network/good-1", stanza)
    write(root, "run/network/bad.dpkg-new", stanza)
    assert claims(root, "hme0") == [
        ("/etc/network/interfaces.d/b.cfg", 2),
        ("/etc/network/interfaces.d/more/a", 1),
        ("/run/network/good-1", 1),
    ]


def test_inclusions_end(root: Path) -> None:
    for number in range(100):
        write(root, f"etc/network/{number}", f"source {number + 1}\n")
    write(root, "etc/network/interfaces", "source 0\n")
    assert len(read(root).interfaces) < 20


# --- who is in use ------------------------------------------------------------------------------

NETWORKD = "systemd-networkd.service"


@pytest.mark.parametrize(
    "folder",
    [
        "etc/systemd/system/multi-user.target.wants",
        "run/systemd/generator/network.target.wants",
        "usr/lib/systemd/system/multi-user.target.wants",
    ],
)
def test_what_a_target_wants_is_in_use(root: Path, folder: str) -> None:
    link(root, f"{folder}/{NETWORKD}", f"/elsewhere/{NETWORKD}")
    assert read(root).in_use == {Manager.NETWORKD}
    link(root, f"etc/systemd/system/{NETWORKD}", "/dev/null")
    assert read(root).in_use == frozenset()


def test_what_runs_is_in_use(root: Path) -> None:
    write(root, "run/dhcpcd/pid", "1")
    write(root, "run/NetworkManager/NetworkManager.pid", "2")
    write(root, "run/systemd/netif/state", "OPER_STATE=routable")
    expected = {Manager.DHCPCD, Manager.NETWORK_MANAGER, Manager.NETWORKD}
    assert read(root).in_use == expected


# --- devices ------------------------------------------------------------------------------------


def test_hardware(root: Path) -> None:
    device(root)
    link(root, "sys/class/net/hme0/device", "../../../devices/virtio0")
    link(root, "sys/devices/virtio0/driver", "../../bus/virtio/drivers/virtio_net")
    assert read(root, "hme0").devices["hme0"] == Device(
        "hme0",
        hardware_address="02:00:00:00:00:01",
        permanent_address="02:00:00:00:00:aa",
        driver="virtio_net",
        type="ether",
        kind="",
    )


def test_what_udev_knows(root: Path) -> None:
    device(root)
    lines = "I:123\nE:ID_NET_DRIVER=veth\nE:ID_PATH=x=y\nG:systemd\nE:RCMD_MANAGED=1\n"
    write(root, "run/udev/data/n7", lines)
    known = read(root, "hme0").devices["hme0"]
    assert known.properties == {"ID_NET_DRIVER": "veth", "ID_PATH": "x=y", "RCMD_MANAGED": "1"}
    assert (known.driver, known.is_marked) == ("veth", True)
    # A virtual device; of which kind is not to be seen in /sys.
    assert known.kind is None


def test_udev_is_believed_before_the_files(root: Path) -> None:
    device(root)
    write(root, "etc/hostname.hme0")
    write(root, "etc/udev/rules.d/81-rcmd.rules", "# ours\n")
    assert read(root, "hme0").devices["hme0"].is_marked
    write(root, "run/udev/data/n7", "E:ID_PATH=x\n")
    assert not read(root, "hme0").devices["hme0"].is_marked


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"uevent": "DEVTYPE=vlan\nINTERFACE=hme0"}, ("vlan", "vlan")),
        ({"uevent": "DEVTYPE=wlan"}, ("wlan", None)),
        ({"type": "32"}, ("infiniband", None)),
        ({"type": "65534"}, (None, None)),
        ({"type": "what"}, (None, None)),
    ],
)
def test_type_and_kind(
    root: Path, files: dict[str, str], expected: tuple[str | None, str | None]
) -> None:
    device(root, **files)
    known = read(root, "hme0").devices["hme0"]
    assert (known.type, known.kind) == expected
