"""A private message bus per test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .private_bus import PrivateBus


@pytest.fixture
def private_bus() -> Iterator[PrivateBus]:
    bus = PrivateBus()
    bus.start()
    yield bus
    bus.remove()


@pytest.fixture
def address(private_bus: PrivateBus) -> str:
    return private_bus.address


@pytest.fixture
def etc() -> Path:
    return Path(__file__).parents[2] / "etc"
