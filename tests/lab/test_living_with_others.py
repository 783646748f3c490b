"""systemd-networkd, Docker and libvirt on the same machine: nobody touches what is the others'."""

from __future__ import annotations

from pathlib import Path

import pytest
from scenes import (
    DUAL_STACK,
    PAIR,
    ROUTER,
    ROUTER6,
    SETTINGS_PATH,
    LabFactory,
    await_hosted,
    await_same,
    await_settled,
    await_spread,
    await_state,
    kinds,
    names,
    snapshot,
    start,
)
from there_and_back import SPREADING

from rcmd.lab.lab import Lab

pytestmark = pytest.mark.lab

ETC = Path(__file__).parents[2] / "etc"
NETWORKD = "/usr/lib/systemd/systemd-networkd"
SHIPPED = ("systemd/network/05-rcmd.network", "systemd/networkd.conf.d/10-rcmd.conf")
THEIR_ADDRESS = "10.77.0.1"


def ip(lab: Lab, words: str) -> None:
    lab.run(["ip", *words.split()], check=True)


def members_only(lab: Lab) -> dict[str, object]:
    """Addresses, routes, rules and nexthops, but for those of eth9."""
    seen, known = snapshot(lab), names(lab)
    ours = {index for index, name in known.items() if name.startswith("hme")}
    return {
        "links": sorted(repr(it) for it in seen.links if it.ifindex in ours),
        "addresses": sorted(repr(it) for it in seen.addresses if it.ifindex in ours),
        "routes": sorted(repr(it) for it in seen.routes if it.ifindex in ours),
        "rules": lab.run(["ip", "rule"], check=True).stdout,
        "spread": sorted(repr(it) for it in seen.spread),
    }


def run_networkd_until_it_is_done(lab: Lab) -> None:
    """It comes up, takes eth9, leaves the others, and ends."""
    lab.run(["ip", "addr", "flush", "dev", "eth9"], check=True)
    lab.run(["rm", "-rf", "/run/systemd/netif"], check=True)
    lab.run(["install", "-d", "-o", "systemd-network", "/run/systemd/netif"], check=True)
    process = lab.popen(["sh", "-c", f"exec {NETWORKD} >>/run/networkd.log 2>&1"])

    def is_done() -> bool:
        assert process.poll() is None, lab.read("/run/networkd.log")
        states = lab.run(["sh", "-c", "grep -h ADMIN_STATE= /run/systemd/netif/links/*"]).stdout
        has_eth9 = any(it["local"] == THEIR_ADDRESS for it in lab.addresses("eth9"))
        # lo, hme0 and hme1.
        return has_eth9 and states.count("unmanaged") == 3

    lab.wait_for(is_done, what="systemd-networkd")
    process.terminate()
    process.wait()


def test_networkd_leaves_everything_of_ours_alone(lab_with: LabFactory) -> None:
    lab = lab_with(("hme0", "hme1", "eth9"))
    for path in SHIPPED:
        lab.write(f"/etc/{path}", (ETC / path).read_text())
    lab.write(
        "/etc/systemd/network/50-eth9.network",
        f"[Match]\nName=eth9\n\n[Network]\nAddress={THEIR_ADDRESS}/24\n",
    )
    # It would take everything that nobody keeps it off.
    lab.write("/etc/systemd/network/90-all.network", "[Match]\nName=hme*\n")
    lab.write(SETTINGS_PATH, SPREADING)
    start(lab, DUAL_STACK)
    lab.run(["udevadm", "trigger", "--subsystem-match=net"], check=True)
    await_settled(lab)
    ip(lab, f"route add default via {ROUTER} dev hme0 proto static")
    ip(lab, f"route add 10.8.0.0/16 via {ROUTER} dev hme1 proto 153")
    ip(lab, f"-6 route add default via {ROUTER6} dev hme0")
    await_spread(lab, "hme0", "hme1")
    before = members_only(lab)
    for _ in range(2):
        run_networkd_until_it_is_done(lab)
        # Before release 256 it takes away nexthop groups: we put them back.
        await_same(lab, members_only, before)
    checked = lab.run(["rcmd", "--check"])
    assert "systemd-networkd" not in checked.stdout + checked.stderr
    assert not [kind for kind, _ in kinds(lab) if kind.endswith("-removed")]


BRIDGES = ("docker0", "br-0123456789ab", "virbr0")


def bridges(lab: Lab) -> dict[str, str]:
    """Everything about them that does not tick, to the byte."""
    shown = {"routes": lab.run(["ip", "route", "show", "proto", "boot"], check=True).stdout}
    for name in (*BRIDGES, "veth0a1b2c3", "vnet0"):
        shown[name] = lab.run(["ip", "-j", "addr", "show", "dev", name], check=True).stdout
        pattern = rf"^net\.ipv[46]\.conf\.{name}\."
        shown[f"sysctls of {name}"] = lab.run(["sysctl", "-a", "--pattern", pattern]).stdout
    return shown


def test_bridges_of_docker_and_libvirt_are_not_touched(lab: Lab) -> None:
    for number, name in enumerate(BRIDGES):
        ip(lab, f"link add {name} type bridge")
        ip(lab, f"addr add 172.{17 + number}.0.1/16 dev {name}")
        ip(lab, f"link set dev {name} up")
    for port, bridge in (("veth0a1b2c3", "docker0"), ("vnet0", "virbr0")):
        ip(lab, f"link add {port} type veth peer name in-{port[:5]}")
        ip(lab, f"link set dev {port} master {bridge} up")
        ip(lab, f"link set dev in-{port[:5]} up")
    ip(lab, "route add 10.66.0.0/16 via 172.17.0.9")
    start(lab, PAIR)
    ports = ("docker0", "virbr0", "veth0a1b2c3", "vnet0")
    lab.wait_for(lambda: have_link_local(lab, *ports), what="the ports")
    await_settled(lab)
    before = bridges(lab)

    lab.pull("hme0")
    await_hosted(lab, "hme1", "192.168.85.19")
    assert bridges(lab) == before
    lab.plug("hme0")
    await_hosted(lab, "hme0", "192.168.85.19")
    assert lab.rcmctl("detach", "hme0").returncode == 0
    await_state(lab, "hme0", "detached")
    assert bridges(lab) == before
    assert lab.rcmctl("attach", "hme0").returncode == 0
    await_hosted(lab, "hme0", "192.168.85.19")
    assert lab.stop_daemon() == 0
    await_same(lab, bridges, before)

    lab.write("/etc/hostname.docker0", "172.17.0.2/16 up\n")
    lab.write("/etc/hostname.vnet0", "172.19.0.2/16 up\n")
    checked = lab.run(["rcmd", "--check"])
    assert checked.returncode == 1
    assert "/etc/hostname.docker0:1: docker0 is a bridge of Docker" in checked.stdout
    assert "/etc/hostname.vnet0:1: warning: libvirt claims vnet0" in checked.stdout


def have_link_local(lab: Lab, *nics: str) -> bool:
    """So they have a link, too."""
    return all(any(it["local"].startswith("fe80") for it in lab.addresses(nic)) for nic in nics)
