"""The example client that is shipped in hooks/ works as it is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from scenes import PAIR, LabFactory, start

pytestmark = pytest.mark.lab

EXAMPLE = Path(__file__).parents[2] / "hooks" / "refuse_during_backup.py"


def test_a_nic_stays_while_a_backup_runs(lab_with: LabFactory) -> None:
    lab = lab_with()
    start(lab, PAIR)
    lab.write("/run/backup.lock", "")
    client = lab.popen([sys.executable, str(EXAMPLE)], stdout=subprocess.PIPE)
    try:
        assert client.stdout is not None
        assert client.stdout.readline() == "registered\n"
        refused = lab.rcmctl("detach", "hme0")
        assert refused.returncode == 3
        assert refused.stderr == "hme0: backup: a backup is running (/run/backup.lock)\n"

        lab.remove("/run/backup.lock")
        assert lab.rcmctl("detach", "hme0").returncode == 0
        assert client.stdout.readline() == "hme0 is gone\n"
    finally:
        client.terminate()
        client.communicate()
