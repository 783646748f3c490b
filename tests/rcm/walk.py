"""Random walks over whole daemons: requests, refusals, hardware, people, and `kill -9` anywhere.

A walk is a list of steps; what makes no sense where it has got to is skipped.  It is lived in as
many lives as there are kills and restarts in it: the host, the store and the scripts go on.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

from rcmd.errors import Busy, InvalidArgument, NoSuchResource, RcmError, RolledBack, Vetoed
from rcmd.ipmp.state.member import Intent
from rcmd.ports.hardware import HardwareStep, PowerOff, PowerOn, RemoveFunction, Rescan
from rcmd.rcm.operations.slot_notice import NoticeKind, SlotNotice
from rcmd.rcm.resources.removal import removal_of

from .house import ROOT
from .lifetime import Lifetime
from .mortal import Fuse, Mood, Spark
from .virtual_loop import Killed, VirtualLoop
from .walk_host import BY_HAND, MORE, NAMES, PORTS, SLOT_OF, Host
from .walk_plans import Deed
from .walk_rules import Expected, Rules

UNCHANGED = (Vetoed, Busy, NoSuchResource, InvalidArgument)
"""Who is told one of these may rely on it that nothing was changed."""
RECOVERED = ("detach", "force", "drain", "rest")
RESOURCES = (
    *NAMES,
    "slot:1",
    "slot:2",
    "pci:0000:05:00",
    "pci:0000:05:00.1",
    "pci:0000:06:00.0",
)
PAUSES = ("", "", "1 turn", "3 turns", "8 turns", "0.5 s", "7 s", "rest", "rest")
LONGEST_S = 900.0
"""Whatever is under way is over by then."""
MOODS = {
    "refuse": Mood.REFUSES,
    "hold on": Mood.HOLDS_ON,
    "be slow": Mood.SLOW,
    "be silent": Mood.SILENT,
}
SPARKS = {
    "kill at a turn": Spark.TURN,
    "kill before a record": Spark.RECORD,
    "kill after a record": Spark.RECORDED,
    "kill after a change": Spark.ACTED,
}
FAILING: dict[str, tuple[HardwareStep, ...]] = {
    "first fails": (RemoveFunction("0000:05:00.0"), RemoveFunction("0000:06:00.0")),
    "second fails": (RemoveFunction("0000:05:00.1"), RemoveFunction("0000:06:00.1")),
    "switch fails": (PowerOff("1"),),
    "nothing comes back": (PowerOn("1"), Rescan()),
}
VERBS = (
    "nothing",
    *("detach", "detach", "detach", "force", "force", "attach", "attach", "attach"),
    *("offline", "online", "cancel", "caller goes", "reload", "look around"),
    *MOODS,
    *("be content", "be content"),
    *("button", "button", "button again", "cut power", "power fails"),
    *FAILING,
    *("hardware works", "hardware is slow", "hardware is quick"),
    *("cable out", "cable in", "cable in", "tear out", "put in", "put in"),
    *("add by hand", "delete by hand", "change file", "kernel refuses", "kernel accepts"),
    *SPARKS,
    *("kill the next one", "restart"),
)


@dataclass(frozen=True, slots=True)
class Step:
    verb: str
    name: str = "hme0"
    number: int = 0
    pause: str = ""

    def __str__(self) -> str:
        return f"{self.verb} {self.name} {self.number}, {self.pause or 'at once'}"


def steps() -> st.SearchStrategy[list[Step]]:
    step = st.builds(
        Step,
        st.sampled_from(VERBS),
        st.sampled_from(RESOURCES),
        st.integers(0, 31),
        st.sampled_from(PAUSES),
    )
    return st.lists(step, min_size=6, max_size=24)


SCENERY = (
    *("odd things",) * 9,
    *("add by hand", "add by hand", "cable out", "cable out", "offline"),
    *("tear out", "put in", "attach"),
)


def plans() -> st.SearchStrategy[list[Step]]:
    """Scenes in which a detach has more to decide than where one address goes, and the detach."""
    names, pauses = st.sampled_from(NAMES), st.sampled_from(("", "3 turns", "7 s"))
    scenery = st.builds(Step, st.sampled_from(SCENERY), names, st.integers(0, 31), pauses)
    deed = st.builds(
        Step,
        st.sampled_from(("plan and detach", "plan and force")),
        st.sampled_from(RESOURCES),
        pause=st.just("rest"),
    )
    scene = st.lists(scenery, min_size=4, max_size=12)
    acts = st.tuples(scene, deed).map(lambda it: [*it[0], Step("nothing", pause="rest"), it[1]])
    return st.lists(acts, min_size=1, max_size=3).map(
        lambda it: [step for act in it for step in act]
    )


OUTSIDE = frozenset({"cable out", "cable in", "tear out", "put in", "change file"})
"""What goes on while no daemon is there."""


@dataclass(slots=True, eq=False)
class Request:
    """Somebody asked for something, or pressed a button."""

    verb: str
    name: str
    members: tuple[str, ...]
    """The interfaces in our care that it is about."""
    stirs: int
    before: list[str] | None
    """The layout; None where it was changing at that time."""
    task: asyncio.Task[None] | None = None

    @property
    def is_under_way(self) -> bool:
        return self.task is not None and not self.task.done()


class Walk:
    def __init__(self, host: Host) -> None:
        self.host = host
        self.expected = Expected()
        self.now = 0.0
        self.told: list[str] = []
        self._steps: deque[Step] = deque()
        self._is_over = False
        self._next_fuse = Fuse()
        self._fuse = Fuse()
        self._now_living: Lifetime | None = None
        self._requests: list[Request] = []
        self._last: Request | None = None
        """The one that was begun last, in this life."""
        self._interrupted: Request | None = None
        """What a kill came in between of, and nothing else has happened since."""
        self._failures: list[BaseException] = []
        self._is_file_changed = False
        for name in NAMES:
            for key in host.configured(name):
                self.expected.add(key)
        for key in host.shared():
            self.expected.add(key)

    @property
    def _life(self) -> Lifetime:
        assert self._now_living is not None
        return self._now_living

    # --- lives ---

    def go(self, path: Sequence[Step]) -> None:
        self._steps.extend(path)
        while not self._is_over:
            self._fuse, self._next_fuse = self._next_fuse, Fuse()
            loop = VirtualLoop(self.now, lambda: self._fuse.burn(Spark.TURN))
            try:
                loop.live(self._live())
            except Killed:
                self._die()
            finally:
                self.now = loop.time()
                self._note_interrupted()

    def _die(self) -> None:
        self.told.append("killed")
        # What was done by hand a moment before may not have been heard of.
        self.expected.doubt(self.expected.gone)
        self.host.news.ring = lambda: None
        while self._steps and self._steps[0].verb in OUTSIDE:
            self._take_outside(self._steps.popleft())

    def _note_interrupted(self) -> None:
        self._requests.clear()
        self._now_living = None
        last, self._last = self._last, None
        self._interrupted = None
        if last is not None and last.stirs == self.host.stirs and not self._is_file_changed:
            self._interrupted = last
        # They are read at every start.
        self._is_file_changed = False

    async def _live(self) -> None:
        self._now_living = Lifetime(self.host, self._fuse)
        self._life.start()
        while self._steps:
            step = self._steps.popleft()
            self.told.append(f"{asyncio.get_running_loop().time():g}s {step}")
            if step.verb == "restart":
                await self._stop()
                return
            await self._take(step)
            await self._pause(step.pause)
        await self._make_everything_right()
        await self._stop()
        self._is_over = True

    async def _stop(self) -> None:
        """As the bus does: those who are still waiting are sent away, and what they asked for
        is undone."""
        under_way = [it.task for it in self._requests if it.task and it.is_under_way]
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        await self._life.close()
        self._raise()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"left over: {left}"

    async def _make_everything_right(self) -> None:
        self.host.owner.moods.clear()
        self._life.peer.moods.clear()
        self.host.hardware.refusals.clear()
        self._accept()
        await self._rest()
        for slot in PORTS:
            if self.host.push(slot, has_cable=True):
                self._stir()
                self.expected.file_is_read_again()
        for name in NAMES:
            if self.host.set_cable(name, has_cable=True):
                self._stir()
        await self._rest()

    # --- time ---

    async def _pause(self, pause: str) -> None:
        amount, _, unit = pause.partition(" ")
        match unit:
            case "s":
                await asyncio.sleep(float(amount))
            case "turn" | "turns":
                for _ in range(int(amount)):
                    await asyncio.sleep(0)
            case _ if amount == "rest":
                await self._rest()
        self._raise()

    async def _rest(self) -> None:
        # Until what was only just heard of has begun.
        await asyncio.sleep(1.0)
        await self._until(lambda: not self._is_busy(), "is still under way")
        if self.host.kernel.refusals:
            await asyncio.sleep(30.0)
        else:
            await self._until(Rules(self._life).is_calm, "it does not come to rest")
        Rules(self._life).check(self.expected)
        self._check_interrupted()
        if not self.host.kernel.refusals and not self._life.engine.reasons():
            # A route that cannot be made is asked for again at every look.
            acts = self._life.acts
            await asyncio.sleep(21.0)
            assert self._life.acts == acts, "it was settled, and something was done"
            self._last = Request("rest", "", (), self.host.stirs, self.host.layout())

    def _is_busy(self) -> bool:
        is_asked = any(it.is_under_way for it in self._requests)
        return is_asked or bool(self._life.operations.statuses()) or bool(self._life.tasks)

    async def _until(self, condition: Callable[[], bool], complaint: str) -> None:
        loop = asyncio.get_running_loop()
        limit = loop.time() + LONGEST_S
        while not condition():
            assert loop.time() < limit, f"{complaint}: {self._life.operations.statuses()}"
            await asyncio.sleep(1.0)
            self._raise()

    def _raise(self) -> None:
        failure = self._life.failure or next(iter(self._failures), None)
        if failure is not None:
            raise failure

    def _stir(self) -> None:
        self.host.stirs += 1

    # --- requests ---

    def _begin(self, verb: str, name: str, work: Callable[[], Awaitable[object]]) -> None:
        self._start(self._request(verb, name), work)

    def _start(self, request: Request, work: Callable[[], Awaitable[object]]) -> None:
        request.task = asyncio.create_task(self._ask(request, work))
        request.task.add_done_callback(self._note_end)
        self._requests.append(request)

    def _request(self, verb: str, name: str) -> Request:
        is_calm = not self._is_busy() and Rules(self._life).is_calm()
        if self.host.hardware.removed and name not in NAMES:
            # A rescan finds everything, also what others have removed.
            is_calm = False
        before = self.host.layout() if is_calm else None
        self._stir()
        request = Request(verb, name, self._members(name), self.host.stirs, before)
        self._last, self._interrupted = request, None
        return request

    def _members(self, name: str) -> tuple[str, ...]:
        try:
            return removal_of(self._life.engine, self.host.hardware, name).members
        except RcmError:
            return ()

    def _devices(self, name: str) -> tuple[str, ...]:
        try:
            removal = removal_of(self._life.engine, self.host.hardware, name)
        except RcmError:
            return ()
        return tuple(it for it in removal.resource.interfaces() if self.host.kernel.named(it))

    def _note_end(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failures.append(error)

    async def _ask(self, request: Request, work: Callable[[], Awaitable[object]]) -> None:
        try:
            await work()
        except (RolledBack, *UNCHANGED) as error:
            self.told.append(f"  {request.verb} {request.name}: {error!r}")
            if "is being restored" not in str(error):
                self._check_unchanged(request)
        except RcmError as error:
            self.told.append(f"  {request.verb} {request.name}: {error!r}")
        except asyncio.CancelledError:
            self.told.append(f"  {request.verb} {request.name}: its caller has gone")
            if not any("is being restored" in it.message for it in self._life.told):
                self._check_unchanged(request, or_detached=True)
            raise
        else:
            self.told.append(f"  {request.verb} {request.name}: done")
            self._check_done(request)

    def _check_unchanged(self, request: Request, *, or_detached: bool = False) -> None:
        is_comparable = request.stirs == self.host.stirs and request.before is not None
        if not is_comparable or request.verb == "attach":
            return
        if or_detached and self._are_detached(request.members):
            return
        now, then = (set(map(_unnumbered, it)) for it in (self.host.layout(), request.before or ()))
        assert now == then, f"not as before: new {now - then}, gone {then - now}"

    def _check_done(self, request: Request) -> None:
        if request.stirs != self.host.stirs:
            return
        if request.verb in ("detach", "force") and request.members:
            assert self._are_detached(request.members), f"{request.name} is not detached"
            if request.before is not None and not self.host.kernel.refusals:
                Rules(self._life).check_taken_along(request.members)
            members = self._life.engine.scene.members
            lost = [it for it in request.members if members[it].lost]
            assert request.verb == "force" or not lost, f"{lost} took addresses along, unforced"

    def _check_interrupted(self) -> None:
        """After a kill: as before, or detached."""
        request, self._interrupted = self._interrupted, None
        has_obstacle = self.host.kernel.refusals or self.host.hardware.refusals
        if request is None or request.verb not in RECOVERED:
            return
        members = self._life.engine.scene.members.values()
        if request.name not in NAMES and any(it.intent is Intent.DETACHED for it in members):
            # Its card is looked for, and what appears is attached, whoever had detached it.
            return
        if not has_obstacle:
            self._check_unchanged(request, or_detached=True)

    def _are_detached(self, names: tuple[str, ...]) -> bool:
        members = self._life.engine.scene.members
        return bool(names) and all(members[it].intent is Intent.DETACHED for it in names)

    # --- steps ---

    async def _take(self, step: Step) -> None:
        self._take_outside(step)
        self._take_request(step)
        self._take_mood(step)
        await self._take_slot(step)
        await self._take_by_hand(step)

    def _take_outside(self, step: Step) -> None:
        """What happens whether or not a daemon is there."""
        host, name = self.host, _interface(step.name)
        slot = SLOT_OF.get(name, "1")
        has_happened = False
        match step.verb:
            case "cable out" | "cable in":
                has_happened = host.set_cable(name, has_cable=step.verb == "cable in")
            case "tear out":
                has_happened = host.pull(slot)
            case "put in":
                has_happened = host.push(slot, has_cable=step.number > 3)
                self.expected.file_is_read_again()
            case "change file" if name in MORE:
                path = f"/etc/hostname.{name}"
                old = host.files[path]
                more = MORE[name]
                host.files[path] = old.removesuffix(more) if old.endswith(more) else old + more
                has_happened = self._is_file_changed = True
                self.expected.unasked |= host.configured(name) - self.expected.here
            case _:
                pass
        if has_happened:
            self._stir()

    def _take_request(self, step: Step) -> None:
        coordination, name = self._life.coordination, step.name
        match step.verb:
            case "detach" | "force":
                if name not in NAMES:
                    self.expected.file_is_read_again()
                is_forced = step.verb == "force"
                self._begin(
                    step.verb, name, lambda: coordination.detach(name, ROOT, force=is_forced)
                )
            case "plan and detach" | "plan and force":
                if name not in NAMES:
                    self.expected.file_is_read_again()
                self._plan_and_do(name, is_forced=step.verb == "plan and force")
            case "attach":
                self.expected.file_is_read_again()
                self._begin(step.verb, name, lambda: coordination.attach(name, ROOT))
            case "offline":
                self._begin(step.verb, name, lambda: coordination.offline(_interface(name), ROOT))
            case "online":
                self._begin(
                    step.verb, name, lambda: coordination.undo_offline(_interface(name), ROOT)
                )
            case "reload":
                self._begin(step.verb, "rcmd", lambda: coordination.reload(ROOT))
            case "cancel":
                self._cancel(step.number)
            case "caller goes":
                under_way = [it.task for it in self._requests if it.task and it.is_under_way]
                if under_way:
                    under_way[step.number % len(under_way)].cancel()
            case "look around":
                self._life.daemon.look_around()
            case _:
                pass

    def _plan_and_do(self, name: str, *, is_forced: bool) -> None:
        """What was planned a moment ago is what is done, and nothing is left out."""
        request = self._request("force" if is_forced else "detach", name)
        coordination, deed = self._life.coordination, Deed(self._life)

        async def work() -> None:
            is_calm = request.before is not None
            names = request.members if name in NAMES else self._devices(name)
            before = deed.everywhere()
            plan = await coordination.query_detach(name, force=is_forced)
            is_calm = is_calm and not self.host.kernel.refusals
            done = await coordination.detach(name, ROOT, force=is_forced)
            if is_calm and request.stirs == self.host.stirs:
                deed.check(before, names, plan, done)

        self._start(request, work)

    def _cancel(self, number: int) -> None:
        statuses = self._life.operations.statuses()
        if statuses:
            chosen = statuses[number % len(statuses)].operation
            # It changes nothing but what has begun before it.
            request = Request("cancel", chosen.resource, (), -1, None)
            coordination = self._life.coordination
            self._start(request, lambda: coordination.cancel(chosen.number, ROOT))

    def _take_mood(self, step: Step) -> None:
        owner = self._life.peer if step.number % 2 else self.host.owner
        hardware = self.host.hardware
        match step.verb:
            case verb if verb in MOODS:
                owner.moods[step.name] = MOODS[verb]
            case "be content":
                owner.moods.clear()
            case verb if verb in FAILING:
                hardware.refusals |= dict.fromkeys(FAILING[verb], "Input/output error")
            case "hardware works":
                hardware.refusals.clear()
            case "hardware is slow":
                self.host.hardware_takes_s = 5.0
            case "hardware is quick":
                self.host.hardware_takes_s = 0.05
            case verb if verb in SPARKS:
                self._fuse.light(SPARKS[verb], step.number)
            case "kill the next one":
                self._next_fuse.light([*Spark][step.number % len(Spark)], step.number // 2)
            case _:
                pass

    async def _take_slot(self, step: Step) -> None:
        drains = self._life.drains
        match step.verb:
            case "button" if self.host.hardware.slots["1"].is_powered:
                self._request("drain", "slot:1")
                drains.hear(SlotNotice("1", NoticeKind.BUTTON))
                # Now it has begun.
                await asyncio.sleep(0)
            case "button again":
                drains.hear(SlotNotice("1", NoticeKind.CANCELLED))
            case "power fails":
                drains.hear(SlotNotice("1", NoticeKind.POWER_FAILED))
            case "cut power":
                if await self.host.cut_power("1"):
                    self._stir()
            case _:
                pass

    async def _take_by_hand(self, step: Step) -> None:
        name = _interface(step.name)
        member = self._life.engine.scene.members.get(name)
        match step.verb:
            case "kernel refuses":
                self.host.kernel.refusals.add((f"10.0.0.{1 + step.number % 4}", name))
                self._stir()
            case "kernel accepts":
                self._accept()
            case "add by hand" | "delete by hand" if member and not self.host.kernel.refusals:
                if member.intent is not Intent.DETACHED:
                    await self._by_hand(step, name)
            case "odd things" if member and member.intent is not Intent.DETACHED:
                self._stir()
                self.host.add_odd(name, step.number)
                self._life.listen()
            case _:
                pass

    def _accept(self) -> None:
        if self.host.kernel.refusals:
            self.host.kernel.refusals.clear()
            self._stir()
            self._life.daemon.look_around()

    async def _by_hand(self, step: Step, name: str) -> None:
        """It counts from the moment in which it was heard of."""
        host, expected = self.host, self.expected
        if step.verb == "add by hand":
            key, note = host.add_by_hand(name, step.number % 4), expected.add
        else:
            key = host.delete_by_hand(name, expected.here, step.number)
            # What a file asks for is put back.
            note = expected.remove if key in BY_HAND else expected.add
        if key is not None:
            self._stir()
            expected.doubt((key,))
            # At once: a look at everything would overtake the news of what was deleted.
            self._life.listen()
            await asyncio.sleep(0)
            if not self._is_busy():
                # Else a device that is being attached may have its file read after this.
                note(key)


def _unnumbered(line: str) -> str:
    """A guest that was put back may have another logical number than it had there before."""
    return re.sub(r"(\w+):\d+ scope", r"\1 scope", line)


def _interface(resource: str) -> str:
    """One that has to do with the resource."""
    return {
        "slot:1": "hme0",
        "slot:2": "hme2",
        "pci:0000:05:00": "hme1",
        "pci:0000:05:00.1": "hme1",
        "pci:0000:06:00.0": "hme2",
    }.get(resource, resource)


def take(path: Sequence[Step], settings: str = "", *, is_switched: bool = True) -> Walk:
    """Walk it; where that fails, say where it led."""
    walk = Walk(Host(settings, is_switched=is_switched))
    try:
        walk.go(path)
    except AssertionError as error:
        told = "\n".join(walk.told)
        raise AssertionError(f"{error}\n\n{told}") from error
    return walk
