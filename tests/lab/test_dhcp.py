"""Leased addresses: a real client, and a real server on the router."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from scenes import (
    HME1,
    LabFactory,
    await_event,
    await_hosted,
    await_state,
    history,
    hosts_of,
    kinds,
    labels,
    route_devices,
    route_named,
    snapshot,
    start,
    status,
    write_files,
)

from rcmd.ipmp.api.lease import RTPROT_DHCP
from rcmd.lab.lab import Lab
from rcmd.model.network import RCMD_PROTOCOL

pytestmark = [pytest.mark.lab, pytest.mark.long]

UNIT = Path(__file__).parents[2] / "etc/systemd/system/rcmd.service"
MACS = {"hme0": "02:00:00:00:00:01", "hme1": "02:00:00:00:00:02"}
LEASED = "192.168.85.100"
"""The only address that the server has to give."""
CLIENT_ID = "01:02:00:00:00:00:01"
FILES = {"hostname.hme0": "group test\ndhcp\n", "hostname.hme1": HME1}


class Server:
    """dnsmasq on the router; the shortest lease it gives is of two minutes."""

    def __init__(self, lab: Lab, directory: Path, *, addresses: str = f"{LEASED},{LEASED}") -> None:
        self._lab = lab
        self._log = directory / "dnsmasq.log"
        self._leases = directory / "leases"
        command = ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0"]
        command += ["--user=root", "--pid-file=", f"--log-facility={self._log}", "--log-dhcp"]
        command += ["--interface=lan0", "--bind-interfaces", "--no-ping", "--dhcp-authoritative"]
        command += [f"--dhcp-leasefile={self._leases}"]
        command += [f"--dhcp-range={addresses},255.255.255.0,2m", "--dhcp-option=6,192.168.85.1"]
        self.process = lab.popen(command, where="router", stderr=subprocess.DEVNULL)
        lab.wait_for(lambda: self.log().count("sockets bound"), what="dnsmasq")

    def log(self) -> str:
        return self._log.read_text() if self._log.exists() else ""

    def acknowledged(self, mac: str) -> int:
        """How often it gave or renewed the lease to a NIC."""
        return self.log().count(f"DHCPACK(lan0) {LEASED} {mac}")

    def await_more(self, mac: str, than: int) -> None:
        self._lab.wait_for(lambda: self.acknowledged(mac) > than, what=f"a renewal by {mac}")

    def discovered(self) -> int:
        return self.log().count("DHCPDISCOVER")

    def holder(self) -> tuple[str, str]:
        """The NIC that asked last, and the client identifier that the lease belongs to."""
        (lease,) = self._leases.read_text().splitlines()
        _, mac, address, _, client = lease.split()
        assert address == LEASED
        return mac, client


@pytest.fixture
def server_on(tmp_path: Path) -> Callable[[Lab], Server]:
    return lambda lab: Server(lab, tmp_path)


def clients(lab: Lab) -> dict[str, int]:
    """Interface -> process of each DHCP client in the host."""

    def look() -> dict[str, int]:
        found = {}
        for directory in Path("/proc").glob("[0-9]*"):
            try:
                words = (directory / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if words[0].endswith(b"udhcpc"):
                found[words[words.index(b"-i") + 1].decode()] = int(directory.name)
        return found

    return lab.place("host").call(look)


def await_client(lab: Lab, *nics: str) -> None:
    lab.wait_for(lambda: sorted(clients(lab)) == sorted(nics), what=f"clients on {nics}")


def lifetime(lab: Lab) -> int:
    (held,) = [it for it in snapshot(lab).addresses if str(it.address.ip) == LEASED]
    assert held.valid_s is not None
    return held.valid_s


def confined(command: list[str]) -> list[str]:
    """With the capabilities that the unit leaves."""
    (line,) = (it for it in UNIT.read_text().splitlines() if it.startswith("CapabilityBounding"))
    kept = [name.removeprefix("CAP_").lower() for name in line.partition("=")[2].split()]
    bounds = ",".join(("-all", *(f"+{name}" for name in kept)))
    return ["setpriv", "--no-new-privs", "--bounding-set", bounds, *command]


def test_the_lease_moves_and_is_kept_alive(lab: Lab, server_on: Callable[[Lab], Server]) -> None:
    server = server_on(lab)
    write_files(lab, FILES)
    lab.start_daemon(argv=confined([sys.executable, "-m", "rcmd"]))
    await_hosted(lab, "hme0", LEASED)
    await_event(lab, "lease-granted", "hme0")
    assert server.holder() == (MACS["hme0"], CLIENT_ID)
    (held,) = [it for it in snapshot(lab).addresses if str(it.address.ip) == LEASED]
    assert (held.protocol, held.label, held.address.network.prefixlen) == (
        RCMD_PROTOCOL,
        "hme0",
        24,
    )
    assert 100 < lifetime(lab) <= 120
    (route,) = route_named(lab, "default")
    assert (str(route.gateway), route.protocol) == ("192.168.85.1", RTPROT_DHCP)
    (shown,) = [it for it in status(lab)["addresses"] if it["address"] == f"{LEASED}/24"]
    assert (shown["kind"], shown["home"], shown["hosted_on"]) == ("data", "hme0", "hme0")
    (told,) = [it for it in history(lab) if it["kind"] == "lease-granted"]
    assert told["detail"]["dns"] == "192.168.85.1"

    lab.pull("hme0")
    await_hosted(lab, "hme1", LEASED)
    await_event(lab, "lease-renewed", "hme0")
    # The server knows it as the same client, on the other NIC.
    assert server.holder() == (MACS["hme1"], CLIENT_ID)
    assert route_devices(lab, "default") == ["hme1"]
    assert labels(lab, "hme1")[LEASED] == "hme1:2"
    await_client(lab, "hme1")
    discovered, acknowledged = server.discovered(), server.acknowledged(MACS["hme1"])
    # What the client does by itself after half of the time.
    lab.run(["kill", "-USR1", str(clients(lab)["hme1"])], check=True)
    server.await_more(MACS["hme1"], acknowledged)
    assert server.discovered() == discovered

    lab.plug("hme0")
    await_hosted(lab, "hme0", LEASED)
    await_event(lab, "lease-renewed", "hme0", count=2)
    assert server.holder() == (MACS["hme0"], CLIENT_ID)
    assert route_devices(lab, "default") == ["hme0"]
    assert hosts_of(lab, LEASED) == ["hme0"]
    assert [it for it in kinds(lab) if it[0] == "lease-lost"] == []


def test_a_restart_changes_nothing(lab: Lab, server_on: Callable[[Lab], Server]) -> None:
    server = server_on(lab)
    start(lab, FILES)
    await_hosted(lab, "hme0", LEASED)
    lab.pull("hme0")
    await_hosted(lab, "hme1", LEASED)
    await_client(lab, "hme1")
    await_event(lab, "lease-renewed", "hme0")
    for end in (lab.stop_daemon, lab.kill_daemon):
        before, acknowledged = as_it_is(lab), server.acknowledged(MACS["hme1"])
        end()
        # The client ends with the daemon, and the address stays; nothing was released.
        await_client(lab)
        assert as_it_is(lab) == before
        assert "DHCPRELEASE" not in server.log()
        lab.start_daemon()
        server.await_more(MACS["hme1"], acknowledged)
        assert as_it_is(lab) == before
    assert kinds(lab).count(("lease-granted", "hme0")) == 1


def as_it_is(lab: Lab) -> object:
    """Addresses and routes; of lifetimes, that there are some."""
    seen = snapshot(lab)
    addresses = [
        replace(it, valid_s=it.valid_s and 1, preferred_s=it.preferred_s and 1)
        for it in seen.addresses
    ]
    return addresses, seen.routes


def test_torn_out_and_detached(lab: Lab, server_on: Callable[[Lab], Server]) -> None:
    server = server_on(lab)
    start(lab, FILES)
    await_hosted(lab, "hme0", LEASED)
    lab.tear_out("hme0")
    await_hosted(lab, "hme1", LEASED)
    await_event(lab, "lease-renewed", "hme0")
    lab.put_back("hme0")
    await_hosted(lab, "hme0", LEASED)
    await_event(lab, "lease-renewed", "hme0", count=2)

    assert lab.rcmctl("detach", "hme0").returncode == 0
    await_hosted(lab, "hme1", LEASED)
    await_event(lab, "lease-renewed", "hme0", count=3)
    assert server.holder() == (MACS["hme1"], CLIENT_ID)
    assert route_devices(lab, "default") == ["hme1"]
    assert lab.rcmctl("attach", "hme0").returncode == 0
    await_hosted(lab, "hme0", LEASED)
    await_event(lab, "lease-renewed", "hme0", count=4)


def test_a_missing_nic_acquires_nothing(
    lab_with: LabFactory, server_on: Callable[[Lab], Server]
) -> None:
    lab = lab_with(("hme1",), macs=MACS)
    server = server_on(lab)
    start(lab, FILES)
    await_event(lab, "missing", "hme0")
    await_state(lab, "hme1", "running")
    # behaviour 95
    assert server.discovered() == 0
    assert clients(lab) == {}
    assert set(labels(lab, "hme1")) == {"192.168.85.20", "192.168.85.22"}
    lab.add_nic("hme0", MACS["hme0"])
    await_hosted(lab, "hme0", LEASED)


def test_another_address_takes_the_place_of_the_old_one(
    lab: Lab, tmp_path: Path, server_on: Callable[[Lab], Server]
) -> None:
    first = server_on(lab)
    start(lab, FILES)
    await_hosted(lab, "hme0", LEASED)
    first.process.terminate()
    first.process.wait()
    other = "192.168.85.110"
    (tmp_path / "second").mkdir()
    # It has never heard of the lease, and says so when it is asked for.
    Server(lab, tmp_path / "second", addresses=f"{other},{other}")
    lab.run(["kill", "-USR1", str(clients(lab)["hme0"])], check=True)
    await_hosted(lab, "hme0", other)
    await_hosted(lab, None, LEASED)
    await_event(lab, "lease-lost", "hme0")
    assert route_devices(lab, "default") == ["hme0"]
