"""The hosts that the stories begin with."""

from __future__ import annotations

PAIR = """
file hme0: 192.168.85.19/24 group test up
         | addif 192.168.85.21/24 deprecated -failover up
file hme1: 192.168.85.20/24 group test up
         | addif 192.168.85.22/24 deprecated -failover up
start
"""
"""The example of the overview chapter: two active interfaces with test addresses."""

WITH_STANDBY = """
file hme0: 192.168.85.19/24 group test up
         | addif 192.168.85.21/24 deprecated -failover up
file hme1: 192.168.85.20/24 group test up
         | addif 192.168.85.22/24 deprecated -failover up
file hme2: 192.168.85.23/24 deprecated group test -failover standby up
start
"""

LINK_ONLY = """
file hme0: 192.168.85.19/24 group test up
file hme1: 192.168.85.20/24 group test up
start
"""

THREE = """
file hme0: 192.168.85.19/24 group test up
file hme1: 192.168.85.20/24 group test up
file hme2: 192.168.85.23/24 group test up
start
"""

DUAL_STACK = """
file hme0: 192.168.85.19/24 group test up
file6 hme0: addif 2001:db8::19/64 up
file hme1: 192.168.85.20/24 group test up
file6 hme1: addif 2001:db8::20/64 up
start
"""
