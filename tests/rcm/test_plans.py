"""The plan of a detach is what is then done, whatever the scene."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from .walk import Step, plans, take
from .walk_host import SHARING

KINDS = st.sampled_from(["", "failback: no\n", SHARING])


@pytest.fixture(autouse=True, scope="module")
def silence() -> Iterator[None]:
    logger = logging.getLogger("rcmd")
    logger.setLevel(logging.CRITICAL + 1)
    yield
    logger.setLevel(logging.NOTSET)


@settings(
    max_examples=100 if "RCMD_RANDOM" in os.environ else 40,
    deadline=None,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.too_slow],
)
@given(KINDS, st.booleans(), plans())
def test_what_is_planned_is_done(text: str, is_switched: bool, path: list[Step]) -> None:
    take(path, text, is_switched=is_switched)
