"""dhcpcd: which interfaces it takes (dhcpcd.conf(5))."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from rcmd.configuration.conflicts.answer import Answer, matches_glob, some
from rcmd.configuration.conflicts.conflict import Claim, Manager, SourceText
from rcmd.configuration.conflicts.device import Device
from rcmd.configuration.conflicts.ini import numbered_lines

PATH = "/etc/dhcpcd.conf"


@dataclass(frozen=True, slots=True)
class Option:
    name: str
    words: tuple[str, ...]
    line: int


def dhcpcd_claim(device: Device, source: SourceText, *, is_in_use: bool) -> Claim | None:
    """Where the file names the device; else line 1 where dhcpcd takes all that it finds.

    `is_in_use`: it is started at boot, or runs, without a list of interfaces.
    """
    options = _options(source.text or "")
    denied = _among(_lists(options, "denyinterfaces"), device.name)
    allowing = _lists(options, "allowinterfaces")
    allowed = _among(allowing, device.name) if allowing else Answer.YES
    if source.text is None or denied is not Answer.NO or allowed is not Answer.YES:
        return None
    line = _named(options, device.name) or (allowing[0].line if allowing else 0)
    takes_everything = is_in_use and (device.type, device.kind) == ("ether", "")
    if not line and not takes_everything:
        return None
    advice = f"add `denyinterfaces {device.name}` before any `interface` line"
    return Claim(source.path, line or 1, Manager.DHCPCD, device.name, advice)


def _options(text: str) -> tuple[Option, ...]:
    """Those that are about interfaces."""
    found = []
    for number, line in numbered_lines(text):
        name, *words = re.split(r"[\s,]+", line.partition("#")[0].strip())
        if name in ("allowinterfaces", "denyinterfaces", "interface"):
            found.append(Option(name, tuple(word.strip('"') for word in words if word), number))
    return tuple(found)


def _lists(options: Iterable[Option], name: str) -> tuple[Option, ...]:
    return tuple(it for it in options if it.name == name)


def _among(options: Iterable[Option], name: str) -> Answer:
    return some(matches_glob(name, word) for option in options for word in option.words)


def _named(options: Iterable[Option], name: str) -> int:
    """The line of its `interface` block; 0 where it has none."""
    blocks = (it for it in options if it.name == "interface" and it.words[:1] == (name,))
    return next((it.line for it in blocks), 0)
