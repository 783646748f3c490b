import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from rcmd.kernel.sysfs import identity_of, permanent_address, shows
from rcmd.model.network import Identity

MAC = "02:00:00:00:00:07"


class Tree:
    """A small /sys."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "class/net").mkdir(parents=True)

    def device(self, path: str, subsystem: str, driver: str = "") -> Path:
        """A device below /sys/devices, on its bus, bound to its driver."""
        place = self.root / "devices" / path
        place.mkdir(parents=True, exist_ok=True)
        (self.root / "bus" / subsystem).mkdir(parents=True, exist_ok=True)
        (place / "subsystem").symlink_to(self.root / "bus" / subsystem)
        if driver:
            (self.root / "bus" / subsystem / "drivers" / driver).mkdir(parents=True, exist_ok=True)
            (place / "driver").symlink_to(self.root / "bus" / subsystem / "drivers" / driver)
        return place

    def interface(self, name: str, parent: Path | None) -> Path:
        """A network device; without a parent it is a virtual one."""
        place = (parent or self.root / "devices/virtual") / "net" / name
        place.mkdir(parents=True)
        (self.root / "class/net" / name).symlink_to(place)
        if parent is not None:
            (place / "device").symlink_to(parent)
        return place

    def identity(self, name: str) -> Identity:
        return identity_of(name, self.root, read_permanent_address=lambda _: MAC)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def test_a_pci_nic_is_its_function(tree: Tree) -> None:
    tree.device("pci0000:00/0000:00:1c.0", "pci", "pcieport")
    tree.interface("eth0", tree.device("pci0000:00/0000:00:1c.0/0000:03:00.1", "pci", "igb"))
    assert tree.identity("eth0") == Identity("eth0", MAC, "pci:0000:03:00.1", "igb")


def test_a_virtio_nic_is_the_function_that_carries_it(tree: Tree) -> None:
    tree.device("pci0000:00/0000:00:03.0", "pci", "virtio-pci")
    virtio = tree.device("pci0000:00/0000:00:03.0/virtio0", "virtio", "virtio_net")
    tree.interface("eth0", virtio)
    assert tree.identity("eth0") == Identity("eth0", MAC, "pci:0000:00:03.0", "virtio_net")


def test_a_usb_nic_is_the_device_not_its_controller(tree: Tree) -> None:
    controller = "pci0000:00/0000:00:14.0"
    tree.device(controller, "pci", "xhci_hcd")
    tree.device(f"{controller}/usb1", "usb", "usb")
    tree.device(f"{controller}/usb1/1-2", "usb", "usb")
    tree.interface("usb0", tree.device(f"{controller}/usb1/1-2/1-2:1.0", "usb", "cdc_ether"))
    assert tree.identity("usb0") == Identity("usb0", MAC, "usb:1-2", "cdc_ether")


def test_a_virtio_nic_without_pci_has_no_bus_path(tree: Tree) -> None:
    virtio = tree.device("platform/d0000000.virtio_mmio/virtio1", "virtio", "virtio_net")
    tree.interface("eth0", virtio)
    assert tree.identity("eth0") == Identity("eth0", MAC, "", "virtio_net")


def test_a_virtual_device_has_a_name_only(tree: Tree) -> None:
    tree.interface("veth0", None)
    assert tree.identity("veth0") == Identity("veth0", MAC)


def test_a_device_without_driver_or_at_all_leaves_it_empty(tree: Tree) -> None:
    tree.interface("eth0", tree.device("pci0000:00/0000:00:03.0", "pci"))
    assert tree.identity("eth0").driver == ""
    assert tree.identity("eth7") == Identity("eth7", MAC)


@pytest.mark.parametrize("name", ["lo", "no-such-device", "", "longer-than-any-name"])
def test_no_permanent_address_is_an_empty_one(name: str) -> None:
    assert permanent_address(name) == ""


@pytest.mark.lab
def test_on_a_real_tree(in_namespaces: Callable[[Callable[[], None]], None]) -> None:
    def scenario() -> None:
        for arguments in ("link add br0 type bridge", "link add port0 master br0 type veth"):
            subprocess.run(["ip", *arguments.split()], check=True)
        assert identity_of("port0") == Identity("port0")

    in_namespaces(scenario)


def test_a_device_of_another_namespace_is_not_shown(tmp_path: Path) -> None:
    device = tmp_path / "class/net/eth0"
    device.mkdir(parents=True)
    (device / "ifindex").write_text("4\n")
    assert shows("eth0", 4, tmp_path)
    assert not shows("eth0", 5, tmp_path)
    assert not shows("eth1", 4, tmp_path)
