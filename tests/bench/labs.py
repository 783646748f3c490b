"""A virtual host with one group of NICs under rcmd."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from ipaddress import IPv4Address
from pathlib import Path

from rcmd.lab.lab import Lab
from rcmd.lab.measuring.traffic import Result

LabFactory = Callable[..., Lab]

NETWORK = "10.85.0.0 255.255.0.0"
"""Wide enough for a thousand addresses."""
ROUTER = "10.85.0.1/16"
SETTINGS = "failure_detection_time: 1s\ngroups: {test: {targets: [10.85.0.1]}}\n"
FIRST = IPv4Address("10.85.1.1")
PREPARED_AFTER_S = 1.0
"""By then the daemon has had its idle time; nothing outside tells when."""
QUIET_SHARE = 0.1
"""Of a core; it probes all the time."""
AFTERMATH_S = 0.4
"""How long a stream goes on after a blow."""


def data_address(nic_number: int, number: int) -> str:
    """NIC 0, 1, ... has its addresses in a block of its own."""
    return str(FIRST + 8192 * nic_number + number)


def configure(lab: Lab, addresses: Mapping[str, int]) -> None:
    """One group of these NICs, with so many data addresses each and a test address."""
    lab.run(["ip", "addr", "add", ROUTER, "dev", "lan0"], where="router", check=True)
    lab.write("/etc/netmasks", f"{NETWORK}\n")
    for nic_number, (nic, count) in enumerate(addresses.items()):
        own = [data_address(nic_number, number) for number in range(count)]
        lines = [f"{own[0]} netmask + broadcast + group test up"]
        lines += [f"addif {address} netmask + broadcast + up" for address in own[1:]]
        test = data_address(nic_number, count)
        lines.append(f"addif {test} netmask + broadcast + deprecated -failover up")
        lab.write(f"/etc/hostname.{nic}", " \\\n".join(lines) + "\n")


def start(lab: Lab, addresses: Mapping[str, int]) -> None:
    """Configured, probed (with repairs that take a second and a half), running, and prepared."""
    configure(lab, addresses)
    start_as_configured(lab)


def start_as_configured(lab: Lab) -> None:
    lab.write("/etc/rcmd/rcmd.yaml", SETTINGS)
    lab.start_daemon()
    time.sleep(PREPARED_AFTER_S)


def holds(lab: Lab, nic: str, address: str) -> bool:
    return any(info["local"] == address for info in lab.addresses(nic))


def wait_until_at(lab: Lab, nic: str, address: str) -> None:
    lab.wait_for(lambda: holds(lab, nic, address), what=f"{address} on {nic}")


def ifindex(lab: Lab, nic: str) -> int:
    shown = lab.run(["ip", "-j", "link", "show", "dev", nic], check=True).stdout
    return int(json.loads(shown)[0]["ifindex"])


def cpu_ns(pid: int) -> int:
    """Time on a processor, of all threads."""
    return sum(
        int((task / "schedstat").read_text().split()[0])
        for task in Path(f"/proc/{pid}/task").iterdir()
    )


def wait_until_quiet(lab: Lab) -> None:
    """The daemon has taken in what there is, and has got ready for the next failure."""

    def is_quiet() -> bool:
        before = cpu_ns(lab.daemon().pid)
        time.sleep(PREPARED_AFTER_S)
        return cpu_ns(lab.daemon().pid) - before < QUIET_SHARE * PREPARED_AFTER_S * 1e9

    lab.wait_for(is_quiet, what="a daemon at rest")


@contextlib.contextmanager
def watched(lab: Lab, address: str) -> Iterator[list[Result]]:
    """A stream of 1000 datagrams a second around what is done; its result is put in the list."""
    stream = lab.stream(address).start()
    results: list[Result] = []
    time.sleep(AFTERMATH_S)
    yield results
    time.sleep(AFTERMATH_S)
    results.append(stream.stop())
