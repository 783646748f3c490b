"""Whatever is asked for, refused, torn out or killed, in whatever order: no invariant is broken.

The rules are in `walk_rules`; `walk` compares with what was before.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from .walk import Step, steps, take
from .walk_host import SHARING

IS_LONG = "RCMD_RANDOM" in os.environ
FAILBACK = st.sampled_from(["", "failback: no\n"])


@pytest.fixture(autouse=True, scope="module")
def silence() -> Iterator[None]:
    """A walk that fails tells where it led; the log of all the others helps nobody."""
    logger = logging.getLogger("rcmd")
    logger.setLevel(logging.CRITICAL + 1)
    yield
    logger.setLevel(logging.NOTSET)


@settings(
    max_examples=1000 if IS_LONG else 120,
    deadline=None,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.too_slow],
)
@given(FAILBACK, st.booleans(), steps())
def test_no_walk_breaks_a_rule(text: str, is_switched: bool, path: list[Step]) -> None:
    take(path, text, is_switched=is_switched)


@settings(
    max_examples=100 if IS_LONG else 25,
    deadline=None,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.too_slow],
)
@given(FAILBACK, st.booleans(), steps())
def test_nor_does_one_with_addresses_that_the_group_shares(
    text: str, is_switched: bool, path: list[Step]
) -> None:
    """Without the attention button: who is told of a drain has nothing to do with addresses."""
    unannounced = [step for step in path if not step.verb.startswith("button")]
    take(unannounced, text + SHARING, is_switched=is_switched)


@settings(max_examples=20, deadline=None)
@given(FAILBACK, st.booleans(), steps())
def test_a_walk_can_be_walked_again(text: str, is_switched: bool, path: list[Step]) -> None:
    first = take(path, text, is_switched=is_switched)
    second = take(path, text, is_switched=is_switched)
    assert first.told == second.told
    assert first.host.kernel.snapshot() == second.host.kernel.snapshot()
