"""A rude client: python flood.py ADDRESS OUTSTANDING SECONDS; prints how many answers came."""

from __future__ import annotations

import asyncio
import sys
import time

from rcmd.bus.connection import Connection
from rcmd.bus.names import OBJECT_MANAGER, ROOT, SERVICE
from rcmd.bus.wire import Kind, Message


async def flood(address: str, outstanding: int, seconds: float) -> int:
    """Keep that many GetManagedObjects under way for so long."""
    end = time.monotonic() + seconds
    count = 0

    async def ask_again() -> None:
        nonlocal count
        while time.monotonic() < end:
            await connection.call(SERVICE, ROOT, OBJECT_MANAGER, "GetManagedObjects")
            count += 1

    def ignore(message: Message) -> None:
        assert message.kind is Kind.SIGNAL

    connection = await Connection.open(address, on_message=ignore)
    await asyncio.gather(*(ask_again() for _ in range(outstanding)))
    await connection.close()
    return count


if __name__ == "__main__":
    print(asyncio.run(flood(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))))
