"""The state machine of an interface that is probed, row by row: the table of solaris.md 1.7."""

from __future__ import annotations

import pytest

from .scenes import LINK_ONLY, PAIR
from .teller import tell

ICMP = "setting groups: {test: {probe: icmp}}\n"
ROUTER = "target 192.168.85.1\n"
ROUTE = "add route default via 192.168.85.1 on hme0\n"
WITH_TEST_ADDRESS = """
file hme0: 192.168.85.19/24 group test up
         | addif 192.168.85.21/24 deprecated -failover up
"""

FAILED_BY_PROBES = """
at 60s black hole hme0
       expect report "NIC failure detected on hme0 of group test" within 11.5s
"""

ROWS = {
    "a test address appears, no target: RUNNING -> NOTARGETS": (
        ICMP,
        LINK_ONLY,
        WITH_TEST_ADDRESS,
        """
        at 30s  expect hme0 running
                reload
        at 45s  expect hme0 no-targets
        """,
    ),
    "a target is found: NOTARGETS -> RUNNING": (
        ICMP,
        PAIR,
        """
        at 60s  expect hme0 no-targets
                target 192.168.85.100
        at 65s  expect hme0 running
        """,
    ),
    "a target is found: NOTARGETS with the flag FAILED -> FAILED": (
        ICMP,
        ROUTER,
        PAIR,
        ROUTE,
        FAILED_BY_PROBES,
        """
        at 80s  mend hme0
                target 192.168.85.1 dies
                delete route default on hme1
        at 120s expect hme0 no-targets
                expect flags of hme0: UP RUNNING FAILED
                target 192.168.85.1 unicast
                add route default via 192.168.85.1 on hme1
        at 125s expect hme0 failed
                expect report "NIC repair detected on hme0 of group test" within 15s
        """,
    ),
    "the last target is lost: RUNNING -> NOTARGETS": (
        ICMP,
        "target 192.168.85.1 unicast",
        PAIR,
        ROUTE,
        """
        at 60s  expect hme0 running
                delete route default on hme0
                expect hme0 no-targets
        """,
    ),
    "the last target is lost: FAILED -> NOTARGETS, and keeps its flag": (
        ICMP,
        "target 192.168.85.1 unicast",
        PAIR,
        ROUTE,
        FAILED_BY_PROBES,
        """
        at 80s  delete route default on hme1
                expect hme1 no-targets
                expect hme0 no-targets
        at 200s expect hme0 no-targets
                expect flags of hme0: UP RUNNING FAILED
                expect flags of hme1: UP RUNNING
                expect group test degraded
                expect 192.168.85.19 on hme1
        """,
    ),
    "link down: RUNNING -> FAILED, and the history is cleared": (
        ICMP,
        ROUTER,
        PAIR,
        ROUTE,
        """
        at 60s  carrier hme0 down
                expect hme0 failed
        at 61s  carrier hme0 up
                expect silence for 12s
                expect hme0 failed
        at 80s  expect hme0 running
        """,
    ),
    "link down: NOTARGETS -> FAILED": (
        ICMP,
        PAIR,
        """
        at 60s  expect hme0 no-targets
                carrier hme0 down
                expect report "NIC failure detected on hme0 of group test"
                expect hme0 failed
        """,
    ),
    "five losses: one interface": (ICMP, ROUTER, PAIR, ROUTE, FAILED_BY_PROBES),
    "five losses: the group": (
        ICMP,
        ROUTER,
        PAIR,
        ROUTE,
        """
        at 60s  switch dies
                expect report "All Interfaces in group test have failed" within 11.5s
                expect hme0 failed
                expect hme1 failed
        """,
    ),
    "repaired: FAILED -> RUNNING": (
        ICMP,
        ROUTER,
        PAIR,
        ROUTE,
        FAILED_BY_PROBES,
        """
        at 80s  mend hme0
                expect report "NIC repair detected on hme0 of group test" within 17s
                expect hme0 running
        """,
    ),
    "offline: RUNNING -> OFFLINE, and back with failback": (
        "setting failback: no",
        ICMP,
        ROUTER,
        PAIR,
        ROUTE,
        """
        at 60s  offline hme0
                expect hme0 offline
                expect 192.168.85.19 on hme1
        at 80s  online hme0
                expect hme0 running
                expect 192.168.85.19 on hme0
        """,
    ),
    "offline: NOTARGETS -> OFFLINE, and back": (
        ICMP,
        PAIR,
        """
        at 60s  offline hme0
                expect hme0 offline
        at 80s  online hme0
                expect 192.168.85.19 on hme0
        at 100s expect hme0 no-targets
        """,
    ),
    "offline: FAILED -> OFFLINE, and back to FAILED": (
        ICMP,
        ROUTER,
        PAIR,
        ROUTE,
        FAILED_BY_PROBES,
        """
        at 80s  offline hme0
                expect hme0 offline
        at 90s  online hme0
                expect hme0 failed
                expect 192.168.85.19 on hme1
        """,
    ),
    "undo: OFFLINE with the link down -> FAILED": (
        ICMP,
        ROUTER,
        PAIR,
        ROUTE,
        """
        at 60s  offline hme0
        at 70s  carrier hme0 down
        at 80s  online hme0
                expect hme0 failed
                expect 192.168.85.19 on hme1
        at 90s  carrier hme0 up
                expect report "NIC repair detected on hme0 of group test" within 17s
                expect 192.168.85.19 on hme0
        """,
    ),
    "put offline by others (its hardware address is not unique): probing stops": (
        ICMP,
        ROUTER,
        PAIR,
        ROUTE,
        """
        at 60s  mac of hme1 becomes 02:00:00:00:00:04
                expect hme1 offline
        at 61s  expect hme1 unwatched
        """,
    ),
    "the test address is taken away, and put back: FAILED": (
        ICMP,
        ROUTER,
        PAIR,
        ROUTE,
        FAILED_BY_PROBES,
        """
        at 80s  delete 192.168.85.21 on hme0
                expect hme0 failed
                expect 192.168.85.19 on hme1
                expect hme0 watched IPv4 by icmp from 192.168.85.21
        at 90s  expect hme0 failed
        """,
    ),
    "the test address is removed: FAILED, link up -> RUNNING": (
        "setting when_removed: accept",
        ICMP,
        ROUTER,
        PAIR,
        ROUTE,
        FAILED_BY_PROBES,
        """
        at 80s  delete 192.168.85.21 on hme0
                expect report "NIC repair detected on hme0 of group test"
                expect hme0 running
                expect hme0 unwatched
        """,
    ),
}


@pytest.mark.parametrize("row", ROWS)
def test_row(row: str) -> None:
    tell(*ROWS[row])
