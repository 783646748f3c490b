"""What brings hardware back of which only the name is left, and what counts as gone."""

from __future__ import annotations

import pytest
from fake_sysfs import BRIDGE, FakeSysfs

from rcmd.errors import InvalidArgument
from rcmd.platform.hardware.reading import survey
from rcmd.ports.hardware import AuthorizeUsb, Hardware, HardwareStep, PowerOn, ProbeDriver, Rescan
from rcmd.rcm.resources.hardware_steps import is_removed, restoring_steps_by_name


@pytest.fixture
def hardware(sysfs: FakeSysfs) -> Hardware:
    """Slots off, empty and full; a card behind a bridge; virtual functions with and without."""
    sysfs.slot("off", "0000:03:00", power="0")
    sysfs.slot("empty", "0000:04:00", power="1")
    sysfs.slot("fixed", "0000:05:00")
    sysfs.slot("bus", "0000:07")
    sysfs.function("0000:05:00.0", "pcieport", class_code=BRIDGE)
    sysfs.function("0000:06:00.0", "igb", "hme0", behind="0000:05:00.0")
    sysfs.virtual_function("0000:06:10.0", "0000:06:00.0", "igbvf", "hme1")
    sysfs.virtual_function("0000:06:10.2", "0000:06:00.0", "")
    sysfs.usb("1-2", "r8152", "hme2")
    return survey(sysfs.root)


@pytest.mark.parametrize(
    ("name", "steps", "is_gone"),
    [
        ("slot:off", (PowerOn("off"),), True),
        ("slot:empty", (Rescan("0000:04"),), True),
        ("slot:fixed", (Rescan("0000:05"),), False),
        ("slot:bus", (Rescan("0000:07"),), True),
        ("slot:unknown", (), True),
        ("pci:0000:06:00", (Rescan("0000:06"),), False),
        ("pci:06:00.0", (Rescan("0000:06"),), False),
        ("pci:0000:06:00.1", (Rescan("0000:06"),), True),
        ("pci:0000:08:00", (Rescan("0000:08"),), True),
        ("pci:0000:06:10.0", (), False),
        ("pci:0000:06:10.2", (ProbeDriver("0000:06:10.2"),), True),
        ("pci:0000:06:10.4", (Rescan("0000:06"),), True),
        ("usb:1-2", (), False),
        ("usb:1-3", (AuthorizeUsb("1-3"),), True),
        ("hme0", (), False),
        ("hme7", (), False),
    ],
)
def test_by_name(
    hardware: Hardware, name: str, steps: tuple[HardwareStep, ...], is_gone: bool
) -> None:
    assert restoring_steps_by_name(name, hardware) == steps
    assert is_removed(name, hardware) is is_gone


def test_what_is_no_name(hardware: Hardware) -> None:
    for ask in (restoring_steps_by_name, is_removed):
        with pytest.raises(InvalidArgument):
            ask("pci:nonsense", hardware)
