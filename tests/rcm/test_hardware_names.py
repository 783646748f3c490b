"""Names that belong together, whether or not something is there."""

from __future__ import annotations

import pytest
from fake_sysfs import BRIDGE, FakeSysfs

from rcmd.platform.hardware.reading import survey
from rcmd.ports.hardware import Hardware
from rcmd.rcm.resources.names import lies_below, related_names

CARD = "pci:0000:05:00"


@pytest.fixture
def hardware(sysfs: FakeSysfs) -> Hardware:
    """An empty slot `1`; a slot `2` with a NIC behind a bridge, and a virtual function of it."""
    sysfs.slot("1", "0000:05:00", power="0")
    sysfs.slot("2", "0000:06:00", power="1")
    sysfs.slot("8", "0000:09")
    sysfs.function("0000:06:00.0", "pcieport", class_code=BRIDGE)
    sysfs.function("0000:07:00.0", "igb", "hme0", behind="0000:06:00.0")
    sysfs.virtual_function("0000:07:10.0", "0000:07:00.0", "")
    return survey(sysfs.root)


def test_a_function_that_is_gone_concerns_its_device_and_slot(hardware: Hardware) -> None:
    assert related_names("pci:05:00.1", hardware) == (f"{CARD}.1", CARD, "slot:1")


def test_a_device_or_slot_concerns_every_function_that_may_appear(hardware: Hardware) -> None:
    functions = {f"{CARD}.{number}" for number in range(8)}
    assert {*related_names(CARD, hardware)} == {CARD, "slot:1", *functions}
    assert {*related_names("slot:1", hardware)} == {CARD, "slot:1", *functions}
    whole_bus = related_names("slot:8", hardware)
    assert {"pci:0000:09:00", "pci:0000:09:1f.7"} < {*whole_bus}
    assert len(whole_bus) == len({*whole_bus}) == 1 + 32 * 9


def test_what_is_there_tells_more(hardware: Hardware) -> None:
    assert {"pci:0000:07:00", "pci:0000:07:00.0"} < {*related_names("slot:2", hardware)}
    assert "slot:2" in related_names("pci:0000:07:00.0", hardware)
    virtual = related_names("pci:0000:07:10.0", hardware)
    assert {"pci:0000:07:00.0", "pci:0000:07:00", "slot:2"} < {*virtual}


@pytest.mark.parametrize("name", ["usb:1-2", "hme0", "slot:unknown"])
def test_others_concern_themselves(hardware: Hardware, name: str) -> None:
    assert related_names(name, hardware) == (name,)


@pytest.mark.parametrize(
    ("bus_path", "name", "expected"),
    [
        (f"{CARD}.1", f"{CARD}.1", True),
        (f"{CARD}.1", CARD, True),
        (f"{CARD}.1", "slot:1", True),
        (f"{CARD}.1", f"{CARD}.0", False),
        (f"{CARD}.1", "slot:2", False),
        ("pci:0000:05:01.0", CARD, False),
        ("pci:0000:07:00.0", "slot:2", True),
        ("pci:0000:07:10.0", "slot:2", True),
        ("pci:0000:07:10.0", "pci:0000:07:00", True),
        ("pci:0000:07:10.0", "pci:0000:07:00.0", True),
        ("pci:0000:09:03.0", "slot:8", True),
        ("usb:1-2", "usb:1-2", True),
        ("usb:1-2.3", "usb:1-2", False),
        ("", "hme0", False),
        (f"{CARD}.1", "slot:unknown", False),
    ],
)
def test_what_lies_below(hardware: Hardware, bus_path: str, name: str, expected: bool) -> None:
    assert lies_below(bus_path, name, hardware) is expected
