"""The demo: the whole story of rcmd on a virtual host, with traffic that counts what is lost.

Everything that it prints was said by the real programs, and every outcome is verified.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from subprocess import PIPE
from typing import Any

from rcmd.lab.demo_spreading import both_carry
from rcmd.lab.errors import LabError
from rcmd.lab.lab import Lab
from rcmd.lab.measuring.traffic import Stream, TcpSession
from rcmd.lab.moment import Moment
from rcmd.lab.narration import Narrator

HME0, HME1 = "hme0", "hme1"
DATA = "192.168.85.19"
"""hme0's; all the traffic goes to it."""
DATA_6 = "2001:db8:85::19"
OTHER = "192.168.85.20"
HOSTNAME_FILES = {
    "/etc/netmasks": "192.168.85.0 255.255.255.0\n",
    "/etc/hostname.hme0": """\
192.168.85.19 netmask + broadcast + group test up \\
addif 192.168.85.21 deprecated -failover netmask + broadcast + up
""",
    "/etc/hostname6.hme0": "addif 2001:db8:85::19/64 up\n",
    "/etc/hostname.hme1": """\
192.168.85.20 netmask + broadcast + group test up \\
addif 192.168.85.22 deprecated -failover netmask + broadcast + up
""",
    "/etc/hostname6.hme1": "addif 2001:db8:85::20/64 up\n",
    "/etc/rcmd/rcmd.yaml": """\
failure_detection_time: 500ms
groups: {test: {targets: [192.168.85.1]}}
""",
}
DETECTION_MS = 500
AFTERMATH_S = 0.3
"""How long the traffic is watched after each blow."""
MISSING_WITHIN_S = 15.0
BLOW_AT_MOST = 50
"""Datagrams lost, of 1000 a second, on a machine that may be busy; `make bench` is stricter."""
HOLE_AT_MOST = DETECTION_MS * 8 // 7 + BLOW_AT_MOST
"""The detection time and one probe interval; a datagram is a millisecond."""

Addresses = list[tuple[str, str]]


def main() -> int:
    """Exit status: 0, or 1 if anything did not turn out as told."""
    began = time.monotonic()
    try:
        with Lab.up(nics=(HME0, HME1)) as lab:
            narrator = Narrator(lab)
            story = Story(lab, narrator)
            try:
                story.tell()
            except LabError as error:
                narrator.check(f"the story broke off: {error}", is_so=False)
            narrator.summary()
    except LabError as error:
        sys.stderr.write(f"rcmd-lab: {error}\n")
        return 1
    sys.stdout.write(f"\n{time.monotonic() - began:.0f} s; the virtual host is gone again.\n")
    sys.stdout.write("Look around in one of your own: rcmd-lab shell\n")
    return 1 if narrator.failures else 0


class Story:
    """The chapters, in order; each starts from where the one before has ended."""

    def __init__(self, lab: Lab, narrator: Narrator) -> None:
        self._lab = lab
        self._narrator = narrator
        self._stream: Stream | None = None
        self._session: TcpSession | None = None

    def tell(self) -> None:
        self._boots_without_a_nic()
        self._the_nic_arrives()
        self._cable_is_pulled()
        self._cable_is_plugged()
        self._black_hole()
        self._black_hole_is_mended()
        self._dry_run()
        self._detach()
        self._veto()
        self._reattach()
        self._torn_out()
        self._put_back()
        both_carry(self._lab, self._narrator, {HME0: DATA, HME1: OTHER})
        self._count(at_most=0)
        self._killed_in_the_middle()
        self._history()

    # --- the chapters ---

    def _boots_without_a_nic(self) -> None:
        self._narrator.chapter(
            "Boot without a NIC",
            "Two NICs form the group `test`, so that each can take over from the other.  At this "
            "boot hme0 is missing, and its addresses must come up all the same: on hme1.",
        )
        for path, text in HOSTNAME_FILES.items():
            self._lab.write(path, text)
        self._narrator.run("cat", "/etc/hostname.hme0", "/etc/hostname6.hme0")
        self._narrator.run("cat", "/etc/rcmd/rcmd.yaml")
        self._lab.tear_out(HME0)
        self._narrator.event("hme0 is not in its slot; rcmd starts")
        self._lab.start_daemon()
        self._await(lambda: len(self._log_lines("moving addresses")) > 1, MISSING_WITHIN_S)
        said = self._log_lines("moving addresses")
        self._narrator.quote("\n".join(said))
        self._await(lambda: self._is_at(HME1, DATA, DATA_6))
        self._narrator.run("rcmctl", "status")
        is_told = [f"{family} interfaces: hme0 (moved to hme1)" for family in ("IPv4", "IPv6")]
        self._narrator.check(
            "both lines of the boot were logged, one for each family",
            is_so=all(any(told in line for line in said) for told in is_told),
        )
        self._narrator.check("hme0's addresses are on hme1", is_so=self._is_at(HME1, DATA, DATA_6))
        self._start_traffic()

    def _start_traffic(self) -> None:
        self._narrator.event(f"from now on the router sends {DATA} 1000 datagrams a second,")
        self._narrator.event("and holds a TCP session with it; both until the end")
        self._stream = self._lab.stream(DATA).start()
        self._session = self._lab.tcp_session(DATA)

    def _the_nic_arrives(self) -> None:
        self._narrator.chapter(
            "The missing NIC arrives",
            "A NIC that is plugged in while the system runs is configured from its hostname "
            "file, and its addresses come home, without a restart of anything.",
        )
        self._lab.put_back(HME0)
        self._narrator.event("hme0 is plugged in")
        self._await(self._is_all_home)
        self._narrator.run("rcmctl", "status")
        self._narrator.check("every address is at home", is_so=self._is_all_home())
        self._count(at_most=0)

    def _cable_is_pulled(self) -> None:
        self._narrator.chapter(
            "A cable is pulled",
            "hme0 loses its link: its data addresses must move to hme1 before anyone notices.  "
            "Its test address stays, it would tell when hme0 works again.",
        )
        self._lab.pull(HME0)
        self._narrator.event("the cable of hme0 is pulled")
        self._await(lambda: self._is_at(HME1, DATA, DATA_6))
        self._narrator.run("rcmctl", "status")
        self._narrator.check(
            "hme1 has taken over hme0's addresses", is_so=self._is_at(HME1, DATA, DATA_6)
        )
        self._count(at_most=BLOW_AT_MOST)

    def _cable_is_plugged(self) -> None:
        self._narrator.chapter(
            "The cable is plugged in again",
            "With the repair the addresses go home (failback): made there first, then removed "
            "here, so that nothing is lost on the way.",
        )
        self._lab.plug(HME0)
        self._narrator.event("the cable of hme0 is plugged in")
        self._await(self._is_all_home)
        self._narrator.run("rcmctl", "addresses")
        self._narrator.check("every address is at home", is_so=self._is_all_home())
        self._count(at_most=0)

    def _black_hole(self) -> None:
        self._narrator.chapter(
            "A black hole",
            "The cable is in, the link is up, and nothing comes through.  Only probes can tell: "
            "five in a row that the router does not answer, within half a second here (10 s "
            "unless rcmd.yaml says otherwise).",
        )
        self._narrator.run("rcmctl", "targets")
        self._lab.black_hole(HME0)
        self._narrator.event("hme0 keeps its link, and what it sends or should get is lost")
        self._await(lambda: self._is_at(HME1, DATA, DATA_6))
        self._narrator.run("rcmctl", "status")
        self._narrator.check(
            "hme0 still has its link: it was the probes that found the failure",
            is_so=self._has_carrier(HME0) and self._was_found_by_probes(),
        )
        self._narrator.check(
            "hme1 has taken over hme0's addresses", is_so=self._is_at(HME1, DATA, DATA_6)
        )
        self._count(at_most=HOLE_AT_MOST)

    def _black_hole_is_mended(self) -> None:
        self._narrator.chapter(
            "The black hole is mended",
            "The link cannot tell that either: ten probes in a row have to be answered before "
            "anything goes home.",
        )
        self._lab.restore(HME0)
        self._narrator.event("what hme0 sends arrives again")
        self._await(self._is_all_home)
        self._narrator.run("rcmctl", "addresses")
        self._narrator.check("every address is at home", is_so=self._is_all_home())
        self._count(at_most=0)

    def _dry_run(self) -> None:
        self._narrator.chapter(
            "What if hme0 were taken out?",
            "Before a NIC is removed on purpose, a dry run asks everyone concerned and shows "
            "what would move where.  It changes nothing.",
        )
        before = self._kernel()
        done = self._narrator.run("rcmctl", "detach", "--dry-run", HME0)
        self._narrator.check(
            "it may be removed: exit status 0, and nothing was changed",
            is_so=done.returncode == 0 and self._kernel() == before,
        )
        self._count(at_most=0)

    def _detach(self) -> None:
        self._narrator.chapter(
            "hme0 is detached",
            "The real thing: the addresses leave first, then the NIC is unplumbed.  The NIC can "
            "now be pulled out of the running system.",
        )
        done = self._narrator.run("rcmctl", "detach", HME0)
        self._narrator.run("rcmctl", "status")
        self._narrator.check(
            "exit status 0; hme1 has the addresses, hme0 has none",
            is_so=done.returncode == 0 and self._is_detached(),
        )
        self._count(at_most=0)

    def _veto(self) -> None:
        self._narrator.chapter(
            "The last NIC is not given away",
            "hme1 is now the only functioning NIC of its group.  Detaching it would cut the "
            "system off, so the request is refused, with the reason, before anything changes.",
        )
        before = self._kernel()
        done = self._narrator.run("rcmctl", "detach", HME1)
        self._narrator.check(
            "refused: exit status 3, and nothing was changed",
            is_so=done.returncode == 3 and self._kernel() == before,
        )
        self._count(at_most=0)

    def _reattach(self) -> None:
        self._narrator.chapter(
            "hme0 is attached again",
            "What comes back is configured from its hostname file as it is now, and gets its "
            "addresses back.",
        )
        done = self._narrator.run("rcmctl", "attach", HME0)
        self._await(self._is_all_home)
        self._narrator.check(
            "exit status 0, and every address is at home",
            is_so=done.returncode == 0 and self._is_all_home(),
        )
        self._count(at_most=0)

    def _torn_out(self) -> None:
        self._narrator.chapter(
            "hme0 is torn out without a word",
            "The device takes its addresses and routes along.  They are made anew on hme1, "
            "from the record.",
        )
        self._lab.tear_out(HME0)
        self._narrator.event("hme0 is torn out")
        self._await(lambda: self._is_at(HME1, DATA, DATA_6))
        self._narrator.run("rcmctl", "status")
        self._narrator.check("hme1 has hme0's addresses", is_so=self._is_at(HME1, DATA, DATA_6))
        self._count(at_most=BLOW_AT_MOST)

    def _put_back(self) -> None:
        self._narrator.chapter(
            "hme0 is put back",
            "The same card is recognised by its hardware address, and is what it was before.",
        )
        self._lab.put_back(HME0)
        self._narrator.event("hme0 is plugged in")
        self._await(self._is_all_home)
        self._narrator.run("rcmctl", "interfaces")
        self._narrator.check("every address is at home", is_so=self._is_all_home())
        self._count(at_most=0)

    def _killed_in_the_middle(self) -> None:
        self._narrator.chapter(
            "kill -9 in the middle of a detach",
            "The daemon dies while the addresses leave hme0.  Nothing may be lost while it is "
            "dead, and the next one must put everything back, or have everything done.",
        )
        before = self._kernel()
        with Moment(self._lab, DATA) as moment:
            request = ["rcmctl", "detach", HME0]
            detaching = self._lab.popen(request, stdout=PIPE, stderr=PIPE)
            moment.wait()
            self._lab.kill_daemon()
        said = detaching.communicate()
        self._narrator.quote(f"# {' '.join(request)}\n{''.join(said)}")
        self._narrator.event("the daemon got SIGKILL when the first address appeared on hme1")
        self._narrator.run("ip", "-br", "-4", "addr", "show", "up")
        self._narrator.check(
            "without a daemon, every address is still served by a NIC",
            is_so={address for _, address in self._kernel()} >= {DATA, DATA_6, OTHER},
        )
        self._lab.start_daemon()
        self._narrator.event("rcmd is started again")
        self._await(lambda: self._kernel() == before or self._is_detached())
        self._narrator.quote("\n".join(self._log_lines("undone")))
        self._narrator.check(
            "the detach was undone: every address is where it was before"
            if self._kernel() == before
            else "the detach was over already: hme0 is detached, its addresses are on hme1",
            is_so=self._kernel() == before or self._is_detached(),
        )
        self._restart()
        self._count(at_most=0)

    def _restart(self) -> None:
        before = self._kernel()
        self._lab.kill_daemon()
        self._lab.start_daemon()
        self._narrator.event("kill -9 once more, with nothing under way; and started again")
        self._narrator.check("nothing has changed", is_so=self._kernel() == before)

    def _history(self) -> None:
        self._narrator.chapter(
            "What happened?",
            "The history outlives every daemon, for whoever has to explain this night tomorrow.",
        )
        done = self._narrator.run("rcmctl", "history")
        self._narrator.check(
            "each blow is on record, with what was done about it",
            is_so=all(
                kind in done.stdout
                for kind in ("missing", "link-down", "failover", "repair", "detach", "removed")
            ),
        )
        self._count(at_most=0)

    # --- the evidence ---

    def _count(self, *, at_most: int) -> None:
        """What this chapter cost those who talk to the host."""
        assert self._stream is not None
        assert self._session is not None
        time.sleep(AFTERMATH_S)
        result = self._stream.interim()
        session = self._session.state()
        self._narrator.check(
            f"{result.lost} of {result.sent} datagrams lost (at most {at_most}); the TCP session "
            + ("lives" if session.is_alive else "is dead"),
            is_so=result.lost <= at_most and result.sent > 0 and session.is_alive,
        )
        self._narrator.note_losses(
            f"{result.lost:>3} lost, longest gap {result.longest_gap_ms:>4.0f} ms"
        )

    def _await(self, condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
        self._lab.wait_for(condition, timeout_s)

    def _kernel(self) -> Addresses:
        """(NIC, address), as the kernel has them; without what it gives itself."""
        return sorted((nic, address) for nic in (HME0, HME1) for address in self._held_by(nic))

    def _held_by(self, nic: str) -> set[str]:
        infos: list[dict[str, Any]] = self._lab.addresses(nic)
        return {info["local"] for info in infos if info["scope"] != "link"}

    def _is_at(self, nic: str, *addresses: str) -> bool:
        return set(addresses) <= self._held_by(nic)

    def _has_carrier(self, nic: str) -> bool:
        return "LOWER_UP" in self._lab.run(["ip", "link", "show", "dev", nic]).stdout

    def _was_found_by_probes(self) -> bool:
        """What the history says of the last failure."""
        shown = self._lab.run(["rcmctl", "history", "--json"], check=True)
        events: list[dict[str, Any]] = json.loads(shown.stdout)["events"]
        last = [it for it in events if it["kind"] == "failure"][-1]
        return (last["subject"], last["detail"]["found_by"]) == (HME0, "probes")

    def _is_detached(self) -> bool:
        return self._is_at(HME1, DATA, DATA_6, OTHER) and not self._held_by(HME0)

    def _is_all_home(self) -> bool:
        shown = self._lab.run(["rcmctl", "addresses", "--json"])
        if shown.returncode != 0:
            return False
        addresses: list[dict[str, Any]] = json.loads(shown.stdout)["addresses"]
        homes_kept = all(it["hosted_on"] == it["home"] for it in addresses)
        return homes_kept and self._is_at(HME0, DATA, DATA_6) and self._is_at(HME1, OTHER)

    def _log_lines(self, word: str) -> list[str]:
        return [line for line in self._lab.daemon_log().splitlines() if word in line]
