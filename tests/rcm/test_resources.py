"""What hangs on what, and how it is named."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_interface, ip_network

import pytest
from fake_sysfs import BRIDGE, STORAGE, FakeSysfs
from ipmp.scenes import NUMBERS, config, scene

from rcmd.errors import InvalidArgument, NoSuchResource
from rcmd.ipmp.engine import Engine
from rcmd.ipmp.state.member import Intent
from rcmd.kernel.sysfs import identity_of
from rcmd.model.network import KernelAddress, Link, Route
from rcmd.platform.hardware.reading import survey
from rcmd.ports.hardware import (
    AuthorizeUsb,
    Hardware,
    HardwareStep,
    PowerOff,
    PowerOn,
    ProbeDriver,
    RemoveFunction,
    RemoveUsb,
    Rescan,
    SetVirtualFunctions,
    UnbindDriver,
)
from rcmd.ports.resource import Resource, ResourceKind
from rcmd.rcm.resources import tree as resources
from rcmd.rcm.resources.tree import find, removal_steps, restoring_steps, stacked_on, tree

NOWHERE = Hardware()


def engine_with(**held: list[str]) -> Engine:
    """A running group `test` with these interfaces and addresses."""
    engine = Engine()
    engine.scene = scene(dict(held), *(config(name, *held[name]) for name in held))
    return engine


def link(engine: Engine, name: str, ifindex: int, **what: object) -> Link:
    made = Link(ifindex, name, is_up=True, has_carrier=True, **what)  # type: ignore[arg-type]
    engine.scene.view.links[ifindex] = made
    return made


def port_of(engine: Engine, name: str, master: int) -> None:
    number = NUMBERS[name]
    engine.scene.view.links[number] = replace(engine.scene.view.links[number], master=master)


def draw(roots: tuple[Resource, ...], depth: int = 0) -> list[str]:
    """The names, each indented by where it hangs."""
    return [
        line
        for root in roots
        for line in (f"{'  ' * depth}{root.name}", *draw(root.children, depth + 1))
    ]


def note_of(roots: tuple[Resource, ...], name: str) -> str:
    return find(roots, name).note


# --- the tree -----------------------------------------------------------------------------------


def test_a_card_in_a_slot_with_everything_on_it(sysfs: FakeSysfs) -> None:
    sysfs.slot("1", "0000:03:00", power="1")
    sysfs.function("0000:03:00.0", "igb", "hme0")
    sysfs.function("0000:03:00.1", "igb", "hme1")
    sysfs.virtual_function("0000:03:10.0", "0000:03:00.0", "igbvf", "hme2")
    engine = engine_with(hme0=["10.0.0.1/24"], hme1=["10.0.0.2/24"], hme2=[])
    link(engine, "hme0.7", 17, lower=4, kind="vlan")
    engine.scene.view.add_address(KernelAddress(17, ip_interface("10.7.0.1/24")))
    engine.scene.view.add(Route(4, ip_network("10.9.0.0/16")))
    engine.scene.view.add(Route(4, ip_network("10.0.0.0/24"), protocol=2))
    roots = tree(survey(sysfs.root), engine)
    assert draw(roots) == [
        "slot:1",
        "  pci:0000:03:00",
        "    pci:0000:03:00.0",
        "      hme0",
        "        hme0.7",
        "          ip:10.7.0.1",
        "        ip:10.0.0.1",
        "        10.9.0.0/16",
        "      pci:0000:03:10.0",
        "        hme2",
        "    pci:0000:03:00.1",
        "      hme1",
        "        ip:10.0.0.2",
    ]
    assert [it.kind for it in roots[0].walk()][:6] == [
        ResourceKind.SLOT,
        ResourceKind.DEVICE,
        ResourceKind.FUNCTION,
        ResourceKind.INTERFACE,
        ResourceKind.STACKED,
        ResourceKind.ADDRESS,
    ]
    assert find(roots, "slot:1").interfaces() == ("hme0", "hme2", "hme1")
    assert find(roots, "pci:0000:03:00.1").interfaces() == ("hme1",)


def test_what_shares_the_slot_with_a_nic_is_there_and_nothing_else(sysfs: FakeSysfs) -> None:
    sysfs.slot("1", "0000:03:00", power="1")
    sysfs.slot("2", "0000:04:00", power="1")
    sysfs.function("0000:00:1c.0", "pcieport", class_code=BRIDGE)
    sysfs.function("0000:03:00.0", "pcieport", class_code=BRIDGE, behind="0000:00:1c.0")
    sysfs.function("0000:05:00.0", "igb", "hme0", behind="0000:03:00.0")
    sysfs.function("0000:05:01.0", "nvme", class_code=STORAGE, behind="0000:03:00.0")
    sysfs.function("0000:04:00.0", "nvme", class_code=STORAGE)
    sysfs.function("0000:00:03.0", "virtio-pci", "hme1", carrier="virtio1")
    sysfs.function("0000:00:03.1", "ahci", class_code=STORAGE)
    roots = tree(survey(sysfs.root), engine_with(hme0=[], hme1=[]))
    assert draw(roots) == [
        "slot:1",
        "  pci:0000:05:00",
        "    pci:0000:05:00.0",
        "      hme0",
        "  pci:0000:05:01",
        "    pci:0000:05:01.0",
        "pci:0000:00:03",
        "  pci:0000:00:03.0",
        "    hme1",
        "  pci:0000:00:03.1",
    ]
    assert note_of(roots, "pci:0000:05:01.0") == "storage controller, driver nvme"
    assert note_of(roots, "slot:1") == "powered on"


def test_an_empty_slot_is_a_resource(sysfs: FakeSysfs) -> None:
    sysfs.slot("1", "0000:03:00", power="0")
    sysfs.slot("2", "0000:04:00")
    roots = tree(survey(sysfs.root), engine_with())
    assert find(roots, "slot:1") == Resource("slot:1", ResourceKind.SLOT, "empty, powered off")
    assert note_of(roots, "slot:2") == "empty, its power cannot be switched"


def test_usb_and_what_has_no_hardware(sysfs: FakeSysfs) -> None:
    sysfs.usb("1-2", "r8152", "hme0")
    engine = engine_with(hme0=["10.0.0.1/24"], hme1=["10.0.0.2/24"])
    del engine.scene.view.links[NUMBERS["hme1"]]
    engine.scene.members["hme1"].ifindex = 0
    link(engine, "dummy0", 20, kind="dummy")
    roots = tree(survey(sysfs.root), engine)
    assert draw(roots) == ["usb:1-2", "  hme0", "    ip:10.0.0.1", "dummy0", "hme1"]
    assert note_of(roots, "usb:1-2") == "USB device, driver r8152"
    assert note_of(roots, "hme1") == "hme1: there is no such device"
    assert note_of(roots, "dummy0") == "dummy0 hosts no IP addresses"


def test_a_router_shows_some_of_its_routes() -> None:
    engine = engine_with(hme0=[])
    for number in range(40):
        engine.scene.view.add(Route(4, ip_network(f"10.{number}.0.0/16")))
    children = find(tree(NOWHERE, engine), "hme0").children
    assert len(children) == 17
    assert children[-1].name == "24 more routes"


def test_no_route_is_put_into_words_that_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = engine_with(hme0=[])
    for number in range(40):
        engine.scene.view.add(Route(4, ip_network(f"10.{number}.0.0/16")))
    worded: list[Route] = []
    monkeypatch.setattr(resources, "describe_route", lambda it: worded.append(it) or "a route")
    tree(NOWHERE, engine)
    assert len(worded) == 16


# --- notes --------------------------------------------------------------------------------------


def test_usage_of_an_interface() -> None:
    # behaviour 127: the usage texts of solaris.md 5.2
    engine = engine_with(hme0=["10.0.0.1/24", "10.0.0.2/24"], hme1=[], hme2=[])
    engine.scene.view.add_address(KernelAddress(5, ip_interface("fe80::1/64")))
    engine.scene.members["hme2"].config = replace(engine.scene.members["hme2"].config, group="")
    notes = {it.name: it.note for it in tree(NOWHERE, engine)}
    connectivity = "providing connectivity for IPMP group test"
    assert notes == {
        "hme0": f"hme0 hosts IP addresses: 10.0.0.1, 10.0.0.2; {connectivity}",
        "hme1": f"hme1: {connectivity}",
        "hme2": "hme2 hosts no IP addresses",
    }


@pytest.mark.parametrize("intent", [Intent.OFFLINE, Intent.DETACHED])
def test_usage_of_an_interface_that_was_given_up(intent: Intent) -> None:
    # behaviour 127
    engine = engine_with(hme0=["10.0.0.1/24"])
    engine.scene.members["hme0"].intent = intent
    assert note_of(tree(NOWHERE, engine), "hme0") == "hme0 offlined"


def test_usage_of_an_interface_that_is_down() -> None:
    # behaviour 127
    engine = engine_with(hme0=["10.0.0.1/24"])
    engine.scene.view.links[4] = Link(4, "hme0")
    engine.scene.view.links[9] = Link(9, "eth9")
    roots = tree(NOWHERE, engine)
    assert note_of(roots, "hme0") == "hme0 plumbed but down"
    assert note_of(roots, "eth9") == "eth9 is down"


def test_a_function_says_where_its_interface_is(sysfs: FakeSysfs) -> None:
    sysfs.function("0000:03:00.0", "igb")
    sysfs.function("0000:03:00.1", "vfio-pci")
    sysfs.function("0000:03:00.2", "")
    sysfs.function("0000:03:00.3", "igb", "hme0")
    roots = tree(survey(sysfs.root), engine_with(hme0=[]))
    absent = "its interface is not in this network namespace"
    assert [it.note for it in roots[0].children] == [
        f"network controller, driver igb; {absent}: it was moved away",
        f"network controller, driver vfio-pci; {absent}: vfio-pci uses it",
        "network controller, no driver",
        "network controller, driver igb",
    ]


# --- what is stacked ----------------------------------------------------------------------------


def test_ports_and_what_is_on_top() -> None:
    engine = engine_with(hme0=[], hme1=[])
    for name in ("hme0", "hme1"):
        port_of(engine, name, 30)
    link(engine, "bond0", 30, kind="bond")
    link(engine, "bond0.7", 31, lower=30, kind="vlan")
    roots = tree(NOWHERE, engine)
    assert draw(roots) == ["hme0", "  bond0", "    bond0.7", "hme1", "  bond0", "    bond0.7"]
    note = "bond, of which it is a port; bond0 hosts no IP addresses"
    assert roots[0].children[0].note == note
    assert find(roots, "hme0").interfaces() == ("hme0",)
    assert [str(it) for it in stacked_on(engine, "hme0")] == ["bond0 (bond, of which it is a port)"]


def test_what_is_stacked_is_an_interface_when_asked_for_itself() -> None:
    engine = engine_with(hme0=[])
    link(engine, "hme0.7", 17, lower=4, kind="vlan")
    link(engine, "hme0.7.8", 18, lower=17, kind="vlan")
    found = find(tree(NOWHERE, engine), "hme0.7")
    assert found.kind is ResourceKind.INTERFACE
    assert found.interfaces() == ("hme0.7",)
    assert draw((found,)) == ["hme0.7", "  hme0.7.8"]


def test_circles_end() -> None:
    engine = engine_with(hme0=[])
    link(engine, "veth0", 20, lower=21, kind="veth")
    link(engine, "veth1", 21, lower=20, kind="veth")
    link(engine, "odd0", 22, lower=22, kind="macvlan")
    port_of(engine, "hme0", 20)
    roots = tree(NOWHERE, engine)
    assert draw(roots) == ["hme0", "  veth0", "    veth1", "odd0"]


def test_a_circle_that_hangs_on_nothing_is_shown_too() -> None:
    engine = engine_with()
    link(engine, "veth0", 20, lower=21, kind="veth")
    link(engine, "veth1", 21, lower=20, kind="veth")
    assert draw(tree(NOWHERE, engine)) == ["veth0", "  veth1"]


# --- names --------------------------------------------------------------------------------------


@pytest.fixture
def named(sysfs: FakeSysfs) -> tuple[Resource, ...]:
    sysfs.slot("1", "0000:03:0a", power="1")
    sysfs.function("0000:03:0a.0", "igb", "hme0")
    sysfs.function("0000:00:01.0", "nvme", class_code=STORAGE)
    sysfs.usb("1-2", "r8152", "hme1")
    return tree(survey(sysfs.root), engine_with(hme0=["10.0.0.1/24"], hme1=[]))


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("slot:1", "slot:1"),
        ("pci:0000:03:0a", "pci:0000:03:0a"),
        ("pci:0000:03:0A.0", "pci:0000:03:0a.0"),
        ("pci:03:0a.0", "pci:0000:03:0a.0"),
        ("pci:03:0A", "pci:0000:03:0a"),
        ("usb:1-2", "usb:1-2"),
        ("hme0", "hme0"),
    ],
)
def test_names_that_people_use(named: tuple[Resource, ...], word: str, name: str) -> None:
    assert find(named, word).name == name


@pytest.mark.parametrize(
    "word",
    [
        "",
        " hme0",
        "hme 0",
        "a/b",
        "hme0\n",
        "pci:",
        "pci:0000:03:00.8",
        "pci:0000:03:2f",
        "pci:3:0",
        "pci:0000:03:00.0.0",
        "pci:../03:00.0",
        "slot:",
        "slot:../1",
        "usb:",
        "usb:1",
        "interface:hme0",
        "hme0:1",
        "ip:10.0.0.1",
    ],
)
def test_what_is_no_name(named: tuple[Resource, ...], word: str) -> None:
    with pytest.raises(InvalidArgument):
        find(named, word)


@pytest.mark.parametrize(
    "word", ["nope0", "slot:2", "pci:0000:04:00", "pci:0000:00:01.0", "usb:1-3", "10.0.0.0"]
)
def test_what_is_not_there(named: tuple[Resource, ...], word: str) -> None:
    with pytest.raises(NoSuchResource, match="no such resource"):
        find(named, word)


def test_a_route_is_not_to_be_asked_for() -> None:
    engine = engine_with(hme0=[])
    engine.scene.view.add(Route(4, ip_network("0.0.0.0/0")))
    roots = tree(NOWHERE, engine)
    assert draw(roots) == ["hme0", "  default"]
    with pytest.raises(NoSuchResource):
        find(roots, "default")


def test_an_interface_lies_where_its_identity_says(sysfs: FakeSysfs) -> None:
    sysfs.function("0000:03:00.0", "igb", "hme0")
    sysfs.function("0000:00:03.0", "virtio-pci", "hme1", carrier="virtio0")
    sysfs.usb("1-1.2", "r8152", "hme2")
    roots = tree(survey(sysfs.root), engine_with(hme0=[], hme1=[], hme2=[]))
    for name in ("hme0", "hme1", "hme2"):
        path = identity_of(name, sysfs.root, read_permanent_address=lambda _: "").bus_path
        assert name in find(roots, path).interfaces()


# --- steps --------------------------------------------------------------------------------------


def steps(sysfs: FakeSysfs, name: str) -> tuple[tuple[HardwareStep, ...], tuple[HardwareStep, ...]]:
    hardware = survey(sysfs.root)
    resource = find(tree(hardware, engine_with(hme0=["10.0.0.1/24"])), name)
    return removal_steps(resource, hardware), restoring_steps(resource, hardware)


def test_an_interface_needs_no_steps(sysfs: FakeSysfs) -> None:
    sysfs.function("0000:03:00.0", "igb", "hme0")
    assert steps(sysfs, "hme0") == ((), ())


def test_functions_go_highest_first_and_virtual_ones_with_theirs(sysfs: FakeSysfs) -> None:
    sysfs.function("0000:03:00.0", "igb", "hme0")
    sysfs.function("0000:03:00.1", "igb")
    sysfs.virtual_function("0000:03:00.2", "0000:03:00.0", "igbvf")
    sysfs.virtual_function("0000:03:10.0", "0000:03:00.1", "")
    both = (RemoveFunction("0000:03:00.1"), RemoveFunction("0000:03:00.0"))
    assert steps(sysfs, "pci:0000:03:00") == (
        both,
        (
            Rescan("0000:03"),
            SetVirtualFunctions("0000:03:00.0", 1),
            SetVirtualFunctions("0000:03:00.1", 1),
        ),
    )
    assert steps(sysfs, "pci:0000:03:00.1") == (
        both[:1],
        (Rescan("0000:03"), SetVirtualFunctions("0000:03:00.1", 1)),
    )
    virtual = "0000:03:00.2"
    assert steps(sysfs, f"pci:{virtual}") == ((UnbindDriver(virtual),), (ProbeDriver(virtual),))
    unbound = "0000:03:10.0"
    assert steps(sysfs, f"pci:{unbound}") == ((), (ProbeDriver(unbound),))


def test_a_slot_is_switched_off_where_that_is_possible(sysfs: FakeSysfs) -> None:
    sysfs.slot("1", "0000:03:00", power="1")
    sysfs.function("0000:03:00.0", "igb", "hme0")
    assert steps(sysfs, "slot:1") == ((PowerOff("1"),), (PowerOn("1"),))


def test_a_slot_without_a_switch_loses_what_is_in_it(sysfs: FakeSysfs) -> None:
    sysfs.slot("1", "0000:03:00")
    sysfs.function("0000:03:00.0", "pcieport", class_code=BRIDGE)
    sysfs.function("0000:05:00.0", "igb", "hme0", behind="0000:03:00.0")
    assert steps(sysfs, "slot:1") == ((RemoveFunction("0000:03:00.0"),), (Rescan("0000:03"),))


@pytest.mark.parametrize(
    ("power", "away", "back"),
    [
        ("0", (), (PowerOn("1"),)),
        ("1", (PowerOff("1"),), (Rescan("0000:03"),)),
        (None, (), (Rescan("0000:03"),)),
    ],
)
def test_steps_of_an_empty_slot(
    sysfs: FakeSysfs, power: str | None, away: tuple[HardwareStep], back: tuple[HardwareStep]
) -> None:
    sysfs.slot("1", "0000:03:00", power)
    assert steps(sysfs, "slot:1") == (away, back)


def test_steps_of_a_usb_device(sysfs: FakeSysfs) -> None:
    sysfs.usb("1-2", "r8152", "hme0")
    assert steps(sysfs, "usb:1-2") == ((RemoveUsb("1-2"),), (AuthorizeUsb("1-2"),))
