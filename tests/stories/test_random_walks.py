"""Whatever happens in whatever order: no address lost or twice, settled means silent, restarts
change nothing.  `World` looks after every step; the walk keeps its own list of what must be there.
"""

from __future__ import annotations

import os
from unittest import mock

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rcmd.ipmp.reconcile import routes as route_difference

from .walk import ON_THE_LINK, RENAMING, SHARED, Step, Walk, steps

IS_LONG = "RCMD_RANDOM" in os.environ
SHARING = f"groups: {{test: {{addresses: [{SHARED}]}}}}\n"
FAILBACK = st.sampled_from(["", "failback: no\n", SHARING, f"failback: no\n{SHARING}"])
CARRIER_S = st.sampled_from([0.0, 1.5])


def walk(settings_text: str, carrier_s: float, path: list[Step]) -> Walk:
    walked = Walk()
    try:
        walked.begin(settings_text, carrier_s)
        walked.go(path)
        walked.rest()
    except AssertionError as error:
        told = "\n".join(walked.world.transcript)
        raise AssertionError(f"{error}\n\n{told}") from error
    return walked


@settings(
    max_examples=200 if IS_LONG else 50, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
@given(FAILBACK, CARRIER_S, steps())
def test_no_walk_loses_an_address(text: str, carrier_s: float, path: list[Step]) -> None:
    walk(text, carrier_s, path)


@settings(
    max_examples=60 if IS_LONG else 15, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
@given(FAILBACK, CARRIER_S, steps(*ON_THE_LINK))
def test_no_walk_confuses_what_is_advertised(text: str, carrier_s: float, path: list[Step]) -> None:
    walk(text, carrier_s, path)


@settings(
    max_examples=40 if IS_LONG else 12, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
@given(FAILBACK, CARRIER_S, steps())
def test_no_walk_minds_that_routes_follow_one_by_one(
    text: str, carrier_s: float, path: list[Step]
) -> None:
    with (
        mock.patch.object(route_difference, "AT_ONCE", 0),
        mock.patch.object(route_difference, "AT_A_TIME", 1),
    ):
        walk(text, carrier_s, path)


@settings(
    max_examples=80 if IS_LONG else 20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
@given(FAILBACK, CARRIER_S, steps(*RENAMING))
def test_no_walk_confuses_names_and_devices(text: str, carrier_s: float, path: list[Step]) -> None:
    walk(text, carrier_s, path)


@settings(
    max_examples=15 if IS_LONG else 6, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
@given(FAILBACK, CARRIER_S, steps())
def test_a_walk_can_be_told_again(text: str, carrier_s: float, path: list[Step]) -> None:
    first = walk(text, carrier_s, path).world
    second = walk(text, carrier_s, path).world
    assert first.transcript == second.transcript
    assert first.kernel.snapshot() == second.kernel.snapshot()
