"""How bad is what is told?"""

from __future__ import annotations

from ipaddress import ip_address, ip_interface

import pytest

from rcmd.ipmp import messages
from rcmd.ipmp.api.commands import Cause, Move, Report, Severity
from rcmd.ipmp.api.events import Moved
from rcmd.ipmp.api.probes import DetectionTimeLowered, DetectionTimeRaised
from rcmd.ipmp.api.source_news import SourceNews
from rcmd.model.network import Family, KernelAddress

GOOD = (
    messages.link_changed("hme0", is_up=True),
    messages.repair("hme0", "test"),
    messages.group_repaired("test", "hme0"),
    messages.unbarred("hme0", "test"),
    messages.test_address("hme0", SourceNews.UNIQUE),
    messages.on_one_link("hme0", "test"),
    messages.probe_fact(DetectionTimeLowered("hme0", Family.IPV4, 100), "test"),
)
BAD = (
    messages.link_changed("hme0", is_up=False),
    messages.failure("hme0", "test", "the link is down"),
    messages.group_failed("test", {}),
    messages.gone("hme0", "test"),
    messages.barred("hme0", "no"),
    messages.on_another_link("hme0", "test", [ip_address("10.0.0.1")]),
    messages.probe_fact(DetectionTimeRaised("hme0", Family.IPV4, 100, 200), "test"),
)


@pytest.mark.parametrize("report", GOOD, ids=lambda it: it.message)
def test_good_news_is_no_error(report: Report) -> None:
    assert report.severity >= Severity.NOTICE


@pytest.mark.parametrize("report", BAD, ids=lambda it: it.message)
def test_bad_news_is(report: Report) -> None:
    assert report.severity <= Severity.ERROR


@pytest.mark.parametrize(
    ("cause", "severity"),
    [
        (Cause.FAILBACK, Severity.NOTICE),
        (Cause.OFFLINE, Severity.NOTICE),
        (Cause.DETACH, Severity.NOTICE),
        (Cause.FAILOVER, Severity.WARNING),
    ],
)
def test_a_move_that_went_well(cause: Cause, severity: Severity) -> None:
    address = KernelAddress(2, ip_interface("10.0.0.1/24"))
    move = Move(cause, "hme0", "hme1", add=(address,))
    report = messages.moved(Moved(move, added=(address,)))
    assert report is not None
    assert report.severity is severity
