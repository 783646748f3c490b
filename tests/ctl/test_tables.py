"""The tables, to the byte."""

from __future__ import annotations

import json
from typing import Any

from rcmd.ctl.output import Line, Span
from rcmd.ctl.picture import picture_of
from rcmd.ctl.table import table
from rcmd.ctl.verbs.status import report

from .conftest import Rcmctl
from .fake_manager import FakeManager


def _text(lines: list[Line]) -> list[str]:
    return ["".join(span.text for span in line).rstrip() for line in lines]


def test_status_of_a_healthy_host(rcmctl: Rcmctl, healthy: dict[str, Any]) -> None:
    assert (
        rcmctl(FakeManager(healthy), "status").out
        == """\
All is well.

GROUP  STATE  FDT     INTERFACES
test   ok     10.00s  hme0 hme1 (hme2)

INTERFACE  STATE    LINK  GROUP  FLAGS
hme0       running  up    test   UP RUNNING
    hme0    192.168.85.19/24   data
    hme0:1  192.168.85.21/24   test
hme1       running  up    test   UP RUNNING
    hme1    192.168.85.20/24   data
    hme1:1  192.168.85.22/24   test
    hme1    2001:db8:5::20/64  data
hme2       running  up    test   UP RUNNING STANDBY INACTIVE
"""
    )


def test_status_tells_what_is_wrong_first(rcmctl: Rcmctl, troubled: dict[str, Any]) -> None:
    assert (
        rcmctl(FakeManager(troubled), "status").out
        == """\
7 problems:
  group solo: failed, no interface is usable
  hme0: failed (since 2026-11-22 12:34:56.789)
  qfe0: missing: there is no such device
  qfe1: failed: no answer from any target
  10.0.0.1/8: on no interface (home: qfe1)
  group test: no spare is left (hme0 is offline)
    Bring another member of the group back into service.
  eri0: /etc/hostname.eri0:1: bad address

GROUP  STATE     FDT     INTERFACES
test   degraded  10.00s  hme1 [hme0 qfe0]
solo   failed    0.50s   [qfe1]

INTERFACE  STATE    LINK  GROUP  FLAGS
hme0       failed   down  test   UP FAILED
    hme0    192.168.85.21/24  test
hme1       running  up    test   UP RUNNING
    hme1    192.168.85.20/24  data
    hme1:1  192.168.85.22/24  test
    hme1:2  192.168.85.19/24  data, home hme0
    --      192.168.85.23/24  data, down
qfe0       missing  --    test   --
qfe1       failed   up    solo   UP RUNNING FAILED
    --      10.0.0.1/8        data, nowhere
eri0       running  up    --     UP RUNNING

OPERATION       RESOURCE  STEP     SINCE                    BY
detach --force  hme0      leaving  2026-11-22 12:34:56.789  uid 0, pid 4711
"""
    )


def _share(document: dict[str, Any], address: str, hosted_on: str | None, label: str) -> None:
    document["addresses"].append(
        {
            "address": address,
            "kind": "data",
            "group": "test",
            "home": None,
            "hosted_on": hosted_on,
            "label": label,
            "up": True,
        }
    )


def test_what_a_group_shares_has_no_home(rcmctl: Rcmctl, healthy: dict[str, Any]) -> None:
    _share(healthy, "192.168.85.40/24", "hme1", "hme1:2")
    _share(healthy, "192.168.85.41/24", None, "")
    lines = rcmctl(FakeManager(healthy), "status").out.splitlines()
    assert "    hme1:2  192.168.85.40/24   data, shared" in lines
    table = rcmctl(FakeManager(healthy), "addresses").out.splitlines()
    assert [line.split() for line in table[-2:]] == [
        ["192.168.85.40/24", "up", "data", "test", "hme1", "--", "hme1:2"],
        ["192.168.85.41/24", "nowhere", "data", "test", "--", "--", "--"],
    ]


def test_status_of_an_empty_host_says_how_to_start(rcmctl: Rcmctl) -> None:
    out = rcmctl(FakeManager(), "status").out
    assert "/etc/hostname.IF" in out
    assert "hostname.rcmd(5)" in out


def test_status_fits_80_columns_with_the_longest_names(troubled: dict[str, Any]) -> None:
    long, group = "enp0s31f6npx123", "g" * 31
    text = (
        json.dumps(troubled)
        .replace("qfe1", long)
        .replace("solo", group)
        .replace("10.0.0.1/8", "2001:db8:1111:2222:3333:4444:5555:6666/64")
        .replace("no answer", "no answer at all, not even a single one of so many sent,")
        .replace('"UP", "RUNNING", "FAILED"', '"UP", "RUNNING", "FAILED", "STANDBY", "OFFLINE"')
    )
    lines = _text(list(report(picture_of(json.loads(text)), 80)))
    assert max(len(line) for line in lines) <= 80
    words = " ".join(" ".join(lines).split())
    assert "UP RUNNING FAILED" in words
    assert "not even a single one of so many sent, from any target" in words


def test_interfaces(rcmctl: Rcmctl, troubled: dict[str, Any]) -> None:  # behaviour 130
    assert (
        rcmctl(FakeManager(troubled), "interfaces").out
        == """\
INTERFACE  ACTIVE  GROUP  LINK  PROBE     STATE    FLAGS
hme0       no      test   down  unknown   failed   UP FAILED
hme1       yes     test   up    ok        running  UP RUNNING
qfe0       no      test   --    disabled  missing  --
qfe1       no      solo   up    failed    failed   UP RUNNING FAILED
eri0       yes     --     up    disabled  running  UP RUNNING
"""
    )


def test_addresses(rcmctl: Rcmctl, troubled: dict[str, Any]) -> None:
    assert (
        rcmctl(FakeManager(troubled), "addresses").out
        == """\
ADDRESS           STATE    KIND  GROUP  INBOUND  HOME  LABEL
192.168.85.19/24  up       data  test   hme1     hme0  hme1:2
192.168.85.21/24  up       test  test   hme0     hme0  hme0
192.168.85.22/24  up       test  test   hme1     hme1  hme1:1
192.168.85.20/24  up       data  test   hme1     hme1  hme1
192.168.85.23/24  down     data  test   --       hme1  --
10.0.0.1/8        nowhere  data  solo   --       qfe1  --
"""
    )


def test_a_table_without_rows_has_headings(rcmctl: Rcmctl) -> None:
    assert rcmctl(FakeManager(), "groups").out == "GROUP  STATE  FDT  INTERFACES\n"


def test_the_last_column_is_folded_between_words() -> None:
    lines = table(("A", "B"), [("x", Span("one two three four five six seven"))], 24)
    assert _text(lines) == ["A  B", "x  one two three four", "   five six seven"]
