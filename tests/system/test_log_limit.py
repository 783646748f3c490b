"""A flood of lines is cut short; everything else is said."""

from __future__ import annotations

import logging

from rcmd.platform.log_limit import BURST, MOST_KINDS, LogLimit


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def line(words: str, *arguments: object) -> logging.LogRecord:
    return logging.LogRecord("rcmd.bus", logging.INFO, "file", 1, words, arguments, None)


def test_a_flood_is_cut_short_and_counted() -> None:
    clock = Clock()
    limit = LogLimit(clock)
    written = sum(limit.filter(line("uid %d: refused", number)) for number in range(6800))
    assert written == BURST
    clock.now += 1.0
    again = line("uid %d: refused", 7)
    assert limit.filter(again)
    assert again.getMessage() == f"uid 7: refused ({6800 - BURST} lines like this were dropped)"
    # Another kind of line is said meanwhile, and this one once more.
    assert limit.filter(line("hme0 failed"))
    assert limit.filter(line("uid %d: refused", 7))
    assert not limit.filter(line("uid %d: refused", 7))


def test_what_is_passed_on_is_told_apart_by_its_words() -> None:
    limit = LogLimit(Clock())
    assert all(limit.filter(line("%s", f"address {number}")) for number in range(10 * BURST))
    same = [limit.filter(line("%s", "the same")) for _ in range(2 * BURST)]
    assert same == [True] * BURST + [False] * BURST


def test_it_does_not_grow() -> None:
    limit = LogLimit(Clock())
    for number in range(2 * MOST_KINDS):
        limit.filter(line(f"kind {number}"))
    assert len(limit._kinds) == MOST_KINDS
