"""Multicast on the real kernel: memberships are received where the addresses went."""

from __future__ import annotations

import itertools
import json

import pytest
from listeners import GROUP, GROUP6, Listener, Sender, choose_sender
from scenes import (
    DUAL_STACK,
    addr_dump,
    await_hosted,
    await_same,
    await_settled,
    history,
    hosts_of,
    names,
    snapshot,
    start,
    status,
)

from rcmd.ipmp.state.memberships import is_autojoin
from rcmd.kernel.memberships import TABLES
from rcmd.kernel.memberships import memberships as in_tables
from rcmd.lab.lab import Lab

pytestmark = [pytest.mark.lab, pytest.mark.long]

GROUPS = (GROUP, GROUP6)
CHOSEN = "232.85.1.1"
numbers = itertools.count()


def memberships(lab: Lab) -> list[tuple[str, str, int]]:
    """(device, group, users) of everything that is received, whoever joined it."""
    known = names(lab)
    texts = [lab.run(["cat", f"/proc/net/{name}"], check=True).stdout.encode() for name in TABLES]
    found = in_tables(*texts)
    return sorted((known[it.ifindex], str(it.group), it.users) for it in found)


def receivers(lab: Lab, group: str) -> list[str]:
    return [nic for nic, joined, _ in memberships(lab) if joined == group]


def await_received_by(lab: Lab, *nics: str) -> None:
    for group in GROUPS:
        lab.wait_for(
            lambda group=group: receivers(lab, group) == list(nics),  # type: ignore[misc]
            what=f"{group} received by {nics}",
        )


def await_heard(lab: Lab, listener: Listener, sender: Sender) -> None:
    """One datagram after the other is sent until one is heard."""

    def hears() -> bool:
        text = b"%d" % next(numbers)
        sender.send(text)
        return text in listener.drain()

    lab.wait_for(hears, what="a datagram")


def await_known(lab: Lab, nic: str) -> list[str]:
    """Wait until rcmd knows what is listened to on a NIC; the warnings of its dry run."""

    def plan() -> dict[str, list[dict[str, str]]]:
        answer = lab.rcmctl("detach", "--dry-run", "--json", nic)
        return dict(json.loads(answer.stdout))

    def known() -> set[str]:
        return {it["address"] for it in plan()["moves"] if it["kind"] == "multicast"}

    lab.wait_for(lambda: known() == set(GROUPS), what="the groups in the plan")
    return [str(it) for it in plan()["warnings"]]


def test_listeners_hear_on(lab: Lab) -> None:
    # behaviour 62
    start(lab, DUAL_STACK)
    await_settled(lab)
    with (
        Listener(lab, "hme0", GROUP) as listener,
        Listener(lab, "hme0", GROUP6) as listener6,
        Sender(lab, GROUP) as sender,
        Sender(lab, GROUP6) as sender6,
        choose_sender(lab, "192.168.85.19", CHOSEN, "192.168.85.1"),
    ):
        pairs = [(listener, sender), (listener6, sender6)]
        for pair in pairs:
            await_heard(lab, *pair)
        (warning,) = [it for it in await_known(lab, "hme0") if CHOSEN in it]
        assert "from 192.168.85.1 only" in warning
        before, addresses = memberships(lab), addr_dump(lab)

        lab.pull("hme0")
        for pair in pairs:
            await_heard(lab, *pair)
        await_received_by(lab, "hme0", "hme1")
        assert receivers(lab, CHOSEN) == ["hme0"]
        assert hosts_of(lab, GROUP) == hosts_of(lab, GROUP6) == ["hme1"]
        assert {it["address"] for it in status(lab)["addresses"]}.isdisjoint(
            {f"{GROUP}/32", f"{GROUP6}/128"}
        )
        for group in GROUPS:
            check_sending(lab, group)
        lab.stop_daemon()
        lab.start_daemon()
        await_received_by(lab, "hme0", "hme1")

        lab.plug("hme0")
        await_hosted(lab, "hme0", "192.168.85.19", "2001:db8:85::19")
        await_same(lab, memberships, before)
        await_same(lab, addr_dump, addresses)
        for heard, spoken in pairs:
            await_heard(lab, heard, spoken)
            assert heard.drain() == []
        told = [it["message"] for it in history(lab) if it["kind"] == "multicast"]
        assert told == [warning]
    lab.wait_for(lambda: not receivers(lab, GROUP), what="the end of the listeners")


def check_sending(lab: Lab, group: str) -> None:
    """What an application of this host sends to the group leaves it through hme1."""
    with (
        Sender(lab, group, where="host", device="hme1") as sender,
        Listener(lab, "lan0", group, where="router") as listener,
    ):
        await_heard(lab, listener, sender)


def test_listeners_survive_their_nic(lab: Lab) -> None:
    # behaviour 62
    start(lab, DUAL_STACK)
    await_settled(lab)
    with Sender(lab, GROUP) as sender, Sender(lab, GROUP6) as sender6:
        with Listener(lab, "hme0", GROUP) as listener, Listener(lab, "hme0", GROUP6) as listener6:
            pairs = [(listener, sender), (listener6, sender6)]
            await_known(lab, "hme0")
            before = memberships(lab)

            lab.tear_out("hme0")
            for pair in pairs:
                await_heard(lab, *pair)
            await_received_by(lab, "hme1")
            lab.kill_daemon()
            for pair in pairs:
                await_heard(lab, *pair)
            lab.put_back("hme0")
            lab.start_daemon()
            # The sockets joined on a device that is no more.
            await_received_by(lab, "hme0")
            for pair in pairs:
                await_heard(lab, *pair)
            assert autojoined(lab) == {("hme0", GROUP), ("hme0", GROUP6)}
        with Listener(lab, "hme0", GROUP) as listener, Listener(lab, "hme0", GROUP6) as listener6:
            lab.wait_for(lambda: not autojoined(lab), what="the kernel to leave")
            await_same(lab, memberships, before)
            await_heard(lab, listener, sender)
            await_heard(lab, listener6, sender6)


def autojoined(lab: Lab) -> set[tuple[str, str]]:
    found = snapshot(lab)
    known = {link.ifindex: link.name for link in found.links}
    return {(known[it.ifindex], str(it.address.ip)) for it in found.addresses if is_autojoin(it)}


def test_sending_still_works_when_the_receiver_was_set_down_and_up(lab: Lab) -> None:
    """The kernel makes the local route of an IPv4 address anew, and leaks an IPv6 membership."""
    start(lab, DUAL_STACK)
    await_settled(lab)
    with (
        Listener(lab, "hme0", GROUP) as listener,
        Listener(lab, "hme0", GROUP6) as listener6,
        Sender(lab, GROUP) as sender,
        Sender(lab, GROUP6) as sender6,
    ):
        await_known(lab, "hme0")
        lab.pull("hme0")
        await_received_by(lab, "hme0", "hme1")
        lab.run(["ip", "link", "set", "hme1", "down"], check=True)
        lab.run(["ip", "link", "set", "hme1", "up"], check=True)
        await_heard(lab, listener, sender)
        await_heard(lab, listener6, sender6)
        for group in GROUPS:
            check_sending(lab, group)
        await_hosted(lab, "hme1", "192.168.85.19", "2001:db8:85::19")
        assert "refused" not in {it["kind"] for it in history(lab)}
