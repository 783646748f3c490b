"""Which process talked to the kernel."""

from __future__ import annotations

from pathlib import Path

import pytest

from rcmd.kernel.requesters import requester

TABLE = """sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode
0000000000000000 0   812        00000440 0        0        0     2        0        11
0000000000000000 0   8389419    00000440 0        0        0     2        0        12
0000000000000000 0   4294963196 00000440 0        0        0     2        0        13
0000000000000000 15  900        00000440 0        0        0     2        0        14
"""


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    for process, name in ((812, "NetworkManager"), (811, "keepalived"), (900, "udevd")):
        (tmp_path / str(process)).mkdir()
        (tmp_path / str(process) / "comm").write_text(f"{name}\n")
    table = tmp_path / "thread-self" / "net" / "netlink"
    table.parent.mkdir(parents=True)
    table.write_text(TABLE)
    return tmp_path


@pytest.mark.parametrize(
    ("port", "told"),
    [
        (812, "NetworkManager (process 812)"),
        # As libnl counts: the third socket of its process.
        (8389419, "keepalived (process 811)"),
        # Of another protocol, closed again, and chosen by the kernel.
        (900, ""),
        (4711, ""),
        (4294963196, ""),
        (0, ""),
    ],
)
def test_requester(proc: Path, port: int, told: str) -> None:
    assert requester(port, proc) == told


def test_without_proc(tmp_path: Path) -> None:
    assert requester(812, tmp_path) == ""
