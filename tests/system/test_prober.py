"""What the prober does with probes that cannot leave."""

from __future__ import annotations

import errno
from contextlib import closing
from ipaddress import ip_address

from rcmd.ipmp.api.commands import SendProbes, UnwatchInterface, WatchInterface
from rcmd.ipmp.api.probes import ProbeKind, ProbeRequest, UnsentProbe
from rcmd.kernel.probes.prober import Prober
from rcmd.kernel.probes.values import reason_of
from rcmd.model.kinds import ProbeMethod
from rcmd.model.network import Family

ARP = ProbeMethod.ARP
SOURCE, TARGET = ip_address("192.0.2.1"), ip_address("192.0.2.2")


def test_probes_of_an_interface_that_is_not_watched_are_returned():
    requests = tuple(
        ProbeRequest("hme0", Family.IPV4, ProbeMethod.ICMP, kind, number, SOURCE, TARGET)
        for number, kind in enumerate(ProbeKind)
    )
    with closing(Prober()) as prober:
        reason = "No such device (ENODEV)"
        assert prober.send(SendProbes(requests)) == [UnsentProbe(it, reason) for it in requests]
        assert prober.read() == []


def test_who_cannot_be_probed_like_this_is_tried_again_with_every_probe():
    request = ProbeRequest("tun0", Family.IPV4, ARP, ProbeKind.UNICAST, 1, SOURCE, TARGET)
    reason = reason_of(errno.EOPNOTSUPP)
    with closing(Prober()) as prober:
        prober.watch(WatchInterface(7, "tun0", Family.IPV4, ARP, SOURCE, ""))
        for _ in range(2):
            assert prober.send(SendProbes((request,))) == [UnsentProbe(request, reason)]
        prober.unwatch(UnwatchInterface(7, Family.IPV4))
        (unsent,) = prober.send(SendProbes((request,)))
        assert unsent.reason == "No such device (ENODEV)"
