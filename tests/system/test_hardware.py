import time
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_sysfs import BRIDGE, STORAGE, FakeSysfs

from rcmd.kernel.sysfs import identity_of
from rcmd.platform.hardware.reading import survey
from rcmd.ports.hardware import Hardware, PciFunction, Slot, UsbDevice


def look(sysfs: FakeSysfs) -> Hardware:
    return survey(sysfs.root)


def bus_path(sysfs: FakeSysfs, name: str) -> str:
    return identity_of(name, sysfs.root, read_permanent_address=lambda _: "").bus_path


def test_nothing_at_all_is_no_error(tmp_path: Path) -> None:
    assert survey(tmp_path) == Hardware()


def test_functions_of_a_card(sysfs: FakeSysfs) -> None:
    sysfs.function("0000:03:00.1", "igb", "eth1")
    sysfs.function("0000:03:00.0", "igb", "eth0")
    sysfs.function("0000:00:02.0", "nvme", class_code=STORAGE)
    assert list(look(sysfs).functions.values()) == [
        PciFunction("0000:00:02.0", "nvme", STORAGE),
        PciFunction("0000:03:00.0", "igb", 0x020000, ("eth0",)),
        PciFunction("0000:03:00.1", "igb", 0x020000, ("eth1",)),
    ]


def test_a_virtio_nic_is_below_what_the_function_carries(sysfs: FakeSysfs) -> None:
    sysfs.function("0000:00:03.0", "virtio-pci", "eth0", carrier="virtio0")
    found = look(sysfs).functions["0000:00:03.0"]
    assert found.interfaces == ("eth0",)
    assert bus_path(sysfs, "eth0") == f"pci:{found.address}"


def test_bridges_above_a_function(sysfs: FakeSysfs) -> None:
    sysfs.function("0000:00:1c.0", "pcieport", class_code=BRIDGE)
    sysfs.function("0000:05:00.0", "pcieport", class_code=BRIDGE, behind="0000:00:1c.0")
    sysfs.function("0000:06:00.0", "igb", "eth0", behind="0000:05:00.0")
    found = look(sysfs).functions
    assert found["0000:06:00.0"].bridges == ("0000:00:1c.0", "0000:05:00.0")
    assert found["0000:00:1c.0"].interfaces == ()
    assert Slot("1", "0000:05:00").holds(found["0000:06:00.0"])
    assert not Slot("1", "0000:06:01").holds(found["0000:06:00.0"])
    assert bus_path(sysfs, "eth0") == "pci:0000:06:00.0"


def test_virtual_functions_name_their_physical_one(sysfs: FakeSysfs) -> None:
    sysfs.function("0000:03:00.0", "ixgbe", "eth0")
    sysfs.virtual_function("0000:03:10.0", "0000:03:00.0", "ixgbevf", "eth0v0")
    sysfs.virtual_function("0000:03:10.2", "0000:03:00.0", "vfio-pci")
    found = look(sysfs).functions
    assert {it.address: it.physical for it in found.values()} == {
        "0000:03:00.0": "",
        "0000:03:10.0": "0000:03:00.0",
        "0000:03:10.2": "0000:03:00.0",
    }
    assert found["0000:03:10.2"].driver == "vfio-pci"
    assert Slot("1", "0000:03:00").holds(found["0000:03:10.2"])


def test_a_physical_function_tells_how_many_virtual_ones_it_made(sysfs: FakeSysfs) -> None:
    sysfs.function("0000:03:00.0", "ixgbe", "eth0")
    sysfs.function("0000:03:00.1", "ixgbe", "eth1")
    sysfs.virtual_function("0000:03:10.0", "0000:03:00.0", "ixgbevf")
    sysfs.virtual_function("0000:03:10.2", "0000:03:00.0", "")
    (sysfs.pci / "devices/0000:03:00.1/sriov_numvfs").write_text("0\n")
    counts = [it.virtual_functions for it in look(sysfs).functions.values()]
    assert counts == [2, 0, 0, 0]


def test_slots_with_and_without_power(sysfs: FakeSysfs) -> None:
    sysfs.slot("1", "0000:03:00", power="1")
    sysfs.slot("2", "0000:04:00", power="0")
    sysfs.slot("8-1", "0000:05")
    assert look(sysfs).slots == {
        "1": Slot("1", "0000:03:00", is_powered=True),
        "2": Slot("2", "0000:04:00", is_powered=False),
        "8-1": Slot("8-1", "0000:05"),
    }


def test_a_slot_that_is_a_whole_bus_holds_every_device_of_it() -> None:
    slot = Slot("8-1", "0000:05")
    assert slot.holds(PciFunction("0000:05:01.0"))
    assert not slot.holds(PciFunction("0000:06:01.0"))


def test_usb_devices_with_a_nic(sysfs: FakeSysfs) -> None:
    sysfs.usb("1-2", "cdc_ether", "usb0")
    sysfs.usb("1-3", "usbhid")
    sysfs.usb("1-1.4", "r8152", "eth7")
    assert look(sysfs).usb == {
        "1-1.4": UsbDevice("1-1.4", "r8152", ("eth7",)),
        "1-2": UsbDevice("1-2", "cdc_ether", ("usb0",)),
    }
    assert bus_path(sysfs, "usb0") == "usb:1-2"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda place: (place / "class").unlink(),
        lambda place: (place / "class").write_text(""),
        lambda place: (place / "class").rename(place / "net.class"),
    ],
)
def test_what_vanishes_meanwhile_is_left_out(
    sysfs: FakeSysfs, spoil: Callable[[Path], None]
) -> None:
    spoil(sysfs.function("0000:03:00.0", "igb", "eth0"))
    sysfs.function("0000:03:00.1", "igb", "eth1")
    (sysfs.pci / "devices/0000:04:00.0").symlink_to("../../../devices/gone")
    (sysfs.pci / "slots/3").mkdir()
    assert list(look(sysfs).functions) == ["0000:03:00.1"]
    assert look(sysfs).slots == {}


def test_a_look_at_200_functions_takes_little_time(sysfs: FakeSysfs) -> None:
    for number in range(180):
        sysfs.function(f"0000:{number:02x}:00.0", "nvme", class_code=STORAGE)
    for number in range(20):
        sysfs.function(f"0001:{number:02x}:00.0", "igb", f"eth{number}")
    times = []
    for _ in range(5):
        start = time.perf_counter()
        assert len(look(sysfs).functions) == 200
        times.append(time.perf_counter() - start)
    assert min(times) < 0.1


def test_this_machine_can_be_looked_at() -> None:
    for address, function in survey().functions.items():
        assert function.address == address
        for name in function.interfaces:
            assert identity_of(name).bus_path == f"pci:{address}"
