"""`rcmctl probes`: every probe, as it is answered or lost."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Mapping
from contextlib import aclosing
from datetime import datetime
from typing import Any

from rcmd.ctl.moments import current_time
from rcmd.ctl.output import Output, Span, Tone
from rcmd.ctl.table import NOTHING
from rcmd.ctl.verb import Manager, Verb
from rcmd.ctl.verbs.targets import is_probing
from rcmd.errors import RcmError
from rcmd.model.status import ProbeOutcome

DISABLED = "probe-based failure detection is disabled"

_HEADINGS = ("TIME", "INTERFACE", "PROBE", "NETRTT", "RTT", "TARGET")
_WIDTHS = (10, 17, 8, 10, 10, 0)
"""Room for everything there can be: what is to come is not known, so they cannot be fitted."""

_TONES = {
    ProbeOutcome.ANSWERED: Tone.PLAIN,
    ProbeOutcome.LOST: Tone.BAD,
    ProbeOutcome.UNKNOWN: Tone.WARNING,
}


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "-c", "--count", metavar="N", type=_count, help="end after N probes, instead of at Ctrl-C"
    )
    parser.set_defaults(follow=True)


async def _run(manager: Manager, arguments: Namespace, output: Output) -> int:
    started = current_time()
    if not is_probing(await manager.targets()):
        if not output.is_json:
            output.line(DISABLED)
        return 0
    if not output.is_json:
        _write(_HEADINGS, Tone.HEADING, output)
        output.flush()
    left: int | None = arguments.count
    async with aclosing(manager.follow_probes()) as probes:
        async for probe in probes:
            if output.is_json:
                output.json_line(probe)
            else:
                _show(probe, started, output)
            output.flush()
            left = None if left is None else left - 1
            if left == 0 or not output.is_read:
                break
    return 0


def _show(probe: Mapping[str, Any], started: datetime, output: Output) -> None:
    try:
        outcome = ProbeOutcome(probe["outcome"])
        cells = (
            f"{probe['time_us'] / 1_000_000 - started.timestamp():.2f}s",
            str(probe["interface"]),
            str(probe["sequence"]),
            *(_round_trip(probe[key], outcome) for key in ("network_rtt_us", "rtt_us")),
            str(probe["target"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise RcmError(
            f"the probes of rcmd are not understood ({error!r}); is it of another version?"
        ) from error
    _write(cells, _TONES[outcome], output)


def _round_trip(time_us: int | None, outcome: ProbeOutcome) -> str:
    """`--` for a lost probe, `?` where nobody knows."""
    if time_us is None:
        return "?" if outcome is ProbeOutcome.UNKNOWN else NOTHING
    return f"{time_us / 1000:.2f}ms"


def _write(cells: tuple[str, ...], tone: Tone, output: Output) -> None:
    text = "".join(
        cell + " " * max(width - len(cell), 1) for cell, width in zip(cells, _WIDTHS, strict=True)
    )
    output.line(Span(text.rstrip(), tone))


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise ArgumentTypeError(f"{text!r} is not a number of probes")
    return int(text)


VERB = Verb("probes", "show each probe as it is answered or lost", _run, _add_arguments)
