"""ifupdown: the stanzas of /etc/network/interfaces (interfaces(5))."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rcmd.configuration.conflicts.conflict import Claim, Manager, SourceText
from rcmd.configuration.conflicts.ini import joined_lines

MAIN_PATH = "/etc/network/interfaces"
_HARMLESS = {"manual", "loopback"}


@dataclass(frozen=True, slots=True)
class Stanza:
    """`iface INTERFACE FAMILY METHOD`."""

    file: str
    line: int
    interface: str
    method: str

    @property
    def device(self) -> str:
        """`hme0:1` is an address on hme0."""
        return self.interface.partition(":")[0]


@dataclass(frozen=True, slots=True)
class Inclusion:
    """`source PATTERN` or `source-directory PATTERN`; an absolute path with shell wildcards."""

    pattern: str
    is_directory: bool


def read_stanzas(source: SourceText) -> Iterator[Stanza]:
    for number, line in joined_lines(source.text or "", "#"):
        words = line.split()
        if words[0] == "iface" and len(words) >= 4:
            yield Stanza(source.path, number, words[1], words[3])


def read_inclusions(source: SourceText) -> Iterator[Inclusion]:
    """What the shell would have to work out ($, `, ~ and quotes) is passed over."""
    folder = source.path.rpartition("/")[0]
    for _, line in joined_lines(source.text or "", "#"):
        keyword, *patterns = line.split()
        if keyword not in ("source", "source-directory"):
            continue
        for pattern in patterns:
            if pattern.isprintable() and not any(it in pattern for it in "$`~\"'\\"):
                path = pattern if pattern.startswith("/") else f"{folder}/{pattern}"
                yield Inclusion(path, keyword == "source-directory")


def ifupdown_claims(name: str, stanzas: Iterable[Stanza]) -> Iterator[Claim]:
    for stanza in stanzas:
        if stanza.device == name and stanza.method not in _HARMLESS:
            yield Claim(
                stanza.file,
                stanza.line,
                Manager.IFUPDOWN,
                name,
                "remove this stanza and what names it in `auto` and `allow-hotplug`, "
                "or make its method `manual` and take out its addresses",
            )
