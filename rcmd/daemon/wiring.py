"""Builds the real edges around the daemon, and runs it until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Coroutine
from typing import Any

from rcmd.bus.clients import ClientRegistry
from rcmd.bus.objects import ServiceState
from rcmd.bus.service import BusService
from rcmd.daemon import garbage
from rcmd.daemon.advertisement_watch import AdvertisementWatch
from rcmd.daemon.boot import settle
from rcmd.daemon.configuration_reader import ConfigurationReader, Reading
from rcmd.daemon.history import HistoryWriter, RecordedHistory
from rcmd.daemon.lease_keeper import LeaseKeeper
from rcmd.daemon.loop import RECONCILE_S, RETRY_S, Daemon
from rcmd.daemon.multicast_watch import MulticastWatch
from rcmd.daemon.neighbour_inquiry import NeighbourInquiry
from rcmd.daemon.slot_signs import SlotSigns
from rcmd.daemon.startup import (
    RUNNING_KEY,
    claims_on,
    keep_settings,
    open_store,
    remember_running,
    remembered,
    starting_configuration,
    unwritable,
)
from rcmd.daemon.upkeep import Upkeep
from rcmd.errors import RcmError
from rcmd.ipmp.api.commands import Report, Severity
from rcmd.ipmp.api.events import KernelChange, LinkGone, LinkSeen, SpeedSeen
from rcmd.ipmp.engine import Engine
from rcmd.ipmp.multipath.groups import weighed_by_speed
from rcmd.kernel.announcements import Announcer
from rcmd.kernel.carrier import CarrierWatch, PollPace
from rcmd.kernel.devices import KernelDevices
from rcmd.kernel.neighbour_table import NeighbourTable
from rcmd.kernel.pinned_routes import list_anchored
from rcmd.kernel.probes.prober import Prober
from rcmd.kernel.rtnetlink import Overrun, Rtnetlink
from rcmd.kernel.sock_diag import list_bound_sockets
from rcmd.kernel.sysfs import link_speed, shows
from rcmd.model.kinds import Weights
from rcmd.model.network import Link, Route
from rcmd.model.status import ProblemCode
from rcmd.platform import udev
from rcmd.platform.dhcp_client import DhcpClient
from rcmd.platform.files import has_hostname_file
from rcmd.platform.hardware.control import SysfsControl
from rcmd.platform.kernel_log import KernelLog
from rcmd.platform.scripts.runner import ScriptRunner
from rcmd.platform.scripts.state import AskedFile
from rcmd.platform.service_manager import ServiceManager
from rcmd.platform.store.store import Store, StoreError
from rcmd.rcm.clients.broker import Everybody
from rcmd.rcm.clients.scripts import Scripts
from rcmd.rcm.operations.arrivals import Arrivals
from rcmd.rcm.operations.attach import UDEV_GRACE_S, Attacher
from rcmd.rcm.operations.context import Stage
from rcmd.rcm.operations.coordination import Coordination
from rcmd.rcm.operations.power_off import Drains
from rcmd.rcm.operations.queue import Operations
from rcmd.rcm.operations.recovery import recover, tell_undone_by_reboot
from rcmd.rcm.operations.slot_notice import notice_of

log = logging.getLogger(__name__)

PRIORITY = -15
"""Nice value: below the kernel's own workers, before everything else."""
READ_S = 0.003
"""So long one turn of the loop reads what the kernel has to say; then others are heard."""
BACKLOG_S = 0.012
"""So long it is read before the answer to a question, which is newer, is taken in."""
FIRST_LOOKS = 10
"""So often the kernel is looked at when we start, if it changes faster than it can be read."""


def be_first() -> None:
    """A failover must not wait behind somebody's computation; it takes a moment, and seldom.

    Scripts and other children are as ordinary as anybody (sched(7), "The reset-on-fork flag").
    """
    try:
        # Our unit sets the flag already, and forbids setting it: RestrictRealtime= does.
        if not os.sched_getscheduler(0) & os.SCHED_RESET_ON_FORK:
            policy = os.SCHED_OTHER | os.SCHED_RESET_ON_FORK
            os.sched_setscheduler(0, policy, os.sched_param(0))
        os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)
    except OSError as error:
        log.info("going on with the usual priority: %s", error.strerror)


async def first_look(daemon: Daemon) -> None:
    """Nothing can be done before.  Raises RcmError where the kernel does not come to rest."""
    for _ in range(FIRST_LOOKS):
        if daemon.look():
            return
        await asyncio.sleep(RETRY_S)
    raise RcmError("the kernel changes faster than it can be read")


class Assembly:
    """Every edge, wired to the daemon."""

    def __init__(self, store: Store) -> None:
        self.loop = asyncio.get_running_loop()
        self.store = store
        store.write_behind(self.store_failed)
        self.loaded = starting_configuration(store)
        self.kernel = Rtnetlink.open()
        self.carrier = CarrierWatch()
        self.pace = PollPace()
        self.udev = udev.DeviceMonitor.open()
        self.announcer = Announcer(self.loop.call_later)
        self.prober = Prober()
        self.manager = ServiceManager.from_environment(os.environ)
        self.history = HistoryWriter(store, self.loop, [])
        devices = KernelDevices(self.kernel)
        memory, self.forgotten = remembered(store)
        self.daemon = Daemon(
            Engine(memory, was_interrupted=bool(store.recall(RUNNING_KEY))),
            self.kernel,
            devices,
            self.announcer,
            self.prober,
            store,
            ConfigurationReader(self.keep_good_settings).read,
            has_hostname_file,
        )
        self.upkeep = Upkeep(self.daemon, devices, store, self.loop.call_later, self.loop.time)
        self.kernel.is_rival = self.is_rival
        self.kernel.on_link_lost = self.link_lost
        self.advertisements = AdvertisementWatch(self.daemon, self.kernel)
        self.multicast = MulticastWatch(self.daemon, self.kernel, self.kernel_readable)
        self.neighbours = NeighbourTable()
        self.inquiry = NeighbourInquiry(
            self.daemon, self.announcer, self.neighbours, self.loop.call_soon
        )
        self.attacher = Attacher(
            self.daemon, store, faulty={it: self.loaded.fault_of(it) for it in self.loaded.faulty}
        )
        self.arrivals = Arrivals(self.attacher, self.watched)
        self.leases = LeaseKeeper(self.daemon, DhcpClient)
        self.failure: BaseException | None = None
        self.tasks: set[asyncio.Task[None]] = set()
        self.stop = asyncio.Event()
        self.kernel_log = KernelLog.open()
        runner = ScriptRunner()
        runner.end_leftovers()
        self.scripts = Scripts(runner, AskedFile(), self.hook_timeout_s)
        peers = ClientRegistry(self.hook_timeout_s)
        everybody = Everybody(self.scripts, peers)
        self.operations = Operations(store)
        self.scripts.on_change.append(self.operations.changed)
        peers.on_change.append(self.operations.changed)
        self.stage = Stage(
            self.daemon,
            everybody,
            SysfsControl(),
            list_bound_sockets,
            self.operations,
            list_anchored,
            asyncio.to_thread,
        )
        self.drains = Drains(self.stage, self.fail)
        self.slots = SlotSigns(self.daemon, self.stage.hardware.survey, self.loop.call_later)
        history = RecordedHistory(self.history)
        self.coordination = Coordination(
            self.stage, history, self.attacher, self.take_up, self.scripts.statuses
        )
        self.bus = BusService(self.coordination, clients=peers, on_fatal=self.fail)

    def hook_timeout_s(self) -> float:
        return self.daemon.engine.scene.settings.hook_timeout_s

    def keep_good_settings(self, reading: Reading) -> None:
        if not reading.loaded.settings_faults:
            keep_settings(self.store, reading.settings)

    def store_failed(self, error: StoreError | None) -> None:
        """It cannot be written; or, with None, it can again."""
        if error is None:
            self.daemon.clear_problem(ProblemCode.STORE, "rcmd")
        else:
            self.daemon.set_problem(unwritable(error))

    def fail(self, error: BaseException) -> None:
        """An impossible state ends the process; what is started next finds out what to finish."""
        self.failure = error
        self.stop.set()

    # --- coming up ---

    async def start(self) -> None:
        self.daemon.on_report += [self.history, self.bus.emit]
        self.daemon.on_change += [
            self.publish,
            self.watch_carrier,
            self.upkeep.follow_sources,
            self.watch_speeds,
            self.leases.follow,
        ]
        remember_running(self.store, is_running=True)
        self.daemon.on_taken_over.append(self.inquiry.moved)
        self.daemon.on_link += [self.link_changed, self.upkeep.link_changed]
        self.kernel.on_settings = self.upkeep.settings_changed
        self.daemon.mind(frozenset(self.loaded.configuration.interfaces))
        await first_look(self.daemon)
        self.know_speeds()
        self.attach_present()
        self.watched(recover(self.stage, self.store, self.drains.begin)(), "recovery")
        tell_undone_by_reboot(self.daemon, self.store.undone_by_reboot)
        self.report_faults()
        self.loop.add_reader(self.kernel.fileno(), self.kernel_readable)
        self.loop.add_reader(self.prober.neighbours.fileno(), self.neighbours_readable)
        self.loop.add_reader(self.neighbours.fileno(), self.inquiry.readable)
        if self.udev is not None:
            self.loop.add_reader(self.udev.fileno(), self.udev_readable)
        if self.kernel_log is not None:
            self.loop.add_reader(self.kernel_log.fileno(), self.kernel_log_readable)
        self.operations.on_change.append(self.publish_operations)
        self.poll_carrier()
        self.multicast.start(self.repeat)
        self.repeat(RECONCILE_S, self.daemon.look_around)
        self.slots.start()
        self.upkeep.look_around()
        self.repeat(RECONCILE_S, self.upkeep.look_around)
        self.repeat(RECONCILE_S, self.watch_speeds)
        self.repeat(RECONCILE_S, self.advertisements.look)
        self.repeat(garbage.SWEEP_S, self.sweep)
        interval = self.manager.watchdog_interval_s
        if interval is not None:
            self.repeat(interval, self.manager.alive)
        self.watched(self.scripts.sync(), "scripts")
        await self.bus.start()
        self.bus.state = ServiceState.RUNNING

    def sweep(self) -> None:
        """Not while anything moves."""
        if not self.daemon.engine.is_under_way:
            garbage.sweep()

    def attach_present(self) -> None:
        links = list(self.daemon.engine.scene.view.links.values())
        named = self.named_by_udev()
        ready = [it for it in links if it.ifindex in named or self.names_are_final(it)]
        self.attacher.start(ready, self.loaded.configuration)
        for link in links:
            if link not in ready:
                self.link_changed(LinkSeen(link))
        for name in self.loaded.configuration.interfaces:
            self.attacher.know(name)

    def named_by_udev(self) -> set[int]:
        """The devices that udev is done with."""
        return set() if self.udev is None else {it.ifindex for it in self.udev.enumerate()}

    def names_are_final(self, link: Link) -> bool:
        """Nobody will rename it: no udevd runs, or it is udevd of another network namespace."""
        is_unnamed = self.udev is None or udev.has_settled() is None
        return is_unnamed or not shows(link.kernel_name, link.ifindex)

    def report_faults(self) -> None:
        """To the log, the history and the bus."""
        if self.forgotten is not None:
            self.daemon.set_problem(self.forgotten)
            told = f"{self.forgotten.text} ({self.forgotten.advice})"
            self.daemon.report(Report(Severity.WARNING, "memory", self.forgotten.subject, told))
        self.coordination.files.started(self.loaded)
        for fault in self.loaded.faults:
            if not fault.is_warning:
                report = Report(Severity.ERROR, "configuration", fault.file, str(fault))
                self.daemon.report(report)

    async def tell_claims(self) -> None:
        """Who else would configure our interfaces; their files are read beside the loop."""
        view = self.daemon.engine.scene.view
        links = {it: view.link_answering_to(it) for it in self.loaded.configuration.interfaces}
        names = tuple(link.kernel_name if link else name for name, link in links.items())
        for claim in await asyncio.to_thread(claims_on, names):
            self.daemon.report(Report(Severity.WARNING, "claim", claim.interface, str(claim)))

    def repeat(self, interval_s: float, chore: Callable[[], object]) -> None:
        def again() -> None:
            self.loop.call_later(interval_s, again)
            chore()

        self.loop.call_later(interval_s, again)

    # --- news from outside ---

    def is_rival(self, route: Route) -> bool:
        """Whether it can take the place of one that we know of."""
        return bool(self.daemon.engine.scene.view.table.rivals_of(route))

    def link_lost(self, ifindex: int) -> bool:
        return self.daemon.link_lost(ifindex, self.carrier.has_carrier)

    def kernel_readable(self) -> None:
        self.daemon.kernel_changed(self.heard(READ_S))
        self.advertisements.look()

    def heard(self, at_most_s: float) -> tuple[KernelChange, ...]:
        """What the kernel has had to say; nothing, and a look at everything, where it was lost."""
        try:
            changes = self.kernel.read(at_most_s)
        except Overrun:
            log.warning("the kernel had more to say than fits its buffer: looking at everything")
            self.loop.remove_reader(self.kernel.fileno())
            self.kernel.reopen()
            self.loop.add_reader(self.kernel.fileno(), self.kernel_readable)
            self.daemon.look_around()
            return ()
        has_links = any(isinstance(change, LinkSeen | LinkGone) for change in changes)
        if has_links or not self.kernel.has_read_all:
            self.pace.hasten(self.loop.time())
        return changes

    def neighbours_readable(self) -> None:
        seen = self.prober.neighbours.read()
        if seen is not None:
            self.daemon.feed(seen)

    def poll_carrier(self) -> None:
        begin = self.loop.time()
        changed = self.carrier.poll()
        now_s = self.loop.time()
        self.pace.polled(now_s - begin)
        self.loop.call_later(self.pace.interval_s(now_s), self.poll_carrier)
        for ifindex in changed:
            now = self.kernel.link(ifindex)
            self.daemon.first_sign((now,))
            # What was told before that answer, and is still unread, is older.  All of it is taken
            # in at once: a decision about each part of it would take longer than to read it.
            self.daemon.kernel_changed((*self.heard(BACKLOG_S), now))
            self.advertisements.look()

    def watch_carrier(self) -> None:
        self.carrier.watch(self.daemon.carrier_devices())

    def know_speeds(self) -> None:
        """Before the first decision, or a restart would change who carries how much."""
        settings = self.loaded.configuration.settings
        for config in self.loaded.configuration.interfaces.values():
            if config.group and settings.group(config.group).weights is Weights.SPEED:
                self.daemon.feed(SpeedSeen(config.name, self.link_speed(config.name)))

    def link_speed(self, name: str) -> int:
        link = self.daemon.engine.scene.view.link_answering_to(name)
        return link_speed(link.kernel_name) if link else 0

    def watch_speeds(self) -> None:
        scene = self.daemon.engine.scene
        for name in weighed_by_speed(scene):
            mbit = self.link_speed(name)
            if scene.speeds.get(name, 0) != mbit:
                self.daemon.feed(SpeedSeen(name, mbit))

    def link_changed(self, change: LinkSeen | LinkGone) -> None:
        if isinstance(change, LinkGone):
            self.attacher.forget(change.ifindex)
        elif self.attacher.is_wanted(change.link):
            ifindex = change.link.ifindex
            if self.names_are_final(change.link):
                self.arrivals.take(change.link)
            else:
                # udev may still rename it; what udev does not announce is taken all the same.
                self.loop.call_later(UDEV_GRACE_S, self.take, ifindex)

    def take_up(self, link: Link) -> None:
        self.link_changed(LinkSeen(link))

    def take(self, ifindex: int) -> None:
        link = self.daemon.engine.scene.view.links.get(ifindex)
        if link is not None:
            self.arrivals.take(link)

    def udev_readable(self) -> None:
        assert self.udev is not None
        until = self.loop.time() + READ_S
        for event in self.udev.read():
            match event:
                case udev.Overrun():
                    for known in self.udev.enumerate():
                        self.device_named(known)
                case udev.DeviceEvent():
                    self.device_named(event)
            if self.loop.time() >= until:
                return

    def device_named(self, event: udev.DeviceEvent) -> None:
        if event.is_initialized:
            known = self.daemon.engine.scene.view.links.get(event.ifindex)
            if known is None or known.kernel_name != event.name:
                self.daemon.look_at(event.ifindex)
            self.take(event.ifindex)

    def kernel_log_readable(self) -> None:
        assert self.kernel_log is not None
        try:
            lines = self.kernel_log.read()
        except (OSError, EOFError) as error:
            # It would be readable for ever, and say nothing.
            log.warning("the kernel log is not heard any more: %s", error)
            self.loop.remove_reader(self.kernel_log.fileno())
            self.kernel_log.close()
            self.kernel_log = None
            return
        for line in lines:
            notice = notice_of(line)
            if notice is not None:
                self.slots.hear(notice)
                self.drains.hear(notice)

    def publish_operations(self) -> None:
        self.bus.publish_operations(self.coordination.operations())

    def publish(self) -> None:
        status = self.coordination.status()
        names = (interface.name for interface in status.interfaces)
        self.bus.publish(status, {name: self.daemon.identify(name) for name in names})

    # --- until the end ---

    def asked_to_reload(self) -> None:
        self.watched(self.reload(), "reload")

    async def reload(self) -> None:
        self.manager.reloading()
        try:
            self.scripts.reload()
            await self.coordination.reconfigure()
            text = "the configuration was read again, asked by a signal"
            self.daemon.report(Report(Severity.NOTICE, "reload", "rcmd", text))
        except RcmError as error:
            text = f"the configuration was not read again: {error}"
            self.daemon.report(Report(Severity.ERROR, "configuration", "rcmd", text))
        self.manager.ready()

    def callback_failed(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        loop.default_exception_handler(context)
        self.fail(error if isinstance(error, Exception) else RuntimeError(context["message"]))

    async def run(self) -> None:
        self.loop.set_exception_handler(self.callback_failed)
        be_first()
        for number in (signal.SIGTERM, signal.SIGINT):
            self.loop.add_signal_handler(number, self.stop.set)
        self.loop.add_signal_handler(signal.SIGHUP, self.asked_to_reload)
        await self.start()
        wait_s = self.loaded.configuration.settings.missing_at_boot_wait_s
        self.watched(settle(self.daemon, udev.has_settled, wait_s), "boot")
        self.manager.ready()
        self.watched(self.tell_claims(), "claims")
        log.info("ready: %d interfaces", len(self.loaded.configuration.interfaces))
        garbage.look_seldom()
        await self.stop.wait()
        await self.close()
        if self.failure is not None:
            raise self.failure

    def watched(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Something that goes on beside everything else; where it fails, the process ends."""
        task = self.loop.create_task(work, name=name)
        self.tasks.add(task)
        task.add_done_callback(self.fail_if_failed)
        return task

    def fail_if_failed(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fail(error)

    async def close(self) -> None:
        """Nothing in the kernel is touched: the next one finds it as it is."""
        self.manager.stopping()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        # First, and with open ears: a detach that is under way is undone, and waits for the kernel.
        await self.bus.stop()
        await self.drains.close()
        self.loop.remove_reader(self.kernel.fileno())
        self.loop.remove_reader(self.prober.neighbours.fileno())
        self.loop.remove_reader(self.neighbours.fileno())
        for heard in (self.udev, self.kernel_log):
            if heard is not None:
                self.loop.remove_reader(heard.fileno())
        self.daemon.stop()
        self.leases.close()
        self.history.flush()
        if self.failure is None:
            remember_running(self.store, is_running=False)
        await self.store.end()
        # Now that nothing is awaited any more, no timer can find closed what it needs.
        if self.kernel_log is not None:
            self.kernel_log.close()
        self.neighbours.close()
        self.announcer.close()
        self.prober.close()
        self.carrier.close()
        self.kernel.close()


async def run() -> None:
    await Assembly(open_store()).run()
