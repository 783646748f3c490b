"""How soon rcmd is ready, how much memory it holds, and what it costs when nothing happens."""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path

import pytest

from .figures import Figure, Table, repeat
from .labs import LabFactory, configure, cpu_ns

pytestmark = [pytest.mark.bench, pytest.mark.lab]

NICS = tuple(f"hme{number}" for number in range(8))
SETTLED_AFTER_S = 6.0
"""The last announcement is five seconds after the start; nothing outside tells when it was."""
IDLE_S = 10.0
TIMES = 15


def test_with_eight_nics(lab_with: LabFactory, table: Table) -> None:
    lab = lab_with(nics=NICS)
    configure(lab, dict.fromkeys(NICS, 2))

    def to_ready(number: int) -> float:
        if number:
            lab.stop_daemon()
        begin = time.monotonic()
        lab.start_daemon()
        return time.monotonic() - begin

    ready = repeat(to_ready)
    time.sleep(SETTLED_AFTER_S)
    pid = lab.daemon().pid
    resident_mb = resident_kib(pid) * 1024 / 1e6
    before = cpu_ns(pid)
    time.sleep(IDLE_S)
    idle_share = (cpu_ns(pid) - before) / (IDLE_S * 1e9) * 100
    table.note(
        Figure("start to READY with 8 NICs", ready, "s", 0.28),
        Figure("resident memory with 8 NICs", [resident_mb], "MB", 34),
        Figure("processor when idle with 8 NICs", [idle_share], "% of a core", 0.5),
    )


def test_rcmctl_status(lab_with: LabFactory, table: Table) -> None:
    """The whole process, next to one of Python that does nothing."""
    lab = lab_with(nics=NICS[:2])
    configure(lab, dict.fromkeys(NICS[:2], 2))
    lab.start_daemon()
    rcmctl = Path(sys.executable).with_name("rcmctl")

    def took_ms(*command: str | Path) -> float:
        begin = time.monotonic()
        lab.run([*map(str, command)], check=True)
        return (time.monotonic() - begin) * 1e3

    bare = [took_ms(sys.executable, "-c", "import argparse, socket, json") for _ in range(TIMES)]
    status = [took_ms(rcmctl, "status") for _ in range(TIMES)]
    ratio = statistics.median(status) / statistics.median(bare)
    table.note(
        Figure("Python that imports argparse, socket, json", bare, "ms", 1e9, "compare"),
        Figure("`rcmctl status`", status, "ms", 1e9, "compare"),
        Figure("the same, as a ratio", [ratio], "", 2.0),
    )


def resident_kib(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    (line,) = [line for line in status if line.startswith("VmRSS:")]
    return int(line.split()[1])
