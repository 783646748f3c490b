"""The rooms and arrows of the package, held by reading every import.

`model` <- `configuration`, `ipmp` <- `rcm` <- `daemon` <- `__main__`; around them the edges.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "rcmd"
MODULES = sorted(PACKAGE.rglob("*.py"))

PURE = {"model", "errors", "configuration", "ipmp"}
"""Rooms without a clock, a socket or an await."""

MAY_USE: dict[str, set[str]] = {
    "": set(),
    "errors": set(),
    "foreign_text": set(),
    "model": set(),
    "configuration": {"model", "errors", "foreign_text"},
    "ipmp": {"model", "errors"},
    "rcm": {"model", "errors", "foreign_text", "configuration", "ipmp"},
    "outside": {"model", "ipmp"},
    "hash_choice": {"model", "ipmp", "rcm", "outside"},
    "looking": {"ipmp"},
    "prepared": {"model", "ipmp"},
    "daemon": {
        "model",
        "errors",
        "configuration",
        "ipmp",
        "rcm",
        "outside",
        "hash_choice",
        "looking",
        "prepared",
    },
    "system": {"model", "errors", "foreign_text", "configuration", "ipmp", "rcm"},
    "bus": {"model", "errors", "foreign_text", "rcm"},
    "ctl": {"model", "errors", "foreign_text", "rcm", "bus", "system"},
    "lab": {"model", "errors", "rcm", "configuration", "system", "bus", "ctl"},
    "history": {"rcm"},
    "garbage": set(),
    "multicast_watch": {"model", "ipmp", "daemon", "system"},
    "neighbour_inquiry": {"model", "daemon", "system"},
    "advertisement_watch": {"model", "ipmp", "daemon", "system"},
    "slot_signs": {"ipmp", "rcm", "daemon"},
    "upkeep": {"model", "errors", "ipmp", "rcm", "outside", "daemon"},
    "configuration_reader": {"configuration", "system"},
    "starting": {"configuration", "configuration_reader", "ipmp", "model", "daemon", "system"},
    "assembly": {
        "garbage",
        "model",
        "errors",
        "configuration",
        "configuration_reader",
        "ipmp",
        "rcm",
        "daemon",
        "system",
        "bus",
        "history",
        "multicast_watch",
        "neighbour_inquiry",
        "advertisement_watch",
        "slot_signs",
        "starting",
        "upkeep",
    },
    "__main__": {"errors", "configuration", "system", "assembly", "starting"},
}
"""Room -> the other rooms it may import.  The first part of a module's name is its room."""

NOUNS_OF_RCM = {
    "rcmd.rcm.bystanders",
    "rcmd.rcm.coordinator",
    "rcmd.rcm.journal",
    "rcmd.rcm.plan",
    "rcmd.rcm.resource",
    "rcmd.rcm.script",
    "rcmd.rcm.script_language",
    "rcmd.rcm.script_runner",
}
"""What `bus`, `ctl` and `lab` may know of `rcm`: values and Protocols, nothing that acts."""

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
    "pyroute2": "system",
    "pyudev": "system",
    "sqlite3": "system",
}
"""Library -> the room, or the one module, that may import it."""

CATCHALL_PLACES = {"daemon", "__main__"}
"""The one place in which anything at all may be caught is in one of these."""


def name_of(path: Path) -> str:
    """`rcmd/ipmp/health.py` is `ipmp.health`; a package has the name of its folder."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(name: str) -> str:
    return name.partition(".")[0]


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def imports_of(path: Path) -> Iterator[str]:
    """Every module imported anywhere in the file, as a full name.

    `from rcmd.ipmp import health` is both `rcmd.ipmp` and `rcmd.ipmp.health`.
    """
    for node in ast.walk(tree_of(path)):
        match node:
            case ast.Import():
                yield from (alias.name for alias in node.names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module
                yield from (f"{module}.{alias.name}" for alias in node.names)


def rooms_used_by(path: Path) -> set[str]:
    parts = [name.split(".") for name in imports_of(path)]
    return {words[1] for words in parts if words[0] == "rcmd" and len(words) > 1} & set(MAY_USE)


def libraries_used_by(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imports_of(path)}


every_module = pytest.mark.parametrize("path", MODULES, ids=name_of)


def test_every_room_has_its_row() -> None:
    assert {room_of(name_of(path)) for path in MODULES} <= set(MAY_USE)


@every_module
def test_arrows(path: Path) -> None:
    room = room_of(name_of(path))
    assert rooms_used_by(path) - {room} <= MAY_USE[room]


@every_module
def test_rooms_without_side_effects_import_none(path: Path) -> None:
    room = room_of(name_of(path))
    forbidden = UNCLEAN if room in PURE else OUTSIDE_RCM if room == "rcm" else set()
    assert not libraries_used_by(path) & forbidden


@every_module
def test_libraries_stay_in_their_place(path: Path) -> None:
    name = name_of(path)
    places = {name, room_of(name)}
    strays = {each for each in libraries_used_by(path) if ONLY_IN.get(each, name) not in places}
    assert not strays


@every_module
def test_imports_are_absolute(path: Path) -> None:
    nodes = ast.walk(tree_of(path))
    assert not [node for node in nodes if isinstance(node, ast.ImportFrom) and node.level > 0]


@every_module
def test_outside_rcm_only_its_nouns_are_known(path: Path) -> None:
    if room_of(name_of(path)) not in ("bus", "ctl", "lab"):
        return
    used = {name for name in imports_of(path) if name.startswith("rcmd.rcm.")}
    strays = {name for name in used if ".".join(name.split(".")[:3]) not in NOUNS_OF_RCM}
    assert not strays


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
    "system/rtnetlink.py",
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
    path.write_text("from rcmd import system, __version__\nfrom rcmd.bus.client import Client\n")
    assert rooms_used_by(path) == {"system", "bus"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [("except:", True), ("except (OSError, Exception):", True), ("except OSError:", False)],
)
def test_knows_what_catches_everything(text: str, expected: bool) -> None:
    tree = ast.parse(f"try:\n    pass\n{text}\n    pass\n")
    (handler,) = (node for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler))
    assert catches_everything(handler) is expected
