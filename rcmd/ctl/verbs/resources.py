"""`rcmctl resources`: slots, devices and interfaces, and what hangs on them."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Mapping
from typing import Any

from rcmd.ctl.output import Line, Output
from rcmd.ctl.table import table
from rcmd.ctl.verb import Manager, Verb
from rcmd.errors import RcmError

_INDENT = "  "


async def _run(manager: Manager, _: Namespace, output: Output) -> int:
    document = await manager.resources()
    if output.is_json:
        output.json(document)
        return 0
    for line in resource_table(document, output.width):
        output.line(*line)
    return 0


def resource_table(document: Mapping[str, Any], width: int | None) -> list[Line]:
    """What hangs on a resource is indented under it.

    Raises `RcmError` for a document of another version.
    """
    try:
        rows = [row for root in document["resources"] for row in _rows(root, 0)]
    except (KeyError, TypeError) as error:
        raise RcmError(
            f"the resources of rcmd are not understood ({error!r}); is it of another version?"
        ) from error
    return table(("RESOURCE", "KIND", "USAGE"), rows, width)


def _rows(resource: Mapping[str, Any], depth: int) -> Iterator[tuple[str, str, str]]:
    yield (f"{_INDENT * depth}{resource['name']}", resource["kind"], resource["note"])
    for child in resource["children"]:
        yield from _rows(child, depth + 1)


VERB = Verb(
    "resources",
    "show slots, devices and interfaces, and what hangs on them",
    _run,
    reads_documents=True,
)
