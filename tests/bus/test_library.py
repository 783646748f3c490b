"""Both D-Bus libraries do the same, and the one that is asked for is used."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import struct
import sys
from types import ModuleType
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rcmd.bus import library
from rcmd.bus.connection import Connection
from rcmd.bus.faults import Disconnected, Malformed
from rcmd.bus.library import Library
from rcmd.bus.members import (
    OBJECT_MANAGER_INTERFACE,
    OWN_INTERFACES,
    STANDARD_INTERFACES,
    Interface,
)
from rcmd.bus.names import BUS_NAME
from rcmd.bus.wire import Kind, Message

from .body_values import VARIANT_TYPES, Boxed, bodies_of, for_library, of_library
from .fakes import ask_bus

SWITCH = "RCMD_BUS_LIBRARY"
DEFAULT = Library.DBUS_NEXT if sys.version_info < (3, 15) else Library.DBUS_FAST


def load(*, wanted: str | None, without: str | None = None) -> ModuleType:
    """A second `rcmd.bus.library`, as a process with this environment has it."""
    specification = importlib.util.find_spec("rcmd.bus.library")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    environment = {key: value for key, value in os.environ.items() if key != SWITCH}
    environment |= {} if wanted is None else {SWITCH: wanted}
    missing = {} if without is None else {without: None}
    with patch.dict(os.environ, environment, clear=True), patch.dict(sys.modules, missing):
        specification.loader.exec_module(module)
    return module


DEFAULT_MODULE = load(wanted=None)
FAST_MODULE = load(wanted="dbus-fast")

both = pytest.mark.parametrize("module", [DEFAULT_MODULE, FAST_MODULE], ids=lambda it: it.LIBRARY)


def signatures_of(interface: Interface) -> set[str]:
    found = {item.signature for item in interface.properties}
    for method in interface.methods:
        found |= {method.takes_signature, method.gives_signature}
    for signal in interface.signals:
        found.add("".join(argument.signature for argument in signal.carries))
    return found


FOREIGN = {"(sa{sv})sa{ss}us", "(bba{ss})", "su", "u", "sss", "bs", "a{sv}"}
"""Of polkit, of the bus itself and of the clients."""
INTERFACES = (*OWN_INTERFACES.values(), *STANDARD_INTERFACES, OBJECT_MANAGER_INTERFACE)
SIGNATURES = FOREIGN.union(*map(signatures_of, INTERFACES)) - {""}


# --- which one ----------------------------------------------------------------------------------


def test_these_tests_run_on_the_library_that_is_asked_for() -> None:
    assert os.environ.get(SWITCH, DEFAULT) == library.LIBRARY


def test_unasked_it_is_dbus_next() -> None:
    assert DEFAULT_MODULE.LIBRARY is not FAST_MODULE.LIBRARY or sys.version_info >= (3, 15)
    assert DEFAULT_MODULE.LIBRARY == DEFAULT
    assert DEFAULT_MODULE.Variant.__module__.startswith(DEFAULT.replace("-", "_"))


def test_asked_for_it_is_dbus_fast() -> None:
    assert FAST_MODULE.LIBRARY == "dbus-fast"
    assert FAST_MODULE.Variant.__module__.startswith("dbus_fast")


@pytest.mark.parametrize("wanted", [None, "dbus-next"])
def test_where_dbus_next_cannot_be_imported_it_is_dbus_fast(wanted: str | None) -> None:
    module = load(wanted=wanted, without="dbus_next")
    assert module.LIBRARY == "dbus-fast"
    assert module.marshal_body("y", [7]) == b"\7"


def test_another_is_refused() -> None:
    with pytest.raises(ValueError, match="sd-bus"):
        load(wanted="sd-bus")


# --- the same bytes, the same values ------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.data())
@pytest.mark.parametrize("signature", sorted(SIGNATURES))
def test_both_write_the_same_bytes_and_read_the_same_values(
    signature: str, data: st.DataObject
) -> None:
    check_both(signature, data)


@settings(deadline=None)
@given(st.lists(st.sampled_from([*VARIANT_TYPES, "v"]), min_size=1, max_size=4), st.data())
def test_so_they_do_for_any_signature(types: list[str], data: st.DataObject) -> None:
    check_both("".join(types), data)


def check_both(signature: str, data: st.DataObject) -> None:
    body = data.draw(bodies_of(signature))
    written = set()
    for module in (DEFAULT_MODULE, FAST_MODULE):
        values = for_library(body, module.Variant)
        marshalled = module.marshal_body(signature, values)
        written.add(marshalled)
        read = module.unmarshal_body(signature, marshalled, "<")
        assert of_library(read, module.Variant) == body
        assert module.marshal_body(signature, read) == marshalled
    assert len(written) == 1


@both
@pytest.mark.parametrize("order", ["<", ">"])
def test_bodies_of_either_byte_order_are_read(module: ModuleType, order: str) -> None:
    head = struct.pack(f"{order}hxxII3sx", -2, 258, 2, b"ab\0")
    array = struct.pack(f"{order}II", 4, 7)
    variant = struct.pack(f"{order}B2s5xq", 1, b"x", -5)
    body = head + array + variant
    values = of_library(module.unmarshal_body("nusauv", body, order), module.Variant)
    assert values[:4] == [-2, 258, "ab", [7]]
    assert values[4] == Boxed("x", -5)


@both
def test_no_signature_has_no_values(module: ModuleType) -> None:
    assert module.marshal_body("", []) == b""
    assert module.unmarshal_body("", b"", "<") == []


# --- what does not fit --------------------------------------------------------------------------


@both
@pytest.mark.parametrize(
    ("signature", "values"),
    [
        ("b", ["yes"]),
        ("s", [None]),
        ("s", [1]),
        ("y", [256]),
        ("u", [-1]),
        ("ss", ["one"]),
        ("s", ["one", "two"]),
        ("as", ["text"]),
        ("a{ss}", [["text"]]),
        ("(ss)", [["one"]]),
        ("v", ["text"]),
        ("s", ["\ud800"]),
        ("!", ["text"]),
    ],
)
def test_values_that_do_not_fit_are_not_written(
    module: ModuleType, signature: str, values: list[object]
) -> None:
    with pytest.raises(ValueError):
        module.marshal_body(signature, values)


@both
@pytest.mark.parametrize(
    ("signature", "body"),
    [
        pytest.param("s", b"", id="nothing"),
        pytest.param("s", struct.pack("<I2s", 9, b"ab"), id="a short text"),
        pytest.param("u", b"\1\2", id="half a number"),
        pytest.param("as", struct.pack("<II", 100, 90), id="a short array"),
        pytest.param("s", struct.pack("<I2sx", 2, b"\xff\xff"), id="no UTF-8"),
        pytest.param("v", b"\1!\0\0", id="a variant of no type"),
        pytest.param("v", b"\1v\0" * 5000, id="variants without end"),
        pytest.param("!", b"\0", id="no signature"),
        pytest.param("y" * 300, bytes(300), id="a long signature"),
    ],
)
def test_a_body_that_is_none_is_malformed(module: ModuleType, signature: str, body: bytes) -> None:
    with pytest.raises(Malformed):
        module.unmarshal_body(signature, body, "<")


@pytest.mark.parametrize(
    ("signature", "body"),
    [
        pytest.param("v", bytes(4), id="a variant of nothing"),
        pytest.param("ay", b"\xff" * 8, id="an array without end"),
    ],
)
def test_a_message_that_would_crash_dbus_fast_is_stopped_by_the_bus(
    address: str, signature: str, body: bytes
) -> None:
    async def scenario() -> None:
        received: list[Message] = []
        listener = await Connection.open(address, on_message=received.append)
        await ask_bus(listener, "AddMatch", "s", "type='signal',interface='a.b'")
        sender = await Connection.open(address, on_message=received.append)
        good = Message(Kind.SIGNAL, path="/a", interface="a.b", member="Good")
        sender.send(good)
        sender.send(good._replace(member="Bad", signature=signature, body=body))
        with pytest.raises(Disconnected):
            await ask_bus(sender, "GetNameOwner", "s", BUS_NAME)
        assert await ask_bus(listener, "GetNameOwner", "s", BUS_NAME) == [BUS_NAME]
        heard = [message.member for message in received if message.interface == "a.b"]
        assert heard == ["Good"]
        await listener.close()

    asyncio.run(scenario())
