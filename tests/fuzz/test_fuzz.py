"""Whatever comes from outside ends nothing, holds nothing up, and leaves nothing behind.

`make fuzz` runs for a minute, or RCMD_FUZZ_SECONDS, with RCMD_FUZZ_SEED or a new seed, which it
prints; `make test` gives each target a few hundred inputs, the same ones each time.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterator

import pytest
from bus.private_bus import PrivateBus

from rcmd.kernel.probes.values import Ignored, ProbeKind

from .runner import LONGEST_TURN_S, MOST_GROWTH, Outcome, Run
from .targets import ProbeTarget

ROUNDS = 150


@pytest.fixture
def address() -> Iterator[str]:
    bus = PrivateBus()
    bus.start()
    yield bus.address
    bus.remove()


class For:
    """So many seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def __call__(self, _: Outcome) -> bool:
        return time.monotonic() < self._end


def fuzz(address: str, seed: str, goes_on: Callable[[Outcome], bool]) -> Outcome:
    outcome = Run(seed, goes_on).run(address)
    details = "\n".join(f"{where}\n{text}" for where, text in outcome.faults.items())
    assert not outcome.faults, f"RCMD_FUZZ_SEED={seed}\n{details}"
    return outcome


def test_a_few_hundred_odd_inputs_of_each_kind(address: str) -> None:
    fuzz(address, "1", lambda outcome: outcome.inputs["bus"] < ROUNDS)


def test_a_packet_of_nothing_is_no_answer() -> None:
    probes = ProbeTarget()
    for kind in ProbeKind:
        assert list(probes.read(kind, b"")) == [Ignored.SHORT]
    probes.close()


@pytest.mark.fuzz
def test_odd_inputs_without_end(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    seconds = float(os.environ.get("RCMD_FUZZ_SECONDS", "60"))
    seed = os.environ.get("RCMD_FUZZ_SEED") or secrets.token_hex(4)
    with capsys.disabled():
        print(f"\nRCMD_FUZZ_SEED={seed} RCMD_FUZZ_SECONDS={seconds:g}")
    outcome = fuzz(address, seed, For(seconds))
    with capsys.disabled():
        print(outcome)
    assert outcome.longest_s < LONGEST_TURN_S, outcome
    assert outcome.growth < MOST_GROWTH, outcome
