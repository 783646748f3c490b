"""Which .network file takes a device (systemd.network(5))."""

import pytest

from rcmd.configuration.conflicts import Device, NetworkFile, SourceText
from rcmd.configuration.conflicts.networkd import networkd_claim, read_network

HME0 = Device(
    "hme0",
    hardware_address="02:00:00:00:00:01",
    permanent_address="02:00:00:00:00:aa",
    driver="virtio_net",
    type="ether",
    kind="",
    properties={"ID_PATH": "pci-0000:03:00.0", "ID_NET_NAME_PATH": "enp3s0"},
)
OURS = "[Match]\nProperty=RCMD_MANAGED=1\n[Link]\nUnmanaged=yes\n"
UNMANAGED = "[Link]\nUnmanaged=yes\n"


def network(name: str, text: str | None, *drop_ins: str | None) -> NetworkFile:
    path = f"/etc/systemd/network/{name}.network"
    more = (SourceText(f"{path}.d/{i}.conf", it) for i, it in enumerate(drop_ins))
    return NetworkFile(SourceText(path, text), tuple(more))


def claim(*files: NetworkFile, device: Device = HME0):
    return networkd_claim(device, [read_network(file) for file in files])


def takes(match: str, device: Device = HME0) -> bool:
    return claim(network("10-lan", f"[Match]\n{match}\n"), device=device) is not None


@pytest.mark.parametrize(
    "match",
    [
        "Name=hme0",
        "Name=lo hme*",
        "Name=hme[0-3]",
        "Name=!lo eth*",
        "Name=hme* !hme1",
        "Name=lo\nName=hme0",
        "Name=lo\nName=\nName=hme0",
        "Name=hme0\nHost=\n",
        "MACAddress=0:1 02:00:00:00:00:01",
        "MACAddress=0200.0000.0001",
        "MACAddress=02-00-00-00-00-01",
        "PermanentMACAddress=02:00:00:00:00:AA",
        "Driver=e1000 virtio*",
        "Type=ether",
        "Type=!wlan",
        "Kind=!veth",
        "Path=pci-0000:03:*",
        "Property=ID_PATH=pci-0000:03:00.0",
        "Property=!ID_PATH=pci-0000:04:00.0",
        "Type=ether\nName=hme0\nDriver=virtio_net",
        "# Name=lo\n; Name=lo\nName=lo \\\n# in between\n hme0",
    ],
)
def test_what_matches(match):
    assert takes(match)


@pytest.mark.parametrize(
    "match",
    [
        "Name=hme1",
        "Name=HME0",
        "Name=!hme0 hme1",
        "Name=!hme*",
        "Name=hme*\nName=!hme0",
        "Name=hme0\nName=\nName=lo",
        "MACAddress=02:00:00:00:00:aa",
        "PermanentMACAddress=02:00:00:00:00:01",
        "Driver=!virtio_net",
        "Type=wlan",
        "Kind=veth",
        "Kind=*?",
        "Path=usb-*",
        "Property=ID_PATH=usb",
        "Property=RCMD_MANAGED=1",
        "Name=hme0\nType=wlan",
        "# Name=hme0",
    ],
)
def test_what_does_not_match(match):
    assert not takes(match)


@pytest.mark.parametrize(
    "match",
    [
        "",
        "Host=there\nName=hme0",
        "Virtualization=!vm\nName=hme0",
        "FutureKey=1\nName=hme0",
        "Name=hme\\0",
        "Name=hme[[:digit:]]",
        'Property="A=b c"',
        "SSID=cafe",
    ],
)
def test_what_cannot_be_judged_is_not_named(match):
    assert not takes(match)


@pytest.mark.parametrize("match", ["Type=ether", "Driver=*", "MACAddress=0:1", "Path=*", "Kind=!a"])
def test_nothing_is_certain_of_a_device_that_is_not_there(match):
    assert not takes(match, Device("hme0"))
    assert takes("Name=hme0", Device("hme0"))


def test_an_alternative_name_is_a_doubt():
    assert not takes("Name=enp3s0")
    behind = network("20-all", "[Match]\nName=hme0\n")
    assert claim(network("10-pci", f"[Match]\nName=enp3s0\n{UNMANAGED}"), behind) is None
    assert claim(network("10-pci", f"[Match]\nName=enp4s0\n{UNMANAGED}"), behind) is not None


def test_the_first_file_that_matches_decides():
    first, second = network("10-a", "[Match]\nName=hme*\n"), network("20-b", "[Match]\nName=*\n")
    found = claim(first, second)
    assert (found.file, found.line) == ("/etc/systemd/network/10-a.network", 2)
    kept_off = network("05-off", f"[Match]\nName=hme0\n{UNMANAGED}")
    assert claim(kept_off, first, second) is None
    assert claim(first, kept_off, second) is not None
    others = network("05-off", f"[Match]\nName=eth0\n{UNMANAGED}")
    assert claim(others, first).file == found.file


@pytest.mark.parametrize(
    ("said", "is_claimed"),
    [("yes", False), ("on", False), ("no", True), ("perhaps", True), ("yes\nUnmanaged=no", True)],
)
def test_unmanaged_is_a_boolean(said, is_claimed):
    file = network("10-a", f"[Match]\nName=hme0\n[Link]\nUnmanaged={said}\n")
    assert (claim(file) is not None) is is_claimed


def test_unmanaged_counts_in_its_section_only():
    file = network("10-a", "[Match]\nName=hme0\n[Network]\nUnmanaged=yes\n")
    assert claim(file) is not None


def test_drop_ins_come_after_the_file():
    text = "[Match]\nName=hme0\n"
    assert claim(network("10-a", text, UNMANAGED)) is None
    assert claim(network("10-a", text, UNMANAGED, "[Link]\nUnmanaged=no\n")) is not None
    assert claim(network("10-a", text, "[Match]\nName=\nName=lo\n")) is None
    assert claim(network("10-a", text, None)) is None


def test_a_doubtful_file_that_might_keep_off_ends_certainty():
    all_of_them = network("20-all", "[Match]\nName=*\n")
    doubt = "[Match]\nHost=here\nName=hme0\n"
    assert claim(network("10-a", doubt + UNMANAGED), all_of_them) is None
    assert claim(network("10-a", None), all_of_them) is None
    # Whether it matches or not, systemd-networkd takes the device.
    assert claim(network("10-a", doubt), all_of_them).file.endswith("20-all.network")


def test_the_line_is_where_the_name_is_or_the_match():
    named = claim(network("10-a", "\n[Match]\nType=ether\nName=hme0\n"))
    assert named.line == 4
    assert claim(network("10-a", "# a\n[Match]\nType=ether\nDriver=*\n")).line == 3


# --- what to do about it ------------------------------------------------------------------------


def test_without_our_file_it_is_to_be_installed():
    text = "/etc/systemd/network/10-a.network:2: warning: systemd-networkd claims hme0: install "
    assert str(claim(network("10-a", "[Match]\nName=*\n"))).startswith(
        text + "/etc/systemd/network/05"
    )


def test_our_file_keeps_off_what_is_marked():
    files = (network("05-rcmd", OURS), network("10-a", "[Match]\nName=*\n"))
    assert claim(*files, device=Device("hme0", is_marked=True)) is None
    unmarked = claim(*files)
    assert "81-rcmd.rules" in unmarked.advice
    assert "udevadm trigger" in unmarked.advice


def test_a_file_before_ours_is_to_come_after_it():
    files = (network("01-a", "[Match]\nName=*\n"), network("05-rcmd", OURS))
    assert "come after 05-rcmd.network" in claim(*files, device=Device("h", is_marked=True)).advice


def test_what_netplan_made_is_changed_in_netplan():
    found = claim(network("10-netplan-hme0", "[Match]\nName=hme0\n"))
    assert found.advice == "netplan made this file: take hme0 out of /etc/netplan"
