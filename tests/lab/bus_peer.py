"""A program on the host's system bus, run by tests: a client of removals, or a listener.

    bus_peer.py client NAME PATTERN [--refuse MEMBER=REASON]... [--hold MEMBER]...
    bus_peer.py listen

A client registers and prints a JSON object for every question: `member`, `resource`.  A question
that is held is answered when a line arrives on standard input.  A listener prints every signal of
the service: `path`, `member`, `arguments`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys

from rcmd.bus.address import system_bus_address
from rcmd.bus.connection import Connection
from rcmd.bus.names import BUS_NAME, BUS_PATH, MANAGER, ROOT, SERVICE
from rcmd.bus.values import plain
from rcmd.bus.wire import Kind, Message, marshal

PATH = "/client"


def say(**fields: object) -> None:
    print(json.dumps(fields), flush=True)


class Client:
    def __init__(self, arguments: argparse.Namespace) -> None:
        self._refusals = dict(refusal.split("=", 1) for refusal in arguments.refuse)
        self._held = set(arguments.hold)
        self._waiting: list[Message] = []
        self.connection: Connection

    def receive(self, message: Message) -> None:
        if message.kind is not Kind.CALL:
            return
        say(member=message.member, resource=message.arguments()[0])
        if message.member in self._held:
            self._waiting.append(message)
        elif message.wants_reply:
            self._answer(message)

    def release(self) -> None:
        """A line on standard input: everything that waits is answered, and all that follows."""
        if not sys.stdin.readline():
            asyncio.get_running_loop().remove_reader(sys.stdin)
        self._held.clear()
        waiting, self._waiting = self._waiting, []
        for message in waiting:
            self._answer(message)

    def _answer(self, message: Message) -> None:
        reason = self._refusals.get(message.member)
        self.connection.send(
            Message(
                Kind.RETURN,
                destination=message.sender,
                reply_serial=message.serial,
                signature="bs",
                body=marshal("bs", [reason is None, reason or ""]),
            )
        )


async def be_client(arguments: argparse.Namespace) -> None:
    client = Client(arguments)
    connection = await Connection.open(system_bus_address(), on_message=client.receive)
    client.connection = connection
    asyncio.get_running_loop().add_reader(sys.stdin, client.release)
    call = (arguments.name, [arguments.pattern], PATH)
    await connection.call(SERVICE, ROOT, MANAGER, "RegisterClient", "saso", call)
    say(member="registered")
    await connection.wait_closed()


def print_signal(message: Message) -> None:
    if message.kind is Kind.SIGNAL and message.interface != BUS_NAME:
        say(path=message.path, member=message.member, arguments=plain(message.arguments()))


async def listen() -> None:
    connection = await Connection.open(system_bus_address(), on_message=print_signal)
    rule = f"type='signal',sender='{SERVICE}'"
    await connection.call(BUS_NAME, BUS_PATH, BUS_NAME, "AddMatch", "s", (rule,))
    say(member="listening")
    await connection.wait_closed()


def main() -> None:
    parser = argparse.ArgumentParser()
    roles = parser.add_subparsers(dest="role", required=True)
    roles.add_parser("listen")
    client = roles.add_parser("client")
    client.add_argument("name")
    client.add_argument("pattern")
    client.add_argument("--refuse", action="append", default=[])
    client.add_argument("--hold", action="append", default=[])
    arguments = parser.parse_args()
    asyncio.run(listen() if arguments.role == "listen" else be_client(arguments))


if __name__ == "__main__":
    main()
