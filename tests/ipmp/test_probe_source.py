from ipaddress import ip_address, ip_interface

import pytest

from rcmd.ipmp.api.source_news import SourceNews, SourceState, SourceWatch
from rcmd.ipmp.probing.source import (
    AddressCandidate,
    ProbeSource,
    choose_address,
    duplicates,
    source_for,
)
from rcmd.model.kinds import ProbeMethod
from rcmd.model.network import Family


def candidate(text, **flags):
    return AddressCandidate(ip_interface(text), **{"is_test": True, **flags})


def chosen(family, *candidates, current=None):
    address = choose_address(family, candidates, current and ip_address(current))
    return address and str(address)


PLAIN = candidate("10.0.0.1/24")
OTHER = candidate("10.0.0.2/24")
BEST = candidate("10.0.0.3/24", is_deprecated=True)
BEST_TOO = candidate("10.0.0.4/24", is_deprecated=True)


@pytest.mark.parametrize(
    ("candidates", "current", "expected"),
    [
        ([PLAIN, BEST, BEST_TOO], None, "10.0.0.3/24"),  # the first best wins
        ([PLAIN, OTHER], None, "10.0.0.2/24"),  # otherwise the last that will do
        ([BEST, BEST_TOO], "10.0.0.4", "10.0.0.4/24"),  # who serves stays while best
        ([PLAIN, BEST], "10.0.0.1", "10.0.0.3/24"),
        ([], None, None),
    ],
)
def test_deprecated_is_preferred(candidates, current, expected):  # behaviour 16
    assert chosen(Family.IPV4, *candidates, current=current) == expected


@pytest.mark.parametrize(
    "unfit",
    [
        candidate("0.0.0.0/0"),
        candidate("10.0.0.1/24", is_up=False),
        candidate("10.0.0.1/24", is_test=False),
        candidate("fe80::1/64"),
    ],
)
def test_never_chosen(unfit):  # behaviour 17
    assert chosen(Family.IPV4, unfit) is None


@pytest.mark.parametrize(
    ("candidates", "expected"),
    [
        ([candidate("2001:db8::1/64"), candidate("fe80::1/64")], "fe80::1/64"),
        ([candidate("2001:db8::1/64")], None),
        ([candidate("fe80::1/64", is_deprecated=True)], None),
    ],
)
def test_v6_probes_only_from_a_link_local(candidates, expected):  # behaviours 11, 14
    assert chosen(Family.IPV6, *candidates) == expected


V4, V6 = ip_interface("10.0.0.1/24"), ip_interface("fe80::1/64")


@pytest.mark.parametrize(
    ("setting", "address", "has_targets", "method", "source"),
    [
        (ProbeMethod.AUTO, V4, True, ProbeMethod.ICMP, "10.0.0.1"),
        (ProbeMethod.AUTO, V6, False, ProbeMethod.ICMP, "fe80::1"),  # behaviour 15
        (ProbeMethod.AUTO, None, True, ProbeMethod.ARP, None),
        (ProbeMethod.AUTO, None, False, ProbeMethod.NONE, None),
        (ProbeMethod.ICMP, None, True, ProbeMethod.NONE, None),
        (ProbeMethod.ARP, V4, False, ProbeMethod.ARP, "10.0.0.1"),
        (ProbeMethod.ARP, None, False, ProbeMethod.ARP, None),
        (ProbeMethod.NONE, V4, True, ProbeMethod.NONE, None),
    ],
)
def test_what_the_setting_means(setting, address, has_targets, method, source):
    result = source_for(setting, address, has_targets=has_targets)
    assert (result.method, result.address and str(result.address)) == (method, source)


ICMP, ARP = ProbeMethod.ICMP, ProbeMethod.ARP


@pytest.mark.parametrize(
    ("setting", "blocked", "has_targets", "method"),
    [
        (ProbeMethod.AUTO, [ICMP], True, ARP),
        (ProbeMethod.AUTO, [ICMP], False, ICMP),
        (ProbeMethod.AUTO, [ARP], True, ICMP),
        (ProbeMethod.AUTO, [ICMP, ARP], True, ICMP),
        (ICMP, [ICMP], True, ICMP),
        (ARP, [ARP], True, ARP),
    ],
)
def test_what_cannot_be_sent_is_not_used_where_there_is_a_choice(
    setting, blocked, has_targets, method
):
    result = source_for(setting, V4, has_targets=has_targets, blocked=blocked)
    assert (result.method, str(result.address)) == (method, "10.0.0.1")


def test_the_prefix_of_the_test_address_says_where_targets_are():  # behaviour 10
    assert str(source_for(ProbeMethod.ICMP, V4, has_targets=False).prefix) == "10.0.0.0/24"
    assert not ProbeSource(ProbeMethod.ICMP).is_enabled


def test_a_test_address_on_two_members_serves_neither():  # behaviour 18
    shared, own = ip_address("10.0.0.1"), ip_address("10.0.0.2")
    assert duplicates({"a": [shared], "b": [own], "c": [shared]}) == {"a", "c"}
    assert duplicates({"a": [shared], "b": [own], "c": []}) == frozenset()


# --- the watch ---------------------------------------------------------------------------------


def test_a_missing_test_address_is_told_once_after_20_seconds():  # behaviour 19
    watch = SourceWatch(now=100.0)
    assert watch.seen(SourceState.ABSENT, 100.0) is None
    assert watch.deadline(SourceState.ABSENT) == 120.0
    assert watch.seen(SourceState.ABSENT, 119.9) is None
    assert watch.seen(SourceState.ABSENT, 120.0) is SourceNews.ABSENT
    assert watch.seen(SourceState.ABSENT, 200.0) is None
    assert watch.deadline(SourceState.ABSENT) is None
    assert watch.seen(SourceState.USABLE, 210.0) is SourceNews.CONFIGURED
    assert watch.seen(SourceState.USABLE, 220.0) is None


def test_that_none_is_needed_is_not_that_one_is_there():  # behaviours 18, 19
    watch = SourceWatch(now=0.0)
    assert watch.seen(SourceState.ABSENT, 20.0) is SourceNews.ABSENT
    assert watch.seen(SourceState.NOT_NEEDED, 30.0) is SourceNews.NOT_NEEDED
    assert watch.seen(SourceState.USABLE, 40.0) is None
    assert watch.seen(SourceState.NOT_NEEDED, 50.0) is None
    assert watch.seen(SourceState.DUPLICATE, 60.0) is SourceNews.DUPLICATE
    assert watch.seen(SourceState.NOT_NEEDED, 70.0) is SourceNews.NOT_NEEDED


def test_one_that_comes_in_time_is_not_worth_a_word():  # behaviour 19
    watch = SourceWatch(now=0.0)
    assert watch.seen(SourceState.ABSENT, 10.0) is None
    assert watch.seen(SourceState.USABLE, 15.0) is None


def test_a_duplicate_is_told_once_and_so_is_its_end():  # behaviour 18
    watch = SourceWatch(now=0.0)
    assert watch.seen(SourceState.DUPLICATE, 1.0) is SourceNews.DUPLICATE
    assert watch.seen(SourceState.DUPLICATE, 2.0) is None
    assert watch.seen(SourceState.USABLE, 3.0) is SourceNews.UNIQUE


def test_undo_offline_gives_the_grace_again():
    watch = SourceWatch(now=0.0)
    watch.restart(50.0)
    assert watch.seen(SourceState.ABSENT, 60.0) is None
    assert watch.seen(SourceState.ABSENT, 70.0) is SourceNews.ABSENT
