"""Text from outside: names, words and lines are bytes there, and need not be UTF-8.

What is not is shown escaped, `eth\\xff`, and made so where it comes in: beyond that a text can be
written to the log, to a file and to the bus, whatever it is.
"""

from __future__ import annotations

import re

_UNENCODABLE = re.compile("[\ud800-\udfff]")
_ESCAPED_BYTES = range(0xDC80, 0xDD00)
"""What Python makes of bytes of a file name, an argument or a variable (PEP 383)."""


def from_bytes(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace")


def escaped(text: str) -> str:
    """The same text, of which nothing is left that UTF-8 cannot hold."""
    # To know that takes no time, and the text may have megabytes.
    return text if text.isascii() else _UNENCODABLE.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code - 0xDC00:02x}" if code in _ESCAPED_BYTES else f"\\u{code:04x}"
