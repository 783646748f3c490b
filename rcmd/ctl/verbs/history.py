"""`rcmctl history`: what happened, and with `--follow` what happens."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from typing import Any

from rcmd.ctl.moments import current_time, parse_since, show
from rcmd.ctl.output import Output, Span, Tone
from rcmd.ctl.verb import Manager, Verb
from rcmd.ports.store import HistoryEvent

_NEWEST = 100
_NEWEST_OF_FOLLOW = 10
_NEWEST_SINCE = 100_000
"""With --since the time is the limit; the store is bounded below this."""

_KIND_WIDTH = 14
_SEVERITIES = {3: "error", 4: "warning", 5: "notice", 6: "info"}
_TONES = {3: Tone.BAD, 4: Tone.WARNING}
_CURES = frozenset(
    {"consistent", "failback", "failover", "group-repaired", "link-up", "repair", "unbarred"}
)
"""Logged as errors, because their counterparts are, but nothing to worry about."""
_FAILURES = frozenset({"failure", "group-failed"})
"""Their messages are those of Solaris, which do not say why."""


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--since",
        metavar="T",
        type=_since,
        help="from this time on: 10m, 2h, 3d (ago), HH:MM, or ISO 8601 like 2026-11-22T12:34",
    )
    parser.add_argument(
        "--follow", action="store_true", help="go on with what happens, until Ctrl-C"
    )
    parser.add_argument(
        "--limit",
        metavar="N",
        type=_limit,
        help=f"only the newest N events ({_NEWEST}; with --follow {_NEWEST_OF_FOLLOW}; "
        "with --since all)",
    )


async def _run(manager: Manager, arguments: Namespace, output: Output) -> int:
    since_us = arguments.since or 0
    if arguments.follow:
        await _follow(manager, since_us, _count(arguments), output)
        return 0
    events = await _events(manager, since_us, _count(arguments))
    if output.is_json:
        output.json({"events": [_document(event) for event in events]})
        return 0
    for event in events:
        _write(event, output)
    return 0


async def _follow(manager: Manager, since_us: int, limit: int, output: Output) -> None:
    # Subscribed first, so that nothing falls between the backlog and what follows it; what is in
    # both is shown once.
    await manager.subscribe()
    backlog = await _events(manager, since_us, limit)
    shown = {_identity(event) for event in backlog}
    for event in backlog:
        _write(event, output)
    output.flush()
    async for event in manager.events():
        if _identity(event) in shown:
            continue
        _write(event, output)
        output.flush()
        if not output.is_read:
            return


async def _events(manager: Manager, since_us: int, limit: int) -> tuple[HistoryEvent, ...]:
    return await manager.history(since_us, limit) if limit else ()


def _count(arguments: Namespace) -> int:
    if arguments.limit is not None:
        return int(arguments.limit)
    if arguments.since is not None:
        return _NEWEST_SINCE
    return _NEWEST_OF_FOLLOW if arguments.follow else _NEWEST


def _identity(event: HistoryEvent) -> tuple[int, str, str, str]:
    return (event.time_us, event.kind, event.subject, event.message)


def _write(event: HistoryEvent, output: Output) -> None:
    if output.is_json:
        output.json_line(_document(event))
        return
    text = event.message if event.subject in event.message else f"{event.subject}: {event.message}"
    if event.kind in _FAILURES and event.detail.get("cause"):
        text = f"{text}: {event.detail['cause']}"
    tone = Tone.PLAIN if event.kind in _CURES else _TONES.get(event.severity, Tone.PLAIN)
    output.line(f"{show(event.time_us)}  {event.kind:<{_KIND_WIDTH}}  ", Span(text, tone))


def _document(event: HistoryEvent) -> dict[str, Any]:
    return {
        "time_us": event.time_us,
        "severity": _SEVERITIES.get(event.severity, str(event.severity)),
        "kind": event.kind,
        "subject": event.subject,
        "message": event.message,
        "detail": dict(event.detail),
    }


def _since(text: str) -> int:
    try:
        return parse_since(text, current_time())
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error


def _limit(text: str) -> int:
    # D-Bus carries it in 32 bits.
    if not text.isdecimal() or not 0 <= int(text) < 2**32:
        raise ArgumentTypeError(f"{text!r} is not a number of events")
    return int(text)


VERB = Verb("history", "show what happened, across restarts", _run, _add_arguments)
