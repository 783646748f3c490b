"""Tells a story: a transcript of what happens to a host, and of what rcmd is expected to do.

    file hme0: 192.168.85.19/24 group test up
             | addif 192.168.85.21/24 deprecated -failover up
    start
    at 60s  carrier hme0 down
            expect report "NIC failure detected on hme0 of group test"
            expect move 192.168.85.19 hme0 -> hme1 as hme1:2

One sentence a line.  `at` moves the clock; what is expected is looked for among what was said and
done since the last sentence that did something, and in the kernel as it is now.  Every device with
a hostname file is there, with its cable plugged, unless it is said to be absent.  The sentences
are the table at the end.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv6Network, ip_address, ip_interface, ip_network

from rcmd.ipmp.api.commands import Move, Plumb, Release, Report
from rcmd.ipmp.rules.address_flags import IFA_F_NODAD
from rcmd.ipmp.state.address_book import RouteAtHome
from rcmd.model.kinds import ProbeMethod
from rcmd.model.network import RCMD_PROTOCOL, IPNetwork, KernelAddress, Route
from rcmd.model.status import AddressStatus, ProblemCode, Status

from .advertising import in_service
from .kernel import Device
from .leases import SENTENCES as LEASE_SENTENCES
from .network import Station
from .world import World


class Teller:
    def __init__(self) -> None:
        self.world = World()
        self._absent: set[str] = set()
        self._unread_reports: list[str] = []
        self._read = 0
        """How many of the commands have been read."""
        self._notes: dict[str, list[str]] = {}

    def tell(self, story: str) -> World:
        for number, line in enumerate(_joined(story), start=1):
            try:
                self._say(line)
            except AssertionError as error:
                told = "\n".join(self.world.transcript)
                raise AssertionError(f"sentence {number}: {line}\n{error}\n\n{told}") from error
        return self.world

    def _say(self, line: str) -> None:
        timed = re.fullmatch(r"at ([\d.]+)s\s+(.*)", line)
        if timed:
            self._did_something()
            self.world.advance(float(timed[1]))
            line = timed[2]
            if line.startswith("expect"):
                self._read_reports()
        for pattern, act in SENTENCES:
            match = re.fullmatch(pattern, line)
            if match:
                words = [word for word in match.groups() if word is not None]
                if not pattern.startswith("expect"):
                    if not timed:
                        self._did_something()
                    act(self, *words)
                    self._read_reports()
                else:
                    act(self, *words)
                return
        raise AssertionError("nobody understands this sentence")

    def _did_something(self) -> None:
        self.world.forget_past()
        self._unread_reports = []
        self._read = 0

    def _read_reports(self) -> None:
        new = self.world.commands[self._read :]
        self._read = len(self.world.commands)
        self._unread_reports += [it.message for it in new if isinstance(it, Report)]

    @property
    def _moves(self) -> list[Move]:
        return [it for it in self.world.commands if isinstance(it, Move)]

    # --- setting the scene ---

    def file(self, version: str, name: str, text: str) -> None:
        self.world.files[f"/etc/hostname{version}.{name}"] = text + "\n"

    def no_file(self, name: str) -> None:
        for path in (f"/etc/hostname.{name}", f"/etc/hostname6.{name}"):
            self.world.files.pop(path, None)

    def setting(self, text: str) -> None:
        self.world.settings += text + "\n"

    def settings_gone(self) -> None:
        self.world.settings = ""

    def absent(self, name: str) -> None:
        self._absent.add(name)

    def device(self, name: str, details: str) -> None:
        words = details.split()
        given = dict(zip(words[::2], words[1::2], strict=True))
        self.world.put_in(
            name,
            mac=given.get("mac", ""),
            medium=int(given.get("medium", "1")),
            has_cable=given.get("cable", "yes") == "yes",
            has_ipv6=given.get("ipv6", "on") == "on",
        )

    def slow_carrier(self, seconds: str) -> None:
        self.world.carrier_after_s = float(seconds)

    def slow_detection(self, seconds: str) -> None:
        self.world.detection_s = float(seconds)
        self.world.kernel.takes_to_detect = True

    def start(self) -> None:
        for path in sorted(self.world.files):
            name = path.partition(".")[2].partition(":")[0]
            if name not in self._absent and not self.world.kernel.named(name):
                self.world.kernel.put_in(name)
        self.world.start()

    # --- what happens ---

    def kill(self) -> None:
        self.world.kill()

    def restart(self) -> None:
        """A restart changes nothing in the kernel, in whatever state it finds it."""
        before = self.world.kernel.snapshot()
        if self.world.engine:
            self.world.kill()
        self.world.start()
        assert self.world.kernel.snapshot() == before, "the restart changed the kernel"
        acts = [it for it in self.world.commands if isinstance(it, Move | Plumb | Release)]
        assert not acts, f"the restart did {acts}"

    def carrier(self, changes: str) -> None:
        cables = {}
        for change in changes.split(","):
            name, state = change.split()
            cables[name] = state == "up"
        self.world.set_cables(cables)

    def admin(self, name: str, state: str) -> None:
        if state == "up":
            self.world.kernel.set_up(name)
        else:
            self.world.kernel.set_down(name)
        self.world.settle()

    def switch_ipv6(self, verb: str, name: str) -> None:
        self.world.kernel.switch_ipv6(name, is_on=verb == "on")
        self.world.settle()

    def enslave(self, name: str, master: str, kind: str = "bridge") -> None:
        self.world.kernel.enslave(name, master, kind)
        self.world.settle()

    def free(self, name: str) -> None:
        self.world.kernel.free(name)
        self.world.settle()

    def stack(self, above: str, name: str) -> None:
        """A macvlan in passthru mode."""
        self.world.kernel.stack(above, name)
        self.world.settle()

    def unstack(self, above: str) -> None:
        self.world.kernel.tear_out(above)
        self.world.kernel.forget(above)
        self.world.settle()

    def set_mtu(self, name: str, mtu: str) -> None:
        self.world.kernel.set_mtu(name, int(mtu))
        self.world.settle()

    def tear_out(self, name: str) -> None:
        self.world.tear_out(name)

    def put_in(self, name: str) -> None:
        self.world.put_in(name)

    def put_in_uncabled(self, name: str) -> None:
        self.world.put_in(name, has_cable=False)

    def rename(self, name: str, new: str) -> None:
        self.world.rename(name, new)

    def call_also(self, name: str, alternatives: str = "") -> None:
        self.world.kernel.set_alternatives(name, *alternatives.split())
        self.world.settle()
        self.world.attach_new_devices()
        self.world.settle()

    def change_mac(self, name: str, mac: str) -> None:
        self.world.kernel.set_hardware_address(name, mac)
        self.world.settle()

    def add(self, address: str, name: str) -> None:
        ifindex = self.world.kernel.device(name).link.ifindex
        label = name if ":" not in address else ""
        self.world.kernel.add_by_hand(KernelAddress(ifindex, ip_interface(address), label))
        self.world.settle()

    def add_with_peer(self, address: str, peer: str, name: str) -> None:
        ifindex = self.world.kernel.device(name).link.ifindex
        far = ip_address(peer)
        self.world.kernel.add_by_hand(KernelAddress(ifindex, ip_interface(address), peer=far))
        self.world.kernel.make_peer_routes()
        self.world.settle()

    def add_for(self, address: str, name: str, seconds: str) -> None:
        ifindex = self.world.kernel.device(name).link.ifindex
        life_s = int(seconds)
        self.world.kernel.add_by_hand(
            KernelAddress(ifindex, ip_interface(address), valid_s=life_s, preferred_s=life_s)
        )
        self.world.settle()

    def add_link_route(self, destination: str, name: str) -> None:
        ifindex = self.world.kernel.device(name).link.ifindex
        self.world.kernel.add_by_hand(Route(ifindex, ip_network(destination), scope=253))
        self.world.settle()

    def delete(self, address: str, name: str) -> None:
        device = self.world.kernel.device(name)
        held = _held(device, address)
        assert held, f"{address} is not on {name}"
        self.world.kernel.remove_by_hand(held)
        self.world.settle()

    def sweep(self, address: str, destination: str, name: str) -> None:
        """A network manager forgets a device: address and route, before anybody looks."""
        device = self.world.kernel.device(name)
        held, route = _held(device, address), _route(device, destination)
        assert held, f"{address} is not on {name}"
        assert route, f"there is no route {destination} on {name}"
        self.world.kernel.remove_by_hand(route)
        self.world.kernel.remove_by_hand(held)
        self.world.settle()

    def add_route(self, destination: str, gateway: str, name: str, details: str = "") -> None:
        words = details.split()
        given = dict(zip(words[::2], words[1::2], strict=True))
        via = ip_address(gateway)
        route = Route(
            self.world.kernel.device(name).link.ifindex,
            _network(destination, via.version),
            via,
            protocol=int(given.get("protocol", "3")),
            source=ip_address(given["source"]) if "source" in given else None,
        )
        if "expires" in given:
            life_s = float(given["expires"].removesuffix("s"))
            route = replace(route, expires_at=self.world.now + life_s)
            self.world.later(life_s, lambda: self.world.kernel.expire(route.destination))
        self.world.kernel.add_by_hand(route)
        self.world.settle()

    def replace_route(self, destination: str, gateway: str, name: str) -> None:
        device = self.world.kernel.device(name)
        old = _route(device, destination)
        assert old, f"there is no route {destination} on {name}"
        self.world.kernel.replace_by_hand(old, replace(old, gateway=ip_address(gateway)))
        self.world.settle()

    def delete_route(self, destination: str, name: str) -> None:
        route = _route(self.world.kernel.device(name), destination)
        assert route, f"there is no route {destination} on {name}"
        self.world.kernel.remove_by_hand(route)
        self.world.settle()

    def join(self, group: str, name: str, sender: str = "") -> None:
        address = ip_address(group)
        self.world.start_listening(name, address, ip_address(sender) if sender else None)

    def quit_group(self, group: str, name: str) -> None:
        self.world.stop_listening(name, ip_address(group))

    def refuse(self, what: str, name: str) -> None:
        self.world.kernel.refusals.add((what, name))

    def accept(self, what: str, name: str) -> None:
        self.world.kernel.refusals.discard((what, name))

    def advertise(
        self, prefix: str, names: str, valid: str, preferred: str, private: str = ""
    ) -> None:
        for name in names.split():
            self.world.advertising.advertise(
                IPv6Network(prefix), name, int(valid), int(preferred), is_private=bool(private)
            )
        self.world.settle()

    def duplicate(self, address: str, verb: str) -> None:
        if verb == "takes":
            self.world.kernel.duplicates.add(ip_address(address))
        else:
            self.world.kernel.duplicates.discard(ip_address(address))

    def go_deaf(self) -> None:
        self.world.is_deaf = True

    def overrun(self) -> None:
        self.world.reconcile()
        self.world.settle()

    def detach(self, name: str) -> None:
        self.world.leave(name)
        assert self.world.engine
        assert self.world.engine.is_empty(name), f"{name} is not empty"
        self.world.unplumb(name)

    def note(self, name: str) -> None:
        self._notes[name] = self.world.kernel.layout()

    # --- the network ---

    def target(self, address: str, details: str = "") -> None:
        words = details.split()
        self.world.network.stations[ip_address(address)] = Station(
            answers_multicast="unicast" not in words
        )

    def target_is_deaf(self, address: str) -> None:
        self.world.network.stations[ip_address(address)].answers_echo = False

    def target_at(self, address: str, mac: str) -> None:
        self.world.network.stations[ip_address(address)].mac = mac

    def target_spurns(self, address: str, names: str) -> None:
        self.world.network.stations[ip_address(address)].spurns = set(names.split())

    def talk(self, address: str, names: str) -> None:
        for name in names.split():
            self.world.network.neighbours.add((name, ip_address(address)))

    def target_life(self, address: str, verb: str) -> None:
        self.world.network.stations[ip_address(address)].is_alive = verb == "lives"

    def hang_up(self, address: str) -> None:
        """Nor is it in the neighbour table any more."""
        key, network = ip_address(address), self.world.network
        network.neighbours = {it for it in network.neighbours if it[1] != key}

    def target_takes(self, address: str, seconds: str) -> None:
        self.world.network.stations[ip_address(address)].takes_s = float(seconds)

    def black_hole(self, names: str) -> None:
        self.world.network.black_holes |= set(names.split())

    def mend(self, names: str) -> None:
        self.world.network.black_holes -= set(names.split())

    def is_elsewhere(self, name: str) -> None:
        self.world.network.elsewhere.add(name)

    def lose(self, percent: str, name: str) -> None:
        self.world.network.loss[name] = int(percent) / 100

    def filter_out(self, what: str, names: str, reason: str) -> None:
        for name in names.split():
            self.world.network.filters[name, what] = reason

    def let_out(self, what: str, names: str) -> None:
        for name in names.split():
            del self.world.network.filters[name, what]

    def switch(self, verb: str) -> None:
        self.world.network.is_switch_dead = verb == "dies"

    def sleep(self, seconds: str) -> None:
        self.world.sleep(float(seconds))

    def probe_everything(self, method: str) -> None:
        self.world.probes_all = ProbeMethod(method)

    def probe_by_default(self) -> None:
        """As for an administrator who wrote no settings at all."""
        self.world.probes_all = None

    def listen(self) -> None:
        self.world.network.sent.clear()

    # --- what is expected ---

    def expect_probed(self, name: str, targets: str) -> None:
        assert self.world.network.targets(name) == set(targets.split()), self.world.network.targets(
            name
        )

    def expect_unprobed(self, name: str) -> None:
        sent = [it for _, it in self.world.network.sent if it.interface == name]
        assert not sent, sent

    def expect_watched(self, name: str, family: str, method: str, source: str = "") -> None:
        ifindex = self.world.kernel.device(name).link.ifindex
        watched = {
            str(key[1]): watch
            for key, watch in self.world.network.watched.items()
            if key[0] == ifindex
        }
        watch = watched.get(family)
        assert watch, watched
        assert watch.method.value == method
        assert str(watch.source or "") == source, watch.source

    def expect_unwatched(self, name: str) -> None:
        ifindex = self.world.kernel.device(name).link.ifindex
        watched = [it for key, it in self.world.network.watched.items() if key[0] == ifindex]
        assert not watched, watched

    def expect_detection(self, group: str, milliseconds: str) -> None:
        found = {it.name: it.failure_detection_ms for it in self._status().groups}
        assert found[group] == int(milliseconds), found

    def expect_report(self, text: str) -> None:
        assert text in self._unread_reports, f"reported: {self._unread_reports}"
        self._unread_reports.remove(text)

    def expect_report_within(self, text: str, seconds: str) -> None:
        """Lets time pass until it is said."""
        begin = self.world.now
        while text not in self._unread_reports:
            limit = begin + float(seconds)
            assert self.world.now < limit, f"within {seconds}s only: {self._unread_reports}"
            self.world.advance(min(self.world.now + 0.05, limit))
            self._read_reports()
        self._unread_reports.remove(text)

    def expect_silence(self, seconds: str) -> None:
        """Lets time pass in which nothing is said and nothing moves."""
        before = len(self._moves)
        heard = len(self._unread_reports)
        self.world.advance(self.world.now + float(seconds))
        self._read_reports()
        assert not self._unread_reports[heard:], self._unread_reports
        assert not self._moves[before:], self._moves

    def expect_no_report(self, text: str) -> None:
        assert not any(text in said for said in self._unread_reports), self._unread_reports

    def expect_no_more_reports(self) -> None:
        assert not self._unread_reports, f"reported: {self._unread_reports}"

    def expect_move(self, address: str, source: str, destination: str, label: str = "") -> None:
        for move in self._moves:
            for added in move.add:
                is_it = str(added.address.ip) == address
                if is_it and (move.source, move.destination) == (source, destination):
                    assert not label or added.label == label, f"the label is {added.label}"
                    self.expect_on(address, destination)
                    return
        raise AssertionError("it did not move so")

    def expect_one_move(self, source: str, destination: str) -> None:
        edges = [(move.source, move.destination) for move in self._moves]
        assert edges == [(source, destination)], edges

    def expect_cause(self, cause: str) -> None:
        causes = [move.cause.value for move in self._moves]
        assert causes, "nothing moved"
        assert set(causes) == {cause}, causes

    def expect_no_move(self) -> None:
        assert not self._moves, self._moves

    def expect_nothing(self) -> None:
        assert not self.world.commands, self.world.commands

    def expect_on(self, address: str, name: str, label: str = "") -> None:
        hosts = self.world.kernel.hosts(ip_address(address))
        assert hosts == [name], f"it is on {hosts}"
        held = self.world.held(address)
        assert held
        assert not label or held.label == label, f"its label is {held.label}"

    def expect_received(self, group: str, names: str) -> None:
        """By all of these devices, for whomever, and by no other."""
        receivers = self.world.kernel.receives(ip_address(group))
        assert sorted(receivers) == sorted(names.split()), f"it is received by {receivers}"

    def expect_received_nowhere(self, group: str) -> None:
        receivers = self.world.kernel.receives(ip_address(group))
        assert not receivers, f"it is received by {receivers}"

    def expect_stand_in(self, address: str, name: str, home: str) -> None:
        """The original is where it was made, or has gone with its device; another serves."""
        key = ip_address(address)
        hosts = self.world.kernel.hosts(key)
        assert set(hosts) == {name, home} - {"nowhere"}, f"it is on {hosts}"
        assert in_service(self.world.kernel, key) == [name]
        shown = {it.address.ip: it.hosted_on for it in self._listed()}
        assert shown[key] == name, shown

    def expect_lifetime(self, address: str, name: str, least: str, most: str) -> None:
        held = _held(self.world.kernel.device(name), address)
        assert held, f"it is not on {name}"
        assert held.valid_s is not None
        assert int(least) <= held.valid_s <= int(most), held.valid_s

    def expect_nowhere(self, address: str) -> None:
        hosts = self.world.kernel.hosts(ip_address(address))
        assert not hosts, f"it is on {hosts}"

    def expect_route(self, destination: str, name: str, protocol: str = "") -> None:
        hosts = [
            device.link.name
            for device in self.world.kernel.devices.values()
            if _route(device, destination)
        ]
        assert hosts == [name], f"it is on {hosts}"
        route = _route(self.world.kernel.device(name), destination)
        assert route
        assert not protocol or route.protocol == int(protocol), f"protocol {route.protocol}"

    def expect_route_source(self, destination: str, source: str) -> None:
        found = [_route(it, destination) for it in self.world.kernel.devices.values()]
        sources = [str(it.source) for it in found if it]
        assert sources == [source], f"they prefer {sources}"

    def expect_no_route(self, destination: str) -> None:
        for device in self.world.kernel.devices.values():
            assert not _route(device, destination), f"it is on {device.link.name}"

    def expect_state(self, name: str, state: str) -> None:
        found = {it.name: it.state.value for it in self._status().interfaces}
        assert found.get(name) == state, f"states: {found}"

    def expect_flags(self, name: str, flags: str = "") -> None:
        found = next(it.flags for it in self._status().interfaces if it.name == name)
        assert list(found) == flags.split(), f"flags: {found}"

    def expect_group(self, name: str, state: str) -> None:
        found = {it.name: it.state.value for it in self._status().groups}
        assert found.get(name) == state, f"groups: {found}"

    def expect_problem(self, name: str, text: str) -> None:
        found = next(it.problem for it in self._status().interfaces if it.name == name)
        assert text in found, f"its problem: {found!r}"

    def expect_test_address(self, address: str, name: str) -> None:
        kinds = {(str(it.address.ip), it.hosted_on): it.kind.value for it in self._listed()}
        assert kinds.get((address, name)) == "test", kinds

    def expect_deprecated(self, address: str) -> None:
        held = self.world.held(address)
        assert held
        assert held.preferred_s == 0

    def expect_down(self, address: str, name: str) -> None:
        assert self.world.engine
        down = self.world.engine.scene.hosts_of_down
        assert down.get(ip_address(address)) == name, down
        self.expect_nowhere(address)

    def expect_home(self, address: str, home: str) -> None:
        homes = {str(it.address.ip): it.home for it in self._listed()}
        assert homes.get(address) == home, homes

    def expect_shared(self, address: str, group: str) -> None:
        owners = {str(it.address.ip): (it.home, it.group) for it in self._listed()}
        assert owners.get(address) == ("", group), owners

    def expect_undetected(self, address: str, source: str, destination: str) -> None:
        added = [
            it
            for move in self._moves
            if (move.source, move.destination) == (source, destination)
            for it in move.add
            if str(it.address.ip) == address
        ]
        assert added, "it did not move so"
        assert all(it.flags & IFA_F_NODAD for it in added), added

    def expect_looked_for(self, address: str, name: str) -> None:
        """As duplicate detection leaves it: no trace of a move."""
        self.expect_on(address, name)
        held = self.world.held(address)
        assert held
        assert not held.flags & IFA_F_NODAD, held

    def expect_unlisted(self, address: str) -> None:
        assert address not in {str(it.address.ip) for it in self._listed()}

    def expect_listed_nowhere(self, address: str) -> None:
        hosts = {str(it.address.ip): it.hosted_on for it in self._listed()}
        assert address in hosts, hosts
        assert hosts[address] is None, hosts

    def expect_data(self, name: str, count: str) -> None:
        here = [it for it in self._listed() if it.hosted_on == name and it.kind.value == "data"]
        assert len(here) == int(count), here

    def expect_empty(self, name: str) -> None:
        assert self.world.engine
        assert self.world.engine.is_empty(name)

    def expect_labels(self, name: str, labels: str) -> None:
        """Of the addresses that rcmd has put there."""
        held = self.world.kernel.device(name).addresses.values()
        found = sorted(it.label for it in held if it.label and it.protocol == RCMD_PROTOCOL)
        assert found == labels.split(), found

    def expect_announced(self, address: str, mac: str) -> None:
        """Where it is; what moves is announced with its move."""
        found = self.world.announced.get(ip_address(address))
        assert found == mac, f"announced: {self.world.announced}"

    def expect_nothing_announced(self) -> None:
        assert not self.world.announced, self.world.announced

    def expect_bare(self, name: str) -> None:
        """Nothing of ours at all: no address, no route."""
        device = self.world.kernel.device(name)
        assert not device.addresses, device.addresses
        assert not device.routes, device.routes

    def expect_objection(self, name: str, text: str) -> None:
        objection = self.world.objection(name)
        assert objection, "there is none"
        assert text in objection, objection

    def expect_no_objection(self, name: str) -> None:
        assert self.world.objection(name) is None, self.world.objection(name)

    def expect_objection_together(self, name: str, other: str, text: str) -> None:
        objection = self.world.objection(name, other)
        assert objection, "there is none"
        assert text in objection, objection

    def expect_plumb(self, name: str) -> None:
        assert name in {it.name for it in self.world.commands if isinstance(it, Plumb)}

    def expect_no_plumb(self) -> None:
        assert not [it for it in self.world.commands if isinstance(it, Plumb | Release)]

    def expect_release(self, name: str, way: str = "") -> None:
        found = [it for it in self.world.commands if isinstance(it, Release) and it.name == name]
        assert [it.take_down for it in found] == [bool(way)], found

    def expect_as_noted(self, name: str) -> None:
        now = self.world.kernel.layout()
        then = self._notes[name]
        assert now == then, f"new: {set(now) - set(then)}, gone: {set(then) - set(now)}"

    def expect_refusal(self, name: str, text: str) -> None:
        assert self.world.engine
        refusals = self.world.engine.refusals(name)
        assert any(text in refusal for refusal in refusals), refusals

    def expect_plan(self, what: str, target: str, name: str) -> None:
        assert self.world.engine
        rehearsal = self.world.engine.rehearsal((name,)).play()
        found = {
            str(self.world.engine.scene.ledger.routes[key].destination)
            if isinstance(key, RouteAtHome)
            else str(key): rehearsal.place(key) or "nowhere"
            for key in rehearsal.before[name]
        }
        assert found[what] == target, found

    def expect_traffic(self, destination: str, names: str) -> None:
        wanted = {}
        for name in names.split(", "):
            device, _, weight = name.partition("*")
            wanted[device] = int(weight or 1)
        found = self.world.kernel.shares(ANYWHERE.get(destination, destination))
        assert found == wanted, found

    def expect_unshared(self, destination: str) -> None:
        found = self.world.kernel.shares(ANYWHERE.get(destination, destination))
        assert not found, found

    def expect_resilient(self) -> None:
        groups = self.world.kernel.nexthops.groups.values()
        assert {group.is_resilient for group in groups} == {True}, groups

    def expect_hash(self, mode: str) -> None:
        assert self.world.hash == mode, self.world.hash

    def speed(self, name: str, mbit: str) -> None:
        self.world.speed(name, int(mbit))

    def take_away_sibling(self, destination: str, name: str) -> None:
        self.world.take_away_sibling(destination, name)

    def take_away(self, destination: str) -> None:
        """Somebody removes our route to it."""
        self.world.take_away(ANYWHERE.get(destination, destination))

    def expect_no_problems(self) -> None:
        assert self._status().problems == ()

    def expect_trouble(self, severity: str, code: str, subject: str, text: str = "") -> None:
        found = {it.key: it for it in self._status().problems}
        assert (code, subject) in found, found
        problem = found[ProblemCode(code), subject]
        assert problem.severity == severity
        assert text in problem.text, problem.text

    def expect_no_trouble(self, code: str, subject: str) -> None:
        assert (code, subject) not in {it.key for it in self._status().problems}

    def expect_spares(self, count: str, group: str) -> None:
        found = {it.name: it.spares for it in self._status().groups}
        assert found[group] == int(count), found

    def _status(self) -> Status:
        assert self.world.engine
        return self.world.engine.status()

    def _listed(self) -> tuple[AddressStatus, ...]:
        return self._status().addresses


ANYWHERE = {"default": "0.0.0.0/0"}

Act = Callable[..., None]
SENTENCES: list[tuple[str, Act]] = [
    *LEASE_SENTENCES,
    (r"file(6?) (\S+): ?((?:.|\n)*)", Teller.file),
    (r"no file (\S+)", Teller.no_file),
    (r"setting (.*)", Teller.setting),
    (r"default settings", Teller.settings_gone),
    (r"absent (\S+)", Teller.absent),
    (r"device (\S+)((?: (?:mac|medium|cable|ipv6) \S+)*)", Teller.device),
    (r"carrier takes ([\d.]+)s", Teller.slow_carrier),
    (r"duplicate detection takes ([\d.]+)s", Teller.slow_detection),
    (r"start", Teller.start),
    (r"kill", Teller.kill),
    (r"restart", Teller.restart),
    (r"wait", lambda _: None),
    (r"reload", lambda teller: teller.world.reload()),
    (r"carrier (.*)", Teller.carrier),
    (r"set (\S+) (up|down)", Teller.admin),
    (r"switch IPv6 (on|off) on (\S+)", Teller.switch_ipv6),
    (r"enslave (\S+) to (\S+?)(?:, a (\S+))?", Teller.enslave),
    (r"free (\S+)", Teller.free),
    (r"stack (\S+) on (\S+)", Teller.stack),
    (r"unstack (\S+)", Teller.unstack),
    (r"mtu of (\S+) becomes (\d+)", Teller.set_mtu),
    (r"tear out (\S+)", Teller.tear_out),
    (r"put in (\S+)", Teller.put_in),
    (r"put in (\S+) without cable", Teller.put_in_uncabled),
    (r"rename (\S+) to (\S+)", Teller.rename),
    (r"(\S+) is also called (.*)", Teller.call_also),
    (r"(\S+) has one name", Teller.call_also),
    (r"mac of (\S+) becomes (\S+)", Teller.change_mac),
    (
        r"add route (\S+) via (\S+) on (\S+)((?: (?:protocol|source|expires) \S+)*)",
        Teller.add_route,
    ),
    (r"replace route (\S+) via (\S+) on (\S+)", Teller.replace_route),
    (r"delete route (\S+) on (\S+)", Teller.delete_route),
    (r"add (\S+) on (\S+)", Teller.add),
    (r"add (\S+) peer (\S+) on (\S+)", Teller.add_with_peer),
    (r"add (\S+) on (\S+) for (\d+)s", Teller.add_for),
    (r"add link route (\S+) on (\S+)", Teller.add_link_route),
    (r"delete (\S+) on (\S+)", Teller.delete),
    (r"sweep (\S+) with (\S+) off (\S+)", Teller.sweep),
    (r"join (\S+) on (\S+)(?: from (\S+))?", Teller.join),
    (r"quit (\S+) on (\S+)", Teller.quit_group),
    (r"refuse (\S+) on (\S+)", Teller.refuse),
    (r"accept (\S+) on (\S+)", Teller.accept),
    (r"go deaf", Teller.go_deaf),
    (r"overrun", Teller.overrun),
    (r"offline (\S+)", lambda teller, name: teller.world.offline(name)),
    (r"online (\S+)", lambda teller, name: teller.world.online(name)),
    (r"leave (\S+)", lambda teller, name: teller.world.leave(name)),
    (r"unplumb (\S+)", lambda teller, name: teller.world.unplumb(name)),
    (r"stay (\S+)", lambda teller, name: teller.world.stay(name)),
    (r"attach (\S+)", lambda teller, name: teller.world.attach(name)),
    (r"detach (\S+)", Teller.detach),
    (r"note (\w+)", Teller.note),
    (r"target (\S+)((?: unicast)?)", Teller.target),
    (r"target (\S+) (dies|lives)", Teller.target_life),
    (r"target (\S+) answers no echo", Teller.target_is_deaf),
    (r"target (\S+) is at (\S+)", Teller.target_at),
    (r"target (\S+) spurns (.+)", Teller.target_spurns),
    (r"talk to (\S+) on (.+)", Teller.talk),
    (r"hang up on (\S+)", Teller.hang_up),
    (r"target (\S+) takes ([\d.]+)s", Teller.target_takes),
    (r"black hole (.*)", Teller.black_hole),
    (r"mend (.*)", Teller.mend),
    (r"(\S+) is elsewhere", Teller.is_elsewhere),
    (r"lose (\d+)% on (\S+)", Teller.lose),
    (r'filter (\S+) on (.+) with "(.*)"', Teller.filter_out),
    (r"let (\S+) out on (.+)", Teller.let_out),
    (r"switch (dies|lives)", Teller.switch),
    (r"sleep ([\d.]+)s", Teller.sleep),
    (r"probe everything by (icmp|arp|auto)", Teller.probe_everything),
    (r"probe by default", Teller.probe_by_default),
    (r"listen", Teller.listen),
    (r"expect (\S+) probed: (.*)", Teller.expect_probed),
    (r"expect (\S+) unprobed", Teller.expect_unprobed),
    (
        r"advertise (\S+) to (.+?) for (\d+)s preferred (\d+)s( privately)?",
        Teller.advertise,
    ),
    (r"another machine (takes|leaves) (\S+)", lambda it, verb, key: it.duplicate(key, verb)),
    (r"expect (\S+) served on (\S+), original on (\S+)", Teller.expect_stand_in),
    (r"expect (\S+) on (\S+) valid for (\d+) to (\d+)s", Teller.expect_lifetime),
    (r"expect (\S+) unwatched", Teller.expect_unwatched),
    (r"expect (\S+) watched (IPv4|IPv6) by (icmp|arp)(?: from (\S+))?", Teller.expect_watched),
    (r"expect detection of (\S+) in (\d+)ms", Teller.expect_detection),
    (r"expect silence for ([\d.]+)s", Teller.expect_silence),
    (r'expect report "(.*)" within ([\d.]+)s', Teller.expect_report_within),
    (r'expect report "(.*)"', Teller.expect_report),
    (r'expect no report "(.*)"', Teller.expect_no_report),
    (r"expect no (?:more )?reports", Teller.expect_no_more_reports),
    (r"expect move (\S+) (\S+) -> (\S+) without detection", Teller.expect_undetected),
    (r"expect move (\S+) (\S+) -> (\S+?)(?: as (\S+))?", Teller.expect_move),
    (r"expect one move (\S+) -> (\S+)", Teller.expect_one_move),
    (r"expect cause (\S+)", Teller.expect_cause),
    (r"expect no move", Teller.expect_no_move),
    (r"expect nothing", Teller.expect_nothing),
    (r"expect route (\S+) on (\S+?)(?: protocol (\d+))?", Teller.expect_route),
    (r"expect route (\S+) from (\S+)", Teller.expect_route_source),
    (r"expect no route (\S+)", Teller.expect_no_route),
    (r"expect group (\S+) (ok|degraded|failed)", Teller.expect_group),
    (r"expect flags of (\S+):(?: (.*))?", Teller.expect_flags),
    (r'expect problem of (\S+): "(.*)"', Teller.expect_problem),
    (r"expect no problems", Teller.expect_no_problems),
    (r'expect (error|warning|notice) (\S+) (\S+?)(?:: "(.*)")?', Teller.expect_trouble),
    (r"expect no trouble (\S+) (\S+)", Teller.expect_no_trouble),
    (r"expect (\d+) spares? in (\S+)", Teller.expect_spares),
    (r'expect objection to (\S+): "(.*)"', Teller.expect_objection),
    (r'expect objection to (\S+) with (\S+): "(.*)"', Teller.expect_objection_together),
    (r"expect no objection to (\S+)", Teller.expect_no_objection),
    (r"speed of (\S+) is (\d+)", Teller.speed),
    (r"take away the shared route to (\S+)", Teller.take_away),
    (r"take away one sibling to (\S+) on (\S+)", Teller.take_away_sibling),
    (r"expect traffic to (\S+) over (.*)", Teller.expect_traffic),
    (r"expect traffic to (\S+) unshared", Teller.expect_unshared),
    (r"expect resilient groups", Teller.expect_resilient),
    (r"expect hash (\S+)", Teller.expect_hash),
    (r"expect (\S+) announced as (\S+)", Teller.expect_announced),
    (r"expect labels on (\S+): (.*)", Teller.expect_labels),
    (r"expect nothing announced", Teller.expect_nothing_announced),
    (r"expect plumb (\S+)", Teller.expect_plumb),
    (r"expect no plumb", Teller.expect_no_plumb),
    (r"expect release (\S+?)( down)?", Teller.expect_release),
    (r"expect as (\w+)", Teller.expect_as_noted),
    (r"expect (\S+) to go to (\S+) if (\S+) leaves", Teller.expect_plan),
    (r'expect refusal on (\S+): "(.*)"', Teller.expect_refusal),
    (r"expect (\S+) received by (.*)", Teller.expect_received),
    (r"expect (\S+) received nowhere", Teller.expect_received_nowhere),
    (r"expect (\S+) nowhere", Teller.expect_nowhere),
    (r"expect (\S+) unlisted", Teller.expect_unlisted),
    (r"expect (\S+) listed nowhere", Teller.expect_listed_nowhere),
    (r"expect (\S+) deprecated", Teller.expect_deprecated),
    (r"expect (\S+) empty", Teller.expect_empty),
    (r"expect (\S+) bare", Teller.expect_bare),
    (r"expect (\S+) hosts (\d+)", Teller.expect_data),
    (r"expect (\S+) on (\S+) as looked for", Teller.expect_looked_for),
    (r"expect (\S+) on (\S+?)(?: as (\S+))?", Teller.expect_on),
    (r"expect (\S+) shared by (\S+)", Teller.expect_shared),
    (r"expect (\S+) down on (\S+)", Teller.expect_down),
    (r"expect (\S+) test address of (\S+)", Teller.expect_test_address),
    (r"expect (\S+) at home on (\S+)", Teller.expect_home),
    (r"expect (\S+) (running|failed|no-targets|offline|missing|detached)", Teller.expect_state),
]


def tell(*chapters: str) -> World:
    """Tell a story, made of one or more chapters."""
    return Teller().tell("\n".join(chapters))


def _joined(story: str) -> list[str]:
    """Sentences, with `| ...` lines appended to the file they continue."""
    sentences: list[str] = []
    for raw in story.splitlines():
        line = raw.partition("  # ")[0].strip()
        if line.startswith("|"):
            sentences[-1] += "\n" + line[1:].strip()
        elif line and not line.startswith("#"):
            sentences.append(line)
    return sentences


def _network(destination: str, version: int) -> IPNetwork:
    if destination == "default":
        return ip_network("0.0.0.0/0" if version == 4 else "::/0")
    return ip_network(destination)


def _held(device: Device, address: str) -> KernelAddress | None:
    key = ip_address(address)
    return next((it for it in device.addresses.values() if it.address.ip == key), None)


def _route(device: Device, destination: str) -> Route | None:
    """`default` is the IPv4 one; `::/0` the other."""
    network = _network(destination, 4)
    return next((it for it in device.routes.values() if it.destination == network), None)
