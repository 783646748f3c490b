"""A host for one script: its own network, its own /sys, and programs that are what a test says.

Scripts find programs in /usr/sbin and /usr/bin only.  In a mount namespace of its own an overlay
puts fakes in front of what is there, so that the script runs unchanged.  It runs confined as the
unit of rcmd has it: what hides or forbids too much there, shows here.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from rcmd.ports.script_protocol import Answer, Command, Dialogue, Remark, environment

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "hooks" / "scripts"
UNIT = ROOT / "etc" / "systemd" / "system" / "rcmd.service"
ENTER = """
mount -t overlay -o "lowerdir=$1:/usr/bin" overlay /usr/bin
mount -t overlay -o "lowerdir=$1:/usr/sbin" overlay /usr/sbin
mount -t sysfs sysfs /sys
mount --bind "$2" /mnt
mount -t tmpfs tmpfs /run
mkdir /run/user
"""
PROTECT_HOME = {
    "yes": "mount -t tmpfs -o mode=0,ro tmpfs",
    "read-only": "mount -o remount,bind,ro",
}
"""What systemd.exec(5) says of it, for each of the directories."""


def setting(name: str) -> str:
    """What the unit says."""
    (line,) = (it for it in UNIT.read_text().splitlines() if it.startswith(f"{name}="))
    return line.partition("=")[2]


def confined() -> str:
    """Shell text that ends in a command to put in front of what is to run confined."""
    protect = PROTECT_HOME[setting("ProtectHome")]
    kept = (name.removeprefix("CAP_").lower() for name in setting("CapabilityBoundingSet").split())
    assert setting("NoNewPrivileges") == "yes"
    return (
        "for directory in /home /root /run/user; do\n"
        f'mount --rbind "$directory" "$directory"; {protect} "$directory"\n'
        f"done\nshift 2\n"
        f"setpriv --no-new-privs --bounding-set {','.join(('-all', *(f'+{it}' for it in kept)))}"
    )


@dataclass(frozen=True)
class Said:
    """What a script printed, as rcmd understands it."""

    answer: Answer
    remarks: tuple[Remark, ...]


class Host:
    def __init__(self, root: Path) -> None:
        self._fakes = root / "fakes"
        self._notes = root / "notes"
        for directory in (self._fakes, self._notes):
            directory.mkdir()
        self._notes.chmod(0o777)
        self._commands: list[str] = []

    def program(self, name: str, body: str) -> None:
        """A program of this host; /mnt/log is where it may leave a note."""
        path = self._fakes / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    def prepare(self, command: str) -> None:
        """Run before the script, each time."""
        self._commands.append(command)

    @property
    def notes(self) -> list[str]:
        """What programs noted since the last time."""
        log = self._notes / "log"
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return lines

    def run(self, script: str, words: Sequence[str], values: dict[str, str]) -> tuple[int, str]:
        """Exit status and standard output; nothing may be on standard error."""
        variables = [f"{name}={value}" for name, value in values.items()]
        text = "\n".join(("set -e", ENTER, *self._commands, f'{confined()} env -i "$@"'))
        # What was begun in the background ends with the shell.
        spaces = ["unshare", "-m", "-n", "-p", "-f", "--mount-proc"]
        command = [*spaces, "sh", "-c", text, "sh", self._fakes, self._notes]
        result = subprocess.run(
            [*command, *variables, SCRIPTS / script, *words],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert result.stderr == ""
        return result.returncode, result.stdout

    def ask(
        self, script: str, command: Command, resource: str = "", *, force: bool = False
    ) -> Said:
        values = environment(command, {}, debug_level=3, is_forced=force)
        status, output = self.run(script, [command, resource] if resource else [command], values)
        dialogue = Dialogue(script, command)
        remarks = [dialogue.take(line.encode()) for line in output.splitlines()]
        answer = dialogue.finish(status)
        return Said(answer, tuple(it for it in remarks if it is not None))


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)
