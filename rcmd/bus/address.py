"""Where a bus listens: the `unix:` addresses of the D-Bus specification, "Server Addresses"."""

from __future__ import annotations

import os
from urllib.parse import unquote

from rcmd.bus.faults import Disconnected

_DEFAULT = "unix:path=/run/dbus/system_bus_socket;unix:path=/var/run/dbus/system_bus_socket"


def system_bus_address() -> str:
    return os.environ.get("DBUS_SYSTEM_BUS_ADDRESS", "") or _DEFAULT


def socket_names(address: str) -> tuple[str, ...]:
    """The socket names to try, in order; an abstract one starts with NUL.

    Raises `Disconnected` if there is none: other transports are not for a system bus.
    """
    names = []
    for alternative in address.split(";"):
        transport, _, rest = alternative.partition(":")
        keys = dict(pair.split("=", 1) for pair in rest.split(",") if "=" in pair)
        if transport != "unix":
            continue
        if "path" in keys:
            names.append(unquote(keys["path"]))
        elif "abstract" in keys:
            names.append("\0" + unquote(keys["abstract"]))
    if not names:
        raise Disconnected(f"no unix socket in the bus address {address!r}")
    return tuple(names)
