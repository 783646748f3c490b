"""From which address a device asks by ARP, under a pretended /proc/sys."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from rcmd.system.arp_sender import ArpSenders

HME0, HME1 = (4, "hme0"), (5, "hme1")


@pytest.fixture
def proc_sys(tmp_path: Path) -> Path:
    for _, name in (HME0, HME1):
        directory = tmp_path / "net/ipv4/conf" / name
        directory.mkdir(parents=True)
        (directory / "arp_announce").write_text("2\n")
    return tmp_path


def announcing(root: Path, name: str) -> str:
    return (root / "net/ipv4/conf" / name / "arp_announce").read_text().strip()


def test_a_bare_device_asks_from_the_address_of_the_packet(proc_sys: Path) -> None:
    senders = ArpSenders(proc_sys)
    senders.follow({HME0: False, HME1: True})
    assert (announcing(proc_sys, "hme0"), announcing(proc_sys, "hme1")) == ("2", "0")
    senders.follow({HME0: True, HME1: False})
    assert (announcing(proc_sys, "hme0"), announcing(proc_sys, "hme1")) == ("0", "2")


def test_only_changes_are_written(proc_sys: Path) -> None:
    senders = ArpSenders(proc_sys)
    senders.follow({HME0: True})
    (proc_sys / "net/ipv4/conf/hme0/arp_announce").write_text("1\n")
    senders.follow({HME0: True})
    assert announcing(proc_sys, "hme0") == "1"


def test_a_device_that_comes_anew_was_plumbed_anew(proc_sys: Path) -> None:
    senders = ArpSenders(proc_sys)
    senders.follow({HME0: True})
    senders.follow({})
    (proc_sys / "net/ipv4/conf/hme0/arp_announce").write_text("2\n")
    senders.follow({HME0: True})
    assert announcing(proc_sys, "hme0") == "0"


def test_what_cannot_be_written_is_told(proc_sys: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        ArpSenders(proc_sys).follow({(9, "gone0"): True})
    assert "net/ipv4/conf/gone0/arp_announce: no such device or sysctl" in caplog.text
