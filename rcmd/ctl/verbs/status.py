"""`rcmctl status`: everything at a glance, what is wrong first."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from itertools import islice

from rcmd.ctl.moments import show
from rcmd.ctl.output import Line, Output, Span, Tone
from rcmd.ctl.picture import Picture, Underway, is_lost, picture_of
from rcmd.ctl.problems import problem_lines
from rcmd.ctl.table import Cell, blocks, table
from rcmd.ctl.verb import Manager, Verb
from rcmd.ctl.verbs.groups import group_table
from rcmd.ctl.verbs.interfaces import link, tone
from rcmd.model.status import AddressStatus, InterfaceStatus

_WIDTH = 80
"""Of output that does not go to a terminal."""

_INDENT = " " * 4
_HEADINGS = tuple(
    Span(heading, Tone.HEADING) for heading in ("INTERFACE", "STATE", "LINK", "GROUP", "FLAGS")
)

_EMPTY = (
    "Nothing is configured.",
    "Write a file /etc/hostname.IF for each interface, for example /etc/hostname.eth0:",
    "    192.168.85.19/24 group test",
    "and run `rcmctl reload`; hostname.rcmd(5) has the grammar.",
)


async def _run(manager: Manager, _: Namespace, output: Output) -> int:
    document = await manager.status()
    if output.is_json:
        output.json(document)
        return 0
    for line in report(picture_of(document), output.width or _WIDTH):
        output.line(*line)
    return 0


def report(picture: Picture, width: int) -> Iterator[Line]:
    """Yield the lines of the whole report."""
    status = picture.status
    is_empty = not (status.interfaces or status.addresses or picture.operations)
    if is_empty and not status.problems:
        yield from ((Span(text),) for text in _EMPTY)
        return
    yield from problem_lines(status.problems, width)
    if status.groups:
        yield ()
        yield from group_table(picture, width)
    if status.interfaces:
        yield ()
        yield from _interface_lines(picture, width)
    if picture.operations:
        yield ()
        yield from _operation_table(picture.operations, width)


def _interface_lines(picture: Picture, width: int) -> Iterator[Line]:
    """Each interface as a row of a table, its addresses indented under it."""
    interfaces = picture.status.interfaces
    heading, *rows = blocks(
        (_HEADINGS, *(_interface_row(interface) for interface in interfaces)), width
    )
    addresses = iter(
        blocks(
            (_address_row(one) for name in interfaces for one in _addresses(picture, name)),
            width - len(_INDENT),
        )
    )
    yield from heading
    for interface, row in zip(interfaces, rows, strict=True):
        yield from row
        for block in islice(addresses, len(_addresses(picture, interface))):
            yield from ((Span(_INDENT), *line) for line in block)


def _interface_row(interface: InterfaceStatus) -> tuple[Cell, ...]:
    return (
        interface.name,
        Span(interface.state, tone(interface)),
        link(interface),
        interface.group,
        " ".join(interface.flags),
    )


def _addresses(picture: Picture, interface: InterfaceStatus) -> tuple[AddressStatus, ...]:
    return picture.hosted_on(interface.name) + picture.homeless(interface.name)


def _address_row(address: AddressStatus) -> tuple[Cell, ...]:
    where = address.label or address.hosted_on if address.hosted_on else ""
    return (where or "", str(address.address), _description(address))


def _description(address: AddressStatus) -> Span:
    kind = str(address.kind)
    if not address.is_up:
        return Span(f"{kind}, down")
    if address.hosted_on is None:
        return Span(f"{kind}, nowhere", Tone.BAD if is_lost(address) else Tone.PLAIN)
    if not address.home:
        return Span(f"{kind}, shared")
    if address.hosted_on != address.home:
        return Span(f"{kind}, home {address.home}", Tone.WARNING)
    return Span(kind)


def _operation_table(operations: tuple[Underway, ...], width: int) -> list[Line]:
    return table(
        ("OPERATION", "RESOURCE", "STEP", "SINCE", "BY"),
        (
            (
                one.title,
                one.resource,
                one.step,
                show(one.started_us),
                one.caller,
            )
            for one in operations
        ),
        width,
    )


VERB = Verb(
    "status", "show everything at a glance, what is wrong first", _run, reads_documents=True
)
