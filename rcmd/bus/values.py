"""Values on the bus: typed variants on the way out, plain values on the way in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rcmd.bus.library import Variant
from rcmd.foreign_text import escaped

VariantMap = dict[str, Variant]


def text(value: str) -> str:
    """The string as D-Bus can carry it: no NUL, no lone surrogate (a script may print anything)."""
    return escaped(value.replace("\0", "\N{REPLACEMENT CHARACTER}"))


def variant(value: str | bool | Sequence[str]) -> Variant:  # noqa: FBT001
    """A variant of type `b`, `s` or `as`."""
    match value:
        case bool():
            return Variant("b", value)
        case str():
            return Variant("s", text(value))
        case _:
            return Variant("as", [text(item) for item in value])


def variant_maps(value: Sequence[VariantMap]) -> Variant:
    """Rows, as `aa{sv}`."""
    return Variant("aa{sv}", list(value))


def unsigned(value: int) -> Variant:
    return Variant("u", value)


def unsigned_long(value: int) -> Variant:
    return Variant("t", value)


def plain(value: Any) -> Any:
    """The value with every variant in it unwrapped."""
    match value:
        case Variant():
            return plain(value.value)
        case Mapping():
            return {plain(key): plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case _:
            return value


def string_map(words: Mapping[str, str]) -> VariantMap:
    return {text(key): variant(word) for key, word in words.items()}
