"""Real scripts: good ones, and such as hang, fork, flood, print garbage or are replaced."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from rcmd.errors import Veto
from rcmd.platform.scripts.files import survey
from rcmd.platform.scripts.process import Grace
from rcmd.platform.scripts.runner import STDERR_LINES, ScriptRunner
from rcmd.platform.scripts.state import MARK, AskedFile, RunningScripts, start_time
from rcmd.ports.script import ScriptState
from rcmd.ports.script_protocol import (
    MAX_LINE,
    MAX_LINES,
    Answer,
    Command,
    Outcome,
    ScriptFailed,
    ScriptInfo,
)
from rcmd.ports.scripts import Asked, Request
from rcmd.rcm.clients.scripts import Scripts

QUICK = Grace(abort_s=0.2, kill_s=30)
PATIENT = Grace(abort_s=30, kill_s=30)


class Place:
    """A directory for scripts and one for the state, as the daemon has them."""

    def __init__(self, root: Path) -> None:
        self.scripts = root / "scripts"
        self.run = root / "run"
        self.scripts.mkdir()
        self.run.mkdir()
        self.scripts.chmod(0o755)
        root.chmod(0o755)

    def write(self, text: str, name: str = "guard", mode: int = 0o755) -> Path:
        """A new file in place of any older one, as an installer does it."""
        path = self.scripts / name
        partial = self.scripts / f".{name}.new"
        partial.write_text(text)
        partial.chmod(mode)
        partial.rename(path)
        return path

    def runner(self, grace: Grace = PATIENT, at_once: int = 64) -> ScriptRunner:
        return ScriptRunner((self.scripts,), self.run, grace=grace, at_once=at_once)

    def request(
        self, command: Command = Command.QUERYREMOVE, name: str = "guard", **changes: Any
    ) -> Request:
        path = str(self.scripts / name)
        return Request(name, path, command, **{"resource": "eth0", "timeout_s": 30.0, **changes})

    def answer(self, text: str, **changes: Any) -> Answer:
        """What comes of one command of a script."""
        self.write(text)
        return asyncio.run(self._run(self.request(**changes)))

    def failure(self, text: str, grace: Grace = PATIENT, **changes: Any) -> str:
        self.write(text)
        with pytest.raises(ScriptFailed) as error:
            asyncio.run(self._run(self.request(**changes), grace))
        return str(error.value)

    async def _run(self, request: Request, grace: Grace = PATIENT) -> Answer:
        return await self.runner(grace).run(request)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def is_alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


async def until(condition: Callable[[], bool]) -> None:
    """For what no event announces; a test that waits too long is ended from outside."""
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0.005)


def with_cases(body: str) -> str:
    return f"#!/bin/sh\ncase $1 in\n{body}\n*) exit 2 ;;\nesac\n"


# --- proper answers -----------------------------------------------------------------------------


def test_every_command_of_a_proper_script(place: Place) -> None:
    text = with_cases(
        "scriptinfo) echo rcm_script_version=1; echo 'rcm_script_func_info=Tape robot';"
        " printf rcm_cmd_timeout=20 ;;\n"
        "register) echo 'rcm_resource_name=eth*'; echo rcm_resource_name=pci:0000:03:00.0 ;;\n"
        "resourceinfo) echo rcm_resource_usage_info=used by $2 ;;\n"
        "queryremove) echo rcm_failure_reason=busy; exit 3 ;;\n"
        "preremove) echo rcm_failure_reason=broken; exit 1 ;;"
    )
    assert place.answer(text, command=Command.SCRIPTINFO, resource="") == Answer(
        Outcome.OK, info=ScriptInfo("Tape robot", 20.0)
    )
    registered = place.answer(text, command=Command.REGISTER, resource="")
    assert registered.resources == ("eth*", "pci:0000:03:00.0")
    assert place.answer(text, command=Command.RESOURCEINFO).usage == "used by eth0"
    # behaviour 115
    assert place.answer(text) == Answer(Outcome.REFUSED, "busy")
    assert place.answer(text, command=Command.PREREMOVE) == Answer(Outcome.FAILED, "broken")
    # behaviour 112
    assert place.answer(text, command=Command.POSTREMOVE) == Answer(Outcome.UNSUPPORTED)


def test_environment_is_exactly_the_one_of_the_contract(
    place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # behaviours 107, 110
    for name in list(os.environ):
        if name.startswith(("LC_", "LANG", "TZ")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("LC_TIME", "C")
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setenv("SECRET", "not yours")
    seen = tmp_path / "seen"
    text = (
        f"#!/usr/bin/python3 -I\nimport os\nopen({str(seen)!r}, 'w').write(repr(dict(os.environ)))"
    )
    common = {"PATH": "/usr/sbin:/usr/bin", "LC_TIME": "C", "TZ": "UTC"}
    for command, force, expected in (
        (Command.QUERYREMOVE, False, {"RCM_ENV_FORCE": "FALSE"}),
        (Command.PREREMOVE, True, {"RCM_ENV_FORCE": "TRUE"}),
        (Command.POSTREMOVE, True, {}),
        (Command.UNDOREMOVE, True, {}),
    ):
        place.answer(text, command=command, is_forced=force)
        found = eval(seen.read_text())
        # Python itself puts it there, in the C locale.
        found.pop("LC_CTYPE", None)
        assert found.pop("RCM_ENV_DEBUG_LEVEL") in "0123456789"
        assert found.pop(MARK)
        assert found == common | expected


@pytest.mark.lab
def test_process_is_a_stranger_in_a_session_of_its_own(place: Place, tmp_path: Path) -> None:
    # behaviour 116
    os.chmod(tmp_path, 0o777)
    program = """#!/usr/bin/python3 -I
import json, os, sys
fds = {}
for name in os.listdir("/proc/self/fd"):
    try:
        fds[name] = os.readlink(f"/proc/self/fd/{name}")
    except OSError:
        continue
print("rcm_failure_reason=" + json.dumps([
    os.getuid(), os.getgid(), os.getgroups(), os.getsid(0) == os.getpid(), os.getcwd(), fds,
    os.getpriority(os.PRIO_PROCESS, 0)]))
sys.exit(3)
"""
    with socket.socket() as held:
        os.set_inheritable(held.fileno(), True)
        for uid in (0, 65534):
            path = place.write(program)
            os.chown(path, uid, uid)
            answer = asyncio.run(place.runner().run(place.request()))
            found = json.loads(answer.reason)
            *identity, cwd, fds, priority = found
            assert identity == [uid, uid, [], True]
            assert cwd == (os.path.realpath("/var/run") if uid == 0 else "/tmp")
            assert fds.pop("0") == "/dev/null"
            assert fds.pop("1").startswith("pipe:")
            assert fds.pop("2").startswith("pipe:")
            assert {it for it in fds.values() if not it.startswith("/proc/")} == {str(path)}
            assert priority >= 0


CONFINED = """
import asyncio, json, os, subprocess, sys
from pathlib import Path
from rcmd.daemon.wiring import be_first
from rcmd.ports.script_protocol import Command
from rcmd.ports.scripts import Request
from rcmd.platform.scripts.runner import ScriptRunner
scripts = Path(sys.argv[1])
be_first()
runner = ScriptRunner((scripts,), scripts.parent / "run")
(found,) = runner.survey()
request = Request("guard", found.path, Command.QUERYREMOVE, "eth0")
answer = asyncio.run(runner.run(request))
child = subprocess.run(["nice"], capture_output=True, text=True).stdout.strip()
print(json.dumps([os.getpriority(os.PRIO_PROCESS, 0), answer.reason, child]))
"""


@pytest.mark.lab
@pytest.mark.parametrize("by_unit", [True, False], ids=["unit sets the flag", "rcmd sets it"])
def test_confined_daemon_keeps_its_priority_to_itself(
    place: Place, tmp_path: Path, *, by_unit: bool
) -> None:
    """Neither scripts of other owners nor other children have it, and a script that only its owner
    can read is run; with the capabilities that the unit leaves."""
    tmp_path.chmod(0o755)
    path = place.write(
        '#!/bin/sh\necho "rcm_failure_reason=$(id -u) $(nice)"\nexit 3\n', mode=0o700
    )
    os.chown(path, 65534, 65534)
    left = "-all,+net_admin,+net_raw,+syslog,+setuid,+setgid,+kill"
    flag = ["chrt", "--reset-on-fork", "--other", "0"] if by_unit else []
    confinement = ["setpriv", "--no-new-privs", "--bounding-set", left]
    daemon = ["nice", "-n", "-15", *flag, *confinement]
    result = subprocess.run(
        [*daemon, sys.executable, "-c", CONFINED, str(place.scripts)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == [-15, "65534 0", "0"]


def test_errors_are_logged_line_by_line(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    # behaviour 116
    text = (
        "#!/bin/sh\necho one >&2\nprintf 'two\\033[1m' >&2\n"
        "echo rcm_log_err=three\necho rcm_log_warn=four\necho rcm_log_info=five\n"
        "echo rcm_log_debug=six\n"
    )
    with caplog.at_level(logging.DEBUG, "rcmd.platform.scripts.runner"):
        assert place.answer(text).outcome is Outcome.OK
    said = {(it.levelname, it.getMessage()) for it in caplog.records if "script" in it.name}
    assert said == {
        ("ERROR", "rcm script guard: one"),
        ("ERROR", "rcm script guard: two?[1m"),
        ("ERROR", "rcm script guard: three"),
        ("WARNING", "rcm script guard: four"),
        ("INFO", "rcm script guard: five"),
        ("DEBUG", "rcm script guard: six"),
    }


# --- broken promises ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ("echo hello", "no '=' in 'hello'"),
        ("echo", "no '=' in ''"),
        ("echo rcm_failure_reason=; exit 3", "'rcm_failure_reason' has no value"),
        ("echo rcm_reason=no", "unknown name 'rcm_reason'"),
        ("echo rcm_resource_name=eth0", "rcm_resource_name is not for queryremove"),
        ("exit 1", "exit status 1 without rcm_failure_reason"),
        ("exit 3", "exit status 3 without rcm_failure_reason"),
        ("echo rcm_failure_reason=no", "exit status 0 with rcm_failure_reason"),
        ("exit 77", "exit status 77 after queryremove"),
        ("head -c 5000 /dev/zero | tr '\\0' x; sleep 1000", "a line of more than 4096 characters"),
        ("head -c 100 /dev/urandom | tr -d '=\\n'; echo; sleep 1000", "no '='"),
        ("yes rcm_log_debug=x; sleep 1000", f"more than {MAX_LINES} lines"),
        ("yes; sleep 1000", "no '=' in 'y'"),
        ("cat /dev/zero; sleep 1000", f"a line of more than {MAX_LINE} characters"),
    ],
)
def test_garbage_and_floods_are_protocol_errors(place: Place, body: str, detail: str) -> None:
    # behaviour 111
    failure = place.failure(f"#!/bin/sh\n{body}\n")
    assert failure.startswith("rcm script guard: scripting protocol error (")
    assert detail in failure


def test_one_that_is_killed(place: Place) -> None:
    failure = place.failure("#!/bin/sh\nkill -SEGV $$\n")
    assert failure == "rcm script guard: unknown error (ended by signal 11)"


def test_one_that_hangs_is_aborted(place: Place, tmp_path: Path) -> None:
    # behaviour 113
    told = tmp_path / "told"
    text = f"#!/bin/sh\ntrap 'echo aborted >{told}; exit 9' ABRT\nwhile :; do sleep 0.01; done\n"
    assert place.failure(text, timeout_s=1.0) == "rcm script guard: timeout error"
    assert told.read_text() == "aborted\n"


def test_one_that_ignores_the_abort_is_killed_with_its_group(place: Place, tmp_path: Path) -> None:
    # behaviour 113
    pids = tmp_path / "pids"
    text = f"#!/bin/sh\ntrap '' ABRT\nsleep 1000 &\necho $$ $! >{pids}\nwait\nwait\n"
    assert place.failure(text, QUICK, timeout_s=1.0) == "rcm script guard: timeout error"

    leader, child = map(int, pids.read_text().split())
    asyncio.run(until(lambda: not is_alive(leader) and not is_alive(child)))
    assert not (place.run / "scripts").exists()


def test_child_that_outlives_an_aborted_leader_is_killed(place: Place, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    text = f"#!/bin/sh\n(trap '' ABRT; exec sleep 1000) &\necho $! >{pids}\nexec sleep 1000\n"
    place.failure(text, timeout_s=1.0)
    child = int(pids.read_text())
    asyncio.run(until(lambda: not is_alive(child)))


def test_grandchild_that_holds_the_output_holds_up_nobody(place: Place, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    text = (
        f"#!/bin/sh\nsleep 1000 &\necho $! >{pids}\n"
        "echo rcm_failure_reason=first\nprintf rcm_failure_reason=second\nexit 3\n"
    )
    assert place.answer(text, timeout_s=0) == Answer(Outcome.REFUSED, "first second")
    child = int(pids.read_text())
    assert is_alive(child)
    os.kill(child, signal.SIGKILL)


def test_grandchild_that_floods_the_output_holds_up_nobody(place: Place, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    text = f"#!/bin/sh\nyes rcm_log_debug=x &\necho $! >{pids}\nexit 0\n"
    place.write(text)

    async def scenario() -> None:
        try:
            await place.runner().run(place.request(timeout_s=0))
        except ScriptFailed as error:
            assert "more than" in str(error)  # noqa: PT017
        # Its reader is gone, so it is too.
        await until(lambda: pids.exists() and not is_alive(int(pids.read_text())))

    asyncio.run(scenario())


@pytest.mark.parametrize("flood", ["yes error >&2", "yes rcm_log_err=error"])
def test_others_have_their_turn_after_a_few_lines_of_a_flood(
    place: Place, caplog: pytest.LogCaptureFixture, flood: str
) -> None:
    """So that the daemon answers at once all the while, however many scripts flood it."""
    place.write(f"#!/bin/sh\n{flood}\n")

    async def scenario() -> list[int]:
        running = asyncio.ensure_future(place.runner().run(place.request(timeout_s=0)))
        lines_per_turn = []
        while len(caplog.records) < STDERR_LINES and not running.done():
            before = len(caplog.records)
            await asyncio.sleep(0)
            lines_per_turn.append(len(caplog.records) - before)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        return lines_per_turn

    lines_per_turn = asyncio.run(scenario())
    assert sum(lines_per_turn) >= STDERR_LINES
    assert max(lines_per_turn) <= 32


def test_one_that_complains_without_end_is_heard_for_a_while(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    """It is not stuck, either: what is too much is read and dropped."""
    text = "#!/bin/sh\nyes error | head -n 100000 >&2\nexit 0\n"
    assert place.answer(text).outcome is Outcome.OK
    errors = [it for it in caplog.records if it.getMessage() == "rcm script guard: error"]
    assert len(errors) == STDERR_LINES
    assert caplog.text.count("the rest of its errors is dropped") == 1


# --- the opened file is the one that is checked and run -------------------------------------------


@pytest.mark.parametrize(
    ("mode", "problem"),
    [
        (0o757, "can be written by group or others"),
        (0o775, "can be written by group or others"),
        (0o644, "is not executable"),
    ],
)
def test_file_that_others_could_have_written(place: Place, mode: int, problem: str) -> None:
    place.write("#!/bin/sh\n", mode=mode)
    (found,) = place.runner().survey()
    assert found.problem == problem
    with pytest.raises(ScriptFailed, match=f"^rcm script guard: {problem}$"):
        asyncio.run(place.runner().run(place.request()))


@pytest.mark.lab
def test_directory_that_others_can_write(place: Place) -> None:
    place.write("#!/bin/sh\n")
    place.scripts.chmod(0o777)
    (found,) = place.runner().survey()
    assert found.problem == f"its directory {place.scripts} can be written by group or others"
    place.scripts.chmod(0o755)
    os.chown(place.scripts, 65534, 65534)
    (found,) = place.runner().survey()
    assert found.problem == f"its directory {place.scripts} belongs to uid 65534"


def test_links_are_not_followed(place: Place) -> None:
    place.write("#!/bin/sh\n", name=".real")
    (place.scripts / "guard").symlink_to(place.scripts / ".real")
    (found,) = place.runner().survey()
    assert found.problem == "is a symbolic link, which is not followed"
    with pytest.raises(ScriptFailed, match="symbolic link"):
        asyncio.run(place.runner().run(place.request()))


def test_pipe_in_place_of_a_script_does_not_hold_us_up(place: Place) -> None:
    os.mkfifo(place.scripts / "guard", 0o700)
    assert place.runner().survey() == ()
    with pytest.raises(ScriptFailed, match="is not a regular file"):
        asyncio.run(place.runner().run(place.request()))


def test_one_that_is_gone_or_no_program(place: Place) -> None:
    with pytest.raises(ScriptFailed, match="cannot be opened: No such file"):
        asyncio.run(place.runner().run(place.request()))
    assert "cannot be run: Exec format error" in place.failure("no program\n")
    assert "cannot be run: No such file" in place.failure("#!/no/such/interpreter\n")


def test_one_that_is_replaced_while_running_goes_on_as_it_was(place: Place, tmp_path: Path) -> None:
    begun, go_on = tmp_path / "begun", tmp_path / "go-on"
    place.write(
        f"#!/bin/sh\ntouch {begun}\nwhile [ ! -e {go_on} ]; do sleep 0.01; done\n"
        "echo rcm_failure_reason=old\nexit 3\n"
    )

    async def scenario() -> None:
        runner = place.runner()
        (before,) = runner.survey()
        running = asyncio.ensure_future(runner.run(place.request()))
        await until(begun.exists)
        place.write("#!/bin/sh\necho rcm_failure_reason=new\nexit 3\n")
        (after,) = runner.survey()
        assert before.version != after.version
        assert (await runner.run(place.request())).reason == "new"
        go_on.touch()
        assert (await running).reason == "old"

    asyncio.run(scenario())


def test_which_files_are_scripts(tmp_path: Path) -> None:
    # behaviour 109
    first, second = tmp_path / "first", tmp_path / "second"
    for directory in (first, second):
        directory.mkdir()
    for path in (
        first / "both",
        second / "both",
        second / "only",
        second / ".hidden",
        second / "old.dpkg-old",
        second / "backup~",
        second / "masked",
        second / "a: b",
    ):
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
    (first / "directory").mkdir()
    (first / "masked").symlink_to("/dev/null")
    found = survey((first, second, tmp_path / "none"))
    assert [(it.name, it.path) for it in found] == [
        ("a: b", str(second / "a: b")),
        ("both", str(first / "both")),
        ("only", str(second / "only")),
    ]
    assert [bool(it.problem) for it in found] == [True, False, False]


def test_one_that_is_installed_and_replaced_is_asked_at_once(place: Place, tmp_path: Path) -> None:
    # behaviours 109, 114, 115
    def version(reason: str, resource: str) -> None:
        place.write(
            with_cases(
                "scriptinfo) echo rcm_script_version=1; echo rcm_script_func_info=x ;;\n"
                f"register) echo 'rcm_resource_name={resource}' ;;\n"
                f"queryremove) echo rcm_failure_reason={reason} $2; exit 3 ;;"
            )
        )

    async def scenario() -> None:
        scripts = Scripts(place.runner(), AskedFile(place.run), lambda: 30.0, resync_s=3600)
        assert await scripts.query_remove("eth0", force=False) == ()
        version("first", "eth*")
        assert await scripts.query_remove("eth0", force=False) == (
            Veto("eth0", "guard", "first eth0"),
        )
        version("second", "pci:*")
        assert await scripts.query_remove("eth0", force=False) == ()
        (veto,) = await scripts.query_remove("pci:0000:03:00", force=False)
        assert veto.reason == "second pci:0000:03:00"
        (place.scripts / "guard").chmod(0o757)
        assert await scripts.query_remove("pci:0000:03:00", force=False) == ()
        (status,) = scripts.statuses()
        assert (status.state, status.problem) == (
            ScriptState.REFUSED,
            "rcm script guard: can be written by group or others",
        )
        (place.scripts / "guard").unlink()
        await scripts.sync()
        assert scripts.statuses() == ()

    asyncio.run(scenario())


# --- many, interrupted, left behind ---------------------------------------------------------------


def test_no_more_than_so_many_at_once(place: Place, tmp_path: Path) -> None:
    # behaviour 116
    release = tmp_path / "release"
    begun = tmp_path / "begun"
    begun.mkdir()
    place.write(f"#!/bin/sh\ntouch {begun}/$2\nwhile [ ! -e {release} ]; do sleep 0.01; done\n")

    async def scenario() -> None:
        runner = place.runner(at_once=2)
        requests = [place.request(resource=f"eth{number}") for number in range(5)]
        running = [asyncio.ensure_future(runner.run(it)) for it in requests]
        await until(lambda: len(list(begun.iterdir())) == 2)
        listed = (place.run / "scripts").read_text().splitlines()
        assert len(listed) == 2
        release.touch()
        assert [it.outcome for it in await asyncio.gather(*running)] == [Outcome.OK] * 5
        assert len(list(begun.iterdir())) == 5
        assert not (place.run / "scripts").exists()

    asyncio.run(scenario())


def test_one_whose_caller_goes_is_ended_first(place: Place, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    place.write(f"#!/bin/sh\necho $$ >{pids}.new\nmv {pids}.new {pids}\nexec sleep 1000\n")

    async def scenario(cancel: Callable[[asyncio.Task[Answer]], Coroutine[Any, Any, None]]) -> None:
        pids.unlink(missing_ok=True)
        running = asyncio.ensure_future(place.runner().run(place.request(timeout_s=0)))
        await until(pids.exists)
        await cancel(running)
        with pytest.raises(asyncio.CancelledError):
            await running
        await until(lambda: not is_alive(int(pids.read_text())))
        await until(lambda: not (place.run / "scripts").exists())

    async def once(task: asyncio.Task[Answer]) -> None:
        task.cancel()

    async def twice(task: asyncio.Task[Answer]) -> None:
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(scenario(once))
    place.write(
        f"#!/bin/sh\ntrap '' ABRT\necho $$ >{pids}.new\nmv {pids}.new {pids}\n"
        "while :; do sleep 0.01; done\n"
    )
    asyncio.run(scenario(twice))


def test_leftovers_of_a_daemon_that_died_are_killed(place: Place) -> None:
    async def scenario() -> None:
        left = await asyncio.create_subprocess_exec("sleep", "1000", start_new_session=True)
        other = await asyncio.create_subprocess_exec("sleep", "1000", start_new_session=True)
        listed = RunningScripts(place.run)
        listed.add(left.pid, "guard one")
        # The number of a script that ended long ago, now another's.
        started = start_time(other.pid)
        assert started is not None
        with (place.run / "scripts").open("a") as file:
            file.write(f"{other.pid} {started - 1} guard\n1 0 init\nnonsense\n-1 0 x\n")
        assert place.runner().end_leftovers() == (left.pid,)
        assert await left.wait() == -signal.SIGKILL
        assert other.returncode is None
        assert is_alive(other.pid)
        assert not (place.run / "scripts").exists()
        assert place.runner().end_leftovers() == ()
        other.kill()
        await other.wait()

    asyncio.run(scenario())


def test_leftovers_whose_leader_has_died_are_killed(place: Place, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    command = f"sleep 1000 & echo $! >{pids}.new; set -m; sleep 1000 & echo $! >>{pids}.new; " + (
        f"mv {pids}.new {pids}; read line"
    )

    async def scenario() -> None:
        leader = await asyncio.create_subprocess_exec(
            "bash", "-c", command, start_new_session=True, stdin=asyncio.subprocess.PIPE
        )
        await until(pids.exists)
        RunningScripts(place.run).add(leader.pid, "guard")
        children = [int(word) for word in pids.read_text().split()]
        # The second has a process group of its own.
        assert [os.getpgid(it) for it in children] == [leader.pid, children[1]]
        leader.kill()
        await leader.wait()
        assert place.runner().end_leftovers() == (leader.pid,)
        await until(lambda: not any(is_alive(it) for it in children))
        assert not (place.run / "scripts").exists()

    asyncio.run(scenario())


def test_one_that_was_not_listed_in_time_is_found_by_its_mark(place: Place) -> None:
    """The daemon died after the script had begun, and before its number was written down."""

    async def scenario() -> None:
        with RunningScripts(place.run).starting("guard one") as start:
            left = await asyncio.create_subprocess_exec(
                "sleep", "1000", start_new_session=True, env={**start.environment, "A": "b"}
            )
            other = await asyncio.create_subprocess_exec(
                "sleep", "1000", start_new_session=True, env={MARK: "0"}
            )
            assert place.runner().end_leftovers() == (left.pid,)
        assert await left.wait() == -signal.SIGKILL
        assert is_alive(other.pid)
        assert not (place.run / "scripts").exists()
        other.kill()
        await other.wait()

    asyncio.run(scenario())


def test_one_that_cannot_be_started_leaves_no_line(place: Place) -> None:
    with RunningScripts(place.run).starting("guard"):
        assert (place.run / "scripts").read_text().startswith("starting ")
    assert not (place.run / "scripts").exists()


def test_who_was_asked_outlives_the_daemon(place: Place) -> None:
    memory = AskedFile(place.run)
    assert memory.recall() == ()
    asked = (Asked("a", "eth0", is_released=True), Asked("b c", "ip:::1", is_released=False))
    memory.keep(asked)
    with (place.run / "scripts-asked").open("a") as file:
        file.write('["half\n[1, 2]\n')
    assert AskedFile(place.run).recall() == asked
    memory.keep(())
    assert AskedFile(place.run).recall() == ()
