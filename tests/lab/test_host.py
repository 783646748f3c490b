"""The lab itself: what it offers is real, what it breaks is broken, and it leaves no trace."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import LabFactory, processes_of_labs

from rcmd.lab import main
from rcmd.lab.errors import LabError
from rcmd.lab.lab import Lab
from rcmd.lab.network import directories, requirements
from rcmd.lab.network.virtual_host import PROJECT

pytestmark = pytest.mark.lab

DATA = "192.168.85.19"
CLI = [sys.executable, "-m", "rcmd.lab.main"]

STAND_IN = """
import os, signal, socket
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
sock.connect(os.environ["NOTIFY_SOCKET"])
print("stand-in is up", flush=True)
sock.send(b"STATUS=fine\\nREADY=1")
signal.sigwait({signal.SIGTERM})
"""


def configure(lab: Lab, nic: str, *addresses: str) -> None:
    lab.run(["ip", "link", "set", nic, "up"], check=True)
    for address in addresses:
        lab.run(["ip", "addr", "add", address, "dev", nic, "nodad"][: 6 + (":" in address)])


def link(lab: Lab, nic: str) -> dict[str, object]:
    shown = lab.run(["ip", "-j", "link", "show", "dev", nic], check=True).stdout
    found: dict[str, object] = json.loads(shown)[0]
    return found


def has_carrier(lab: Lab, nic: str) -> bool:
    flags = link(lab, nic)["flags"]
    assert isinstance(flags, list)
    return "LOWER_UP" in flags


def let_it_last() -> None:
    """What is lost in the meantime is the subject; there is nothing to wait for."""
    time.sleep(0.3)


def machine() -> tuple[object, str, list[str]]:
    links = json.loads(subprocess.check_output(["ip", "-j", "addr"]))
    routes = subprocess.check_output(["ip", "route", "show", "table", "all"], text=True)
    sysctls = [Path("/proc/sys/net/ipv4/ip_forward").read_text()]
    mounts = Path("/proc/self/mounts").read_text()
    names = sorted(link["ifname"] for link in links)
    return (names, links), routes + mounts, [*sysctls, os.uname().nodename]


# What the host is


def test_udevd_and_bus_are_real(lab: Lab) -> None:
    shown = lab.run(["udevadm", "info", "/sys/class/net/hme0"], check=True).stdout
    assert "ID_NET_DRIVER=veth" in shown
    assert "USEC_INITIALIZED" in shown
    command = "dbus-send --system --print-reply --dest=org.freedesktop.DBus / "
    reply = lab.run((command + "org.freedesktop.DBus.GetId").split(), check=True)
    assert "string" in reply.stdout


def test_nics_have_names_and_macs_as_asked(lab_with: LabFactory) -> None:
    lab = lab_with(nics=("eth0", "eth1"), tap=("net0",), macs={"eth1": "02:00:00:00:0a:0b"})
    macs = {nic: link(lab, nic)["address"] for nic in ("eth0", "eth1", "net0")}
    assert macs == {
        "eth0": "02:00:00:00:00:01",
        "eth1": "02:00:00:00:0a:0b",
        "net0": "02:00:00:00:00:03",
    }
    assert os.listdir("/sys/class/net") != lab.run(["ls", "/sys/class/net"]).stdout.split()


def test_files_of_the_host_stay_in_the_host(lab: Lab) -> None:
    for path in ("/etc/hostname.hme0", "/var/lib/rcmd/x", "/run/x", "/dev/shm/rcmd-lab-x"):
        lab.write(path, "text")
        assert lab.read(path) == "text"
        assert not Path(path).exists()
    lab.remove("/etc/hostname.hme0")
    with pytest.raises(FileNotFoundError):
        lab.read("/etc/hostname.hme0")


def test_project_files_are_installed_in_the_host(lab: Lab) -> None:
    for source, target in (
        ("udev-rules", "/etc/udev/rules.d"),
        ("etc/dbus-1/system.d", "/etc/dbus-1/system.d"),
    ):
        installed = lab.run(["ls", target], check=True).stdout.split()
        ours = [path.name for path in (PROJECT / source).iterdir()]
        assert ours
        assert set(ours) <= set(installed)
        assert not set(ours) & set(os.listdir(target))


def test_host_has_its_own_processes_sysctls_and_name(lab: Lab) -> None:
    assert lab.run(["hostname"]).stdout == "rcmd-lab\n"
    assert str(os.getpid()) not in lab.run(["ls", "/proc"]).stdout.split()
    lab.write("/proc/sys/net/ipv4/conf/hme0/arp_ignore", "1")
    assert lab.read("/proc/sys/net/ipv4/conf/hme0/arp_ignore") == "1\n"
    assert not Path("/proc/sys/net/ipv4/conf/hme0").exists()


def test_machine_is_untouched(lab_with: LabFactory) -> None:
    before = machine()
    lab = lab_with(tap=("net0",))
    configure(lab, "hme0", f"{DATA}/24")
    lab.tear_out("net0")
    assert machine() == before
    lab.down()
    assert machine() == before


def test_a_failing_command_says_why(lab: Lab) -> None:
    assert lab.run(["false"]).returncode == 1
    with pytest.raises(LabError, match="nothere"):
        lab.run(["ip", "addr", "show", "dev", "nothere"], check=True)


# Traffic


@pytest.mark.long
def test_undisturbed_stream_loses_nothing(lab: Lab) -> None:
    configure(lab, "hme0", f"{DATA}/24")
    result = lab.stream(DATA).run_for(5.0)
    assert result.lost == 0
    assert result.sent == result.answered > 4000


@pytest.mark.parametrize("nic", ["hme0", "net0"])
def test_outside_reaches_the_host_through_the_router(lab_with: LabFactory, nic: str) -> None:
    lab = lab_with(nics=("hme0",), tap=("net0",))
    configure(lab, nic, f"{DATA}/24", "2001:db8:85::19/64")
    for gateway in ("192.168.85.1", "2001:db8:85::1"):
        lab.run(["ip", "route", "add", "default", "via", gateway], check=True)
    assert {route["gateway"] for route in lab.routes() if route["dst"] == "default"} == {
        "192.168.85.1",
        "2001:db8:85::1",
    }
    for address in (DATA, "2001:db8:85::19"):
        session = lab.tcp_session(address, source="outside")
        result = lab.stream(address, rate=500, source="outside").start().stop()
        assert result.lost == 0
        assert session.alive()
        session.close()


def test_echo_answers_from_the_address_it_was_reached_on(lab: Lab) -> None:
    configure(lab, "hme0", f"{DATA}/24", "192.168.85.77/24")
    # The sender's socket is connected: an answer from another address would not reach it.
    assert lab.stream("192.168.85.77").start().stop().lost == 0


def test_neighbour_answers(lab: Lab) -> None:
    configure(lab, "hme0", f"{DATA}/24")
    lab.add_neighbour("n1", "192.168.85.50/24")
    assert lab.stream("192.168.85.50", source="host").start().stop().lost == 0
    with pytest.raises(LabError, match="did not come up"):
        lab.add_neighbour("n2", "nonsense")
    with pytest.raises(LabError, match="there is no n2 in the lab"):
        lab.run(["true"], where="n2")
    with pytest.raises(LabError, match="already a n1"):
        lab.add_neighbour("n1", "192.168.85.51/24")


def test_stream_to_nobody_is_an_error(lab: Lab) -> None:
    configure(lab, "hme0", f"{DATA}/24")
    session = lab.tcp_session(DATA)
    assert session.alive()
    lab.run(["ip", "link", "set", "hme0", "down"], check=True)
    lab.run(["ip", "route", "add", "unreachable", DATA], where="router", check=True)
    with pytest.raises(LabError, match="nobody answers"):
        lab.tcp_session(DATA)


# Faults


@pytest.fixture(params=["hme0", "net0"])
def nic(request: pytest.FixtureRequest) -> str:
    """One veth, one TAP."""
    name: str = request.param
    return name


@pytest.fixture
def wired(lab_with: LabFactory, nic: str) -> Lab:
    lab = lab_with(nics=("hme0",), tap=("net0",))
    configure(lab, nic, f"{DATA}/24")
    lab.wait_for(lambda: has_carrier(lab, nic), what="the carrier")
    return lab


def test_pulled_cable_has_no_carrier_until_plugged(wired: Lab, nic: str) -> None:
    stream = wired.stream(DATA).start()
    wired.pull(nic)
    wired.wait_for(lambda: not has_carrier(wired, nic), what="the loss of carrier")
    let_it_last()
    wired.plug(nic)
    wired.wait_for(lambda: has_carrier(wired, nic), what="the carrier")
    result = stream.stop()
    assert result.lost > 100
    assert result.longest_gap_ms > 100
    assert wired.stream(DATA).start().stop().lost == 0


def test_black_hole_keeps_carrier_and_loses_all(wired: Lab, nic: str) -> None:
    stream = wired.stream(DATA).start()
    wired.black_hole(nic)
    # The host taking its link down and up does not heal it.
    configure(wired, nic)
    wired.run(["ip", "link", "set", nic, "down"], check=True)
    configure(wired, nic)
    wired.wait_for(lambda: has_carrier(wired, nic), what="the carrier")
    let_it_last()
    assert has_carrier(wired, nic)
    assert stream.stop().lost > 200
    wired.restore(nic)
    assert wired.stream(DATA).start().stop().lost == 0


def test_torn_out_nic_comes_back_as_a_new_device(wired: Lab, nic: str) -> None:
    before = link(wired, nic)
    wired.tear_out(nic)
    assert wired.addresses(nic) == []
    assert nic not in wired.run(["ls", "/sys/class/net"]).stdout.split()
    with pytest.raises(LabError, match="torn out"):
        wired.pull(nic)
    wired.put_back(nic)
    wired.settle()
    after = link(wired, nic)
    assert after["address"] == before["address"]
    assert after["ifindex"] != before["ifindex"]
    configure(wired, nic, f"{DATA}/24")
    assert [a["local"] for a in wired.addresses(nic) if a["family"] == "inet"] == [DATA]
    assert wired.stream(DATA).start().stop().lost == 0


def test_udev_tells_of_tearing_out_and_putting_back(lab: Lab) -> None:
    monitor = lab.popen(
        ["udevadm", "monitor", "--udev", "--subsystem-match=net"], stdout=subprocess.PIPE
    )
    assert monitor.stdout is not None
    seen: list[str] = []
    all_seen = threading.Event()

    def read(lines: Iterator[str]) -> None:
        for line in lines:
            seen.append(line)
            if "/hme1 " in line and " add " in line:
                all_seen.set()

    lab.wait_for(
        lambda: any("udevadm monitor" in c for c in processes_of_labs(lab.name)), what="the monitor"
    )
    reader = threading.Thread(target=read, args=(iter(monitor.stdout),))
    reader.start()
    lab.wait_for(lambda: "udev" in "".join(seen), what="the monitor's greeting")
    lab.tear_out("hme1")
    lab.put_back("hme1")
    assert all_seen.wait(10.0), seen
    monitor.terminate()
    reader.join()
    assert any(" remove " in line and "/hme1 " in line for line in seen)


def test_new_nic_appears(lab: Lab) -> None:
    lab.add_nic("hme2", "02:00:00:00:00:22")
    lab.settle()
    assert link(lab, "hme2")["address"] == "02:00:00:00:00:22"
    with pytest.raises(LabError, match="already a NIC hme2"):
        lab.add_nic("hme2", "02:00:00:00:00:23")


def test_unknown_nic_is_named(lab: Lab) -> None:
    with pytest.raises(LabError, match="there is no NIC hme7; there are hme0, hme1"):
        lab.pull("hme7")


# The daemon


def test_daemon_is_awaited_stopped_and_killed(lab: Lab) -> None:
    argv = [sys.executable, "-c", STAND_IN]
    lab.start_daemon(argv=argv)
    assert "stand-in is up" in lab.daemon_log()
    assert lab.daemon().notifications == ("STATUS=fine", "READY=1")
    assert lab.stop_daemon() == 0
    lab.start_daemon(argv=argv)
    lab.kill_daemon()
    assert lab.daemon_log().count("stand-in is up") == 2


def test_daemon_that_ends_early_shows_its_log(lab: Lab) -> None:
    with pytest.raises(LabError, match=r"ended with 3.*\n.*no such luck"):
        lab.start_daemon(argv=["sh", "-c", "echo no such luck; exit 3"])


def test_daemon_that_never_gets_ready_is_ended(lab: Lab) -> None:
    with pytest.raises(LabError, match="was not ready within"):
        lab.start_daemon(argv=["sleep", "1000"], timeout=0.2)
    assert not [c for c in processes_of_labs(lab.name) if c.startswith("sleep")]


# Coming and going


def test_lab_ends_with_its_killed_creator() -> None:
    script = textwrap.dedent(
        """
        from rcmd.lab.lab import Lab
        lab = Lab.up()
        lab.popen(["sleep", "1000"])
        print(lab.name, flush=True)
        input()
        """
    )
    creator = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert creator.stdout is not None
    name = creator.stdout.readline().strip()
    keeper = os.pidfd_open(directories.keeper_of(directories.ROOT / name))
    creator.kill()
    creator.communicate()
    assert select.select([keeper], [], [], 10.0)[0]
    os.close(keeper)
    assert processes_of_labs(name) == []
    assert not (directories.ROOT / name).exists()


@pytest.fixture
def name() -> Iterator[str]:
    """Of a lab that stays."""
    name = f"{os.getpid()}-stays"
    yield name
    lab = Lab.find(name)
    if lab is not None:
        lab.down()


def cli(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*CLI, *args], text=True, capture_output=True, timeout=60)


def test_up_stays_until_down(name: str) -> None:
    assert cli("up", "--name", name, "--nic", "eth0", "--tap", "net0").returncode == 0
    again = cli("up", "--name", name)
    assert again.returncode == 1
    assert "there is already a lab" in again.stderr
    shown = cli("shell", "--name", name, "--", "ip", "-br", "link")
    assert "eth0" in shown.stdout
    assert "net0" in shown.stdout
    assert cli("shell", "--name", name, "--", "sh", "-c", "exit 7").returncode == 7
    assert cli("tear-out", "--name", name, "eth0").returncode == 0
    assert "eth0" not in cli("shell", "--name", name, "--", "ip", "-br", "link").stdout
    # From within, as in the lab's shell.
    inside = cli("shell", "--name", name, "--", *CLI, "put-back", "--name", name, "eth0")
    assert inside.returncode == 0, inside.stderr
    assert "eth0" in cli("shell", "--name", name, "--", "ip", "-br", "link").stdout
    assert cli("down", "--name", name).returncode == 0
    assert processes_of_labs(name) == []
    gone = cli("pull", "--name", name, "eth0")
    assert gone.returncode == 1
    assert "there is no lab" in gone.stderr


def test_shell_brings_up_the_group_of_the_overview_chapter(name: str) -> None:
    shown = cli("shell", "--name", name, "--", "rcmctl", "status", "--json")
    assert shown.returncode == 0, shown.stderr
    status = json.loads(shown.stdout)
    assert [(group["name"], group["interfaces"]) for group in status["groups"]] == [
        ("test", ["hme0", "hme1"])
    ]
    assert {address["address"].partition("/")[0] for address in status["addresses"]} >= {
        f"192.168.85.{host}" for host in (19, 20, 21, 22)
    }
    # In the lab, its name need not be said.
    assert cli("shell", "--name", name, "--", *CLI, "pull", "hme0").returncode == 0
    cli("shell", "--name", name, "--", *CLI, "down")
    assert processes_of_labs(name) == []
    assert Lab.find(name) is None


def test_next_lab_cleans_up_after_a_killed_keeper(name: str, lab_with: LabFactory) -> None:
    assert cli("up", "--name", name).returncode == 0
    directory = directories.ROOT / name
    keeper = directories.keeper_of(directory)
    ended = os.pidfd_open(keeper)
    os.kill(keeper, signal.SIGKILL)
    assert select.select([ended], [], [], 10.0)[0]
    os.close(ended)
    assert directory.exists()
    assert cli("down", "--name", name).returncode == 1
    lab_with()
    assert not directory.exists()


def test_two_labs_do_not_meet(lab_with: LabFactory) -> None:
    one, other = lab_with(), lab_with()
    configure(one, "hme0", f"{DATA}/24")
    configure(other, "hme0", f"{DATA}/24")
    one.pull("hme0")
    assert other.stream(DATA).start().stop().lost == 0


def test_without_root_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert main.main(["up"]) == 1
    assert "needs root" in capsys.readouterr().err


def test_missing_programs_are_named_with_their_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requirements, "SEARCHED", "/nonexistent")
    with pytest.raises(LabError, match="Debian package iproute2"):
        requirements.check()
    monkeypatch.setattr(requirements, "UDEVD", "/nonexistent")
    with pytest.raises(LabError, match="Debian package udev"):
        requirements.udevd()


def test_what_goes_by_itself_while_it_is_swept_away_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A keeper that ends removes its own directory, and with it the lock."""
    monkeypatch.setattr(directories, "ROOT", tmp_path)
    (tmp_path / "left" / "host").mkdir(parents=True)
    remove = os.rmdir

    def removed_meanwhile(path: str, *, dir_fd: int | None = None) -> None:
        remove(path, dir_fd=dir_fd)
        raise FileNotFoundError(path)

    monkeypatch.setattr(os, "rmdir", removed_meanwhile)
    _, lock = directories.create("new")
    os.close(lock)
    assert [it.name for it in tmp_path.iterdir()] == ["new"]
