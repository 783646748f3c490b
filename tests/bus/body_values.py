"""Values of a signature, in a form that belongs to neither D-Bus library."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from hypothesis import strategies as st

Wrap = Callable[[str, Any], Any]
"""The `Variant` of a library."""


@dataclass(frozen=True)
class Boxed:
    """A variant."""

    signature: str
    value: Any


def for_library(value: Any, wrap: Wrap) -> Any:
    match value:
        case Boxed(signature, inner):
            return wrap(signature, for_library(inner, wrap))
        case dict():
            return {key: for_library(item, wrap) for key, item in value.items()}
        case list():
            return [for_library(item, wrap) for item in value]
        case _:
            return value


def of_library(value: Any, wrap: Wrap) -> Any:
    """The way back: every sequence is a list, every array of bytes is `bytes`."""
    match value:
        case dict():
            return {key: of_library(item, wrap) for key, item in value.items()}
        case list() | tuple():
            return [of_library(item, wrap) for item in value]
        case bytearray():
            return bytes(value)
        case _ if isinstance(value, wrap):
            return Boxed(value.signature, of_library(value.value, wrap))
        case _:
            return value


def complete_types(signature: str) -> list[str]:
    """`sa{sv}as` has three."""
    found = []
    while signature:
        end = _end_of_first(signature)
        found.append(signature[:end])
        signature = signature[end:]
    return found


def _end_of_first(signature: str) -> int:
    match signature[0]:
        case "a":
            return 1 + _end_of_first(signature[1:])
        case "(" | "{":
            depth = 0
            for at, character in enumerate(signature):
                depth += (character in "({") - (character in ")}")
                if depth == 0:
                    return at + 1
            raise ValueError(signature)
        case _:
            return 1


def _whole(bits: int, *, is_signed: bool) -> st.SearchStrategy[int]:
    low = -(2 ** (bits - 1)) if is_signed else 0
    return st.integers(low, low + 2**bits - 1)


_TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
_NAMES = st.text("abcXYZ019_", min_size=1, max_size=6)
_BASIC: dict[str, st.SearchStrategy[Any]] = {
    "b": st.booleans(),
    "y": _whole(8, is_signed=False),
    "n": _whole(16, is_signed=True),
    "q": _whole(16, is_signed=False),
    "i": _whole(32, is_signed=True),
    "u": _whole(32, is_signed=False),
    "x": _whole(64, is_signed=True),
    "t": _whole(64, is_signed=False),
    "d": st.floats(allow_nan=False),
    "s": _TEXT,
    "g": st.sampled_from(["", "s", "a{sv}", "(ii)as"]),
    "o": st.lists(_NAMES, max_size=3).map(lambda names: "/" + "/".join(names)),
}

VARIANT_TYPES = [*_BASIC, "as", "ay", "ao", "au", "at", "a{ss}", "a{sv}", "(sb)", "aa{sv}", "a(ys)"]


@cache
def values_of(one: str, depth: int = 3) -> st.SearchStrategy[Any]:
    """Values of one complete type; `depth` bounds how deep variants are in each other."""
    if one in _BASIC:
        return _BASIC[one]
    if one == "v":
        types = VARIANT_TYPES if depth else [*_BASIC]
        return st.sampled_from(types).flatmap(
            lambda inner: values_of(inner, depth - 1).map(lambda value: Boxed(inner, value))
        )
    if one == "ay":
        return st.binary(max_size=9)
    if one.startswith("a{"):
        key, item = complete_types(one[2:-1])
        return st.dictionaries(values_of(key, depth), values_of(item, depth), max_size=3)
    if one.startswith("a"):
        return st.lists(values_of(one[1:], depth), max_size=3)
    return bodies_of(one[1:-1], depth)


@cache
def bodies_of(signature: str, depth: int = 3) -> st.SearchStrategy[list[Any]]:
    return st.tuples(*(values_of(one, depth) for one in complete_types(signature))).map(list)
