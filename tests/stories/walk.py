"""Random walks: anything that may happen to a host, in any order, and what must hold after it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv6Network, ip_address, ip_interface, ip_network

from hypothesis import strategies as st

from rcmd.ipmp.api.events import KernelSnapshot
from rcmd.ipmp.state.member import Intent
from rcmd.model.kinds import AddressKind
from rcmd.model.network import IPAddress, KernelAddress, Route, RouteKey

from .world import World

NAMES = ("hme0", "hme1", "hme2", "qfe0")
FILES = {
    "/etc/hostname.hme0": "10.0.0.1/24 group test up\naddif 10.0.0.11/24 -failover deprecated up\n",
    "/etc/hostname6.hme0": "addif 2001:db8::1/64 up\n",
    "/etc/hostname.hme1": "10.0.0.2/24 group test up\naddif 10.0.0.3/24 up\naddif 10.0.0.4/24\n",
    "/etc/hostname6.hme1": "",
    "/etc/hostname.hme2": "10.0.0.12/24 group test -failover deprecated standby up\n",
    "/etc/hostname6.hme2": "",
    "/etc/hostname.qfe0": "10.0.1.1/24 up\n",
}

GROUPS = [ip_address(it) for it in ("239.0.0.1", "ff05::1", "224.0.0.251", "ff02::fb")]


SHARED = "10.0.0.40/24, 10.0.0.41/24, 10.0.0.42/24, 2001:db8::40/64, 2001:db8::41/64"
"""What the group may share."""


@dataclass(frozen=True, slots=True)
class Step:
    verb: str
    name: str = "hme0"
    number: int = 0

    def __str__(self) -> str:
        return f"{self.verb} {self.name} {self.number}"


VERBS = (
    *("cable out", "cable in") * 4,
    *("tear out", "put in", "put in") * 2,
    *("offline", "online", "leave", "unplumb", "stay", "attach") * 2,
    *("add by hand", "delete by hand", "add route", "delete route") * 2,
    *("join", "join", "quit"),
    *("enslave", "free", "free"),
    *("IPv6 off", "IPv6 on", "IPv6 on", "small mtu", "usual mtu", "usual mtu"),
    *("set down", "set up", "two cables out", "restart", "kill", "start", "start"),
    *("refuse", "accept", "accept", "go deaf", "overrun", "overrun", "wait", "wait", "reload"),
)


BEYOND_THE_CABLE = ("black hole", "black hole", "mend", "mend", "switch dies", "switch lives")
"""What only probes can tell."""


ON_THE_LINK = (*("advertise",) * 6, "another machine has it", "another machine leaves it")
"""What routers and neighbours do."""
RENAMING = (*("swap names", "swap names unseen", "rename away", "rename back") * 2,)
"""What udev, or an administrator, does to the names of devices."""
ASIDE = "aside"
"""How a device is called that has no file: with this in front."""
ADVERTISED = IPv6Network("2001:db8:99::/64")
BY_HAND = tuple(ip_address(f"10.0.0.{100 + number}") for number in range(4))
"""What nothing else asks for: deleted, it is gone for good."""


def steps(*more: str) -> st.SearchStrategy[list[Step]]:
    step = st.builds(
        Step, st.sampled_from((*VERBS, *more)), st.sampled_from(NAMES), st.integers(0, 3)
    )
    return st.lists(step, max_size=40)


@dataclass(slots=True)
class Walk:
    """Skips what makes no sense where the walk has got to."""

    world: World = field(default_factory=World)
    expected: set[IPAddress] = field(default_factory=set)
    """The data addresses that are up, without those that were added and deleted by hand."""

    def begin(
        self, settings: str, carrier_after_s: float, files: Mapping[str, str] = FILES
    ) -> None:
        self.world.files = dict(files)
        self.world.settings = settings
        self.world.carrier_after_s = carrier_after_s
        for name in NAMES:
            self.world.kernel.put_in(name)
            self._expect_files_of(name)
        for group in self.world.configuration().settings.groups.values():
            self.expected |= {it.address.ip for it in group.addresses}
        self.world.start()
        self.look()

    def go(self, walk: Sequence[Step]) -> None:
        for step in walk:
            self.world.transcript.append(f"--- {step}")
            self.take(step)
            self.world.advance(self.world.now + 0.5)
            self.look()

    def rest(self, before_look: Callable[[], None] = lambda: None) -> None:
        """Everything is plugged in again, and time passes."""
        world = self.world
        world.kernel.refusals.clear()
        world.network.black_holes.clear()
        world.network.is_switch_dead = False
        if world.engine is None:
            world.start()
        world.reconcile()
        world.settle()
        for name in NAMES:
            if not world.kernel.named(name) and world.kernel.named(f"{ASIDE}-{name}"):
                self._rename_back(name)
        before_look()
        self.look()
        world.advance(world.now + 200)
        before_look()
        self.look()

    def look(self) -> None:
        world = self.world
        if world.engine is None or world.is_deaf or world.kernel.refusals:
            return
        listed = {
            it.address.ip
            for it in world.engine.status().addresses
            if it.kind is AddressKind.DATA and it.is_up and it.address.network != ADVERTISED
        }
        assert listed == self.expected, (
            f"forgotten: {self.expected - listed}, invented: {listed - self.expected}"
        )

    def _expect_files_of(self, name: str) -> None:
        config = self.world.config(name)
        assert config
        self.expected |= {
            it.address.ip for it in config.addresses if it.kind is AddressKind.DATA and it.is_up
        }

    # --- steps ---

    def take(self, step: Step) -> None:
        self._take_outside(step)
        if self.world.engine and not self.world.is_deaf:
            self._take_inside(step)

    def _take_outside(self, step: Step) -> None:
        """What happens to the host whether or not the daemon is there."""
        world, name = self.world, step.name
        is_present = world.kernel.named(name) is not None
        match step.verb:
            case "cable out" if is_present:
                world.set_cables({name: False})
            case "cable in" if is_present:
                world.set_cables({name: True})
            case "two cables out":
                both = {it: False for it in NAMES[:2] if world.kernel.named(it)}
                if both:
                    world.set_cables(both)
            case "tear out" if is_present:
                world.tear_out(name)
            case "put in" if not is_present and not world.kernel.named(f"{ASIDE}-{name}"):
                self._expect_files_of(name)
                world.put_in(name, has_cable=step.number > 0)
            case "set down" if is_present:
                world.kernel.set_down(name)
                world.settle()
            case "set up" if is_present:
                world.kernel.set_up(name)
                world.settle()
            case "IPv6 off" | "IPv6 on" if is_present:
                world.kernel.switch_ipv6(name, is_on=step.verb == "IPv6 on")
                world.settle()
            case "enslave" | "free" if is_present:
                if step.verb == "enslave":
                    world.kernel.enslave(name, "br0")
                else:
                    world.kernel.free(name)
                world.settle()
            case "small mtu" | "usual mtu" if is_present:
                world.kernel.set_mtu(name, 1200 if step.verb == "small mtu" else 1500)
                world.settle()
            case "kill" if world.engine and not world.is_deaf:
                world.kill()
            case "start" if world.engine is None:
                world.start()
            case "overrun" if world.engine:
                world.reconcile()
                world.settle()
            case "join" if is_present:
                world.start_listening(name, GROUPS[step.number])
            case "quit" if is_present:
                world.stop_listening(name, GROUPS[step.number])
            case "black hole":
                world.network.black_holes.add(name)
            case "advertise":
                for nic in (it for it in NAMES if world.kernel.named(it)):
                    # For so short a time that some expire on the way.
                    world.advertising.advertise(ADVERTISED, nic, 120, 60, is_private=True)
                world.settle()
            case "another machine has it":
                world.kernel.duplicates.add(ip_address("2001:db8::1"))
            case "another machine leaves it":
                world.kernel.duplicates.clear()
            case "mend":
                world.network.black_holes.discard(name)
            case "switch dies" | "switch lives":
                world.network.is_switch_dead = step.verb == "switch dies"
            case "wait":
                world.advance(world.now + 5 + 20 * step.number)
            case _:
                pass

    def _take_inside(self, step: Step) -> None:
        world, name = self.world, step.name
        assert world.engine
        member = world.engine.scene.members[name]
        match step.verb, member.intent:
            case "offline", Intent.IN if member.group and member.ifindex:
                world.offline(name)
            case "online", Intent.OFFLINE:
                world.online(name)
            case "leave", Intent.IN if member.ifindex:
                world.leave(name)
            case "unplumb", Intent.LEAVING if world.engine.is_empty(name) and member.ifindex:
                world.unplumb(name)
            case "stay", Intent.LEAVING | Intent.DETACHED if member.ifindex:
                world.stay(name)
            case "attach", Intent.DETACHED if world.kernel.named(name):
                self._expect_files_of(name)
                world.attach(name)
            case "restart", _:
                self._restart()
            case "swap names" | "swap names unseen" | "rename away" | "rename back", _:
                self._rename(step)
            case "reload", _:
                world.reload()
            case "go deaf", _:
                world.is_deaf = True
            case "refuse", _:
                world.kernel.refusals.add((f"10.0.0.{(1, 2, 3, 40)[step.number]}", name))
            case "accept", _ if world.kernel.refusals:
                world.kernel.refusals.clear()
                world.reconcile()
                world.settle()
            case _:
                if not world.kernel.refusals and member.intent is not Intent.DETACHED:
                    self._take_by_hand(step)

    def _rename(self, step: Step) -> None:
        """What comes under another name is taken for new: its file is read again."""
        world, name, other = self.world, step.name, NAMES[step.number]
        is_present = world.kernel.named(name) is not None
        are_two = is_present and name != other and world.kernel.named(other) is not None
        match step.verb:
            case "swap names" if are_two:
                self._swap(name, other)
            case "swap names unseen" if are_two:
                world.kill()
                self._swap(name, other)
                world.start()
            case "rename away" if is_present:
                world.rename(name, f"{ASIDE}-{name}")
            case "rename back" if not is_present and world.kernel.named(f"{ASIDE}-{name}"):
                self._rename_back(name)
            case _:
                pass

    def _swap(self, name: str, other: str) -> None:
        """Through a third name, as there is no other way."""
        self.world.rename(name, ASIDE)
        self.world.rename(other, name)
        self._expect_files_of(name)
        self.world.rename(ASIDE, other)
        self._expect_files_of(other)

    def _rename_back(self, name: str) -> None:
        self._expect_files_of(name)
        self.world.rename(f"{ASIDE}-{name}", name)

    def _restart(self) -> None:
        """It changes nothing, but for a detach under way, which is undone, and for a link that
        was still awaited, which has to have its carrier by now."""
        engine = self.world.engine
        assert engine
        is_leaving = any(it.intent is Intent.LEAVING for it in engine.scene.members.values())
        is_waiting = any("waiting" in it.problem for it in engine.status().interfaces)
        # A start gives it another chance.
        is_given_up = bool(engine.scene.drift.given_up)
        # It would look at once; what was joined a moment ago has not been seen yet.
        self.world.look_at_memberships()
        self.world.settle()
        before = self._timeless()
        self.world.kill()
        self.world.start()
        if not (self.world.kernel.refusals or is_leaving or is_waiting or is_given_up):
            assert self._timeless() == before, "the restart changed the kernel"

    def _timeless(self) -> KernelSnapshot:
        """What the kernel holds, for however long: a lifetime may have fallen behind."""
        found = self.world.kernel.snapshot()
        kept = (replace(it, valid_s=None, preferred_s=None) for it in found.addresses)
        return replace(found, addresses=tuple(kept))

    def _take_by_hand(self, step: Step) -> None:
        world, name = self.world, step.name
        device = world.kernel.named(name)
        if device is None or not device.link.is_up:
            return
        ifindex = device.link.ifindex
        match step.verb:
            case "add by hand":
                new = ip_interface(f"{BY_HAND[step.number]}/24")
                if not world.kernel.hosts(new.ip):
                    self.expected.add(new.ip)
                    world.kernel.add_by_hand(KernelAddress(ifindex, new, name))
            case "delete by hand":
                here = [it for it in device.addresses.values() if it.address.ip in self.expected]
                if here:
                    victim = here[step.number % len(here)]
                    if victim.address.ip in BY_HAND:
                        self.expected.discard(victim.address.ip)
                    world.kernel.remove_by_hand(victim)
            case "add route" if any(it.version == 4 for it in device.addresses):
                gateway = ip_address("10.0.0.254")
                network = ip_network(f"172.16.{step.number}.0/24")
                is_near = any(gateway in it.network for it in device.addresses)
                route = Route(ifindex, network, gateway, is_onlink=step.number > 1 or not is_near)
                # `ip route add` refuses what another device has already.
                if not any(RouteKey.of(route) in it.routes for it in world.kernel.devices.values()):
                    world.kernel.add_by_hand(route)
            case "delete route":
                routes = list(device.routes.values())
                if routes:
                    world.kernel.remove_by_hand(routes[step.number % len(routes)])
            case _:
                pass
        world.settle()
