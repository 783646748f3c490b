"""What the groups rely on, set otherwise by another program while rcmd runs."""

from __future__ import annotations

import pytest
from scenes import PAIR, await_event, await_state, kinds, start, status, told

from rcmd.lab.lab import Lab

pytestmark = pytest.mark.lab

HME6 = "group test up\naddif 2001:db8:85::20/64 up\n"


def sysctl(lab: Lab, *settings: str) -> None:
    lab.run(["sysctl", "-q", "-w", *settings], check=True)


def value(lab: Lab, key: str) -> str:
    path = f"/proc/sys/net/{key.replace('.', '/')}"
    return lab.run(["cat", path], check=True).stdout.strip()


def await_value(lab: Lab, key: str, wanted: str, timeout: float = 3.0) -> None:
    lab.wait_for(lambda: value(lab, key) == wanted, timeout=timeout, what=f"{key} = {wanted}")


def test_sysctl_system_at_run_time(lab: Lab) -> None:
    start(lab, PAIR)
    await_state(lab, "hme0", "running")
    sysctl(lab, *(f"net.ipv4.conf.hme0.{it}" for it in ("rp_filter=1", "arp_ignore=0")))
    sysctl(lab, "net.ipv4.conf.hme0.arp_announce=1")
    await_value(lab, "ipv4.conf.hme0.rp_filter", "2")
    await_value(lab, "ipv4.conf.hme0.arp_ignore", "1")
    await_value(lab, "ipv4.conf.hme0.arp_announce", "2")
    await_event(lab, "precondition", "hme0")
    assert "net.ipv4.conf.hme0.rp_filter is 1 instead of 2" in "; ".join(told(lab))
    assert not any(it["code"] == "precondition" for it in status(lab)["problems"])
    sysctl(lab, "net.ipv4.conf.all.rp_filter=1", "net.ipv4.conf.hme1.rp_filter=0")
    await_value(lab, "ipv4.conf.hme1.rp_filter", "2")
    assert "failure" not in {kind for kind, _ in kinds(lab)}


def test_what_is_set_for_all_and_defeats_ours_is_a_problem(lab: Lab) -> None:
    start(lab, PAIR)

    def texts() -> list[str]:
        found = status(lab)["problems"]
        return [it["text"] for it in found if it["code"] == "precondition"]

    # Of arp_ignore the kernel says nothing; of rp_filter it does.
    sysctl(lab, "net.ipv4.conf.all.arp_ignore=3", "net.ipv4.conf.all.rp_filter=2")
    lab.wait_for(lambda: any("all/arp_ignore is 3" in it for it in texts()), what="the problem")
    sysctl(lab, "net.ipv4.conf.all.arp_ignore=0", "net.ipv4.conf.all.rp_filter=0")
    lab.wait_for(lambda: texts() == [], what="no problem")


def test_the_mtu_of_a_file_is_kept(lab: Lab) -> None:
    start(lab, {**PAIR, "hostname.hme0": f"mtu 1450\n{PAIR['hostname.hme0']}"})
    lab.run(["ip", "link", "set", "hme0", "mtu", "1300"], check=True)
    lab.wait_for(
        lambda: '"mtu":1450' in lab.run(["ip", "-j", "link", "show", "hme0"]).stdout,
        what="the MTU of the file",
    )
    await_event(lab, "precondition", "hme0")


def test_a_member_for_ipv6_alone_does_not_answer_for_its_neighbours(lab: Lab) -> None:
    """It answered ARP for another group's test address, whose members then found no targets."""
    start(lab, {"hostname.hme0": PAIR["hostname.hme0"], "hostname6.hme1": HME6})
    assert value(lab, "ipv4.conf.hme1.arp_ignore") == "1"
