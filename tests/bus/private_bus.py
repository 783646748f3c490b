"""A message bus of our own, to be started, killed and started again."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

_CONFIGURATION = """<busconfig>
  <type>{kind}</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <limit name="max_replies_per_connection">50000</limit>
  <policy context="default">
    <allow user="*"/>
    <allow send_destination="*" eavesdrop="false"/>
    <allow receive_sender="*"/>
    {policy}
  </policy>
  {include}
</busconfig>
"""
_OPEN = '<allow own="*"/>'
_AS_ON_A_SYSTEM_BUS = """
    <deny own="*"/>
    <deny send_type="method_call"/>
    <allow send_destination="org.freedesktop.DBus"/>
"""


class PrivateBus:
    def __init__(self, policy: Path | None = None) -> None:
        """Open to all; with a policy file as closed as a system bus, but for that file."""
        # Not pytest's tmp_path: other users must get at the socket.
        self.directory = Path(tempfile.mkdtemp(prefix="rcmd-bus-"))
        self.directory.chmod(0o755)
        self._socket = self.directory / "socket"
        self.configuration = self.directory / "bus.conf"
        self.configuration.write_text(
            _CONFIGURATION.format(
                kind="session" if policy is None else "system",
                socket=self._socket,
                policy=_OPEN if policy is None else _AS_ON_A_SYSTEM_BUS,
                include="" if policy is None else f"<include>{policy}</include>",
            )
        )
        self.address = f"unix:path={self._socket}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Return when the bus listens."""
        self._socket.unlink(missing_ok=True)
        self._process = subprocess.Popen(
            ["dbus-daemon", f"--config-file={self.configuration}", "--nofork", "--print-address"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline().startswith(b"unix:path=")

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def remove(self) -> None:
        if self._process is not None:
            self.kill()
        shutil.rmtree(self.directory)
