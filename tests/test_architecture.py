"""The rooms and arrows of the package, held by reading every import.

`model` <- `configuration`, `ipmp` <- `ports` <- `rcm` <- `daemon` <- `__main__`; around them the
edges: `kernel`, `platform`, `bus`.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from architecture import MODULES, PACKAGE, ROOT, imports_of, look, name_of, room_of, tree_of

PURE = {"model", "errors", "configuration", "ipmp"}
"""Rooms without a clock, a socket or an await."""

MAY_USE: dict[str, dict[str, set[str]]] = {
    "": {
        "errors": set(),
        "foreign_text": set(),
        "lab": set(),
        "model": set(),
        "configuration": {"model"},
        "ipmp": {"model"},
        "ports": {"errors", "foreign_text", "ipmp", "model"},
        "bus": {"errors", "foreign_text", "model", "ports"},
        "kernel": {"errors", "foreign_text", "ipmp", "model", "ports"},
        "rcm": {"configuration", "errors", "ipmp", "model", "ports"},
        "platform": {"configuration", "errors", "foreign_text", "ipmp", "kernel", "model", "ports"},
        "ctl": {"bus", "errors", "foreign_text", "model", "platform", "ports"},
        "daemon": {
            "bus",
            "configuration",
            "errors",
            "ipmp",
            "kernel",
            "model",
            "platform",
            "ports",
            "rcm",
        },
        "__main__": {"configuration", "daemon", "errors", "platform"},
    },
    "ipmp": {
        "api": set(),
        "rules": set(),
        "state": {"api", "rules"},
        "messages": {"api", "rules", "state"},
        "multipath": {"api", "rules", "state"},
        "multicast": {"api", "messages", "rules", "state"},
        "placement": {"api", "messages", "multicast", "rules", "state"},
        "dhcp": {"api", "placement", "rules", "state"},
        "probing": {"api", "messages", "placement", "rules", "state"},
        "health": {"api", "messages", "placement", "probing", "rules", "state"},
        "reconcile": {
            "api",
            "dhcp",
            "messages",
            "multicast",
            "multipath",
            "placement",
            "rules",
            "state",
        },
        "attachment": {"api", "multicast", "placement", "reconcile", "rules", "state"},
        "forecast": {
            "api",
            "attachment",
            "dhcp",
            "messages",
            "placement",
            "reconcile",
            "rules",
            "state",
        },
        "status": {"forecast", "placement", "probing", "rules", "state"},
        "engine": {
            "api",
            "attachment",
            "dhcp",
            "forecast",
            "health",
            "messages",
            "multicast",
            "placement",
            "probing",
            "reconcile",
            "rules",
            "state",
            "status",
        },
    },
    "rcm": {
        "affected_sockets": set(),
        "clients": set(),
        "problems": set(),
        "resources": set(),
        "runtime": {"problems"},
        "file_problems": {"runtime"},
        "operations": {"affected_sockets", "file_problems", "resources", "runtime"},
    },
    "kernel": {
        "announcement_pace": set(),
        "carrier": set(),
        "device_names": set(),
        "local_ports": set(),
        "memberships": set(),
        "packet_filter": set(),
        "requesters": set(),
        "sysctls": set(),
        "sysfs": set(),
        "transmission": set(),
        "announcements": {"announcement_pace"},
        "netlink": {"packet_filter"},
        "path_hash": {"sysctls"},
        "advertised": {"netlink"},
        "minded": {"netlink"},
        "neighbour_table": {"netlink"},
        "nexthops": {"netlink"},
        "pinned_routes": {"netlink"},
        "removals": {"netlink"},
        "sock_diag": {"netlink"},
        "probes": {"neighbour_table", "packet_filter", "transmission"},
        "rtnetlink": {
            "advertised",
            "local_ports",
            "minded",
            "netlink",
            "nexthops",
            "removals",
            "requesters",
        },
        "devices": {"path_hash", "rtnetlink", "sysctls", "sysfs"},
    },
    "platform": {
        "aside": set(),
        "regular_files": set(),
        "files": {"regular_files"},
        "hardware": set(),
        "instance": set(),
        "kernel_log": set(),
        "log_limit": set(),
        "network_managers": {"regular_files"},
        "service_manager": set(),
        "udev": set(),
        "udhcpc_words": set(),
        "scripts": {"instance"},
        "store": {"aside", "instance"},
        "dhcp_client": {"scripts", "udhcpc_words"},
    },
    "daemon": {
        "boot": set(),
        "configuration_reader": set(),
        "garbage": set(),
        "hash_policy": set(),
        "history": set(),
        "lease_keeper": set(),
        "looking": set(),
        "prepared": set(),
        "loop": {"hash_policy", "looking", "prepared"},
        "advertisement_watch": {"loop"},
        "multicast_watch": {"loop"},
        "neighbour_inquiry": {"loop"},
        "slot_signs": {"loop"},
        "startup": {"loop"},
        "upkeep": {"loop"},
        "wiring": {
            "advertisement_watch",
            "boot",
            "configuration_reader",
            "garbage",
            "history",
            "lease_keeper",
            "loop",
            "multicast_watch",
            "neighbour_inquiry",
            "slot_signs",
            "startup",
            "upkeep",
        },
    },
}
"""Folder -> what is in it, from the bottom up -> the others in it that it may import."""

UNCLEAN = {
    "asyncio",
    "ctypes",
    "fcntl",
    "logging",
    "multiprocessing",
    "os",
    "select",
    "selectors",
    "shutil",
    "signal",
    "socket",
    "sqlite3",
    "subprocess",
    "threading",
    "time",
}
"""What no pure room may import."""

OUTSIDE_RCM = {"ctypes", "fcntl", "multiprocessing", "os", "socket", "sqlite3", "subprocess"}
"""What `rcm` may not import; asyncio and logging it may."""

ONLY_IN = {
    "dbus_next": "bus.library",
    "dbus_fast": "bus.library",
    "pyudev": "platform.udev",
    "sqlite3": "platform.store",
}
"""Library -> the folder, or the one module, that may import it; pyroute2 is for tests."""

CATCHALL_PLACES = {"daemon.loop", "__main__"}
"""The one place in which anything at all may be caught is in one of these."""


def libraries_used_by(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imports_of(path)}


every_module = pytest.mark.parametrize("path", MODULES, ids=name_of)


every_folder = pytest.mark.parametrize("folder", MAY_USE)


@every_folder
def test_arrows(folder: str) -> None:
    """Also: everything in it has its row, and no row allows what nobody does."""
    assert look(folder).arrows == MAY_USE[folder]


@every_folder
def test_no_arrow_leads_up(folder: str) -> None:
    """Each may import what stands above its own row, and nothing else."""
    known: set[str] = set()
    for room, targets in MAY_USE[folder].items():
        assert targets <= known, room
        known.add(room)


@every_module
def test_rooms_without_side_effects_import_none(path: Path) -> None:
    room = room_of(name_of(path))
    forbidden = UNCLEAN if room in PURE else OUTSIDE_RCM if room == "rcm" else set()
    assert not libraries_used_by(path) & forbidden


@every_module
def test_libraries_stay_in_their_place(path: Path) -> None:
    name = f"{name_of(path)}."
    strays = {
        each
        for each in libraries_used_by(path) & ONLY_IN.keys()
        if not name.startswith(f"{ONLY_IN[each]}.")
    }
    assert not strays


@every_module
def test_imports_are_absolute(path: Path) -> None:
    nodes = ast.walk(tree_of(path))
    assert not [node for node in nodes if isinstance(node, ast.ImportFrom) and node.level > 0]


@every_module
def test_ctl_and_lab_meet_the_bus_only_in_its_clients(path: Path) -> None:
    if room_of(name_of(path)) not in ("ctl", "lab"):
        return
    used = {name for name in imports_of(path) if name.startswith("rcmd.bus")} - {"rcmd.bus"}
    clients = ("rcmd.bus.client.", "rcmd.bus.reader.")
    strays = {each for each in used if not f"{each}.".startswith(clients)}
    assert not strays


@every_module
def test_every_module_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(tree_of(path))


def catches_everything(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    caught = ast.walk(handler.type)
    return any(
        isinstance(node, ast.Name) and node.id in ("Exception", "BaseException") for node in caught
    )


def test_at_most_one_place_catches_everything() -> None:
    places = [
        f"{name_of(path)}:{node.lineno}"
        for path in MODULES
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ExceptHandler) and catches_everything(node)
    ]
    assert len(places) <= 1, places
    assert {place.partition(":")[0] for place in places} <= CATCHALL_PLACES


def decodes_strictly(call: ast.Call) -> bool:
    """`x.decode()` or `x.read_text()` that raises UnicodeDecodeError."""
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in ("decode", "read_text"):
        return False
    has_errors = any(keyword.arg == "errors" for keyword in call.keywords)
    return not has_errors and len(call.args) < 2


MAY_DECODE_STRICTLY = {
    # Messages, not texts.
    "kernel/rtnetlink.py",
    # The bus drops whoever sends a text that is not UTF-8; here it is Malformed.
    "bus/wire.py",
    # What is encoded in the same line.
    "bus/values.py",
}


def test_nothing_from_outside_is_decoded_strictly() -> None:
    """Names are bytes: `errors="replace"`, or `rcmd.foreign_text`."""
    strays = {
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in MODULES
        if "lab" not in path.parts and str(path.relative_to(PACKAGE)) not in MAY_DECODE_STRICTLY
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and decodes_strictly(node)
    }
    assert strays == set()


def reached_by_tests() -> set[str]:
    """The modules that a test imports, and what those import in turn."""
    paths = {name_of(path): path for path in MODULES}
    waiting = {
        name.removeprefix("rcmd.")
        for path in (ROOT / "tests").rglob("*.py")
        for name in imports_of(path)
        if name.startswith("rcmd.")
    }
    reached: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in reached or name not in paths:
            continue
        reached.add(name)
        waiting |= {each.removeprefix("rcmd.") for each in imports_of(paths[name])}
    return reached


def test_no_module_is_out_of_reach_of_the_tests() -> None:
    """A lab is made of programs of its own, which tests/lab runs rather than imports."""
    modules = {name_of(path) for path in MODULES if path.name != "__init__.py"}
    unreached = modules - reached_by_tests() - {"__main__"}
    assert {name for name in unreached if room_of(name) != "lab"} == set()


# --- the test itself ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import os.path", {"os"}),
        ("from rcmd import system", {"rcmd"}),
        ("def f():\n    import time", {"time"}),
        ("if TYPE_CHECKING:\n    from socket import socket", {"socket"}),
    ],
)
def test_finds_imports_wherever_they_are(tmp_path: Path, text: str, expected: set[str]) -> None:
    path = tmp_path / "module.py"
    path.write_text(text)
    assert libraries_used_by(path) == expected


def test_finds_a_room_in_both_forms_of_import(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text("from rcmd import kernel, __version__\nfrom rcmd.bus.client import Client\n")
    assert {"rcmd.kernel", "rcmd.bus.client"} <= {*imports_of(path)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [("except:", True), ("except (OSError, Exception):", True), ("except OSError:", False)],
)
def test_knows_what_catches_everything(text: str, expected: bool) -> None:
    tree = ast.parse(f"try:\n    pass\n{text}\n    pass\n")
    (handler,) = (node for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler))
    assert catches_everything(handler) is expected
