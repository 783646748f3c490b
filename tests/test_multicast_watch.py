"""When memberships are read, what was said before is heard before; and groups can be sent to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from types import SimpleNamespace
from typing import Any, cast

import pytest
from ipmp.scenes import config, scene

from rcmd.daemon import multicast_watch
from rcmd.daemon.multicast_watch import MulticastWatch
from rcmd.ipmp.api.events import Event, LinkSeen
from rcmd.ipmp.api.memberships import Membership, MembershipsSeen
from rcmd.ipmp.state.group_state import Scene
from rcmd.ipmp.state.memberships import autojoin
from rcmd.model.network import KernelAddress

GROUP = ip_address("239.1.2.3")
HME0 = 4
Tables = tuple[Membership, ...] | None


@dataclass(slots=True)
class Outside:
    """A daemon that only notes what it is fed, a kernel that notes what is taken away."""

    scene: Scene
    fed: list[Event] = field(default_factory=list)
    let_out: list[KernelAddress] = field(default_factory=list)
    tables: Tables = None
    news: Callable[[], None] = lambda: None
    watch: MulticastWatch = field(init=False)

    def begin(self, monkeypatch: pytest.MonkeyPatch) -> None:
        daemon = SimpleNamespace(
            engine=SimpleNamespace(scene=self.scene),
            feed=self.fed.append,
            carrier_devices=lambda: {HME0: "hme0"},
            on_link=[],
        )
        kernel = SimpleNamespace(let_out=self.let_out.extend, on_group_route=None)
        tables = SimpleNamespace(poll=lambda _devices: self.tables, forget=lambda: None)
        monkeypatch.setattr(multicast_watch, "MembershipTables", lambda: tables)
        self.watch = MulticastWatch(cast(Any, daemon), cast(Any, kernel), lambda: self.news())
        self.watch.start(lambda _interval, _chore: None)


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> Outside:
    made = Outside(scene({"hme0": ["10.0.0.1/24"]}, config("hme0", "10.0.0.1/24")))
    made.begin(monkeypatch)
    return made


def test_only_news_is_told(outside: Outside) -> None:
    outside.watch.poll()
    outside.tables = ()
    outside.watch.poll()
    assert outside.fed == []
    outside.tables = (Membership(HME0, GROUP, 1),)
    outside.watch.poll()
    assert outside.fed == [MembershipsSeen(outside.tables)]


def test_a_device_that_is_going_is_heard_of_first(outside: Outside) -> None:
    """Else it would seem that the application had left."""
    outside.scene.memberships.joined["hme0"] = {GROUP: HME0}

    def set_down() -> None:
        links = outside.scene.view.links
        links[HME0] = replace(links[HME0], is_up=False)

    outside.tables, outside.news = (), set_down
    outside.watch.poll()
    assert outside.fed == []


def test_what_is_sent_to_our_groups_is_let_out(outside: Outside) -> None:
    ours = autojoin(GROUP, HME0)
    link = outside.scene.view.links[HME0]
    outside.watch.route_made(HME0, GROUP)
    outside.watch.link_changed(LinkSeen(link))
    assert outside.let_out == []
    outside.scene.view.add(ours)
    outside.watch.route_made(HME0, ip_address("239.9.9.9"))
    outside.watch.link_changed(LinkSeen(replace(link, is_up=False)))
    assert outside.let_out == []
    outside.watch.route_made(HME0, GROUP)
    outside.watch.link_changed(LinkSeen(link))
    assert outside.let_out == [ours, ours]
