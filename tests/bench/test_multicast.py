"""What a listener to 1000 multicast datagrams a second loses, IPv4 and IPv6."""

from __future__ import annotations

import contextlib
import json
import math
import socket
import struct
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rcmd.lab.lab import Lab

from .figures import RUNS, Figure, Table
from .labs import (
    AFTERMATH_S,
    PREPARED_AFTER_S,
    LabFactory,
    data_address,
    start,
    wait_until_at,
)

pytestmark = [pytest.mark.bench, pytest.mark.lab]

NICS = ("hme0", "hme1")
ADDRESSES = 2
WATCHED = tuple(data_address(nic, ADDRESSES - 1) for nic in range(2))
PORT = 5007
RATE = 1000
SENDER = Path(__file__).parent / "multicast_sender.py"
BUFFER = 32 << 20
SO_RCVBUFFORCE = 33


def groups(number: int) -> tuple[str, str]:
    """Others for each run: what a torn out NIC had joined is still received where it was."""
    return f"239.85.1.{number + 1}", f"ff05::85:{number + 1}"


@dataclass(slots=True)
class Outcome:
    """Of one family."""

    lost: list[int] = field(default_factory=list)
    doubled: list[int] = field(default_factory=list)


def listener(nic: str, group: str) -> socket.socket:
    """With all defaults, but for a buffer that holds everything until it is counted."""
    ifindex = socket.if_nametoindex(nic)
    sock = socket.socket(socket.AF_INET6 if ":" in group else socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
    if ":" in group:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.bind(("", PORT))
    if ":" in group:
        joining = socket.inet_pton(socket.AF_INET6, group) + struct.pack("@i", ifindex)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, joining)
    else:
        joining = struct.pack("@4s4si", socket.inet_aton(group), bytes(4), ifindex)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, joining)
    sock.setblocking(False)
    return sock


@contextlib.contextmanager
def listening(lab: Lab, nic: str, joined: tuple[str, ...]) -> Iterator[list[socket.socket]]:
    """An application on a NIC, of which rcmd knows."""
    with contextlib.ExitStack() as stack:
        host = lab.place("host")
        sockets = [
            stack.enter_context(host.call(lambda group=group: listener(nic, group)))  # type: ignore[misc]
            for group in joined
        ]
        lab.wait_for(lambda: known(lab, nic) >= set(joined), what="the groups to be known")
        time.sleep(PREPARED_AFTER_S)
        yield sockets


def known(lab: Lab, nic: str) -> set[str]:
    plan = json.loads(lab.rcmctl("detach", "--dry-run", "--json", nic).stdout)
    return {it["address"] for it in plan["moves"] if it["kind"] == "multicast"}


@contextlib.contextmanager
def counted(
    lab: Lab, joined: tuple[str, ...], sockets: list[socket.socket], outcomes: list[Outcome]
) -> Iterator[None]:
    """A stream around what is done; what has become of it is added to the outcomes."""
    command = [sys.executable, str(SENDER), "lan0", str(PORT), str(RATE), *joined]
    process = lab.popen(command, where="router", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    time.sleep(AFTERMATH_S)
    yield
    time.sleep(AFTERMATH_S)
    output, _ = process.communicate()
    for sock, outcome in zip(sockets, outcomes, strict=True):
        heard = Counter(received(sock))
        outcome.lost.append(int(output) - len(heard))
        outcome.doubled.append(heard.total() - len(heard))


def received(sock: socket.socket) -> Iterator[int]:
    while True:
        try:
            yield struct.unpack("=Q", sock.recv(64))[0]
        except BlockingIOError:
            return


def set_up(lab: Lab) -> None:
    for nic in NICS:
        lab.write(f"/etc/hostname6.{nic}", "")
    start(lab, dict.fromkeys(NICS, ADDRESSES))


def note(table: Table, what: str, outcomes: list[Outcome], at_most: float) -> None:
    """What came twice is only told: it is received at home as soon as the link is there."""
    for family, outcome in zip(("IPv4", "IPv6"), outcomes, strict=True):
        stream = f"{what}, 1 kHz multicast, {family}"
        table.note(
            Figure(stream, outcome.lost, "lost", at_most),
            Figure(stream, outcome.doubled, "twice", math.inf, "none set"),
        )


def test_a_pulled_cable(lab_with: LabFactory, table: Table) -> None:
    lab = lab_with(nics=NICS)
    set_up(lab)
    pulled, repaired = ([Outcome(), Outcome()] for _ in range(2))
    for number in range(RUNS):
        nic, other, address = NICS[number % 2], NICS[1 - number % 2], WATCHED[number % 2]
        joined = groups(number)
        with listening(lab, nic, joined) as sockets:
            with counted(lab, joined, sockets, pulled):
                lab.pull(nic)
                wait_until_at(lab, other, address)
            with counted(lab, joined, sockets, repaired):
                lab.plug(nic)
                wait_until_at(lab, nic, address)
    note(table, "cable pulled (veth)", pulled, 10)
    note(table, "cable plugged again", repaired, 0)


def test_a_nic_torn_out(lab_with: LabFactory, table: Table) -> None:
    lab = lab_with(nics=NICS)
    set_up(lab)
    torn_out, put_back = ([Outcome(), Outcome()] for _ in range(2))
    for number in range(RUNS):
        nic, other, address = NICS[number % 2], NICS[1 - number % 2], WATCHED[number % 2]
        joined = groups(number)
        with listening(lab, nic, joined) as sockets:
            with counted(lab, joined, sockets, torn_out):
                lab.tear_out(nic)
                wait_until_at(lab, other, address)
            with counted(lab, joined, sockets, put_back):
                lab.put_back(nic)
                wait_until_at(lab, nic, address)
    note(table, "NIC torn out", torn_out, 30)
    note(table, "NIC put back", put_back, 0)
