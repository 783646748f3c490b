"""`rcmctl addresses`: where each address is, and where it belongs."""

from __future__ import annotations

from argparse import Namespace

from rcmd.ctl.output import Line, Output, Span, Tone
from rcmd.ctl.picture import Picture, is_lost, picture_of
from rcmd.ctl.table import table
from rcmd.ctl.verb import Manager, Verb
from rcmd.model.status import AddressStatus


async def _run(manager: Manager, _: Namespace, output: Output) -> int:
    document = await manager.status()
    if output.is_json:
        output.json({"addresses": document["addresses"]})
        return 0
    for line in address_table(picture_of(document), output.width):
        output.line(*line)
    return 0


def address_table(picture: Picture, width: int | None) -> list[Line]:
    return table(
        ("ADDRESS", "STATE", "KIND", "GROUP", "INBOUND", "HOME", "LABEL"),
        (
            (
                str(address.address),
                _state(address),
                str(address.kind),
                address.group,
                address.hosted_on or "",
                address.home,
                address.label if address.hosted_on else "",
            )
            for address in picture.status.addresses
        ),
        width,
    )


def _state(address: AddressStatus) -> Span:
    if not address.is_up:
        return Span("down")
    if address.hosted_on:
        return Span("up")
    return Span("nowhere", Tone.BAD if is_lost(address) else Tone.PLAIN)


VERB = Verb(
    "addresses",
    "show the addresses, where they are and where they belong",
    _run,
    reads_documents=True,
)
