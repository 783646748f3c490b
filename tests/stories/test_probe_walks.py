"""Random walks while everything is probed: black holes, a dead switch, and all the rest."""

from __future__ import annotations

from ipaddress import ip_address

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .network import Station
from .walk import BEYOND_THE_CABLE, SHARED, Step, Walk, steps

STATIONS = ("10.0.0.254", "fe80::1111")
PROBING = st.sampled_from(
    [
        "groups: {test: {probe: icmp}}\n",
        "failback: no\ngroups: {test: {probe: auto}}\n",
        "groups: {test: {probe: arp, targets: [10.0.0.254]}}\n",
        f"groups: {{test: {{probe: icmp, addresses: [{SHARED}]}}}}\n",
        f"groups: {{test: {{probe: arp, targets: [10.0.0.254], addresses: [{SHARED}]}}}}\n",
    ]
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(PROBING, st.sampled_from([0.0, 1.5]), steps(*BEYOND_THE_CABLE))
def test_no_walk_loses_an_address(text: str, carrier_s: float, path: list[Step]) -> None:
    walked = Walk()
    walked.world.network.stations = {ip_address(it): Station() for it in STATIONS}
    try:
        walked.begin(text, carrier_s)
        walked.go(path)
        walked.rest()
    except AssertionError as error:
        told = "\n".join(walked.world.transcript)
        raise AssertionError(f"{error}\n\n{told}") from error
