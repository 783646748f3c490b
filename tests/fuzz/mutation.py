"""Inputs that nobody would write: sound ones, damaged, and odd values of every kind."""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Sequence
from typing import Any

BYTES = (b"\0", b"\xff", b"\xff\xff\xff\xff", b"\n", b"\r\n", b"=", b"%s", b"\xc3\x28", b"\x80")
TEXTS = (
    "",
    " ",
    "\t",
    "\n",
    "\0",
    "\\",
    '"',
    "'",
    "#",
    "..",
    "../../etc/passwd",
    "%s%n",
    "{}",
    "hme0",
    "hme9",
    "eth\\xff",
    "slot:1",
    "pci:0000:00:00.0",
    "pci:",
    "::",
    "0.0.0.0/0",
    "255.255.255.255",
    "fe80::1%hme0",
    "\N{SNOWMAN}",
    "\N{RIGHT-TO-LEFT OVERRIDE}",
    "e\N{COMBINING ACUTE ACCENT}" * 40,
    "²",
    "٣",
    "null",
    "nan",
    "1e999",
    "-1",
    "9" * 5000,
    "a" * 300,
    "a/" * 200,
)
NUMBERS = (0, 1, 2, 127, 255, 256, 65535, 2**31 - 1, 2**31, 2**32 - 1)
LARGE = (*NUMBERS, 2**32, 2**53, 2**63 - 1, 2**63, 2**64 - 1)


class Chance(random.Random):
    """One for each input, so that any of them can be made again."""

    def once_in(self, times: int) -> bool:
        return self.randrange(times) == 0

    def damaged(self, data: bytes) -> bytes:
        """The same bytes, changed in up to four places."""
        result = bytearray(data)
        for _ in range(self.randrange(5)):
            at = self.randrange(len(result) + 1)
            match self.randrange(7):
                case 0 if result:
                    result[min(at, len(result) - 1)] ^= 1 << self.randrange(8)
                case 1:
                    result[at:at] = self.choice(BYTES)
                case 2:
                    del result[at : at + self.randrange(1, 9)]
                case 3:
                    del result[at:]
                case 4:
                    piece = self.choice(BYTES)
                    result[at : at + len(piece)] = piece
                case 5:
                    result[at:at] = result[self.randrange(len(result) + 1) :][:40]
                case 6:
                    result[at : at + 4] = self.randbytes(4)
        return bytes(result)

    def odd_text(self, *, most: int = 2000) -> str:
        """Of what UTF-8 can hold."""
        if self.once_in(4):
            return "".join(self.choices(string.printable, k=self.randrange(40)))
        return "".join(self.choices(TEXTS, k=self.randrange(1, 3)))[:most]

    def damaged_text(self, text: str) -> str:
        if self.once_in(3):
            # As it would be read from a file: not everything was UTF-8.
            return self.damaged(text.encode("utf-8", "replace")).decode("utf-8", "replace")
        words = text.split(" ")
        for _ in range(self.randrange(1, 4)):
            at = self.randrange(len(words) + 1)
            match self.randrange(4):
                case 0:
                    words[at:at] = [self.odd_text()]
                case 1:
                    del words[at : at + 1]
                case 2:
                    words[at : at + 1] = [self.odd_text()]
                case 3:
                    words[at:at] = words[self.randrange(len(words) + 1) :][:3]
        return " ".join(words)

    def damaged_data(self, data: Any) -> Any:
        """JSON in which something is of another shape."""
        if self.once_in(6) or not isinstance(data, list | dict) or not data:
            return self._odd_data()
        if isinstance(data, list):
            result = list(data)
            at = self.randrange(len(result))
            result[at] = self.damaged_data(result[at])
            return result
        key = self.choice(list(data))
        return {**data, key: self.damaged_data(data[key])}

    def _odd_data(self) -> Any:
        odd: Sequence[Callable[[], Any]] = (
            lambda: None,
            lambda: self.choice((True, False)),
            lambda: self.choice((-1, *LARGE, 2**70)),
            lambda: self.choice((0.5, -1e300, float("inf"), float("nan"))),
            self.odd_text,
            lambda: "\udcff",
            list,
            dict,
            lambda: [self.odd_text(), None],
            lambda: {self.odd_text(): self.odd_text()},
        )
        return self.choice(odd)()
