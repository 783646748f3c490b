"""Calls of every method that the bus shows, with any arguments, to a daemon on a model host."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as xml

from bus.fakes import EveryoneMay
from rcm.house import DUAL, House

from rcmd.bus.connection import Connection
from rcmd.bus.faults import ErrorReply
from rcmd.bus.library import Variant
from rcmd.bus.names import INTROSPECTABLE, ROOT, SERVICE
from rcmd.bus.service import BusService

from .mutation import LARGE, NUMBERS, Chance

NAMES = ("hme0", "hme1", "hme2", "hme9", "pci:0000:05:00.0", "slot:1", "eth\\xff", "")
PATHS = (ROOT, "/", "/org/rcmd1/interface/hme9")
OPTIONS = ("force", "session", "dry-run", "")
IN_FLIGHT = 16
PATIENCE_S = 40.0


@dataclass(frozen=True, slots=True)
class Shown:
    """A method, as introspection shows it."""

    path: str
    interface: str
    name: str
    signature: str


async def introspected(peer: Connection, path: str = "/") -> list[Shown]:
    (text,) = await peer.call(SERVICE, path, INTROSPECTABLE, "Introspect", timeout_s=PATIENCE_S)
    node = xml.fromstring(text)
    found = [
        Shown(
            path,
            interface.attrib["name"],
            method.attrib["name"],
            "".join(
                it.attrib["type"] for it in method.findall("arg") if it.attrib["direction"] == "in"
            ),
        )
        for interface in node.findall("interface")
        for method in interface.findall("method")
    ]
    for child in node.findall("node"):
        found += await introspected(peer, f"{path.rstrip('/')}/{child.attrib['name']}")
    return found


class Callers:
    """Some callers, each with a few calls under way."""

    def __init__(self, house: House, service: BusService, peers: list[Connection]) -> None:
        self.house = house
        self.service = service
        self.peers = peers
        self.methods: list[Shown] = []
        self._under_way: set[asyncio.Task[None]] = set()
        self.failures: list[BaseException] = []
        self.answers = 0

    async def turn(self, chance: Chance) -> None:
        """One more call; and now and then something happens to the host."""
        if chance.once_in(20):
            device = chance.choice(list(self.house.model.devices.values()))
            self.house.model.set_cable(device.link.name, chance.once_in(2))
            self.house.listen()
        while len(self._under_way) >= IN_FLIGHT:
            await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)
        call = asyncio.ensure_future(self._call(chance))
        self._under_way.add(call)
        call.add_done_callback(self._ended)
        await asyncio.sleep(0)

    async def rest(self) -> None:
        while self._under_way:
            await asyncio.wait(self._under_way)

    def _ended(self, call: asyncio.Task[None]) -> None:
        self._under_way.discard(call)
        if (error := call.exception()) is not None:
            self.failures.append(error)

    async def _call(self, chance: Chance) -> None:
        method = chance.choice(self.methods)
        signature = "s" if chance.once_in(30) else method.signature
        values = [_value(it, chance) for it in _types(signature)]
        path = chance.choice(PATHS) if chance.once_in(20) else method.path
        to = (SERVICE, path, method.interface, method.name)
        peer = chance.choice(self.peers)
        try:
            await peer.call(*to, signature, values, timeout_s=PATIENCE_S)
        except ErrorReply as error:
            if "internal error" in error.message:
                raise AssertionError(f"{method} {values!r:.200}") from error
        self.answers += 1


def _types(signature: str) -> list[str]:
    """As many as our methods take: single ones, arrays of strings, dictionaries of variants."""
    types = []
    while signature:
        size = 5 if signature.startswith("a{") else 2 if signature[0] == "a" else 1
        types.append(signature[:size])
        signature = signature[size:]
    return types


def _value(kind: str, chance: Chance) -> Any:
    match kind:
        case "s":
            text = chance.choice(NAMES) if chance.once_in(2) else chance.odd_text()
            return text.replace("\0", "")
        case "o":
            return chance.choice(("/", "/client", "/" + "a" * 300, "/org/rcmd1"))
        case "u":
            return chance.choice(NUMBERS)
        case "t":
            return chance.choice(LARGE)
        case "b":
            return chance.once_in(2)
        case "as":
            return [_value("s", chance) for _ in range(chance.randrange(70))]
        case "v":
            inner = chance.choice(("s", "u", "b", "as", "a{sv}"))
            return Variant(inner, _value(inner, chance))
        case "a{sv}":
            names = chance.sample(OPTIONS, chance.randrange(len(OPTIONS)))
            return {name: _value("v", chance) for name in names if not chance.once_in(4)}
    raise AssertionError(f"no method takes {kind}")


@asynccontextmanager
async def callers(address: str) -> AsyncIterator[Callers]:
    house = House(DUAL)
    ears = asyncio.create_task(house.listening())
    fatal: list[BaseException] = []
    service = BusService(
        house.coordination, on_fatal=fatal.append, bus_address=address, authority=EveryoneMay()
    )

    def publish() -> None:
        status = house.coordination.status()
        names = (interface.name for interface in status.interfaces)
        service.publish(status, {name: house.daemon.identify(name) for name in names})

    house.daemon.on_change.append(publish)
    house.daemon.on_report.append(service.emit)
    house.stage.operations.on_change.append(
        lambda: service.publish_operations(house.coordination.operations())
    )
    publish()
    await service.start()
    await service.wait_connected()
    peers = [await Connection.open(address, on_message=lambda _: None) for _ in range(4)]
    made = Callers(house, service, peers)
    made.methods = await introspected(peers[0])
    try:
        yield made
        await made.rest()
        made.failures += fatal
    finally:
        for peer in peers:
            await peer.close()
        await service.stop()
        ears.cancel()
        house.daemon.stop()
        house.store.close()
