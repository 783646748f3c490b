"""Load spreading on the wire: which NIC each flow leaves by, and with what source.

`make bench` measures it with more members, thousands of flows and full cables.
"""

from __future__ import annotations

import json
import socket

import pytest
from evidence import begin
from scenes import (
    DUAL_STACK,
    ROUTER,
    ROUTER6,
    SETTINGS_PATH,
    STANDBY,
    LabFactory,
    await_hosted,
    await_spread,
)
from there_and_back import SPREADING

from rcmd.lab.lab import FLOWS_PREFIX, Lab
from rcmd.lab.measuring.flows import Flows, FlowsResult

pytestmark = [pytest.mark.lab, pytest.mark.long]

PREFIX6 = "2001:db8:1980::/64"
FLOWS = 300
RATE = 3000
CONNECTIONS = 20
FILES = {
    **DUAL_STACK,
    "hostname.hme2": STANDBY,
    "hostname6.hme2": "group test standby up\n",
}
HOMES = {
    "hme0": {"192.168.85.19", "2001:db8:85::19"},
    "hme1": {"192.168.85.20", "2001:db8:85::20"},
}


@pytest.fixture
def spreading(lab_with: LabFactory) -> Lab:
    """hme0 and hme1 share the load, hme2 stands by; both default routes were set by hand."""
    lab: Lab = lab_with(nics=("hme0", "hme1", "hme2"))
    lab.write(SETTINGS_PATH, SPREADING)
    begin(lab, FILES)
    lab.run(["ip", "route", "add", "default", "via", ROUTER], check=True)
    lab.run(["ip", "-6", "route", "add", "default", "via", ROUTER6, "dev", "hme0"], check=True)
    await_spread(lab, "hme0", "hme1")
    return lab


def go_on(lab: Lab, flows: Flows, rounds: int = 3) -> None:
    """Wait until each flow has sent so many more, give or take a few."""
    wanted = flows.seen + rounds * FLOWS
    lab.wait_for(lambda: flows.seen >= wanted, what=f"{wanted} datagrams")


def run(lab: Lab, prefix: str = FLOWS_PREFIX, bound_to: str | None = None) -> FlowsResult:
    flows = lab.flows(FLOWS, prefix, rate=RATE, bound_to=bound_to).start()
    go_on(lab, flows)
    return flows.stop()


@pytest.mark.parametrize("prefix", [FLOWS_PREFIX, PREFIX6], ids=["IPv4", "IPv6"])
def test_flows_are_shared(spreading: Lab, prefix: str) -> None:
    result = run(spreading, prefix)
    begun = result.begun_on()
    # Each 150 of 300; one side has less than 100 once in a hundred million times.
    assert set(begun) == {"hme0", "hme1"}  # the standby carries nothing
    assert min(begun.values()) >= 100
    assert {len(flow.path) for flow in result.flows} == {1}
    assert (result.lost, result.reordered, result.strays(HOMES)) == (0, 0, 0)


def test_bound_flows_keep_their_source(spreading: Lab) -> None:
    result = run(spreading, bound_to="192.168.85.19")
    assert {source for _, source in result.origins} == {"192.168.85.19"}
    assert (result.lost, result.reordered) == (0, 0)


def test_connections_leave_with_the_address_of_their_nic(spreading: Lab) -> None:
    """A connection is given its source before its port."""
    lab = spreading
    lab.flows(1)  # puts the prefix behind the router
    sources = {address: nic for nic, own in HOMES.items() for address in own}

    def connect() -> list[tuple[str, int, str]]:
        made = []
        for number in range(CONNECTIONS):
            there = f"198.18.{number}.9"
            with socket.create_connection((there, 7), timeout=5) as connection:
                source, port = connection.getsockname()
                made.append((source, port, there))
        return made

    made = lab.place("host").call(connect)
    assert {source for source, _, _ in made} == {"192.168.85.19", "192.168.85.20"}
    for source, port, there in made:
        flow = f"{there} from {source} ipproto tcp sport {port} dport 7"
        assert way_out(lab, flow) == sources[source]
    # What answers, from a port of its own, is shared.
    answers = {
        way_out(lab, f"198.18.7.9 from 192.168.85.19 ipproto tcp sport 443 dport {port}")
        for port in range(40000, 40020)
    }
    assert answers == {"hme0", "hme1"}


def way_out(lab: Lab, flow: str) -> str:
    (way,) = json.loads(lab.run(["ip", "-j", "route", "get", *flow.split()], check=True).stdout)
    return str(way["dev"])


def test_flows_go_on_without_a_member(spreading: Lab) -> None:
    """Those of a pulled NIC leave by others, among them the former standby; it is as before when
    the NIC is back."""
    lab = spreading
    flows = lab.flows(FLOWS, rate=RATE).start()
    go_on(lab, flows)
    lab.pull("hme0")
    await_hosted(lab, "hme2", "192.168.85.19")
    await_spread(lab, "hme1", "hme2")
    go_on(lab, flows)
    result = flows.stop()
    theirs = [flow for flow in result.flows if flow.path[0] == "hme1"]
    assert sum(flow.lost for flow in theirs) == 0
    assert result.reordered == 0
    assert set(result.ended_on()) == {"hme1", "hme2"}
    assert set(run(lab).begun_on()) == {"hme1", "hme2"}

    lab.plug("hme0")
    await_hosted(lab, "hme0", "192.168.85.19")
    await_spread(lab, "hme0", "hme1")
    again = run(lab)
    assert set(again.begun_on()) == {"hme0", "hme1"}
    assert min(again.begun_on().values()) >= 100
    assert again.strays(HOMES) == 0
