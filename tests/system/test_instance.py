from __future__ import annotations

import os
import stat
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from rcmd.platform.instance import AlreadyRunning, InstanceLock, boot_id

HOLD = """
import sys
from pathlib import Path
from rcmd.platform.instance import InstanceLock
lock = InstanceLock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_boot_id_is_made_once_and_ends_with_run(tmp_path: Path) -> None:
    run = tmp_path / "run" / "rcmd"
    first = boot_id(run)
    assert str(uuid.UUID(first)) == first
    assert boot_id(run) == first
    (run / "boot-id").unlink()
    assert boot_id(run) != first


@pytest.mark.parametrize("content", [b"", b"half-a-", b"\xff\xfe"])
def test_unusable_boot_id_is_replaced(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "boot-id").write_bytes(content)
    fresh = boot_id(tmp_path)
    assert boot_id(tmp_path) == fresh
    assert (tmp_path / "boot-id").read_text() == f"{fresh}\n"


def test_second_instance_is_told_who_has_the_lock(tmp_path: Path) -> None:
    run = tmp_path / "rcmd"
    with InstanceLock(run):
        with pytest.raises(AlreadyRunning, match=rf"already running \(pid {os.getpid()}\)"):
            InstanceLock(run)
        # The refused one has not taken the holder's name away.
        with pytest.raises(AlreadyRunning, match=rf"\(pid {os.getpid()}\)"):
            InstanceLock(run)
    InstanceLock(run).release()


def test_lock_is_for_its_owner_only(tmp_path: Path) -> None:
    with InstanceLock(tmp_path):
        assert stat.S_IMODE((tmp_path / "lock").stat().st_mode) == 0o600


def test_releasing_twice_does_no_harm(tmp_path: Path) -> None:
    lock = InstanceLock(tmp_path)
    lock.release()
    with InstanceLock(tmp_path):
        lock.release()
        with pytest.raises(AlreadyRunning):
            InstanceLock(tmp_path)


def test_lock_ends_with_its_process_however_that_ends(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(AlreadyRunning, match=rf"\(pid {holder.pid}\)"):
            InstanceLock(tmp_path)
        holder.kill()
        holder.wait()
        InstanceLock(tmp_path).release()
