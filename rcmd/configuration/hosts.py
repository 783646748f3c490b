"""/etc/hosts: names to addresses."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

from rcmd.model import Family, IPAddress, family_of


@dataclass(frozen=True, slots=True)
class Hosts:
    """The text of /etc/hosts.  Lines that make no sense are passed over: it is not our file."""

    text: str = ""

    def find(self, name: str, family: Family) -> IPAddress | None:
        """The first address of that family for the name, which is compared without case."""
        wanted = name.lower()
        # Searched, not indexed: the file may have a hundred thousand names, of which one is asked.
        for line in self.text.split("\n"):
            if wanted not in line.lower():
                continue
            fields = line.partition("#")[0].split()
            if wanted in (field.lower() for field in fields[1:]):
                address = literal_address(fields[0])
                if address is not None and family_of(address) is family:
                    return address
        return None


def literal_address(word: str) -> IPAddress | None:
    """The address that is written there, if one is; with a zone (`fe80::1%eth0`) it is none."""
    if "%" in word:
        return None
    try:
        return ip_address(word)
    except ValueError:
        return None
