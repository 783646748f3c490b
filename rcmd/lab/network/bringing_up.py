"""Starting and ending the keeper of a lab."""

from __future__ import annotations

import json
import logging
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from rcmd.lab.errors import LabError
from rcmd.lab.network import control, directories, requirements
from rcmd.lab.network.places import in_thread
from rcmd.lab.network.plan import LabPlan, Nic, NicKind, mac_of
from rcmd.lab.network.syscalls import Kind, unshare

logger = logging.getLogger(__name__)

ROUTER_ADDRESSES = ("192.168.85.1/24", "2001:db8:85::1/64")
END_WITHIN = 3.0
"""Seconds."""


def nics(veth: Sequence[str], tap: Sequence[str], macs: Mapping[str, str]) -> tuple[Nic, ...]:
    """A NIC for each name, once; those in `tap` are TAP devices."""
    names = dict.fromkeys((*veth, *tap))
    return tuple(
        Nic(name, NicKind.TAP if name in tap else NicKind.VETH, macs.get(name, mac_of(number)))
        for number, name in enumerate(names, start=1)
    )


def start(
    name: str, nics: tuple[Nic, ...], *, ends_with_creator: bool
) -> tuple[Path, subprocess.Popen[bytes]]:
    """Bring a lab up.  Gives back its directory and its keeper.  Errors: LabError."""
    requirements.check()
    directory, lock = directories.create(name)
    plan = LabPlan(name, str(directory), nics, ROUTER_ADDRESSES, ends_with_creator)
    try:
        keeper = _spawn(plan, lock)
    except OSError as error:
        directories.remove(name)
        raise LabError(f"the machine does not let us make namespaces: {error}") from error
    finally:
        os.close(lock)
    directories.record_keeper(directory, keeper.pid)
    assert keeper.stdout is not None
    with keeper.stdout as output:
        said = json.loads(output.readline() or b'{"error": "its keeper failed"}')
    if "error" in said:
        _kill(keeper)
        log = (directory / directories.LOG).read_text()
        directories.remove(name)
        raise LabError(f"the lab did not come up: {said['error']}\n{log}".rstrip())
    return directory, keeper


def end(directory: Path, keeper: subprocess.Popen[bytes] | None) -> None:
    """End a lab with everything in it, and wait until that is done."""
    if keeper is None:
        _end_by_request(directory)
    else:
        _kill(keeper)
    directories.remove(directory.name)


def _kill(keeper: subprocess.Popen[bytes]) -> None:
    # The first process of a PID namespace is gone only when all the others are.
    keeper.kill()
    keeper.wait()
    if keeper.stdin is not None:
        keeper.stdin.close()


def _end_by_request(directory: Path) -> None:
    try:
        (keeper,) = control.request(directory, "end")
    except LabError:
        if directories.find(directory.name) is None:
            return
        keeper = os.pidfd_open(directories.keeper_of(directory))
        signal.pidfd_send_signal(keeper, signal.SIGKILL)
    has_ended = bool(select.select((keeper,), (), (), END_WITHIN)[0])
    os.close(keeper)
    if not has_ended:
        # All are killed, but the parent of one, outside the lab, does not wait for it.
        logger.warning("a process of the lab %s is dead but not waited for", directory.name)


def _spawn(plan: LabPlan, lock: int) -> subprocess.Popen[bytes]:
    def spawn() -> subprocess.Popen[bytes]:
        with Path(plan.directory, directories.LOG).open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "rcmd.lab.network.keeper", plan.to_json()],
                stdin=subprocess.PIPE if plan.ends_with_creator else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, "RCMD_LAB": plan.name},
                pass_fds=(lock,),
                cwd="/",
                start_new_session=True,
            )

    return in_thread(lambda: unshare(Kind.PID | Kind.MOUNT | Kind.NET), spawn)
