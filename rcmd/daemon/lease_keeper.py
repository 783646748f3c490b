"""Keeps one DHCP client running for each lease, on the interface that hosts its address.

Level, not edge: after every change the clients that should run (`clients_wanted`) are compared
with those that do.  Where an address has moved, its client is ended without releasing the lease,
and another begins on the new host, under the same client identifier and asking for the same
address: to the server it is the same machine, rebooted.  If that server gives another address all
the same, the engine gives up the old one.

What keeps a client from a lease may be over when something happens to its device, or somebody has
its file read anew: then it is started again soon (`PAUSES_S`), and not after a long pause.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import assert_never

from rcmd.errors import RcmError
from rcmd.ipmp.api.commands import Report, Severity
from rcmd.ipmp.api.events import Leased, LeaseLost
from rcmd.ipmp.api.lease import Lease
from rcmd.ipmp.dhcp.clients import ClientOrder, clients_wanted
from rcmd.ipmp.dhcp.leasing import RAN_OUT
from rcmd.ipmp.rules.refusals import PAUSES_S
from rcmd.model.network import Link
from rcmd.model.settings import InterfaceConfig
from rcmd.ports.lease_client import (
    ClientNews,
    Ended,
    Granted,
    LeaseClient,
    RanOut,
    Refused,
    StartClient,
    Unanswered,
)
from rcmd.rcm.runtime import Machine

SHORTEST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
"""Before a client that ended, or could not be started, is started again; doubled each time."""


@dataclass(slots=True)
class _Run:
    """A client that should run, and one that does unless it has just failed."""

    order: ClientOrder
    client: LeaseClient | None = None
    retry: asyncio.TimerHandle | None = None
    has_told: bool = False
    """That nobody answers."""
    link: Link | None = None
    """Its interface's, as it was when that was last looked at."""
    config: InterfaceConfig | None = None
    """What its home's file said when it was last read."""

    def end(self) -> None:
        if self.client is not None:
            self.client.stop()
            self.client = None
        if self.retry is not None:
            self.retry.cancel()
            self.retry = None


class LeaseKeeper:
    def __init__(self, machine: Machine, start: StartClient) -> None:
        self._machine = machine
        self._start = start
        self._loop = asyncio.get_running_loop()
        self._runs: dict[str, _Run] = {}
        self._failures: dict[str, int] = {}
        """Home -> how often in a row its client failed."""

    def follow(self) -> None:
        """Something may have changed."""
        wanted = clients_wanted(self._machine.engine.scene, self._client_id)
        for home, run in list(self._runs.items()):
            order = wanted.get(home)
            if order is None or not order.is_served_by(run.order):
                run.end()
                del self._runs[home]
        for home, order in wanted.items():
            if home in self._runs:
                # One that has to be started again asks for what it has by now.
                self._runs[home].order = order
                self._hurry(self._runs[home])
            else:
                self._runs[home] = run = _Run(order)
                self._has_news(run)
                self._begin(run)

    def _hurry(self, run: _Run) -> None:
        is_unanswered = run.client is not None and run.has_told
        if not self._has_news(run) or not (run.retry or is_unanswered):
            return
        times = max(self._failures.get(run.order.home, 0), 1)
        at = self._loop.time() + PAUSES_S[min(times, len(PAUSES_S)) - 1]
        if run.retry is None or run.retry.when() > at:
            run.end()
            run.retry = self._loop.call_at(at, self._begin, run)

    def _has_news(self, run: _Run) -> bool:
        """Whether something has happened to its device or its file since it was last asked."""
        scene = self._machine.engine.scene
        member = scene.members[run.order.home]
        link, config = scene.view.links.get(run.order.ifindex), member.config
        # One that was read again is another one, whether or not it says the same.
        has_news = link != run.link or config is not run.config
        run.link, run.config = link, config
        return has_news

    def close(self) -> None:
        """No lease is released, and the kernel stays as it is."""
        clients = [run.client for run in self._runs.values() if run.client is not None]
        for run in self._runs.values():
            run.end()
        self._runs.clear()
        for client in clients:
            client.wait()

    def _client_id(self, home: str) -> str:
        """Hardware type and address (RFC 2132, 9.14) of the home, wherever it asks from.

        The permanent address, so that a NIC is the same one whatever its file says of `ether`.
        """
        member = self._machine.engine.scene.members[home]
        link = self._machine.engine.scene.view.links[member.ifindex]
        permanent = self._machine.identify(home).permanent_address
        return f"{link.medium & 0xFF:02x}" + (permanent or link.hardware_address).replace(":", "")

    def _begin(self, run: _Run) -> None:
        run.retry = None
        try:
            run.client = self._start(run.order, lambda news: self._hear(run, news))
        except RcmError as error:
            self._failed(run, str(error))

    def _failed(self, run: _Run, reason: str) -> None:
        """Told once for each row of failures."""
        home = run.order.home
        count = self._failures[home] = self._failures.get(home, 0) + 1
        if count == 1:
            text = f"DHCP on {run.order.interface} (for {home}): {reason}"
            self._machine.report(Report(Severity.ERROR, "lease-client", home, text))
        pause_s = min(LONGEST_PAUSE_S, SHORTEST_PAUSE_S * 2 ** min(count - 1, 10))
        run.retry = self._loop.call_later(pause_s, self._begin, run)

    def _hear(self, run: _Run, news: ClientNews) -> None:
        home = run.order.home
        match news:
            case Granted():
                self._failures.pop(home, None)
                run.has_told = False
                self._machine.feed(Leased(self._lease(run.order, news), news.options))
            case Refused():
                self._machine.feed(LeaseLost(home, "the server refused it"))
            case RanOut():
                self._machine.feed(LeaseLost(home, RAN_OUT))
            case Unanswered():
                self._tell_unanswered(run)
            case Ended(reason):
                run.client = None
                self._failed(run, reason)
            case _:
                assert_never(news)

    def _lease(self, order: ClientOrder, news: Granted) -> Lease:
        return Lease(
            home=order.home,
            address=news.address,
            client_id=order.client_id,
            expires_at=None if news.lease_s is None else self._loop.time() + news.lease_s,
            routes=news.routes,
            broadcast=news.broadcast,
            server=news.server,
            through=order.interface,
        )

    def _tell_unanswered(self, run: _Run) -> None:
        """Once, until it is answered."""
        if run.has_told:
            return
        run.has_told = True
        home = run.order.home
        text = f"no DHCP server answers on {run.order.interface} (for {home})"
        lease = self._machine.engine.scene.ledger.leases.by_home.get(home)
        if lease is not None:
            text += f"; {lease.address} stays until its lease ends"
        self._machine.report(Report(Severity.WARNING, "lease-unanswered", home, text))
