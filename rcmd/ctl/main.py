"""rcmctl: the administrator's tool, a client of the D-Bus service."""

from __future__ import annotations

import io
import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, cast

from rcmd.ctl.arguments import Misused, parse
from rcmd.ctl.output import Output, wants_colour
from rcmd.ctl.verb import Connect, Manager, Verb
from rcmd.ctl.verbs import verbs_for
from rcmd.errors import ConfigurationError, RcmError, Veto, Vetoed
from rcmd.foreign_text import escaped

_INTERRUPTED = 130


def main(words: Sequence[str] | None = None, connect: Connect | None = None) -> int:
    """Run one command and return its exit status, as `rcmd.errors` has them."""
    if words is None:
        words = [escaped(word) for word in sys.argv[1:]]
        _write_anything()
    has_colour = wants_colour(sys.stdout, os.environ)
    output = Output(sys.stdout, sys.stderr, is_json="--json" in words, has_colour=has_colour)
    try:
        return _execute(words, connect, output)
    except RcmError as error:
        return _refuse(error, output)
    finally:
        output.flush()


def _write_anything() -> None:
    """A name may hold what the terminal's encoding has no letters for."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _execute(words: Sequence[str], connect: Connect | None, output: Output) -> int:
    arguments = parse(words, verbs_for(words))
    verb: Verb = arguments.verb
    try:
        if connect is None and verb.reads_documents and "run_here" not in arguments:
            return _read(arguments, output)
        # Imported late: it takes longer than to read a document.
        import asyncio

        return asyncio.run(_run(arguments, connect or _over_dbus, output))
    except KeyboardInterrupt:
        return _interrupt(arguments, output)


def _read(arguments: Namespace, output: Output) -> int:
    from rcmd.bus.reader import DocumentReader, finish

    # It is as much of a manager as the verb needs: it said so.
    return finish(_run(arguments, cast(Connect, DocumentReader.connect), output))


def _over_dbus() -> AbstractAsyncContextManager[Manager]:
    from rcmd.bus.client import ManagerClient

    return ManagerClient.connect()


async def _run(arguments: Namespace, connect: Connect, output: Output) -> int:
    verb: Verb = arguments.verb
    if "run_here" in arguments:
        # It asks nothing of the daemon.
        status: int = await arguments.run_here(arguments, output)
        return status
    async with connect() as manager:
        return await verb.run(manager, arguments, output)


def _refuse(error: RcmError, output: Output) -> int:
    """Say what went wrong, and return its exit status."""
    if output.is_json:
        output.json({"error": _document(error)})
        return error.exit_status
    match error:
        case Vetoed() | ConfigurationError():
            output.complain(str(error))
        case Misused():
            output.complain(f"{error.usage}rcmctl: {error}")
        case _:
            output.complain(f"rcmctl: {error}")
    return error.exit_status


def _document(error: RcmError) -> dict[str, Any]:
    vetoes: tuple[Veto, ...] = error.vetoes if isinstance(error, Vetoed) else ()
    return {
        "name": error.bus_name,
        "message": str(error),
        "vetoes": [
            {"resource": veto.resource, "client": veto.client, "reason": veto.reason}
            for veto in vetoes
        ],
    }


def _interrupt(arguments: Namespace, output: Output) -> int:
    """Ctrl-C: how one ends what follows; what becomes of the rest, the verb knows."""
    if "follow" in arguments and arguments.follow:
        return 0
    verb: Verb = arguments.verb
    output.complain(f"rcmctl: interrupted; {verb.when_interrupted}")
    return _INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
