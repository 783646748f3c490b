"""A failover is not held up by a search for garbage."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from weakref import ref

import pytest

from rcmd.daemon import garbage


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()


def collections() -> list[int]:
    """How often each generation was gone through."""
    return [generation["collections"] for generation in gc.get_stats()]


class Circle:
    def __init__(self) -> None:
        self.itself = self


def test_what_has_stayed_is_not_gone_through_again() -> None:
    garbage.look_seldom()
    young, *older = collections()
    kept = [[number] for number in range(50 * garbage.YOUNG)]
    assert collections()[0] > young
    assert collections()[1:] == older
    assert len(kept) == 50 * garbage.YOUNG


def test_but_for_a_sweep() -> None:
    garbage.look_seldom()
    circle = Circle()
    gc.collect(0)
    seen = ref(circle)
    del circle
    gc.collect(0)
    assert seen() is not None
    garbage.sweep()
    assert seen() is None
