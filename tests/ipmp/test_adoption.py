"""What the kernel tells, turned into what we know; the stories tell the rest."""

from __future__ import annotations

from dataclasses import replace

from rcmd.ipmp.api.commands import Report
from rcmd.ipmp.api.events import AddressSeen, LinkGone
from rcmd.ipmp.reconcile.adoption import absorb_change
from rcmd.ipmp.state.group_state import Scene
from rcmd.model.network import KernelAddress

from .scenes import config, on, scene

BY_HAND = "10.0.0.100/24"


def two() -> Scene:
    return scene({}, config("hme0", group=""), config("hme1"))


def by_hand(name: str) -> KernelAddress:
    return replace(on(name, BY_HAND), protocol=0)


def test_what_went_with_its_device_and_was_added_elsewhere_belongs_there() -> None:
    made = two()
    absorb_change(made, AddressSeen(by_hand("hme0")), 0.0)
    absorb_change(made, LinkGone(by_hand("hme0").ifindex), 0.0)
    (report,) = absorb_change(made, AddressSeen(by_hand("hme1")), 1.0)
    assert isinstance(report, Report)
    assert (report.kind, report.subject) == ("address-added", "hme1")
    assert [data.home for data in made.ledger.addresses()] == ["hme1"]


def test_a_second_copy_is_at_home_where_the_first_is() -> None:
    made = two()
    absorb_change(made, AddressSeen(by_hand("hme0")), 0.0)
    assert absorb_change(made, AddressSeen(by_hand("hme1")), 1.0) == []
    assert [data.home for data in made.ledger.addresses()] == ["hme0"]
