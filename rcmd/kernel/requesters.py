"""Which process talked to the kernel, as far as that can be found out.

The kernel gives a netlink socket the number of its process as its port, if it is the first of that
process; libnl adds a count above 22 bits of it.  A socket that is closed again (ip(8) is quick)
leaves no trace.
"""

from __future__ import annotations

from pathlib import Path

PROC = Path("/proc")
_ROUTE_PROTOCOL = "0"
_PROCESS_BITS = 0x3FFFFF


def requester(port: int, proc: Path = PROC) -> str:
    """`NetworkManager (process 812)`; empty where nobody can tell."""
    process = port & _PROCESS_BITS
    if not process or not _is_open(port, proc):
        return ""
    try:
        name = (proc / str(process) / "comm").read_bytes()
    except OSError:
        return ""
    return f"{name.decode(errors='backslashreplace').strip()} (process {process})"


def _is_open(port: int, proc: Path) -> bool:
    """Whether there is a socket of that port in our network namespace."""
    try:
        table = (proc / "thread-self" / "net" / "netlink").read_text(
            encoding="ascii", errors="replace"
        )
    except (OSError, UnicodeDecodeError):
        return False
    # sk Eth Pid ...
    sockets = (line.split(maxsplit=3) for line in table.splitlines()[1:])
    return any(it[1:3] == [_ROUTE_PROTOCOL, str(port)] for it in sockets)
