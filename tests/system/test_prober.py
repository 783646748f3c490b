"""What the prober does with probes that cannot leave."""

from __future__ import annotations

from contextlib import closing
from ipaddress import ip_address

from rcmd.ipmp.commands import SendProbes
from rcmd.ipmp.probe_events import ProbeKind, ProbeRequest
from rcmd.model import Family, ProbeMethod
from rcmd.system.prober import Prober

SOURCE, TARGET = ip_address("192.0.2.1"), ip_address("192.0.2.2")


def test_probes_of_an_interface_that_is_not_watched_are_returned():
    requests = tuple(
        ProbeRequest("hme0", Family.IPV4, ProbeMethod.ICMP, kind, number, SOURCE, TARGET)
        for number, kind in enumerate(ProbeKind)
    )
    with closing(Prober()) as prober:
        assert prober.send(SendProbes(requests)) == list(requests)
        assert prober.read() == []
