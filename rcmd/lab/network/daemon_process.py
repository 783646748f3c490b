"""The rcmd daemon in the host, as systemd would run it: in the foreground, saying READY=1."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from rcmd.lab.errors import LabError
from rcmd.lab.network.places import Place

NOTIFY_SOCKET = "/run/rcmd-lab-notify"
"""In the host."""


class DaemonProcess:
    """Started and ready when made.  `log` is a file on the machine that grows over restarts."""

    def __init__(
        self,
        host: Place,
        command: Sequence[str],
        env: Mapping[str, str],
        log: Path,
        ready_within: float,
    ) -> None:
        self._log = log
        self._notifications: list[str] = []
        self._socket = host.call(_bind)
        with log.open("a") as output:
            self._process = host.popen(
                command,
                env={**env, "NOTIFY_SOCKET": NOTIFY_SOCKET},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        try:
            self._await_ready(ready_within)
        except LabError:
            self.end(signal.SIGKILL)
            raise
        self._listener.start()

    @property
    def pid(self) -> int:
        """As the machine counts."""
        return self._process.pid

    @property
    def notifications(self) -> tuple[str, ...]:
        """Everything that it told its service manager, one assignment each."""
        return tuple(self._notifications)

    def is_running(self) -> bool:
        return self._process.poll() is None

    def end(self, number: signal.Signals, timeout: float = 10.0) -> int:
        """Its exit status, after this signal.  Errors: LabError when it does not end in time."""
        if self.is_running():
            self._process.send_signal(number)
        try:
            status = self._process.wait(timeout)
        except subprocess.TimeoutExpired as error:
            self._process.kill()
            self._process.wait()
            raise LabError(self._explained(f"did not end within {timeout} s")) from error
        finally:
            self._stop_listening()
        return status

    def _await_ready(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        ended = os.pidfd_open(self._process.pid)
        try:
            while "READY=1" not in self._notifications:
                remaining = max(0.0, deadline - time.monotonic())
                watched: list[socket.socket | int] = [self._socket, ended]
                readable, _, _ = select.select(watched, (), (), remaining)
                if self._socket in readable:
                    self._note(self._socket.recv(65536))
                elif ended in readable:
                    raise LabError(self._explained(f"ended with {self._process.wait()}"))
                else:
                    raise LabError(self._explained(f"was not ready within {timeout} s"))
        finally:
            os.close(ended)

    def _listen(self) -> None:
        # A notification that nobody reads would in the end block the daemon.
        while data := self._socket.recv(65536):
            self._note(data)

    def _note(self, data: bytes) -> None:
        self._notifications.extend(data.decode().splitlines())

    def _stop_listening(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RD)
        if self._listener.is_alive():
            self._listener.join()
        self._socket.close()

    def _explained(self, what: str) -> str:
        return f"the daemon {what}; its log:\n{self._log.read_text()}"


def _bind() -> socket.socket:
    Path(NOTIFY_SOCKET).unlink(missing_ok=True)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.bind(NOTIFY_SOCKET)
    return sock
