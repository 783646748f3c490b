"""Values out of JSON of unknown shape: what its annotations allow is understood, nothing else is.

Of a *record*, a dataclass whose fields stand by themselves, every field and every item of a
collection in it is read for itself: what cannot be understood is left out, and said.  Below that a
value is understood whole, or is a `Misfit`.

| a value of this type                 | in JSON is                                               |
|--------------------------------------|----------------------------------------------------------|
| a dataclass                          | an object by names, or an array in the order of fields   |
| a mapping                            | an object; its keys are texts                            |
| a set, a tuple                       | an array                                                 |
| an address, an interface, a network  | a text                                                   |
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from types import GenericAlias, NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

LONGEST = 255
"""Characters of a text."""
_INTEGERS = range(-(2**31), 2**32)
_OF_IP = (IPv4Address, IPv6Address, IPv4Interface, IPv6Interface, IPv4Network, IPv6Network)
_LONGEST_SHOWN = 60

Sound = Callable[[object], bool]
"""Whether a value of a dataclass makes sense beyond the types of its fields."""


class Misfit(ValueError):
    """It is not of that shape; the message says what it is instead."""


def read_record(record: type, data: object, is_sound: Sound) -> tuple[dict[str, Any], list[str]]:
    """The fields that are there, and a phrase for each thing that was left out."""
    if not isinstance(data, dict):
        return {}, [f"{_shown(data)} is not an object"]
    found: dict[str, Any] = {}
    lost: list[str] = []
    for name, kind in _hints(record).items():
        if name not in data:
            continue
        try:
            found[name] = _read_field(kind, data[name], is_sound, name, lost)
        except Misfit as misfit:
            lost.append(f"{name}: {misfit}")
    return found, lost


def _read_field(kind: Any, data: object, is_sound: Sound, name: str, lost: list[str]) -> Any:
    match get_origin(kind), get_args(kind):
        case made, (inner,) if made is frozenset:
            return frozenset(_understood(inner, _items(data), is_sound, name, lost))
        case made, (inner, more) if made is tuple and more is ...:
            return tuple(_understood(inner, _items(data), is_sound, name, lost))
        case made, (key, value) if made is Mapping:
            pairs = [[it, that] for it, that in _object(data).items()]
            pair = GenericAlias(tuple, (key, value))
            return dict(_understood(pair, pairs, is_sound, name, lost))
        case _ if isinstance(kind, type) and is_dataclass(kind):
            # A record in a record.
            inner_fields, inner_lost = read_record(kind, data, is_sound)
            lost += [f"{name}: {phrase}" for phrase in inner_lost]
            return kind(**inner_fields)
        case _:
            return read(kind, data, is_sound)


def _understood(
    kind: Any, items: list[Any], is_sound: Sound, name: str, lost: list[str]
) -> Iterator[Any]:
    for number, item in enumerate(items):
        try:
            yield read(kind, item, is_sound)
        except Misfit as misfit:
            lost.append(f"{name}[{number}]: {misfit}")


def read(kind: Any, data: object, is_sound: Sound) -> Any:
    """One value, whole.  Raises Misfit."""
    if isinstance(kind, UnionType):
        return _read_union(get_args(kind), data, is_sound)
    if kind in _OF_IP:
        return _read_ip(kind, data)
    if is_dataclass(kind):
        return _read_dataclass(kind, data, is_sound)
    match get_origin(kind), get_args(kind):
        case made, (inner,) if made is frozenset:
            return frozenset(read(inner, item, is_sound) for item in _items(data))
        case made, (inner, more) if made is tuple and more is ...:
            return tuple(read(inner, item, is_sound) for item in _items(data))
        case made, kinds if made is tuple:
            items = _items(data)
            if len(items) != len(kinds):
                raise Misfit(f"{len(items)} items instead of {len(kinds)}")
            return tuple(read(it, item, is_sound) for it, item in zip(kinds, items, strict=True))
        case made, (key, value) if made is Mapping:
            return {
                read(key, it, is_sound): read(value, that, is_sound)
                for it, that in _object(data).items()
            }
        case _:
            return _read_scalar(kind, data)


def _read_union(kinds: tuple[Any, ...], data: object, is_sound: Sound) -> Any:
    for kind in kinds:
        try:
            return read(kind, data, is_sound)
        except Misfit as misfit:
            reason = misfit
    raise reason


def _read_ip(kind: Any, data: object) -> Any:
    # They would take a number, too, and a scope.
    if not isinstance(data, str) or "%" in data or len(data) > LONGEST:
        raise Misfit(f"{_shown(data)} is not an address")
    try:
        return kind(data)
    except ValueError:
        raise Misfit(f"{_shown(data)} is not an address") from None


def _read_dataclass(kind: Any, data: object, is_sound: Sound) -> Any:
    hints = _hints(kind)
    if isinstance(data, list):
        if len(data) > len(hints):
            raise Misfit(f"{len(data)} items instead of {len(hints)}")
        given: Mapping[str, Any] = dict(zip(hints, data, strict=False))
    else:
        given = _object(data)
    values = {name: read(it, given[name], is_sound) for name, it in hints.items() if name in given}
    try:
        value = kind(**values)
    except TypeError:
        raise Misfit(f"{_shown(data)} is not complete") from None
    if not is_sound(value):
        raise Misfit(f"{_shown(data)} makes no sense")
    return value


def _read_scalar(kind: Any, data: object) -> Any:
    # JSON knows one kind of number, and Python takes a truth for one.
    is_number = isinstance(data, int | float) and not isinstance(data, bool)
    match data:
        case None if kind is NoneType:
            return None
        case bool() if kind is bool:
            return data
        case int() if kind is int and is_number and data in _INTEGERS:
            return data
        case int() | float() if kind is float and is_number and abs(data) < 2**63:
            return data if math.isfinite(data) else _refuse(kind, data)
        case str() if kind is str and len(data) <= LONGEST and _is_storable(data):
            return data
        case _:
            return _refuse(kind, data)


def _refuse(kind: Any, data: object) -> Any:
    raise Misfit(f"{_shown(data)} is not of type {kind.__name__}")


def _is_storable(text: str) -> bool:
    """Of what UTF-8 can hold: JSON knows halves of letters."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _items(data: object) -> list[Any]:
    if not isinstance(data, list):
        raise Misfit(f"{_shown(data)} is not an array")
    return data


def _object(data: object) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise Misfit(f"{_shown(data)} is not an object")
    return data


def _shown(data: object) -> str:
    match data:
        case list():
            return f"an array of {len(data)}"
        case dict():
            return f"an object of {len(data)}"
    text = ascii(data)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


@cache
def _hints(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind) if field.init}
