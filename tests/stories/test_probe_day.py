"""Long times under the virtual clock: a day of random cuts, and days on lossy links.

loss   failures by chance a day     declared in the day of the test
        N(1-p)p^5, N = 60504        (whole engine, 2 members, per member)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address
from random import Random

import pytest

from rcmd.ipmp.commands import Report

from .network import Station
from .world import World

DAY_S = 86_400.0
ROUTER = ip_address("10.0.0.254")


def world_of(count: int, seed: int, detection: str = "10s") -> World:
    world = World()
    world.network.random = Random(seed)
    world.reconcile_s = 600.0
    world.settings = f"groups: {{test: {{probe: icmp, targets: [{ROUTER}], failure_detection_time: {detection}}}}}"
    world.network.stations[ROUTER] = Station()
    for number in range(count):
        name = f"eth{number}"
        world.files[f"/etc/hostname.{name}"] = (
            f"10.0.0.{number + 1}/24 group test up\n"
            f"addif 10.0.0.{number + 101}/24 deprecated -failover up\n"
        )
        world.kernel.put_in(name)
    world.start()
    return world


@dataclass(slots=True)
class Day:
    """Cuts of every kind, one after the other and overlapping, and when each was mended."""

    world: World
    random: Random
    cuts: dict[str, int] = field(default_factory=dict)
    """Interface -> how many cuts it has now; `""` is everything."""
    mended: dict[str, float] = field(default_factory=dict)
    failures: int = 0

    def live(self, until: float) -> None:
        world = self.world
        while world.now < until:
            self._wait(min(self.random.expovariate(1 / 200), until - world.now))
            self._cut()
        self._wait(700)

    def _wait(self, seconds: float) -> None:
        end = self.world.now + seconds
        while self.world.now < end:
            self.world.advance(min(self.world.now + 10, end))
            self._look()

    def _cut(self) -> None:
        world, random = self.world, self.random
        name = f"eth{random.randrange(8)}"
        for_s = random.uniform(5, 300)
        match random.choice(
            ("hole", "hole", "cable", "cable", "loss", "offline", "switch", "sleep")
        ):
            case "hole" if name not in world.network.black_holes:
                world.network.black_holes.add(name)
                self._until(for_s, name, lambda: world.network.black_holes.discard(name))
            case "cable" if world.kernel.device(name).has_cable:
                world.set_cables({name: False})
                self._until(for_s, name, lambda: world.kernel.set_cable(name, True))
            case "loss" if name not in world.network.loss:
                world.network.loss[name] = random.choice((0.1, 0.2, 0.6))
                self._until(for_s, name, lambda: world.network.loss.pop(name))
            case "offline" if self._is_in(name):
                world.offline(name)
                self._until(for_s, name, lambda: world.online(name))
            case "switch" if not world.network.is_switch_dead and random.random() < 0.2:
                world.network.is_switch_dead = True
                self._until(for_s, "", self._revive_switch)
            case "sleep":
                world.sleep(random.uniform(1, 60))
            case _:
                pass

    def _is_in(self, name: str) -> bool:
        assert self.world.engine
        return self.world.engine.scene.members[name].intent.name == "IN"

    def _revive_switch(self) -> None:
        self.world.network.is_switch_dead = False

    def _until(self, seconds: float, name: str, mend: object) -> None:
        self.cuts[name] = self.cuts.get(name, 0) + 1

        def act() -> None:
            assert callable(mend)
            mend()
            self.cuts[name] -= 1
            self.mended[name] = self.world.now

        self.world.later(seconds, act)

    def _look(self) -> None:
        """Whoever was said to have failed was cut, then or just before."""
        for command in self.world.commands:
            if isinstance(command, Report) and command.kind in ("failure", "group-failed"):
                self.failures += 1
                at = [self.cuts.get(name, 0) for name in self._suspects(command)]
                before = [self.mended.get(name, -1e9) for name in self._suspects(command)]
                is_fair = any(at) or max(before) > self.world.now - 30
                told = "\n".join(self.world.transcript[-30:])
                assert is_fair, f"{command.message} without a cut\n{told}"
        self.world.forget_past()

    def _suspects(self, command: Report) -> list[str]:
        every = [*self.cuts, *self.mended, ""]
        return every if command.kind == "group-failed" else [command.subject, ""]


def a_day(seed: int, hours: float) -> Day:
    world = world_of(8, seed)
    healthy = world.kernel.layout()
    day = Day(world, Random(seed))
    day.live(hours * 3600)
    assert world.kernel.layout() == healthy
    return day


def test_a_day_of_random_cuts() -> None:
    """`World` looks after every change: no address lost or twice, none where it cannot be."""
    import time

    t = time.time()
    day = a_day(1, 24)
    print(day.failures, day.world.network.count, time.time() - t)
    assert day.failures > 100
