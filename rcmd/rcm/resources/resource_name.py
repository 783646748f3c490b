"""How a resource is named by people, made into the one name that it has."""

from __future__ import annotations

import re

from rcmd.errors import InvalidArgument

_PCI = re.compile(
    r"(?:(?P<domain>[0-9a-f]{4,8}):)?(?P<bus>[0-9a-f]{2}):(?P<device>[01][0-9a-f])"
    r"(?:\.(?P<function>[0-7]))?"
)
_USB = re.compile(r"[0-9]+-[0-9]+(?:\.[0-9]+)*")
_UNUSABLE = re.compile(r"[\s/\x00-\x1f\x7f]")
"""In no name: an interface or slot cannot have it, and what it did in a path or a log is bad."""


def canonical_name(word: str) -> str:
    """`pci:03:00.0` -> `pci:0000:03:00.0`; hexadecimal digits become small.

    Raises InvalidArgument for what is no name of a resource, whether it is there or not.
    """
    if not word or _UNUSABLE.search(word):
        raise InvalidArgument(f"{word!r} is not the name of a resource")
    kind, colon, name = word.partition(":")
    match kind:
        case _ if not colon:
            return word
        case "slot" if name:
            return word
        case "pci":
            return f"pci:{_pci_address(word, name)}"
        case "usb" if _USB.fullmatch(name):
            return word
        case "ip":
            raise InvalidArgument(f"{word}: an address is no resource that can be asked for")
        case "slot" | "usb" | _:
            raise InvalidArgument(
                f"{word!r} is not the name of a resource; it is an interface name, slot:NAME,"
                " pci:0000:03:00, pci:0000:03:00.0 or usb:1-2"
            )


def _pci_address(word: str, name: str) -> str:
    found = _PCI.fullmatch(name.lower())
    if found is None:
        raise InvalidArgument(
            f"{word!r} is not a PCI address; a device is pci:0000:03:00,"
            " one function of it pci:0000:03:00.0"
        )
    device = f"{found['domain'] or '0000'}:{found['bus']}:{found['device']}"
    return f"{device}.{found['function']}" if found["function"] else device
