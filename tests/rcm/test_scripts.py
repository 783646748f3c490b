"""Scripts as clients of the transactions, with a runner that plays them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from rcmd.errors import Veto
from rcmd.ports.script import ScriptState
from rcmd.ports.script_protocol import (
    Answer,
    Command,
    Outcome,
    ScriptFailed,
    ScriptInfo,
    timeout_error,
    version_error,
)
from rcmd.ports.scripts import Asked, Request, ScriptFile
from rcmd.rcm.clients.broker import Everybody
from rcmd.rcm.clients.scripts import Scripts

from .virtual_loop import VirtualLoop

Reply = Answer | ScriptFailed | Callable[[], Awaitable[Answer]]

OK = Answer(Outcome.OK)
BUSY = Answer(Outcome.REFUSED, "busy")


def names(*resources: str) -> Answer:
    return Answer(Outcome.OK, resources=resources)


@dataclass
class FakeRunner:
    """Scripts are what they answer to each command; what they do not know is fine with them."""

    files: dict[str, ScriptFile] = field(default_factory=dict)
    replies: dict[tuple[str, Command], Reply] = field(default_factory=dict)
    ran: list[Request] = field(default_factory=list)
    at_once: dict[str, int] = field(default_factory=dict)
    surveys: int = 0

    def install(self, name: str, *resources: str, version: int = 1, timeout: float = 60.0) -> None:
        self.files[name] = ScriptFile(name, f"/etc/rcm/scripts/{name}", (version,))
        info = Answer(Outcome.OK, info=ScriptInfo(f"all about {name}", timeout))
        self.replies[name, Command.SCRIPTINFO] = info
        self.replies[name, Command.REGISTER] = names(*resources)

    def survey(self) -> tuple[ScriptFile, ...]:
        self.surveys += 1
        return tuple(self.files[name] for name in sorted(self.files))

    async def run(self, request: Request) -> Answer:
        self.ran.append(request)
        count = self.at_once.get(request.script, 0) + 1
        assert count == 1, "one command at a time"  # behaviour 116
        self.at_once[request.script] = count
        try:
            # Others have their turn meanwhile.
            await asyncio.sleep(0)
            reply = self.replies.get((request.script, request.command), OK)
            if isinstance(reply, ScriptFailed):
                raise reply
            return reply if isinstance(reply, Answer) else await reply()
        finally:
            self.at_once[request.script] -= 1

    def commands(self, *wanted: Command) -> list[tuple[str, str, str]]:
        """What was run, and is forgotten then."""
        found = [
            (it.script, it.command.value, it.resource)
            for it in self.ran
            if not wanted or it.command in wanted
        ]
        self.ran.clear()
        return found


@dataclass
class FakeMemory:
    asked: tuple[Asked, ...] = ()

    def recall(self) -> tuple[Asked, ...]:
        return self.asked

    def keep(self, asked: tuple[Asked, ...]) -> None:
        self.asked = asked


def scripts_of(
    runner: FakeRunner, memory: FakeMemory | None = None, *, resync_s: float = 0.0
) -> Scripts:
    return Scripts(runner, memory or FakeMemory(), lambda: 45.0, resync_s=resync_s)


REMOVAL = (Command.QUERYREMOVE, Command.PREREMOVE, Command.POSTREMOVE, Command.UNDOREMOVE)


def test_those_concerned_are_asked_and_every_refusal_is_kept() -> None:
    # behaviours 101, 115
    runner = FakeRunner()
    runner.install("one", "eth*")
    runner.install("two", "eth0", "pci:*")
    runner.install("three", "wlan0", "slot:*")
    runner.install("four", "*")
    runner.replies["one", Command.QUERYREMOVE] = BUSY
    runner.replies["two", Command.QUERYREMOVE] = timeout_error("two")
    runner.replies["four", Command.QUERYREMOVE] = Answer(Outcome.FAILED, "broken")

    async def scenario() -> None:
        scripts = scripts_of(runner)
        assert await scripts.query_remove("eth0", force=True) == (
            Veto("eth0", "four", "broken"),
            Veto("eth0", "one", "busy"),
            Veto("eth0", "two", "rcm script two: timeout error"),
        )
        asked = [it for it in runner.ran if it.command is Command.QUERYREMOVE]
        assert {it.script for it in asked} == {"one", "two", "four"}
        assert all(it.is_forced and it.resource == "eth0" for it in asked)
        # behaviour 104: nobody objects to what nobody knows
        del runner.files["four"]
        assert await scripts.query_remove("nothing", force=False) == ()

    asyncio.run(scenario())


def test_the_outcome_is_told_to_those_that_were_asked_to_let_go() -> None:
    # behaviours 102, 106, 107
    runner = FakeRunner()
    runner.install("one", "eth0")
    runner.install("two", "eth1")
    runner.install("refusing", "eth0")
    runner.replies["refusing", Command.PREREMOVE] = BUSY

    async def scenario() -> None:
        scripts = scripts_of(runner)
        await scripts.query_remove("eth0", force=False)
        runner.ran.clear()
        await scripts.undo_remove("eth0")
        await scripts.post_remove("eth0")
        assert runner.ran == []
        vetoes = await scripts.pre_remove("eth0", force=True)
        assert vetoes == (Veto("eth0", "refusing", "busy"),)
        assert all(it.is_forced for it in runner.ran)
        runner.ran.clear()
        await scripts.undo_remove("eth1")
        assert runner.ran == []
        await scripts.undo_remove("eth0")
        assert not any(it.is_forced for it in runner.ran)
        assert sorted(runner.commands()) == [
            ("one", "undoremove", "eth0"),
            ("refusing", "undoremove", "eth0"),
        ]
        await scripts.undo_remove("eth0")
        assert runner.ran == []

    asyncio.run(scenario())


def test_exit_2_is_consent_and_failing_afterwards_is_only_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    # behaviour 112
    runner = FakeRunner()
    runner.install("one", "eth0")
    for command in REMOVAL[:2]:
        runner.replies["one", command] = Answer(Outcome.UNSUPPORTED)
    runner.replies["one", Command.POSTREMOVE] = Answer(Outcome.FAILED, "cannot clean up")
    runner.replies["one", Command.UNDOREMOVE] = timeout_error("one")

    async def scenario() -> None:
        scripts = scripts_of(runner)
        for tell in (scripts.post_remove, scripts.undo_remove):
            assert await scripts.query_remove("eth0", force=False) == ()
            assert await scripts.pre_remove("eth0", force=False) == ()
            await tell("eth0")
            runner.ran.clear()
            await tell("eth0")
            assert runner.ran == []

    asyncio.run(scenario())
    assert "script one: postremove eth0: cannot clean up" in caplog.text
    assert "rcm script one: timeout error, after undoremove eth0" in caplog.text


# --- what they care about -----------------------------------------------------------------------


def test_register_replaces_the_list() -> None:
    # behaviour 114
    runner = FakeRunner()
    runner.install("one", "eth0", "eth1")
    runner.replies["one", Command.QUERYREMOVE] = BUSY

    async def scenario() -> None:
        scripts = scripts_of(runner)
        assert len(await scripts.query_remove("eth1", force=False)) == 1
        runner.replies["one", Command.REGISTER] = names("eth0", "eth2")
        assert await scripts.query_remove("eth1", force=False) == ()
        assert len(await scripts.query_remove("eth2", force=False)) == 1
        # It fails once: what was known is still true, and said to be old.
        runner.replies["one", Command.REGISTER] = timeout_error("one")
        assert len(await scripts.query_remove("eth2", force=False)) == 1
        (status,) = scripts.statuses()
        assert (status.state, status.problem) == (
            ScriptState.READY,
            "rcm script one: timeout error",
        )
        runner.replies["one", Command.REGISTER] = names()
        assert await scripts.query_remove("eth0", force=False) == ()
        assert scripts.statuses()[0].resources == ()

    asyncio.run(scenario())


def test_register_waits_while_something_is_let_go() -> None:
    # behaviour 114
    runner = FakeRunner()
    runner.install("one", "eth0")
    runner.install("two", "eth1")

    async def scenario() -> None:
        scripts = scripts_of(runner)
        await scripts.query_remove("eth0", force=False)
        await scripts.pre_remove("eth0", force=False)
        runner.ran.clear()
        await scripts.sync()
        assert runner.commands(Command.REGISTER) == [("two", "register", "")]
        # Neither does a new file of it.
        runner.install("one", "eth7", version=2)
        await scripts.sync()
        assert ("one", "register", "") not in runner.commands()
        assert scripts.statuses()[0].resources == ("eth0",)
        await scripts.undo_remove("eth0")
        await scripts.sync()
        assert scripts.statuses()[0].resources == ("eth7",)

    asyncio.run(scenario())


def test_they_are_not_asked_too_often_what_they_care_about() -> None:
    runner = FakeRunner()
    runner.install("one", "eth0")

    async def scenario() -> None:
        scripts = scripts_of(runner, resync_s=3600)
        await asyncio.gather(*(scripts.query_remove("eth0", force=False) for _ in range(3)))
        assert runner.commands(Command.SCRIPTINFO, Command.REGISTER) == [
            ("one", "scriptinfo", ""),
            ("one", "register", ""),
        ]
        # What is new is noticed all the same.
        runner.install("two", "eth0")
        runner.install("one", "eth1", version=2)
        await scripts.query_remove("eth0", force=False)
        assert ("two", "queryremove", "eth0") in runner.commands()
        assert [it.resources for it in scripts.statuses()] == [("eth1",), ("eth0",)]
        del runner.files["two"]
        await scripts.query_remove("eth0", force=False)
        assert [it.name for it in scripts.statuses()] == ["one"]

    asyncio.run(scenario())


def test_names_of_solaris_are_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    runner = FakeRunner()
    runner.install("one", "SUNW_datalink/3", "eth0")

    async def scenario() -> None:
        scripts = scripts_of(runner)
        await scripts.sync()
        await scripts.sync()
        (status,) = scripts.statuses()
        assert status.resources == ("eth0",)
        assert status.problem == "rcm: unknown resource name SUNW_datalink/3 (one)"
        assert status.state is ScriptState.READY

    asyncio.run(scenario())
    assert caplog.text.count("unknown resource name") == 1


# --- those that are not used ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("broken", "reply", "problem"),
    [
        (Command.SCRIPTINFO, version_error("one", 2), "rcm script one: unsupported version 2"),
        (Command.SCRIPTINFO, timeout_error("one"), "rcm script one: timeout error"),
        (Command.SCRIPTINFO, Answer(Outcome.FAILED, "no"), "rcm script one: scriptinfo: no"),
        (Command.REGISTER, Answer(Outcome.FAILED, "no"), "rcm script one: register: no"),
    ],
)
def test_one_that_does_not_load_is_not_used_and_told_once(
    broken: Command, reply: Reply, problem: str, caplog: pytest.LogCaptureFixture
) -> None:
    # behaviour 109
    runner = FakeRunner()
    runner.install("one", "eth0")
    runner.replies["one", broken] = reply
    runner.replies["one", Command.QUERYREMOVE] = BUSY

    async def scenario() -> None:
        scripts = scripts_of(runner)
        for _ in range(2):
            assert await scripts.query_remove("eth0", force=False) == ()
        (status,) = scripts.statuses()
        assert (status.state, status.problem) == (ScriptState.REFUSED, problem)
        assert caplog.text.count(problem) == 1
        # Whoever repaired what it needs reads the configuration again.
        runner.install("one", "eth0")
        scripts.reload()
        assert len(await scripts.query_remove("eth0", force=False)) == 1

    asyncio.run(scenario())


def test_one_that_must_not_be_run_is_not_run(caplog: pytest.LogCaptureFixture) -> None:
    runner = FakeRunner()
    runner.files["one"] = ScriptFile("one", "/x/one", problem="is not executable")

    async def scenario() -> None:
        scripts = scripts_of(runner)
        assert await scripts.query_remove("eth0", force=False) == ()
        assert await scripts.query_remove("eth0", force=False) == ()
        assert runner.ran == []
        (status,) = scripts.statuses()
        assert (status.state, status.path) == (ScriptState.REFUSED, "/x/one")
        runner.install("one", "eth0")
        await scripts.sync()
        assert scripts.statuses()[0].state is ScriptState.READY

    asyncio.run(scenario())
    assert caplog.text.count("rcm script one: is not executable; the script is not used") == 1


# --- one at a time, and seen meanwhile ------------------------------------------------------------


def test_one_command_at_a_time_and_who_is_waited_for() -> None:
    # behaviour 116
    runner = FakeRunner()
    runner.install("slow", "*")
    runner.install("swift", "*")

    async def scenario() -> None:
        go_on = asyncio.Event()
        is_running = asyncio.Event()

        async def slowly() -> Answer:
            is_running.set()
            await go_on.wait()
            return BUSY

        runner.replies["slow", Command.QUERYREMOVE] = slowly
        scripts = scripts_of(runner, resync_s=3600)
        questions = [
            asyncio.ensure_future(scripts.query_remove(name, force=False))
            for name in ("eth0", "eth1", "ip:10.0.0.1")
        ]
        await is_running.wait()

        # The swift one has been asked about everything, the slow one only about the first.
        def is_everybody_else_done() -> bool:
            asked = [it for it in runner.ran if it.command is Command.QUERYREMOVE]
            return len(asked) == 4 and scripts.awaited() == ("slow",)

        while not is_everybody_else_done():  # noqa: ASYNC110
            await asyncio.sleep(0)
        assert scripts.statuses()[0].state is ScriptState.RUNNING
        assert scripts.statuses()[1].state is ScriptState.READY
        go_on.set()
        answers = await asyncio.gather(*questions)
        assert [len(it) for it in answers] == [1, 1, 1]
        assert scripts.awaited() == ()

    asyncio.run(scenario())


class Hang:
    """A reply that comes when it may."""

    def __init__(self, answer: Answer = OK) -> None:
        self.answer = answer
        self.has_begun = asyncio.Event()
        self.may_end = asyncio.Event()

    async def __call__(self) -> Answer:
        self.has_begun.set()
        await self.may_end.wait()
        return self.answer


def test_one_that_hangs_holds_up_no_question_about_anything_else() -> None:
    runner = FakeRunner()
    runner.install("hanging", "eth0", timeout=0)
    runner.install("other", "eth1")
    runner.replies["other", Command.QUERYREMOVE] = BUSY

    async def scenario() -> None:
        hang = Hang()
        runner.replies["hanging", Command.PREREMOVE] = hang
        scripts = scripts_of(runner)
        await scripts.query_remove("eth0", force=False)
        leaving = asyncio.ensure_future(scripts.pre_remove("eth0", force=False))
        await hang.has_begun.wait()
        runner.ran.clear()
        async with asyncio.timeout(10):
            assert await scripts.query_remove("eth1", force=False) == (
                Veto("eth1", "other", "busy"),
            )
        # Nor if it was replaced meanwhile.
        runner.install("hanging", "eth0", version=2)
        async with asyncio.timeout(10):
            assert len(await scripts.query_remove("eth1", force=False)) == 1
        assert ("hanging", "register", "") not in runner.commands()
        hang.may_end.set()
        assert await leaving == ()

    asyncio.run(scenario())


def test_one_without_a_time_limit_has_one_where_everybody_waits_for_it() -> None:
    runner = FakeRunner()
    runner.install("one", "eth0", timeout=0)

    async def scenario() -> None:
        scripts = scripts_of(runner)
        for _ in range(2):
            await scripts.query_remove("eth0", force=False)
        limits = {(it.command, it.timeout_s) for it in runner.ran}
        assert limits == {
            (Command.SCRIPTINFO, 45.0),
            (Command.REGISTER, 45.0),
            (Command.QUERYREMOVE, 0),
        }

    asyncio.run(scenario())


def test_what_is_asked_at_once_is_looked_up_and_loaded_once() -> None:
    runner = FakeRunner()
    runner.install("one", "*")

    async def scenario() -> None:
        scripts = scripts_of(runner, resync_s=3600)
        names_asked = [f"eth{number}" for number in range(10)]
        await asyncio.gather(*(scripts.query_remove(it, force=False) for it in names_asked))
        assert runner.surveys == 1
        assert len(runner.commands(Command.SCRIPTINFO, Command.REGISTER)) == 2
        await asyncio.gather(*(scripts.query_remove(it, force=False) for it in names_asked))
        assert runner.surveys == 2

    asyncio.run(scenario())


def test_a_register_that_fails_is_not_tried_by_each_of_many_questions() -> None:
    runner = FakeRunner()
    runner.install("one", "*")

    async def scenario() -> None:
        scripts = scripts_of(runner, resync_s=5)
        await scripts.sync()
        await asyncio.sleep(5)
        runner.replies["one", Command.REGISTER] = timeout_error("one")
        runner.ran.clear()
        questions = (scripts.query_remove(f"eth{number}", force=False) for number in range(5))
        await asyncio.gather(*questions)
        assert runner.commands(Command.REGISTER) == [("one", "register", "")]

    VirtualLoop(0.0, lambda: None).live(scenario())


def test_one_that_was_silent_is_not_waited_for_again_by_those_behind() -> None:
    runner = FakeRunner()
    runner.install("silent", "*")

    async def scenario() -> None:
        scripts = scripts_of(runner, resync_s=3600)
        await scripts.sync()
        queue_is_full = asyncio.Event()

        async def time_out() -> Answer:
            await queue_is_full.wait()
            raise timeout_error("silent")

        runner.replies["silent", Command.QUERYREMOVE] = time_out
        questions = [
            asyncio.ensure_future(scripts.query_remove(f"eth{number}", force=False))
            for number in range(10)
        ]
        # Until all have got to where they wait.
        for _ in range(20):
            await asyncio.sleep(0)
        queue_is_full.set()
        assert await asyncio.gather(*questions) == [
            (Veto(f"eth{number}", "silent", "rcm script silent: timeout error"),)
            for number in range(10)
        ]
        assert len(runner.commands(Command.QUERYREMOVE)) == 1
        # Who comes later asks anew.
        runner.replies["silent", Command.QUERYREMOVE] = OK
        assert await scripts.query_remove("eth0", force=False) == ()

    asyncio.run(scenario())


def test_everybody_is_told_the_outcome_even_if_silent_the_first_time() -> None:
    runner = FakeRunner()
    runner.install("one", "*")
    runner.replies["one", Command.POSTREMOVE] = timeout_error("one")

    async def scenario() -> None:
        scripts = scripts_of(runner)
        await scripts.sync()
        for name in ("eth0", "eth1"):
            await scripts.pre_remove(name, force=False)
        await asyncio.gather(*(scripts.post_remove(name) for name in ("eth0", "eth1")))
        told = runner.commands(Command.POSTREMOVE)
        assert sorted(told) == [("one", "postremove", "eth0"), ("one", "postremove", "eth1")]

    asyncio.run(scenario())


def test_who_is_waited_for_is_announced() -> None:
    runner = FakeRunner()
    runner.install("one", "eth0")

    async def scenario() -> None:
        scripts = scripts_of(runner, resync_s=3600)
        await scripts.sync()
        seen: list[tuple[str, ...]] = []
        scripts.on_change.append(lambda: seen.append(scripts.awaited()))
        await scripts.query_remove("eth0", force=False)
        assert seen == [("one",), ()]

    asyncio.run(scenario())


def test_status_tells_the_last_run() -> None:
    runner = FakeRunner()
    runner.install("one", "eth0", timeout=20)
    runner.files["two"] = ScriptFile("two", "/x/two", (1,))
    runner.replies["two", Command.SCRIPTINFO] = Answer(Outcome.OK, info=ScriptInfo("default"))
    runner.replies["one", Command.QUERYREMOVE] = BUSY

    async def scenario() -> None:
        scripts = scripts_of(runner)
        await scripts.query_remove("eth0", force=False)
        one, two = scripts.statuses()
        assert (one.description, one.timeout_s, one.resources) == ("all about one", 20, ("eth0",))
        run = one.last_run
        assert run is not None
        assert (run.command, run.resource, run.outcome) == ("queryremove", "eth0", "busy")
        assert run.time_us > 0
        assert two.last_run is not None
        assert (two.last_run.command, two.last_run.outcome) == ("register", "ok")
        # The default is the one of now, and holds for scriptinfo too.
        assert two.timeout_s == 45
        assert {it.timeout_s for it in runner.ran if it.script == "two"} == {45}
        assert {it.timeout_s for it in runner.ran if it.command is Command.QUERYREMOVE} == {20}

    asyncio.run(scenario())


def test_usages() -> None:
    runner = FakeRunner()
    runner.install("one", "eth0")
    runner.install("silent", "eth0")
    runner.install("broken", "eth0")
    runner.replies["one", Command.RESOURCEINFO] = Answer(Outcome.OK, usage="backup of /home")
    runner.replies["silent", Command.RESOURCEINFO] = Answer(Outcome.UNSUPPORTED)
    runner.replies["broken", Command.RESOURCEINFO] = timeout_error("broken")

    async def scenario() -> None:
        usages = await scripts_of(runner).usages("eth0")
        assert usages == ("eth0: one: backup of /home",)

    asyncio.run(scenario())


def test_a_load_that_is_interrupted_is_done_later() -> None:
    runner = FakeRunner()
    runner.install("one", "eth0")

    async def scenario() -> None:
        proper = runner.replies["one", Command.SCRIPTINFO]
        is_running = asyncio.Event()

        async def never() -> Answer:
            is_running.set()
            await asyncio.Event().wait()
            return OK

        runner.replies["one", Command.SCRIPTINFO] = never
        scripts = scripts_of(runner)
        question = asyncio.ensure_future(scripts.query_remove("eth0", force=False))
        await is_running.wait()
        question.cancel()
        with pytest.raises(asyncio.CancelledError):
            await question
        assert scripts.awaited() == ()
        runner.replies["one", Command.SCRIPTINFO] = proper
        runner.replies["one", Command.QUERYREMOVE] = BUSY
        assert len(await scripts.query_remove("eth0", force=False)) == 1

    asyncio.run(scenario())


# --- a daemon that comes back ---------------------------------------------------------------------


def test_outcome_is_told_by_the_daemon_that_comes_back(caplog: pytest.LogCaptureFixture) -> None:
    # behaviour 105
    runner = FakeRunner()
    runner.install("one", "eth0")
    runner.install("gone", "eth0")
    memory = FakeMemory()

    async def before() -> None:
        scripts = scripts_of(runner, memory)
        await scripts.query_remove("eth0", force=False)
        await scripts.pre_remove("eth0", force=False)

    async def after() -> None:
        scripts = scripts_of(runner, memory)
        await scripts.undo_remove("eth0")
        assert runner.commands(*REMOVAL) == [("one", "undoremove", "eth0")]

    asyncio.run(before())
    assert set(memory.asked) == {
        Asked("one", "eth0", is_released=True),
        Asked("gone", "eth0", is_released=True),
    }
    del runner.files["gone"]
    runner.ran.clear()
    asyncio.run(after())
    assert memory.asked == ()
    assert "script gone is gone: it is not told undoremove eth0" in caplog.text


def test_what_was_left_open_does_not_hold_up_register() -> None:
    runner = FakeRunner()
    runner.install("one", "eth0")
    memory = FakeMemory((Asked("one", "eth9", is_released=True),))

    async def scenario() -> None:
        scripts = scripts_of(runner, memory)
        await scripts.sync()
        assert scripts.statuses()[0].resources == ("eth0",)

    asyncio.run(scenario())


# --- everybody ------------------------------------------------------------------------------------


@dataclass
class Party:
    """Clients that wait for each other: they are asked at once, or never answer."""

    name: str
    meeting: asyncio.Barrier
    told: list[str] = field(default_factory=list)

    async def query_remove(self, resource: str, *, force: bool) -> tuple[Veto, ...]:
        await self.meeting.wait()
        return (Veto(resource, self.name, f"query, {force}"),)

    async def pre_remove(self, resource: str, *, force: bool) -> tuple[Veto, ...]:
        await self.meeting.wait()
        return (Veto(resource, self.name, f"pre, {force}"),)

    async def post_remove(self, resource: str) -> None:
        await self.meeting.wait()
        self.told.append(f"post {resource}")

    async def undo_remove(self, resource: str) -> None:
        await self.meeting.wait()
        self.told.append(f"undo {resource}")

    def awaited(self) -> tuple[str, ...]:
        return (self.name,)


def test_everybody_is_asked_at_once_and_all_answers_are_kept() -> None:
    # behaviour 101
    async def scenario() -> None:
        meeting = asyncio.Barrier(2)
        parties = (Party("scripts", meeting), Party("bus", meeting))
        everybody = Everybody(*parties)
        vetoes = await everybody.query_remove("eth0", force=False)
        assert [str(it) for it in vetoes] == [
            "eth0: scripts: query, False",
            "eth0: bus: query, False",
        ]
        vetoes = await everybody.pre_remove("eth0", force=True)
        assert [it.reason for it in vetoes] == ["pre, True", "pre, True"]
        await everybody.post_remove("eth0")
        await everybody.undo_remove("eth1")
        assert all(it.told == ["post eth0", "undo eth1"] for it in parties)
        assert everybody.awaited() == ("scripts", "bus")

    asyncio.run(scenario())
