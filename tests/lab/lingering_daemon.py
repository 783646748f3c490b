"""The daemon on a disk that takes its time at the end."""

from __future__ import annotations

import asyncio
import sys

from rcmd.__main__ import main
from rcmd.platform.store.store import Store

SYNC_S = 2.5
"""Longer than anything that is done once a second waits."""

end = Store.end


async def end_late(store: Store) -> None:
    await asyncio.sleep(SYNC_S)
    await end(store)


if __name__ == "__main__":
    Store.end = end_late  # type: ignore[method-assign]
    sys.exit(main())
