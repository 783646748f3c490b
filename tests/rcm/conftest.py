"""Transactions run on a loop while the kernel is being listened to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from .house import House

Story = Callable[[House], Awaitable[None]]


@pytest.fixture
def play() -> Callable[..., House]:
    """Play a story in a fresh house; what is left of the house is returned."""

    def run(story: Story, **furniture: object) -> House:
        async def main() -> House:
            house = House(**furniture)  # type: ignore[arg-type]
            ears = asyncio.create_task(house.listening())
            try:
                async with asyncio.timeout(30):
                    await story(house)
            finally:
                ears.cancel()
            return house

        return asyncio.run(main())

    return run
