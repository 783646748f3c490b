"""Points in time, as people write and read them: always local time."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta

_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_AGO = re.compile(r"(?:\d{1,9}[smhdw])+")
_PART = re.compile(r"(\d+)([smhdw])")
_CLOCK = re.compile(r"\d{1,2}:\d{2}(?::\d{2})?")
_EPOCH = datetime.fromtimestamp(0, UTC)


def current_time() -> datetime:
    return datetime.now(UTC).astimezone()


def parse_since(text: str, now: datetime) -> int:
    """Return microseconds since the epoch; `now` is local time.

    Takes `10m`, `2h`, `1h30m` (so long ago), `HH:MM[:SS]` (the last time it was so late) and
    ISO 8601, local unless it names an offset.  Raises ValueError.
    """
    try:
        return _microseconds(_moment(text, now))
    except OverflowError as error:
        raise ValueError(f"{text}: too far away") from error


def microseconds_of(text: str) -> int:
    """Of ISO 8601, as rcmd writes it; 0 for none.  Raises ValueError."""
    return _microseconds(datetime.fromisoformat(text)) if text else 0


def show(time_us: int) -> str:
    """`2026-11-22 12:34:56.789`, local time."""
    moment = (_EPOCH + timedelta(microseconds=time_us)).astimezone()
    return moment.replace(tzinfo=None).isoformat(" ", "milliseconds")


def _moment(text: str, now: datetime) -> datetime:
    if _AGO.fullmatch(text):
        parts = _PART.findall(text)
        return now - sum((int(count) * _UNITS[unit] for count, unit in parts), timedelta())
    if _CLOCK.fullmatch(text):
        clock = _clock(text)
        today = datetime.combine(now.date(), clock).astimezone()
        if today <= now:
            return today
        return datetime.combine(now.date() - timedelta(days=1), clock).astimezone()
    try:
        return datetime.fromisoformat(text).astimezone()
    except ValueError as error:
        raise ValueError(
            f"{text!r} is not a time: write 10m, 2h, 3d, HH:MM or 2026-11-22T12:34"
        ) from error


def _clock(text: str) -> time:
    try:
        return time.fromisoformat(text.rjust(8 if text.count(":") == 2 else 5, "0"))
    except ValueError as error:
        raise ValueError(f"{text!r} is not a time of day") from error


def _microseconds(moment: datetime) -> int:
    return max(0, (moment - _EPOCH) // timedelta(microseconds=1))
