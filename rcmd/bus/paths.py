"""Names as object paths, escaped as systemd does it."""

from __future__ import annotations

from rcmd.bus.names import ROOT


def escape(name: str) -> str:
    """Every byte outside [A-Za-z0-9] as `_xx`; the empty name as `_`.

    So `br-lan.5` becomes `br_2dlan_2e5`, and no two names share a path.
    """
    if not name:
        return "_"
    return "".join(
        chr(byte) if chr(byte).isascii() and chr(byte).isalnum() else f"_{byte:02x}"
        for byte in name.encode(errors="surrogateescape")
    )


def group_path(name: str) -> str:
    return f"{ROOT}/group/{escape(name)}"


def interface_path(name: str) -> str:
    return f"{ROOT}/interface/{escape(name)}"


def operation_path(number: int) -> str:
    return f"{ROOT}/operation/{number}"


def operation_number(path: str) -> int:
    """The way back; for the path of an operation only."""
    return int(path.rpartition("/")[2])
