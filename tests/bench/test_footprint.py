"""How soon rcmd is ready, how much memory it holds, and what it costs when nothing happens."""

from __future__ import annotations

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
        Figure("start to READY with 8 NICs", ready, "s", 0.6),
        Figure("resident memory with 8 NICs", [resident_mb], "MB", 45),
        Figure("processor when idle with 8 NICs", [idle_share], "% of a core", 1.0),
    )


def resident_kib(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    (line,) = [line for line in status if line.startswith("VmRSS:")]
    return int(line.split()[1])
