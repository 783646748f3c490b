import os
import subprocess
import sys
from ipaddress import ip_address
from pathlib import Path

from rcmd.ctl.session import session_of
from rcmd.ports.sockets import Session

CONNECTION = b"SSH_CONNECTION=10.0.0.5 51234 192.168.85.19 22"
SESSION = Session(local=ip_address("192.168.85.19"), remote=ip_address("10.0.0.5"))


class Processes:
    """A /proc with a few processes in it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def add(self, pid: int, parent: int, *variables: bytes) -> None:
        process = self.root / str(pid)
        process.mkdir()
        (process / "environ").write_bytes(b"\0".join((b"HOME=/root", *variables, b"")))
        (process / "status").write_text(f"Name:\tsh\nPid:\t{pid}\nPPid:\t{parent}\nUid:\t0\n")

    def session_of(self, pid: int) -> Session | None:
        return session_of(pid, self.root)


def test_its_own(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    processes.add(30, 20, CONNECTION)
    assert processes.session_of(30) == SESSION


def test_that_of_the_nearest_ancestor_behind_sudo(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    processes.add(10, 1, b"SSH_CONNECTION=10.0.0.9 1 192.168.85.20 22")
    processes.add(20, 10, CONNECTION)
    processes.add(30, 20)
    processes.add(40, 30)
    assert processes.session_of(40) == SESSION


def test_none_at_the_console(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    processes.add(1, 0, CONNECTION)  # the first of all belongs to no session
    processes.add(20, 1, b"NO_SSH_CONNECTION=10.0.0.5 51234 192.168.85.19 22")
    assert processes.session_of(20) is None


def test_vanished(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    processes.add(30, 20)
    assert processes.session_of(99) is None
    assert processes.session_of(30) is None


def test_unreadable_is_passed_over(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    processes.add(20, 1, CONNECTION)
    processes.add(30, 20)
    (tmp_path / "30/environ").unlink()
    (tmp_path / "30/environ").mkdir()
    assert processes.session_of(30) == SESSION


def test_junk_is_passed_over(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    processes.add(20, 1, CONNECTION)
    processes.add(30, 20, b"SSH_CONNECTION=\xff\xfe who knows")
    assert processes.session_of(30) == SESSION
    (tmp_path / "30/status").write_bytes(b"PPid\nPPid: \xff\nPPid:\t-20\n\0")
    assert processes.session_of(30) is None


def test_a_circle_ends(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    processes.add(20, 30)
    processes.add(30, 20)
    assert processes.session_of(30) is None


def test_of_real_processes() -> None:
    """The grandchild has an environment of its own, as below sudo."""
    grandchild = f"{sys.executable} -c 'import os; print(os.getpid(), flush=True); input()'"
    command = ["sh", "-c", f"env -i {grandchild}; true"]
    environment = {**os.environ, "SSH_CONNECTION": "10.0.0.5 51234 192.168.85.19 22"}
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        assert pid != process.pid
        assert b"SSH_CONNECTION" not in Path(f"/proc/{pid}/environ").read_bytes()
        assert session_of(pid) == SESSION
        process.stdin.write("\n")
