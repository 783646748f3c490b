"""What streams from the host to somebody behind the router lose when their NIC goes."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from rcmd.lab.lab import Lab
from rcmd.lab.measuring.traffic import Stream

from .figures import RUNS, Figure, Table
from .labs import AFTERMATH_S, PREPARED_AFTER_S, SETTINGS, LabFactory, configure, data_address
from .labs import wait_until_at as await_address

pytestmark = [pytest.mark.bench, pytest.mark.lab]

NIC, OTHER = NICS = ("hme0", "hme1")


@dataclass(frozen=True, slots=True)
class Family:
    """`data` is the address of the first NIC, which moves; `outside` is behind the router."""

    name: str
    option: str
    router: str
    data: str
    outside: str


IPV4 = Family("IPv4", "-4", "10.85.0.1", data_address(0, 0), "198.51.100.2")
IPV6 = Family("IPv6", "-6", "2001:db8:85::1", "2001:db8:85::19", "2001:db8:51::2")


@pytest.mark.parametrize("family", [IPV4, IPV6], ids=lambda family: family.name)
def test_default_route_through_the_nic(lab_with: LabFactory, table: Table, family: Family) -> None:
    """Five hosts, each with all the blows: a link that comes up often is not trusted for long."""
    lost: dict[tuple[str, str], list[int]] = {}
    for _ in range(RUNS):
        lab = lab_with(nics=NICS)
        begin(lab, family)
        for blow in ("detached", "pulled", "torn out"):
            with outward(lab, family) as streams:
                strike(lab, blow)
                await_address(lab, OTHER, family.data)
                await_route(lab, family, OTHER)
            for kind, stream in streams.items():
                lost.setdefault((blow, kind), []).append(stream.stop().lost)
            mend(lab, family, blow)
        lab.down()
    limits = {"detached": 0, "pulled": 10, "torn out": 30}
    table.note(
        *(
            Figure(
                f"{family.name} default route, NIC {blow}, 1 kHz stream outwards, {kind}",
                values,
                "lost",
                limits[blow],
                "none" if not limits[blow] else "",
            )
            for (blow, kind), values in lost.items()
        )
    )


def begin(lab: Lab, family: Family) -> None:
    """The default route is an administrator's, and leads through the first NIC."""
    no_detection = "for f in /proc/sys/net/ipv6/conf/*/accept_dad; do echo 0 > $f; done"
    lab.run(["sh", "-c", no_detection], check=True)
    configure(lab, dict.fromkeys(NICS, 1))
    lab.write("/etc/hostname6.hme0", f"addif {IPV6.data}/64 up\n")
    lab.write("/etc/hostname6.hme1", "addif 2001:db8:85::20/64 up\n")
    lab.write("/etc/rcmd/rcmd.yaml", SETTINGS)
    lab.start_daemon()
    route = ["default", "via", family.router, "dev", NIC]
    lab.run(["ip", family.option, "route", "add", *route], check=True)
    time.sleep(PREPARED_AFTER_S)


@contextlib.contextmanager
def outward(lab: Lab, family: Family) -> Iterator[dict[str, Stream]]:
    """Two streams around what is done, to be stopped: of a socket that is not bound, and of one
    that is bound to the address that moves."""
    streams = {
        kind: lab.stream(family.outside, source="host", bound_to=bound_to).start()
        for kind, bound_to in (("unbound", None), ("bound to the moving address", family.data))
    }
    time.sleep(AFTERMATH_S)
    yield streams
    time.sleep(AFTERMATH_S)


def strike(lab: Lab, blow: str) -> None:
    match blow:
        case "detached":
            done = lab.rcmctl("detach", NIC)
            assert done.returncode == 0, done.stderr
        case "pulled":
            lab.pull(NIC)
        case _:
            lab.tear_out(NIC)


def mend(lab: Lab, family: Family, blow: str) -> None:
    match blow:
        case "detached":
            assert lab.rcmctl("attach", NIC).returncode == 0
        case "pulled":
            lab.plug(NIC)
        case _:
            return
    await_address(lab, NIC, family.data)
    await_route(lab, family, NIC)
    time.sleep(PREPARED_AFTER_S)


def await_route(lab: Lab, family: Family, nic: str) -> None:
    def leads_there() -> bool:
        show = ["ip", "-j", family.option, "route", "show", "default"]
        routes = json.loads(lab.run(show, check=True).stdout)
        return [route.get("dev") for route in routes] == [nic]

    lab.wait_for(leads_there, what=f"the default route through {nic}")
