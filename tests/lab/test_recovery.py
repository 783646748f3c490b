"""The daemon ends, in whatever way and at whatever moment: nothing is lost, nothing is doubled."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable

import pytest
from conftest import LabFactory
from evidence import (
    HERE,
    Monitor,
    await_as,
    begin,
    begin_with_routes,
    difference,
    dump,
    ended,
    essence,
    rcmctl_in_background,
)
from scenes import (
    DUAL_STACK,
    PAIR,
    SETTINGS_PATH,
    WITHOUT_FAILBACK,
    await_hosted,
    await_state,
    hosts_of,
    kinds,
    lasting_status,
    state_of,
    write_files,
)

from rcmd.lab.errors import LabError
from rcmd.lab.lab import Lab

pytestmark = [pytest.mark.lab, pytest.mark.long]

STORE = "/var/lib/rcmd/rcmd.db"
MANY = 200


def fatal(moment: int | str) -> list[str]:
    """The daemon that dies at this moment of a detach."""
    return [sys.executable, str(HERE / "fatal_daemon.py"), str(moment)]


def detach_fatally(lab: Lab) -> bool:
    """Whether the daemon died of it."""
    status = ended(rcmctl_in_background(lab, "detach", "hme0"))[0]
    if status == 0:
        return False
    assert status == 6
    lab.kill_daemon()
    return True


def detached_for_comparison(lab: Lab) -> tuple[list[str], list[str]]:
    """Everything before, and everything after a detach that went well."""
    before = essence(lab)
    assert lab.rcmctl("detach", "hme0").returncode == 0
    detached = essence(lab)
    assert lab.rcmctl("attach", "hme0").returncode == 0
    await_as(lab, before)
    return before, detached


def recover(lab: Lab, next_moment: int, before: list[str], detached: list[str], what: str) -> bool:
    """Start again; everything or nothing was done.  Whether it was undone."""
    lab.start_daemon(argv=fatal(next_moment))
    wanted = detached if state_of(lab, "hme0") == "detached" else before
    try:
        lab.wait_for(lambda: essence(lab) == wanted)
    except LabError:
        pytest.fail(f"killed {what}: {difference(wanted, essence(lab))}\n{lab.daemon_log()}")
    if wanted is before:
        return True
    assert lab.rcmctl("attach", "hme0").returncode == 0
    await_as(lab, before)
    return False


@pytest.mark.parametrize("first", [1, 3, 5, 7])
def test_killed_at_every_step_of_a_detach(lab: Lab, first: int) -> None:
    """A quarter of the moments each.  Just after one write or request is just before the next."""
    # behaviours 105, 120
    begin_with_routes(lab, DUAL_STACK)
    before, detached = detached_for_comparison(lab)
    lab.stop_daemon()
    moment = first
    lab.start_daemon(argv=fatal(moment))
    outcomes = []
    while detach_fatally(lab):
        what = lab.read("/run/rcmd-moment")
        moment += 8
        outcomes.append(recover(lab, moment, before, detached, what))
    # What was begun is undone, but for the very end.
    assert len(outcomes) > 2
    assert outcomes == sorted(outcomes, reverse=True)
    lab.kill_daemon()
    lab.start_daemon()
    assert ("detach-undone", "hme0") in kinds(lab)


def test_killed_just_before_and_just_after_the_detach_is_done(lab: Lab) -> None:
    begin_with_routes(lab, DUAL_STACK)
    before, detached = detached_for_comparison(lab)
    for moment, is_undone in (("before advance done", True), ("after advance done", False)):
        lab.stop_daemon()
        lab.start_daemon(argv=fatal(moment))
        assert detach_fatally(lab)
        assert recover(lab, 0, before, detached, moment) is is_undone


def many(nic: str, first: int) -> str:
    more = "".join(
        f" \\\naddif 192.168.{86 + number // 200}.{number % 200 + first}/24 up"
        for number in range(MANY)
    )
    return f"192.168.85.{first} netmask + broadcast + group test up{more}\n"


def test_killed_in_the_middle_of_a_move_of_many_addresses(lab: Lab) -> None:
    files = {"hostname.hme0": many("hme0", 10), "hostname.hme1": PAIR["hostname.hme1"]}
    begin(lab, files)
    before, detached = detached_for_comparison(lab)
    lab.stop_daemon()
    # The first four chunks are made, then as many are broken.
    for moment in (9, 13, 17):
        lab.start_daemon(argv=fatal(moment))
        assert detach_fatally(lab)
        what = lab.read("/run/rcmd-moment")
        assert recover(lab, 0, before, detached, what)
        lab.stop_daemon()


def test_killed_while_it_recovers(lab: Lab) -> None:
    begin_with_routes(lab, DUAL_STACK)
    before, detached = detached_for_comparison(lab)
    lab.stop_daemon()
    mark = "/run/recovering"
    for moment in (3, 6, 9):
        lab.start_daemon(argv=fatal(12))
        assert detach_fatally(lab)
        lab.write(mark, "")
        with pytest.raises(LabError):
            lab.start_daemon(argv=[*fatal(moment), mark])
        what = lab.read("/run/rcmd-moment")
        lab.remove(mark)
        recover(lab, 0, before, detached, f"while recovering, {what}")
        lab.stop_daemon()


def test_failover_that_was_cut_short_is_finished(lab: Lab) -> None:
    begin_with_routes(lab, DUAL_STACK)
    lab.kill_daemon()
    lab.pull("hme0")
    lab.start_daemon()
    await_hosted(lab, "hme1", "192.168.85.19", "2001:db8:85::19")
    lab.kill_daemon()
    lab.plug("hme0")
    lab.start_daemon()
    await_hosted(lab, "hme0", "192.168.85.19", "2001:db8:85::19")


# A restart is no event


def as_started(lab: Lab) -> None:
    """Nothing has happened yet."""


def failed_over(lab: Lab) -> None:
    lab.pull("hme0")
    await_hosted(lab, "hme1", "192.168.85.19")


def offline(lab: Lab) -> None:
    assert lab.rcmctl("offline", "hme0").returncode == 0


def detached(lab: Lab) -> None:
    assert lab.rcmctl("detach", "hme0").returncode == 0


def failed_back_never(lab: Lab) -> None:
    lab.write(SETTINGS_PATH, WITHOUT_FAILBACK)
    assert lab.rcmctl("reload").returncode == 0
    failed_over(lab)
    lab.plug("hme0")
    await_state(lab, "hme0", "running")


def by_hand(lab: Lab) -> None:
    lab.run(["ip", "addr", "add", "192.168.85.77/24", "dev", "hme0"], check=True)
    lab.run(["ip", "addr", "add", "192.168.85.78/24", "dev", "hme1"], check=True)
    lab.wait_for(lambda: ("address-added", "hme1") in kinds(lab), what="adoption")
    lab.run(["ip", "addr", "del", "192.168.85.78/24", "dev", "hme1"], check=True)
    lab.wait_for(
        lambda: {("address-added", "hme0"), ("address-removed", "hme1")} <= set(kinds(lab)),
        what="the news",
    )


@pytest.mark.parametrize(
    "prepare",
    [as_started, failed_over, offline, detached, failed_back_never, by_hand],
)
def test_restart_changes_nothing(lab: Lab, prepare: Callable[[Lab], None]) -> None:
    begin_with_routes(lab, DUAL_STACK)
    prepare(lab)
    before = dump(lab)
    told = lasting_status(lab)
    monitor = Monitor(lab)
    assert lab.stop_daemon() == 0
    assert dump(lab) == before
    lab.start_daemon()
    assert dump(lab) == before
    assert lasting_status(lab) == told
    lab.kill_daemon()
    lab.start_daemon()
    assert dump(lab) == before
    assert lasting_status(lab) == told
    assert monitor.news() == []


def test_sigterm_ends_it_at_once_even_with_work_under_way(lab: Lab) -> None:
    begin(lab, PAIR)
    assert lab.stop_daemon() == 0
    assert "Traceback" not in lab.daemon_log()


def test_what_happens_while_the_disk_is_waited_for_at_the_end_is_no_fault(lab: Lab) -> None:
    """What looks at the kernel once a second goes on until nothing is awaited any more."""
    write_files(lab, PAIR)
    lab.start_daemon(argv=[sys.executable, str(HERE / "lingering_daemon.py")])
    await_hosted(lab, "hme0", "192.168.85.19")
    assert lab.rcmctl("detach", "hme0").returncode == 0
    statuses: list[int] = []
    ending = threading.Thread(target=lambda: statuses.append(lab.stop_daemon()))
    ending.start()
    # Its memberships come and go with it.
    for state in ("up", "down") * 4:
        lab.run(["ip", "link", "set", "hme0", state], check=True)
        time.sleep(0.3)
    ending.join()
    assert statuses == [0]
    assert "Traceback" not in lab.daemon_log()


def test_second_instance_is_refused_and_harmless(lab: Lab) -> None:
    begin(lab, PAIR)
    before = dump(lab)
    second = lab.run([sys.executable, "-m", "rcmd"])
    assert (second.returncode, second.stdout) == (1, "")
    assert "another rcmd is already running" in second.stderr
    assert dump(lab) == before
    assert lab.daemon().is_running()


def truncate(path: str) -> str:
    return f"truncate -s 5000 {path}; rm -f {path}-wal {path}-shm"


def garble(path: str) -> str:
    return f"yes nonsense | head -c 60000 > {path}; rm -f {path}-wal {path}-shm"


def lose(path: str) -> str:
    return f"rm -f {path}*"


def make_a_directory(path: str) -> str:
    return f"rm -f {path}*; mkdir {path}"


@pytest.mark.parametrize("damage", [truncate, garble, lose, make_a_directory])
def test_damaged_store_costs_only_what_it_remembered(
    lab: Lab, damage: Callable[[str], str]
) -> None:
    begin_with_routes(lab, DUAL_STACK)
    before = essence(lab)
    lab.kill_daemon()
    lab.run(["sh", "-c", damage(STORE)], check=True)
    lab.start_daemon()
    await_as(lab, before)
    if damage is not lose:
        assert "ERROR" in lab.daemon_log() or "WARNING" in lab.daemon_log()
    lab.pull("hme0")
    await_hosted(lab, "hme1", "192.168.85.19", "2001:db8:85::19")
    assert lab.rcmctl("history").returncode == 0


def test_without_a_store_addresses_still_come_home(lab: Lab) -> None:
    begin(lab, PAIR)
    lab.pull("hme0")
    await_hosted(lab, "hme1", "192.168.85.19")
    lab.kill_daemon()
    lab.run(["sh", "-c", lose(STORE)], check=True)
    lab.start_daemon()
    assert hosts_of(lab, "192.168.85.19") == ["hme1"]
    lab.plug("hme0")
    await_hosted(lab, "hme0", "192.168.85.19")


def test_reboot_forgets_what_was_detached(lab_with: LabFactory) -> None:
    lab = begin(lab_with(), PAIR)
    assert lab.rcmctl("detach", "hme0").returncode == 0
    lab.stop_daemon()
    # What ends with the boot: /run, and everything in the kernel.
    lab.remove("/run/rcmd/boot-id")
    for nic in ("hme0", "hme1"):
        lab.run(["ip", "addr", "flush", "dev", nic], check=True)
        lab.run(["ip", "link", "set", nic, "down"], check=True)
    lab.start_daemon()
    await_hosted(lab, "hme0", "192.168.85.19")
    await_state(lab, "hme0", "running")


def test_rcmd_ends_cleanly_when_interrupted_at_the_terminal(lab: Lab) -> None:
    begin(lab, PAIR)
    assert lab.daemon().end(signal.SIGINT) == 0
