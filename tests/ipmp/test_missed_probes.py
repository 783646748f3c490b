"""Missed probes are told in sum (behaviour 37; solaris.md 1.15)."""

from rcmd.ipmp import messages
from rcmd.ipmp.api.probes import ProbesMissed
from rcmd.ipmp.probing.missed_probes import MissedProbes


def looked(missed: MissedProbes, now: float, **counts: int) -> ProbesMissed | None:
    for interface, count in counts.items():
        missed.note(interface, count, now)
    missed.now = now
    return missed.take()


def test_the_first_are_told_at_once_and_all_members_together() -> None:
    missed = MissedProbes()
    assert looked(missed, 1.0) is None
    assert looked(missed, 2.0, hme0=3, hme1=4) == ProbesMissed(("hme0", "hme1"), 7, 1)
    assert looked(missed, 2.5) is None


def test_what_follows_is_told_once_a_minute() -> None:
    missed = MissedProbes()
    looked(missed, 0.0, hme0=1)
    told = [found for at in range(1, 130) if (found := looked(missed, float(at), hme0=1))]
    assert told == [ProbesMissed(("hme0",), 60, 60), ProbesMissed(("hme0",), 60, 60)]


def test_the_last_of_them_are_told_although_none_follow() -> None:
    missed = MissedProbes()
    looked(missed, 0.0, hme0=1)
    assert looked(missed, 5.0, hme0=2, hme1=2) is None
    assert looked(missed, 60.0) == ProbesMissed(("hme0", "hme1"), 4, 1)
    assert looked(missed, 200.0) is None
    assert looked(missed, 201.0, hme1=1) == ProbesMissed(("hme1",), 1, 1)


def test_the_words() -> None:
    report = messages.probe_fact(ProbesMissed(("hme0", "hme1"), 7, 1), "test")
    assert (report.subject, report.kind) == ("test", "probes-missed")
    assert report.message == "missed sending 7 probes on hme0, hme1"
    nics = tuple(f"hme{number}" for number in range(10))
    report = messages.probe_fact(ProbesMissed(nics, 70, 4), "")
    assert report.subject == "hme0"
    assert report.message.startswith("missed sending 70 probes on hme0, hme1, ")
    assert report.message.endswith("hme7 and 2 more, spread over 4 occurrences")
