"""Where a bus listens."""

from __future__ import annotations

import pytest

from rcmd.bus.address import socket_names, system_bus_address
from rcmd.bus.faults import Disconnected


def test_every_unix_alternative_in_order() -> None:
    address = "tcp:host=a,port=1;unix:path=/run/a%20b,guid=00;unix:abstract=c"
    assert socket_names(address) == ("/run/a b", "\0c")


def test_nothing_to_connect_to() -> None:
    with pytest.raises(Disconnected, match="tcp:"):
        socket_names("tcp:host=a,port=1")


def test_the_environment_names_the_system_bus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/somewhere")
    assert system_bus_address() == "unix:path=/somewhere"
    monkeypatch.delenv("DBUS_SYSTEM_BUS_ADDRESS")
    assert "/run/dbus/system_bus_socket" in socket_names(system_bus_address())
