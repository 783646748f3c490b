"""What goes on beside us on the same machine holds nothing up: routes and devices of others."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from rcmd.bus.client import ManagerClient
from rcmd.lab.lab import Lab

from .figures import Figure, Table
from .labs import LabFactory, configure, start, start_as_configured
from .test_footprint import resident_kib
from .test_speed import failover_ms

pytestmark = [pytest.mark.bench, pytest.mark.lab]

NICS = ("hme0", "hme1")
BUS = "unix:path=/run/dbus/system_bus_socket"
MANY = 100_000
SOME = 10_000
PAIRS = 250
RUNS = 5
FOREIGN = "foreign0"
GATEWAY = "172.31.0.254"
CONTAINERS = f"""
for turn in 1 2; do
    for number in $(seq {PAIRS}); do
        ip link add veth$number type veth peer name peer$number
        ip link set veth$number up
        ip link set peer$number up
    done
    for number in $(seq {PAIRS}); do
        ip link del veth$number
    done
done
"""


def other_nic(lab: Lab) -> None:
    """One that has nothing to do with rcmd."""
    for words in (
        f"link add {FOREIGN} type veth peer name {FOREIGN}-far",
        f"link set {FOREIGN}-far up",
        f"link set {FOREIGN} up",
        f"addr add 172.31.0.1/16 dev {FOREIGN}",
    ):
        lab.run(["ip", *words.split()], check=True)


def routes(verb: str, count: int) -> str:
    return "".join(
        f"route {verb} {11 + (number >> 16)}.{number >> 8 & 255}.{number & 255}.0/24"
        f" via {GATEWAY} dev {FOREIGN}\n"
        for number in range(count)
    )


def answers_ms(lab: Lab, is_over: Callable[[], bool]) -> list[float]:
    """How long each question for the status took, one after the other."""

    async def ask() -> list[float]:
        answers: list[float] = []
        async with ManagerClient.connect(BUS) as manager:
            while not is_over():
                begin = time.monotonic()
                await manager.status()
                answers.append((time.monotonic() - begin) * 1e3)
                await asyncio.sleep(0.005)
        return answers

    return lab.place("host").call(lambda: asyncio.run(ask()))


def for_seconds(seconds: float) -> Callable[[], bool]:
    end = time.monotonic() + seconds
    return lambda: time.monotonic() > end


def to_ready_s(lab: Lab) -> float:
    begin = time.monotonic()
    lab.start_daemon()
    return time.monotonic() - begin


def test_a_hundred_thousand_routes_of_others(lab_with: LabFactory, table: Table) -> None:
    lab = lab_with(nics=NICS)
    other_nic(lab)
    start(lab, dict.fromkeys(NICS, 2))
    lab.stop_daemon()
    idle = to_ready_s(lab)
    time.sleep(1)
    before = resident_kib(lab.daemon().pid)
    adding = lab.popen(["ip", "-batch", "-"], stdin=subprocess.PIPE)
    assert adding.stdin is not None
    adding.stdin.write(routes("add", MANY))
    adding.stdin.close()
    meanwhile = answers_ms(lab, lambda: adding.poll() is not None)
    # One look at everything, which is taken every 20 s.
    afterwards = answers_ms(lab, for_seconds(22))
    added_mb = (resident_kib(lab.daemon().pid) - before) * 1024 / 1e6
    values = [failover_ms(lab, number) for number in range(RUNS)]
    lab.stop_daemon()
    table.note(
        Figure("100,000 routes of others: they come, longest status", [max(meanwhile)], "ms", 250),
        Figure("they are there, longest status", [max(afterwards)], "ms", 250),
        Figure("memory that they cost", [added_mb], "MB", 10),
        Figure("link event to the address elsewhere", values, "ms", 20),
        Figure("start to READY, more than without them", [to_ready_s(lab) - idle], "s", 1.5),
    )


def test_routes_of_others_come_and_go(lab_with: LabFactory, table: Table) -> None:
    lab = lab_with(nics=NICS)
    other_nic(lab)
    start(lab, dict.fromkeys(NICS, 2))
    lab.write("/run/add", routes("add", SOME))
    lab.write("/run/flapping", "")
    flapping = (
        "while [ -e /run/flapping ]; do"
        f" ip -batch /run/add; ip route flush dev {FOREIGN} proto boot; done"
    )
    flapper = lab.popen(["sh", "-c", flapping])
    answers = answers_ms(lab, for_seconds(5))
    values = [failover_ms(lab, number) for number in range(RUNS)]
    assert flapper.poll() is None
    lab.run(["rm", "/run/flapping"], check=True)
    flapper.wait()
    table.note(
        Figure("10,000 routes of others come and go: longest status", [max(answers)], "ms", 250),
        Figure("link event to the address elsewhere", values, "ms", 20),
    )


def test_devices_of_others_come_and_go(lab_with: LabFactory, table: Table) -> None:
    lab = lab_with(nics=NICS)
    start(lab, dict.fromkeys(NICS, 2))
    host = lab.popen(["sh", "-c", CONTAINERS])
    answers = answers_ms(lab, for_seconds(3))
    values = [failover_ms(lab, number) for number in range(3)]
    was_under_way = host.poll() is None
    answers += answers_ms(lab, lambda: host.poll() is not None)
    assert host.returncode == 0
    assert was_under_way
    table.note(
        Figure("250 veth pairs come and go, twice: longest status", [max(answers)], "ms", 250),
        Figure("link event to the address elsewhere", values, "ms", 100),
    )


STORM = """
import socket, struct, sys, time
device, per_second, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
options = 38
sock = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
destination = ("ff02::1", 0, 0, socket.if_nametoindex(device))
head = struct.pack("!BBHBBH", 134, 0, 0, 64, 0, 1800) + bytes(8)
begin, count, number = time.monotonic(), 0, 0
while (now := time.monotonic() - begin) < seconds:
    if count > now * per_second:
        time.sleep(0.001)
        continue
    body = b""
    for _ in range(options):
        number += 1
        net = struct.pack("!HHI", 0x2001, 0xDB9, number) + bytes(8)
        body += struct.pack("!BBBBIII", 3, 4, 64, 0xC0, 7200, 3600, 0) + net
    sock.sendto(head + body, destination)
    count += 1
print(number)
"""
"""Router advertisements: each with as many prefixes as fit, all of them new."""


def test_a_storm_of_advertisements(lab_with: LabFactory, table: Table) -> None:
    lab = lab_with(nics=NICS)
    configure(lab, dict.fromkeys(NICS, 2))
    for nic in NICS:
        lab.write(f"/etc/hostname6.{nic}", "group test\n")
    start_as_configured(lab)
    before = resident_kib(lab.daemon().pid)
    storm = lab.popen(
        [sys.executable, "-c", STORM, "lan0", "775", "8"], where="router", stdout=subprocess.PIPE
    )
    answers = answers_ms(lab, for_seconds(1))
    values = [failover_ms(lab, number) for number in range(3)]
    answers += answers_ms(lab, lambda: storm.poll() is not None)
    prefixes = int(storm.communicate()[0])
    assert prefixes > 100_000
    answers += answers_ms(lab, for_seconds(22))
    added_mb = (resident_kib(lab.daemon().pid) - before) * 1024 / 1e6
    table.note(
        Figure(f"{prefixes} prefixes advertised in 8 s: longest status", [max(answers)], "ms", 250),
        Figure("link event to the address elsewhere", values, "ms", 100),
        Figure("memory that they cost", [added_mb], "MB", 10),
    )
