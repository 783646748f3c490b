"""One run of QEMU: its process, its control channel, and the agent in the guest."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from .agent_link import AgentLink
from .errors import GuestError
from .image.build import Image
from .machine import Machine, RunFiles
from .qmp import Qmp
from .wire import Wire

START_S = 30.0
STOP_S = 10.0
LOOK_AGAIN_S = 0.02

RAW = "format=raw,snapshot=on"
"""An image: what the guest writes is forgotten."""
SAVED = "format=qcow2,snapshot=on"
KEPT = "format=qcow2"


class Emulator:
    """It runs when made; `stop` ends it, whatever it is doing."""

    def __init__(
        self,
        wire: Wire,
        machine: Machine,
        image: Image,
        code: Path,
        *,
        disk: tuple[Path, str],
        memory: Path | None = None,
    ) -> None:
        """`memory` is a saved state to go on from, instead of a boot."""
        self.files = RunFiles(Path(tempfile.mkdtemp(prefix="rcmd-vm-")), *disk, code)
        arguments = [*machine.arguments(image, self.files)]
        if memory is not None:
            arguments += ["-incoming", f"exec:cat '{memory}'"]
        with self.files.log.open("wb") as log:
            self._process = subprocess.Popen(
                wire.inside(*arguments), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            self._wait_for_sockets()
            self.qmp = Qmp(self.files.qmp)
            try:
                self.agent = AgentLink(self.files.agent)
            except GuestError:
                self.qmp.close()
                raise
        except BaseException:
            self._end()
            raise

    def wait_for_hello(self, limit_s: float) -> None:
        """Until the guest has booted.  Raises GuestError with the end of what it said."""
        if not self.agent.wait_for_hello(limit_s):
            raise GuestError(f"the guest has not booted within {limit_s:g} s: {self.console()}")

    def wait_until(self, query: str, awaited: tuple[str, ...], limit_s: float) -> str:
        """Until the status that QEMU gives for the query is one of these."""
        end = time.monotonic() + limit_s
        while (status := str(self.qmp(query).get("status"))) not in awaited:
            if time.monotonic() > end:
                raise GuestError(f"QEMU: {query} is still {status} after {limit_s:g} s")
            time.sleep(LOOK_AGAIN_S)
        return status

    def console(self) -> str:
        """The last of what the guest's kernel said."""
        return self.files.console.read_text(errors="replace")[-2000:]

    def stop(self) -> None:
        self.qmp.close()
        self.agent.close()
        self._end()

    def _end(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self.files.folder)

    def _wait_for_sockets(self) -> None:
        end = time.monotonic() + START_S
        while not (self.files.qmp.exists() and self.files.agent.exists()):
            if self._process.poll() is not None or time.monotonic() > end:
                said = self.files.log.read_text(errors="replace")
                raise GuestError(f"QEMU does not start: {said}")
            time.sleep(LOOK_AGAIN_S)


def version() -> str:
    """Of QEMU; a saved state is good for one version only."""
    command = ("qemu-system-x86_64", "--version")
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def has_kvm() -> bool:
    """Whether the device is there; not whether it can run our kernel."""
    return os.access("/dev/kvm", os.R_OK | os.W_OK)
