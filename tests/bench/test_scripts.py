"""The daemon answers while scripts misbehave."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time

import pytest

from rcmd.bus.client import ManagerClient

from .figures import Figure, Table
from .labs import LabFactory, start

pytestmark = [pytest.mark.bench, pytest.mark.lab]

NICS = ("hme0", "hme1")
BUS = "unix:path=/run/dbus/system_bus_socket"
BAD = {
    "hangs": "sleep 1000",
    "forks": "(sleep 1000) & (sleep 1000) & sleep 1000",
    "floods": "while :; do echo rcm_log_info=flood; done",
    "complains": "while :; do echo flood >&2; done",
    "garbage": "cat /dev/urandom",
    "endless": "cat /dev/zero",
}
SCRIPT = """#!/bin/sh
case "$1" in
scriptinfo) echo rcm_script_version=1; echo rcm_script_func_info=bad; echo rcm_cmd_timeout=3;;
register) echo rcm_resource_name=hme0;;
queryremove) {};;
*) exit 2;;
esac
"""


def test_status_while_scripts_misbehave(lab_with: LabFactory, table: Table) -> None:
    lab = lab_with(nics=NICS)
    for name, deed in BAD.items():
        path = f"/etc/rcm/scripts/{name}"
        lab.write(path, SCRIPT.format(deed))
        lab.run(["chmod", "755", path], check=True)
    start(lab, dict.fromkeys(NICS, 1))
    rcmctl = [sys.executable, "-m", "rcmd.ctl.main", "detach", "hme0"]
    detach = lab.popen(rcmctl, stderr=subprocess.PIPE)
    answers = lab.place("host").call(lambda: asyncio.run(answers_ms(detach)))
    said = detach.communicate()[1]
    assert detach.returncode == 3
    assert all(name in said for name in BAD)
    assert len(answers) > 100
    worst = [max(answers)]
    what = f"status while {len(BAD)} scripts hang, fork, flood and print garbage: longest of all"
    table.note(Figure(what, worst, "ms", 100))


async def answers_ms(detach: subprocess.Popen[str]) -> list[float]:
    """How long each question took, one after the other, until the detach is refused."""
    answers: list[float] = []
    async with ManagerClient.connect(BUS) as manager:
        while detach.poll() is None:
            begin = time.monotonic()
            await manager.status()
            answers.append((time.monotonic() - begin) * 1e3)
            await asyncio.sleep(0.005)
    return answers
