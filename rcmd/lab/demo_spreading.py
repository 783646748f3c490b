"""A chapter of the demo: both NICs carry what leaves the host."""

from __future__ import annotations

import time

from rcmd.lab.lab import Lab
from rcmd.lab.measuring.flows import FlowsResult
from rcmd.lab.narration import Narrator

FLOWS = 400
RATE = 4000
FOR_S = 0.5
FEWEST = 120
"""Of 200 on each; fewer are there by chance once in ten to the fifteenth times."""
SETTINGS = "/etc/rcmd/rcmd.yaml"
ROUTER = "192.168.85.1"


def both_carry(lab: Lab, narrator: Narrator, homes: dict[str, str]) -> None:
    """`homes`: NIC -> its data address.  Ends as it began."""
    narrator.chapter(
        "Both NICs carry",
        "So far everything has left by the one NIC that the default route leads through.  Asked "
        f"to, rcmd lets both share what leaves: {FLOWS} flows to a network behind the router, from "
        "sockets that are bound to nothing.",
    )
    before = lab.read(SETTINGS)
    lab.write(SETTINGS, before.replace("test: {", "test: {load_spreading: flow, "))
    narrator.run("ip", "route", "add", "default", "via", ROUTER)
    narrator.run("cat", SETTINGS)
    narrator.run("rcmctl", "reload")
    lab.wait_for(lambda: _is_shared(lab), what="the default route through both NICs")
    narrator.run("ip", "route", "show", "default")
    narrator.run("rcmctl", "groups")
    result = _run(lab)
    begun = result.begun_on()
    shares = ", ".join(f"{begun[nic]} by {nic}" for nic in homes)
    narrator.check(f"both carry: {shares}", is_so=all(begun[nic] >= FEWEST for nic in homes))
    is_in_order = not result.reordered and all(len(flow.path) == 1 for flow in result.flows)
    narrator.check("no flow changed its way, and nothing was reordered", is_so=is_in_order)
    is_right = not result.strays({nic: (address,) for nic, address in homes.items()})
    narrator.check("all left with the address of the NIC that they left by", is_so=is_right)
    lab.write(SETTINGS, before)
    lab.rcmctl("reload")
    lab.run(["ip", "route", "del", "default"], check=True)


def _run(lab: Lab) -> FlowsResult:
    flows = lab.flows(FLOWS, rate=RATE).start()
    time.sleep(FOR_S)
    return flows.stop()


def _is_shared(lab: Lab) -> bool:
    default = [it for it in lab.routes() if it["dst"] == "default" and "nexthops" in it]
    return any(len(route["nexthops"]) > 1 for route in default)
