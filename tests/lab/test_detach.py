"""Detach, attach and reattach on a real kernel: what moves, what is refused, what is undone."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

import pytest
from conftest import LabFactory
from evidence import (
    HERE,
    Monitor,
    await_as,
    begin,
    begin_with_routes,
    client,
    dump,
    ended,
    essence,
    rcmctl_in_background,
)
from scenes import (
    DUAL_STACK,
    HME0,
    PAIR,
    THREE,
    WITHOUT_FAILBACK,
    await_hosted,
    await_state,
    held,
    hosts_of,
    interface,
    kinds,
    labels,
    route_devices,
    state_of,
    told,
)

from rcmd.lab.lab import Lab

pytestmark = pytest.mark.lab

ALONE = {"hostname.hme0": "192.168.85.19 netmask + broadcast + up\n"}
"""Without a group."""
STRANDED = "the previous configuration is restored\n"


def is_down(lab: Lab, nic: str) -> bool:
    shown = json.loads(lab.run(["ip", "-j", "link", "show", "dev", nic], check=True).stdout)
    return "UP" not in shown[0]["flags"]


def refused(lab: Lab, *arguments: str) -> str:
    """The reasons; nothing at all was changed."""
    before = dump(lab)
    done = lab.rcmctl(*arguments)
    assert (done.returncode, done.stdout) == (3, "")
    assert dump(lab) == before
    return done.stderr


# What would happen


def test_dry_run_tells_every_address_and_route_and_changes_nothing(lab: Lab) -> None:
    begin_with_routes(lab, DUAL_STACK)
    before = dump(lab)
    done = lab.rcmctl("detach", "--dry-run", "hme0")
    assert done.returncode == 0
    text = " ".join(done.stdout.split())
    for what in (
        "address 192.168.85.19/24 hme0 -> hme1",
        "address 2001:db8:85::19/64 hme0 -> hme1",
        "route default via 192.168.85.1 hme0 -> hme1",
        "route 10.9.0.0/16 via 192.168.85.1 hme0 -> hme1",
        "route default via 2001:db8:85::1 hme0 -> hme1",
    ):
        assert what in text
    assert done.stdout.endswith("nothing was changed\n")
    assert dump(lab) == before
    assert state_of(lab, "hme0") == "running"


def test_dry_run_is_what_happens_then(lab: Lab) -> None:
    begin_with_routes(lab, DUAL_STACK)
    planned = json.loads(lab.rcmctl("detach", "-n", "--json", "hme0").stdout)
    done = json.loads(lab.rcmctl("detach", "--json", "hme0").stdout)
    assert planned["moves"]
    assert done["moves"] == planned["moves"]
    for move in done["moves"]:
        if move["kind"] == "address":
            there = [move["to"]] if move["to"] else []
            assert hosts_of(lab, move["address"].partition("/")[0]) == there
    assert route_devices(lab, "default") == ["hme1"]
    assert route_devices(lab, "default", 6) == ["hme1"]
    assert route_devices(lab, "10.9.0.0/16") == ["hme1"]


def test_dry_run_of_a_refused_detach_is_a_refusal(lab: Lab) -> None:
    begin(lab, ALONE)
    before = dump(lab)
    done = lab.rcmctl("detach", "-n", "hme0")
    assert done.returncode == 3
    assert "hme0: redundancy: it is not in a group" in done.stdout
    assert "nowhere: disappears with hme0" in done.stdout
    assert dump(lab) == before


# Done


def test_detached_interface_is_unplumbed_and_its_addresses_live_on(lab: Lab) -> None:
    # behaviours 60, 119
    begin(lab, PAIR)
    assert lab.rcmctl("detach", "hme0").returncode == 0
    assert (held(lab, "hme0"), is_down(lab, "hme0")) == ({}, True)
    assert labels(lab, "hme1")["192.168.85.19"] == "hme1:2"
    assert hosts_of(lab, "192.168.85.21") == []
    assert state_of(lab, "hme0") == "detached"
    assert ("detach", "hme0") in kinds(lab)


def test_attach_after_detach_ends_in_what_was_before(lab: Lab) -> None:
    # behaviours 121, 122: as at boot, and back home
    begin_with_routes(lab, DUAL_STACK)
    before = essence(lab)
    assert lab.rcmctl("detach", "hme0").returncode == 0
    assert lab.rcmctl("attach", "hme0").returncode == 0
    await_as(lab, before)
    assert state_of(lab, "hme0") == "running"


def test_attach_of_a_configured_interface_does_nothing(lab: Lab) -> None:
    # behaviour 124
    begin_with_routes(lab, DUAL_STACK)
    before = dump(lab)
    done = lab.rcmctl("attach", "hme0")
    assert (done.returncode, dump(lab)) == (0, before)


def test_failed_and_empty_interface_is_detached_like_any_other(lab: Lab) -> None:
    # behaviour 125
    begin(lab, PAIR)
    lab.pull("hme0")
    await_hosted(lab, "hme1", "192.168.85.19")
    assert lab.rcmctl("detach", "hme0").returncode == 0
    assert (held(lab, "hme0"), is_down(lab, "hme0")) == ({}, True)
    assert hosts_of(lab, "192.168.85.19") == ["hme1"]


def test_tcp_session_lives_through_detach_and_attach(lab: Lab) -> None:
    # behaviour 76
    begin(lab, PAIR)
    session = lab.tcp_session("192.168.85.19")
    assert lab.rcmctl("detach", "hme0").returncode == 0
    assert session.alive()
    assert lab.rcmctl("attach", "hme0").returncode == 0
    await_hosted(lab, "hme0", "192.168.85.19")
    state = session.state()
    assert state.is_alive
    assert state.exchanges > 2


def test_address_is_never_without_a_place_during_a_detach(lab: Lab) -> None:
    begin(lab, PAIR)
    monitor = Monitor(lab)
    assert lab.rcmctl("detach", "hme0").returncode == 0
    heard = [line for line in monitor.news() if "inet 192.168.85.19/24" in line]
    assert ["Deleted" in line for line in heard] == [False, True], heard


def test_detached_stays_detached_over_a_restart(lab: Lab) -> None:
    begin(lab, PAIR)
    assert lab.rcmctl("detach", "hme0").returncode == 0
    before = dump(lab)
    assert lab.stop_daemon() == 0
    lab.start_daemon()
    assert dump(lab) == before
    assert state_of(lab, "hme0") == "detached"
    lab.rcmctl("reload")
    assert state_of(lab, "hme0") == "detached"


@pytest.mark.parametrize("restarts", [False, True])
def test_detached_nic_that_was_replaced_is_reattached(lab: Lab, restarts: bool) -> None:
    # behaviour 122
    begin(lab, PAIR)
    assert lab.rcmctl("detach", "hme0").returncode == 0
    lab.tear_out("hme0")
    if restarts:
        lab.stop_daemon()
    lab.put_back("hme0")
    if restarts:
        lab.start_daemon()
    await_hosted(lab, "hme0", "192.168.85.19", "192.168.85.21")
    await_state(lab, "hme0", "running")


def test_reattach_takes_the_file_as_it_is_now(lab: Lab) -> None:
    begin(lab, PAIR)
    assert lab.rcmctl("detach", "hme0").returncode == 0
    lab.tear_out("hme0")
    lab.write("/etc/hostname.hme0", HME0.replace("192.168.85.21", "192.168.85.31"))
    lab.put_back("hme0")
    await_hosted(lab, "hme0", "192.168.85.19", "192.168.85.31")
    assert hosts_of(lab, "192.168.85.21") == []


def test_attach_without_a_file_only_plumbs(lab: Lab) -> None:
    # behaviour 121: without a file the old addresses stay where they are
    begin(lab, PAIR)
    assert lab.rcmctl("detach", "hme0").returncode == 0
    lab.remove("/etc/hostname.hme0")
    assert lab.rcmctl("attach", "hme0").returncode == 0
    lab.wait_for(lambda: not is_down(lab, "hme0"), what="hme0 up")
    assert hosts_of(lab, "192.168.85.19") == ["hme1"]
    assert hosts_of(lab, "192.168.85.21") == []
    assert "hme0 is back, without /etc/hostname.hme0: plumbed only" in told(lab)
    # The file came back: to attach it then is to configure it.
    lab.write("/etc/hostname.hme0", HME0)
    assert lab.rcmctl("attach", "hme0").returncode == 0
    await_hosted(lab, "hme0", "192.168.85.19", "192.168.85.21")


# Refused


def test_interface_without_a_group_is_refused_and_can_be_forced(lab: Lab) -> None:
    # behaviour 117
    begin(lab, ALONE)
    reasons = refused(lab, "detach", "hme0")
    assert (
        reasons == "hme0: redundancy: it is not in a group, so its addresses have nowhere to go\n"
    )
    assert lab.rcmctl("detach", "--force", "hme0").returncode == 0
    assert (held(lab, "hme0"), is_down(lab, "hme0")) == ({}, True)


def test_only_functioning_interface_is_refused_and_can_be_forced(lab: Lab) -> None:
    # behaviours 118, 126
    begin(lab, PAIR)
    lab.pull("hme1")
    await_state(lab, "hme1", "failed")
    await_hosted(lab, "hme0", "192.168.85.19", "192.168.85.20")
    reasons = refused(lab, "detach", "hme0")
    assert reasons == "hme0: redundancy: it is the only functioning interface of group test\n"
    assert lab.rcmctl("detach", "-f", "hme0").returncode == 0
    assert (held(lab, "hme0"), is_down(lab, "hme0")) == ({}, True)
    assert hosts_of(lab, "192.168.85.19") == []
    lab.plug("hme1")
    await_state(lab, "hme1", "running")
    assert hosts_of(lab, "192.168.85.19") == []
    assert lab.rcmctl("attach", "hme0").returncode == 0
    await_hosted(lab, "hme0", "192.168.85.19")


def stack_macvlan(lab: Lab) -> None:
    command = "ip link add mv0 link hme0 type macvlan mode bridge"
    lab.run(command.split(), check=True)


def stack_bridge(lab: Lab) -> None:
    lab.run(["ip", "link", "add", "br0", "type", "bridge"], check=True)
    lab.run(["ip", "link", "set", "hme0", "master", "br0"], check=True)


@pytest.mark.parametrize(
    ("stack", "reason"),
    [
        (stack_macvlan, "in use by mv0 (macvlan)"),
        (stack_bridge, "in use by br0 (bridge, of which it is a port)"),
    ],
)
def test_stacked_interface_is_refused_and_can_be_forced(
    lab: Lab, stack: Callable[[Lab], None], reason: str
) -> None:
    begin(lab, PAIR)
    stack(lab)
    lab.wait_for(
        lambda: lab.rcmctl("detach", "-n", "hme0").returncode == 3, what="the news of the stack"
    )
    assert refused(lab, "detach", "hme0") == f"hme0: stacking: {reason}\n"
    assert lab.rcmctl("detach", "-f", "hme0").returncode == 0
    assert hosts_of(lab, "192.168.85.19") == ["hme1"]


def test_every_reason_is_told_at_once(lab: Lab) -> None:
    # behaviours 101, 115
    begin(lab, ALONE)
    stack_macvlan(lab)
    client(lab, "backup", "--refuse", "QueryRemove=a backup is running")
    client(lab, "database", "--refuse", "QueryRemove=in use")
    lab.wait_for(lambda: "mv0" in lab.rcmctl("detach", "-n", "hme0").stdout, what="mv0")
    assert sorted(refused(lab, "detach", "hme0").splitlines()) == [
        "hme0: backup: a backup is running",
        "hme0: database: in use",
        "hme0: redundancy: it is not in a group, so its addresses have nowhere to go",
        "hme0: stacking: in use by mv0 (macvlan)",
    ]


def test_force_does_not_silence_a_client(lab: Lab) -> None:
    begin(lab, ALONE)
    client(lab, "backup", "--refuse", "QueryRemove=a backup is running")
    assert refused(lab, "detach", "-f", "hme0") == "hme0: backup: a backup is running\n"


def test_detach_twice_is_refused(lab: Lab) -> None:
    begin(lab, PAIR)
    assert lab.rcmctl("detach", "hme0").returncode == 0
    assert refused(lab, "detach", "hme0") == "hme0: state: it is detached already\n"
    assert refused(lab, "detach", "-f", "hme0") == "hme0: state: it is detached already\n"


def test_missing_and_unmanaged_interfaces_are_refused(lab_with: LabFactory) -> None:
    lab = lab_with(nics=("hme0", "hme1", "hme2"))
    lab.tear_out("hme1")
    begin(lab, PAIR)
    await_state(lab, "hme1", "missing")
    await_hosted(lab, "hme0", "192.168.85.20")
    assert refused(lab, "detach", "hme1") == (
        "hme1: state: it is missing: there is nothing to detach\n"
    )
    assert refused(lab, "detach", "hme2") == (
        "hme2: managed: there is no /etc/hostname.hme2: rcmd does not manage it\n"
    )


def test_two_detaches_at_once(lab_with: LabFactory) -> None:
    # behaviour 103
    lab = begin(lab_with(nics=("hme0", "hme1", "hme2")), THREE)
    slow = client(lab, "slow", "--hold", "QueryRemove")
    first = rcmctl_in_background(lab, "detach", "hme0")
    slow.until("QueryRemove")
    before = dump(lab)
    for verb in ("detach", "offline", "attach"):
        done = lab.rcmctl(verb, "hme0")
        assert (done.returncode, done.stdout) == (7, "")
        assert "a detach is under way" in done.stderr
    assert dump(lab) == before
    slow.release()
    assert ended(first)[0] == 0
    assert state_of(lab, "hme0") == "detached"


def test_two_detaches_do_not_empty_a_group_together(lab: Lab) -> None:
    begin(lab, PAIR)
    slow = client(lab, "slow", "--hold", "PreRemove")
    first = rcmctl_in_background(lab, "detach", "hme0")
    slow.until("PreRemove")
    for verb in ("detach", "offline"):
        assert "only functioning interface of group test" in refused(lab, verb, "hme1")
    slow.release()
    assert ended(first)[0] == 0
    assert hosts_of(lab, "192.168.85.19") == hosts_of(lab, "192.168.85.20") == ["hme1"]


# Undone


def test_destination_that_cannot_hold_an_address(lab: Lab) -> None:
    begin_with_routes(lab, DUAL_STACK)
    lab.run(["sysctl", "-w", "net.ipv6.conf.hme1.disable_ipv6=1"], check=True)
    lab.wait_for(lambda: not held(lab, "hme1").get("2001:db8:85::20"), what="IPv6 gone")
    reasons = refused(lab, "detach", "hme0")
    assert "no other functioning interface of group test takes IPv6 addresses" in reasons
    assert state_of(lab, "hme0") == "running"


def test_destination_that_refuses_a_route(lab: Lab) -> None:
    # behaviour 120; no route is made through a gateway that has become an address of this machine
    begin_with_routes(lab, DUAL_STACK)
    for words in (
        "-6 route add 2001:db8:9::/48 via 2001:db8:85::fe dev hme0",
        "addr add 2001:db8:85::fe/128 dev lo nodad",
    ):
        lab.run(["ip", *words.split()], check=True)
    before = essence(lab)
    done = lab.rcmctl("detach", "hme0")
    assert done.returncode == 1
    assert "detach of hme0 failed: the kernel refused 2001:db8:9::/48 on hme1" in done.stderr
    assert done.stderr.endswith(STRANDED)
    await_as(lab, before)
    assert state_of(lab, "hme0") == "running"
    assert ("detach-undone", "hme0") in kinds(lab)


def test_client_that_refuses_late(lab: Lab) -> None:
    begin_with_routes(lab, DUAL_STACK)
    late = client(lab, "late", "--refuse", "PreRemove=changed my mind")
    other = client(lab, "other")
    before = dump(lab)
    done = lab.rcmctl("detach", "hme0")
    assert done.returncode == 1
    assert done.stderr == (f"rcmctl: detach of hme0 failed: late: changed my mind\n{STRANDED}")
    for peer in (late, other):
        assert [it["member"] for it in peer.until("UndoRemove")] == [
            "QueryRemove",
            "PreRemove",
            "UndoRemove",
        ]
    assert dump(lab) == before


def test_clients_are_told_what_was_done(lab: Lab) -> None:
    begin(lab, PAIR)
    peer = client(lab, "peer")
    assert lab.rcmctl("detach", "hme0").returncode == 0
    assert [it["member"] for it in peer.until("PostRemove")] == [
        "QueryRemove",
        "PreRemove",
        "PostRemove",
    ]


@pytest.mark.parametrize("step", ["leaving", "unplumbing", "done"])
def test_journal_that_cannot_be_written(lab: Lab, step: str) -> None:
    # behaviours 120, 123
    begin_with_routes(lab, DUAL_STACK, sys.executable, str(HERE / "forgetful_daemon.py"), step)
    peer = client(lab, "peer")
    before = essence(lab)
    done = lab.rcmctl("detach", "hme0")
    assert done.returncode == 1
    assert done.stderr == f"rcmctl: detach of hme0 failed: the disk is full\n{STRANDED}"
    await_as(lab, before)
    peer.until("UndoRemove")
    assert state_of(lab, "hme0") == "running"
    assert lab.stop_daemon() == 0
    lab.start_daemon()
    await_as(lab, before)


def test_full_disk_refuses_a_detach_and_keeps_no_address_from_moving(lab: Lab) -> None:
    mount = "mount -t tmpfs -o size=400k tmpfs /var/lib/rcmd"
    lab.run(["sh", "-c", f"mkdir -p /var/lib/rcmd && {mount}"], check=True)
    begin(lab, PAIR)
    assert lab.run(["sh", "-c", "cat /dev/zero > /var/lib/rcmd/filler"]).returncode != 0
    before = dump(lab)
    done = lab.rcmctl("detach", "hme0")
    assert (done.returncode, done.stdout) == (1, "")
    assert "full" in done.stderr
    assert dump(lab) == before
    lab.pull("hme0")
    await_hosted(lab, "hme1", "192.168.85.19")


def test_offline_and_online(lab: Lab) -> None:
    # behaviour 79
    begin_with_routes(lab, {**PAIR, "rcmd/rcmd.yaml": WITHOUT_FAILBACK})
    before = essence(lab)
    done = lab.rcmctl("offline", "hme0")
    assert done.returncode == 0
    shown = interface(lab, "hme0")
    assert shown["state"] == "offline"
    assert "OFFLINE" in shown["flags"]
    assert hosts_of(lab, "192.168.85.19") == ["hme1"]
    assert route_devices(lab, "default") == ["hme1"]
    assert lab.rcmctl("online", "hme0").returncode == 0
    await_as(lab, before)


def test_last_functioning_interface_is_not_offlined(lab: Lab) -> None:
    # behaviour 78
    begin(lab, PAIR)
    assert lab.rcmctl("offline", "hme0").returncode == 0
    reasons = refused(lab, "offline", "hme1")
    assert reasons == (
        "hme1: redundancy: cannot offline: it is the only functioning interface of group test\n"
    )
    shown = interface(lab, "hme1")
    assert (shown["state"], "OFFLINE" in shown["flags"]) == ("running", False)


def test_offline_and_online_of_what_is_not_for_it(lab_with: LabFactory) -> None:
    # behaviours 80, 82
    lab = lab_with(nics=("hme0", "hme1", "hme2"))
    begin(lab, {**PAIR, "hostname.hme2": "192.168.85.29 netmask + up\n"})
    assert "not in an IPMP group" in refused(lab, "offline", "hme2")
    assert refused(lab, "online", "hme0") == "hme0: state: interface hme0 is not offline\n"
    assert lab.rcmctl("offline", "hme0").returncode == 0
    assert "interface hme0 is already offline" in refused(lab, "offline", "hme0")


def test_failure_and_repair_while_offline_change_nothing_else(lab: Lab) -> None:
    # behaviours 81, 83
    begin(lab, PAIR)
    assert lab.rcmctl("offline", "hme0").returncode == 0
    lab.pull("hme0")
    lab.wait_for(lambda: "FAILED" in interface(lab, "hme0")["flags"], what="FAILED")
    assert state_of(lab, "hme0") == "offline"
    assert hosts_of(lab, "192.168.85.19") == ["hme1"]
    assert lab.rcmctl("online", "hme0").returncode == 0
    assert state_of(lab, "hme0") == "failed"
    assert hosts_of(lab, "192.168.85.19") == ["hme1"]
    lab.plug("hme0")
    await_hosted(lab, "hme0", "192.168.85.19")
    await_state(lab, "hme0", "running")


def test_a_caller_that_dies_has_asked_for_nothing(lab: Lab) -> None:
    # behaviour 105
    begin(lab, PAIR)
    await_state(lab, "hme0", "running")
    before = essence(lab)
    guard = client(lab, "guard", "--hold", "PreRemove")
    detach = rcmctl_in_background(lab, "detach", "hme0")
    guard.until("PreRemove")
    detach.kill()
    ended(detach)
    guard.release()
    guard.until("UndoRemove")
    lab.wait_for(lambda: "hme0" not in lab.rcmctl("operations", "--json").stdout, what="an end")
    await_as(lab, before)
    assert ("detach-undone", "hme0") in kinds(lab)


def test_an_operation_is_cancelled_from_elsewhere(lab: Lab) -> None:
    # behaviour 105
    begin(lab, PAIR)
    await_state(lab, "hme0", "running")
    before = essence(lab)
    guard = client(lab, "guard", "--hold", "PreRemove")
    detach = rcmctl_in_background(lab, "detach", "hme0")
    guard.until("PreRemove")
    (shown,) = json.loads(lab.rcmctl("operations", "--json").stdout)["operations"]
    assert (shown["step"], shown["waiting_for"]) == ("preparing", ["guard"])
    assert lab.rcmctl("cancel", str(shown["number"])).returncode == 0
    status, _, said = ended(detach)
    assert (status, "cancelled by uid 0" in said) == (1, True)
    await_as(lab, before)
    assert lab.rcmctl("cancel", str(shown["number"])).returncode == 4
