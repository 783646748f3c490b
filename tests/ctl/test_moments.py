from __future__ import annotations

from datetime import UTC, datetime

import pytest

from rcmd.ctl.moments import parse_since, show

NOW = datetime(2026, 11, 22, 12, 34, 56, 789000, tzinfo=UTC)
"""13:34:56 in Berlin, where these tests take place."""


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("30s", "2026-11-22T12:34:26.789Z"),
        ("10m", "2026-11-22T12:24:56.789Z"),
        ("2h", "2026-11-22T10:34:56.789Z"),
        ("3d", "2026-11-19T12:34:56.789Z"),
        ("1w", "2026-11-15T12:34:56.789Z"),
        ("1h30m", "2026-11-22T11:04:56.789Z"),
        ("13:30", "2026-11-22T12:30:00Z"),
        ("9:05", "2026-11-22T08:05:00Z"),
        ("13:34:56", "2026-11-22T12:34:56Z"),
        # Not yet so late today: yesterday.
        ("13:35", "2026-11-21T12:35:00Z"),
        ("2026-11-22", "2026-11-21T23:00:00Z"),
        ("2026-11-22T10:00", "2026-11-22T09:00:00Z"),
        ("2026-11-22 10:00:30.5", "2026-11-22T09:00:30.5Z"),
        ("2026-11-22T10:00:00Z", "2026-11-22T10:00:00Z"),
        ("2026-11-22T10:00:00+05:30", "2026-11-22T04:30:00Z"),
        # Summer time then, though not now.
        ("2026-07-01T12:00", "2026-07-01T10:00:00Z"),
        # Nothing is older than the epoch.
        ("99999d", "1970-01-01T00:00:00Z"),
    ],
)
def test_times_that_people_write(text: str, moment: str) -> None:
    expected = round(datetime.fromisoformat(moment).timestamp() * 1_000_000)
    assert parse_since(text, NOW.astimezone()) == expected


@pytest.mark.parametrize(
    "text", ["", "10", "10x", "m", "-5m", "25:00", "12:60", "2026-13-01", "soon", "999999999w"]
)
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match=r"time|far away"):
        parse_since(text, NOW.astimezone())


def test_local_time_is_shown_to_the_millisecond() -> None:
    assert show(1795347296789999) == "2026-11-22 12:34:56.789"
    assert show(1782900000000000) == "2026-07-01 12:00:00.000"
