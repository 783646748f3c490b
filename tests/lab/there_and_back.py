"""Failover and failback again and again: nothing may be left over, and nothing be missing."""

from __future__ import annotations

import subprocess
import sys
import time

from evidence import begin
from scenes import (
    DUAL_STACK,
    ROUTER,
    ROUTER6,
    SETTINGS_PATH,
    ask,
    await_hosted,
    await_settled,
    await_spread,
)

from rcmd.lab.lab import Lab

DATA = ("192.168.85.19", "2001:db8:85::19")
"""They live on hme0."""
SPREADING = (
    f"failure_detection_time: 500ms\n"
    f"groups: {{test: {{targets: [{ROUTER}], load_spreading: flow}}}}\n"
)
ROUTES = (
    f"route add default via {ROUTER} proto static",
    f"-6 route add default via {ROUTER6} dev hme0",
    f"route add 10.9.0.0/16 via {ROUTER} src 192.168.85.19 metric 50",
    f"route add 10.12.0.0/16 via {ROUTER} dev hme0 table 77",
    f"-6 route add 2001:db8:9::/48 via {ROUTER6} dev hme0 metric 50",
    "rule add from 192.168.85.19 lookup 77",
)
MEMBER = """
import socket, struct, sys
ipv4 = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
ipv6 = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
index = socket.if_nametoindex("hme0")
group = socket.inet_aton("239.1.2.3")
request = struct.pack("=4s4si", group, b"", index)
ipv4.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, request)
group = socket.inet_pton(socket.AF_INET6, "ff05::1234")
request = struct.pack("=16si", group, index)
ipv6.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, request)
print("joined", flush=True)
sys.stdin.read()
"""
BETWEEN_CABLES_S = 61.0
"""The third link-up within a minute would not count as a repair."""


def begin_spreading(lab: Lab) -> None:
    """A group that spreads its load in both families, with routes, a rule and memberships."""
    lab.write(SETTINGS_PATH, SPREADING)
    begin(lab, DUAL_STACK)
    await_settled(lab)
    for words in ROUTES:
        lab.run(["ip", *words.split()], check=True)
    member = lab.popen(
        [sys.executable, "-c", MEMBER], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert member.stdout is not None
    assert member.stdout.readline() == "joined\n"
    await_spread(lab, "hme0", "hme1")


def go_and_return(lab: Lab, times: int) -> None:
    """Addresses leave hme0 and come home so often: by its cable where that is believed, else by
    request."""
    plugged = [-BETWEEN_CABLES_S] * 2
    for _ in range(times):
        by_cable = time.monotonic() - plugged[0] > BETWEEN_CABLES_S
        lab.pull("hme0") if by_cable else ask(lab, lambda manager: manager.offline("hme0"))
        await_hosted(lab, "hme1", *DATA)
        lab.plug("hme0") if by_cable else ask(lab, lambda manager: manager.undo_offline("hme0"))
        await_hosted(lab, "hme0", *DATA)
        if by_cable:
            plugged = [plugged[1], time.monotonic()]
    await_spread(lab, "hme0", "hme1")
