"""`rcmctl reload`: read the configuration again."""

from __future__ import annotations

from argparse import Namespace

from rcmd.ctl.output import Output
from rcmd.ctl.verb import Manager, Verb


async def _run(manager: Manager, _: Namespace, output: Output) -> int:
    await manager.reload()
    if output.is_json:
        output.json({"result": "reloaded"})
    else:
        output.line("configuration reloaded")
    return 0


VERB = Verb("reload", "read the configuration files again", _run)
