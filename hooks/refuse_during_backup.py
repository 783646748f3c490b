#!/usr/bin/env python3
"""A complete client of rcmd: no NIC is detached while a backup runs.  Copy it and change the rule.

Usage: refuse_during_backup.py [LOCK_FILE], as root; it stays until it is ended.
"""
# ruff: noqa: ARG002, F821  (the annotations are D-Bus signatures, the arguments the contract)

import asyncio
import sys
from pathlib import Path

from dbus_next import BusType, Message, MessageType
from dbus_next.aio import MessageBus
from dbus_next.service import ServiceInterface, method

PATH = "/org/example/BackupGuard"
LOCK = Path(sys.argv[1] if len(sys.argv) > 1 else "/run/backup.lock")


def answer(*, force: bool) -> list[object]:
    is_refused = LOCK.exists() and not force
    return [not is_refused, f"a backup is running ({LOCK})" if is_refused else ""]


class BackupGuard(ServiceInterface):
    @method()
    def QueryRemove(self, resource: "s", force: "b") -> "bs":  # may it go?  change nothing
        return answer(force=force)

    @method()
    def PreRemove(self, resource: "s", force: "b") -> "bs":  # the last word: let go, or refuse
        return answer(force=force)

    @method()
    def PostRemove(self, resource: "s"):
        print(f"{resource} is gone", flush=True)

    @method()
    def UndoRemove(self, resource: "s"):
        print(f"{resource} stays after all", flush=True)


async def main() -> None:
    bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
    bus.export(PATH, BackupGuard("org.rcmd1.Client"))
    call = Message("org.rcmd1", "/org/rcmd1", "org.rcmd1.Manager", "RegisterClient")
    call.signature, call.body = "saso", ["backup", ["*"], PATH]  # name, resources, our object
    reply = await bus.call(call)
    if reply.message_type is MessageType.ERROR:
        sys.exit(f"rcmd: {reply.body[0]}")
    print("registered", flush=True)
    await bus.wait_for_disconnect()


asyncio.run(main())
