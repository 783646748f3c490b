"""/etc/hosts: names to addresses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address

from rcmd.configuration.text import LONGEST_LINE, numbered_lines
from rcmd.model.network import Family, IPAddress, family_of

_LIKE_AN_ADDRESS = re.compile(r"[0-9a-fA-F:.]{2,45}")
"""To look is much faster than to try; 45 is INET6_ADDRSTRLEN less the closing NUL."""
_WORD = re.compile(r"(?:\\(?:\r?\n)?|[^\s/\\]){1,1000}")
"""A name has 255 characters at the most, and may be written with a backslash before each."""
_UNREAD = re.compile(r"\\(?:\r?\n)?|\ufeff")
"""A backslash removes itself and the line end that it joins; a byte order mark is nothing."""


@dataclass(slots=True)
class Hosts:
    """/etc/hosts and its likes.  Lines that make no sense are passed over: they are not ours."""

    texts: Mapping[str, str] = field(default_factory=dict)
    """Path -> text; earlier files come first."""
    wanted: Set[str] = frozenset()
    """Every word that may be asked for, in lower case: a few, of perhaps a hundred thousand."""
    _index: Mapping[str, list[str]] | None = None
    """Name -> what stands before it; made when the first name is asked for."""

    def find(self, name: str, family: Family) -> IPAddress | None:
        """The address of that family for the name, which is compared without case.

        The first that an interface can have: Debian writes `127.0.1.1 NAME` above the real line,
        lists of unwanted hosts `0.0.0.0 NAME`.  Where there is no such address, the first.
        """
        if self._index is None:
            self._index = _indexed(self.texts, self.wanted)
        found = [
            address
            for word in self._index.get(name.lower(), ())
            if (address := literal_address(word)) is not None and family_of(address) is family
        ]
        return next((it for it in found if _is_usable(it)), found[0] if found else None)


def words_of(texts: Iterable[str]) -> Set[str]:
    """Every word of hostname files that may be a name, in lower case, and many that are none."""
    return {_UNREAD.sub("", word[0]).lower() for text in texts for word in _WORD.finditer(text)}


def _indexed(texts: Mapping[str, str], wanted: Set[str]) -> dict[str, list[str]]:
    index: dict[str, list[str]] = {}
    for text in texts.values():
        for _, line in numbered_lines(text):
            words = line[:LONGEST_LINE].partition("#")[0].split()
            for word in words[1:]:
                name = word.lower()
                if name in wanted:
                    index.setdefault(name, []).append(words[0])
    return index


def _is_usable(address: IPAddress) -> bool:
    """Can it be a data address?  The kernel makes link-local IPv6 addresses by itself."""
    if isinstance(address, IPv6Address) and address.is_link_local:
        return False
    return not address.is_unspecified and can_be_had(address)


def can_be_had(address: IPAddress) -> bool:
    """Can an interface have it?  The unspecified address is for others to judge."""
    if address.is_multicast or address.is_loopback:
        return False
    return not (isinstance(address, IPv4Address) and address.is_reserved)


def literal_address(word: str) -> IPAddress | None:
    """The address that is written there, if one is; with a zone (`fe80::1%eth0`) it is none."""
    if not _LIKE_AN_ADDRESS.fullmatch(word):
        return None
    try:
        return IPv6Address(word) if ":" in word else IPv4Address(word)
    except ValueError:
        return None
