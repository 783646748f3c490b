"""One daemon on the host, from its start to its end, put together as in `rcmd.daemon.wiring`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine
from typing import Any

from rcmd.daemon.boot import settle
from rcmd.daemon.loop import RECONCILE_S, Daemon
from rcmd.daemon.startup import RUNNING_KEY, remember_running, remembered
from rcmd.ipmp.api.events import LinkGone, LinkSeen
from rcmd.ipmp.engine import Engine
from rcmd.ipmp.state.member import Intent
from rcmd.platform.store.store import Store
from rcmd.ports.sockets import BoundSocket
from rcmd.ports.store import HistoryEvent
from rcmd.rcm.clients.broker import Everybody
from rcmd.rcm.operations.arrivals import Arrivals
from rcmd.rcm.operations.attach import Attacher
from rcmd.rcm.operations.context import Stage
from rcmd.rcm.operations.coordination import Coordination
from rcmd.rcm.operations.power_off import Drains
from rcmd.rcm.operations.queue import Operations
from rcmd.rcm.operations.recovery import recover, tell_undone_by_reboot

from .house import Announcements, NoProbes
from .mortal import (
    Fuse,
    MortalClients,
    MortalDevices,
    MortalHardware,
    MortalKernel,
    MortalTables,
    Outcome,
    Owner,
)
from .walk_host import Host

UDEV_S = 0.1
"""Until udev has named a device."""


async def _no_sockets(_: Collection[int]) -> tuple[BoundSocket, ...]:
    return ()


class Lifetime:
    """Needs a running loop; made anew for every process."""

    def __init__(self, host: Host, fuse: Fuse) -> None:
        self.host = host
        self.fuse = fuse
        self.loop = asyncio.get_running_loop()
        self.store = Store(MortalTables(host.database, fuse), "boot")
        self.kernel = MortalKernel(host.kernel, fuse)
        self.devices = MortalDevices(host.kernel, fuse)
        self.daemon = Daemon(
            Engine(remembered(self.store)[0], was_interrupted=bool(self.store.recall(RUNNING_KEY))),
            self.kernel,
            self.devices,
            Announcements(),
            NoProbes(),
            self.store,
            host.read,
            host.has_hostname_file,
        )
        self.attacher = Attacher(self.daemon, self.store)
        self.arrivals = Arrivals(self.attacher, self.watched)
        self.operations = Operations(self.store)
        self.peer = Owner("peer")
        """A program on the bus: it registers anew with every daemon, and waits for nothing then."""
        self.clients = Everybody(
            MortalClients(host.owner, fuse, self.check_told),
            MortalClients(self.peer, fuse, self.check_told),
        )
        self.stage = Stage(
            self.daemon,
            self.clients,
            MortalHardware(host.hardware, fuse, host.hardware_takes_s),
            _no_sockets,
            self.operations,
        )
        self.failure: BaseException | None = None
        self.drains = Drains(self.stage, self.fail)
        self.coordination = Coordination(self.stage, self.store, self.attacher, self.arrivals.take)
        self.tasks: set[asyncio.Task[None]] = set()
        self.told: list[HistoryEvent] = []
        self._is_woken = False

    @property
    def engine(self) -> Engine:
        return self.daemon.engine

    @property
    def acts(self) -> int:
        """How often the kernel was asked to change something."""
        return len(self.kernel.moves) + self.devices.acts

    def fail(self, error: BaseException) -> None:
        self.failure = self.failure or error

    def start(self) -> None:
        self.loop.set_exception_handler(self._callback_failed)
        self.daemon.on_report.append(self.told.append)
        remember_running(self.store, is_running=True)
        self.daemon.on_link.append(self.link_changed)
        self.host.news.clear()
        self.host.news.ring = self.wake
        assert self.daemon.look()
        configuration = self.host.load().configuration
        self.attacher.start(list(self.engine.scene.view.links.values()), configuration)
        for name in configuration.interfaces:
            self.attacher.know(name)
        self.watched(recover(self.stage, self.store, self.drains.begin)())
        tell_undone_by_reboot(self.daemon, self.store.undone_by_reboot)
        self.repeat(RECONCILE_S, self.daemon.look_around)
        wait_s = configuration.settings.missing_at_boot_wait_s
        self.watched(settle(self.daemon, lambda: True, wait_s))

    async def close(self) -> None:
        """Nothing in the kernel is touched, but for what is undone; callers are gone by now."""
        watched = list(self.tasks)
        for task in watched:
            task.cancel()
        await asyncio.gather(*watched, return_exceptions=True)
        await self.drains.close()
        remember_running(self.store, is_running=False)

    def watched(self, work: Coroutine[Any, Any, None], name: str = "") -> None:
        task = self.loop.create_task(work, name=name)
        self.tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fail(error)

    def _callback_failed(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.fail(context.get("exception") or RuntimeError(context["message"]))

    def repeat(self, interval_s: float, chore: Callable[[], object]) -> None:
        def again() -> None:
            self.loop.call_later(interval_s, again)
            chore()

        self.loop.call_later(interval_s, again)

    # --- news from outside ---

    def wake(self) -> None:
        if not self._is_woken and not self.fuse.is_burnt:
            self._is_woken = True
            self.loop.call_soon(self.listen)

    def listen(self) -> None:
        self._is_woken = False
        changes = tuple(self.host.news)
        self.host.news.clear()
        self.daemon.kernel_changed(changes)

    def link_changed(self, change: LinkSeen | LinkGone) -> None:
        if isinstance(change, LinkGone):
            self.attacher.forget(change.ifindex)
        elif self.attacher.is_wanted(change.link):
            self.loop.call_later(UDEV_S, self.take, change.link.ifindex)

    def take(self, ifindex: int) -> None:
        link = self.engine.scene.view.links.get(ifindex)
        if link is not None:
            self.arrivals.take(link)

    # --- what owners are told ---

    def check_told(self, resource: str, outcome: Outcome) -> None:
        member = self.engine.scene.members.get(resource)
        if member is None:
            return
        is_detached = member.intent is Intent.DETACHED
        match outcome:
            case Outcome.GONE:
                is_there = self.host.kernel.named(resource) is not None
                assert is_detached or not is_there, f"{resource} is told to be gone, and is not"
            case Outcome.STAYS:
                assert not is_detached, f"{resource} is told to stay, and is detached"
