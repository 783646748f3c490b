"""YAML to values with a line for every fault.

Only the shape of the document is YAML's: what a scalar is depends on what is asked for, never on
how it looks.  That avoids the traps of YAML 1.1, where `52:54:00:12:34:56` is a number, `on` a
truth and `0755` octal; and duplicate keys, of which PyYAML silently takes the last, are faults.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import TypeVar

import yaml

from rcmd.configuration.findings import Findings, Near
from rcmd.configuration.text import last_line, quoted

T = TypeVar("T")

_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
"""The fast one, where PyYAML was built with libyaml."""
_DEEPEST = 32
"""Composing recurses without a limit of its own; far beyond what any setting needs."""
_MOST_VALUES = 200_000
"""Of all lists and mappings as they are read: an alias is read again wherever it stands."""

# What YAML forbids even in a comment, and what it takes for the end of a line where editors do not.
_NOT_YAML = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U000effff"
    "\U00100000-\U0010ffff]"
)
_STAND_IN = 0xF0000
"""Such characters are put where Unicode has nothing, in plane 15, until they are read."""
_STOOD_IN = re.compile("[\U000f0000-\U000fffff]")

_TAG = re.compile(r"^%TAG\b", re.MULTILINE)
_TRUTHS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}
_NOTHING = {"", "~", "null", "Null", "NULL"}


class BadValue(Exception):
    """A node is not what is needed there; the message says what is."""

    def __init__(self, node: yaml.Node, message: str, near: Near | None = None) -> None:
        super().__init__(message)
        self.node = node
        self.near = near


NESTED = "nested too deep"
_TOO_DEEP = "exceeded maximum nesting depth"


@dataclass(frozen=True, slots=True)
class Entry:
    key: str
    key_node: yaml.Node
    value: yaml.Node


@dataclass(slots=True)
class Document:
    """One file being read; collects its faults."""

    path: str
    text: str
    findings: Findings = field(default_factory=Findings)
    values: int = 0
    """So many have been read."""
    _lines: int = field(init=False)

    def __post_init__(self) -> None:
        self._lines = last_line(self.text)
        self.text = _NOT_YAML.sub(_stand_in, self.text)

    def root(self) -> yaml.Node | None:
        """The parsed document; None where it is empty or is not YAML, which is then a fault."""
        tag = _TAG.search(self.text)
        if tag is not None:
            # libyaml compares each with all before it.
            line = self.text.count("\n", 0, tag.start()) + 1
            self.fault_at(line, f"tags are not used here: {quoted('%TAG')}")
            return None
        try:
            if self._is_too_deep():
                return None
            return yaml.compose(self.text, Loader=_LOADER)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            # libyaml has a limit of its own, which older ones did not have.
            is_too_deep = error.problem == _TOO_DEEP
            problem = NESTED if is_too_deep else f"not YAML: {error.problem or error}"
            self.fault_at(mark.line + 1 if mark else 1, problem)
        return None

    def _is_too_deep(self) -> bool:
        depth = 0
        for event in yaml.parse(self.text, Loader=_LOADER):
            match event:
                case yaml.CollectionStartEvent():
                    depth += 1
                case yaml.CollectionEndEvent():
                    depth -= 1
            if depth > _DEEPEST:
                line = event.start_mark.line + 1 if event.start_mark else 1
                self.fault_at(line, NESTED)
                return True
        return False

    def fault_at(self, line: int, message: str) -> None:
        # YAML counts a lone carriage return as the end of a line, which an editor does not.
        self.findings.add(self.path, min(line, self._lines), message)

    def fault(
        self, node: yaml.Node, message: str, near: Near | None = None, *, is_warning: bool = False
    ) -> None:
        line = min(node.start_mark.line + 1, self._lines)
        self.findings.add(self.path, line, message, near, is_warning=is_warning)

    def read_on(self, node: yaml.CollectionNode) -> bool:
        """May the values of the node be read?  Else that is a fault, told once."""
        had_enough = self.values > _MOST_VALUES
        self.values += len(node.value)
        if self.values <= _MOST_VALUES:
            return True
        if not had_enough:
            text = f"more than {_MOST_VALUES} values, aliases counted each time"
            self.fault(node, f"{text}; the rest is ignored")
        return False

    def items(self, entry: Entry, example: str, most: int) -> list[yaml.Node]:
        """The items of a list; none where it has no value or, which is a fault, is no list.

        That there are more than the most is a fault, too, and the first ones are taken.
        """
        node = entry.value
        if isinstance(node, yaml.ScalarNode) and is_nothing(node):
            return []
        if not isinstance(node, yaml.SequenceNode):
            self.fault(node, f"{entry.key}: expected a list of addresses, as in {example}")
            return []
        if not self.read_on(node):
            return []
        if len(node.value) > most:
            text = f"{entry.key}: {len(node.value)} are too many, {most} can be given"
            self.fault(node, text)
        return list(node.value[:most])

    def entries(self, node: yaml.Node, what: str, known: Collection[str] = ()) -> list[Entry]:
        """The entries of a mapping, the first of each key; `known` empty allows every key."""
        if isinstance(node, yaml.ScalarNode) and is_nothing(node):
            return []
        if not isinstance(node, yaml.MappingNode):
            self.fault(node, f"{what}: expected `key: value` lines")
            return []
        if not self.read_on(node):
            return []
        found: dict[str, Entry] = {}
        for key_node, value in node.value:
            try:
                key = text_of(key_node)
            except BadValue as bad:
                self.fault(key_node, f"{what}: bad key: {bad}", bad.near)
                continue
            if key in found:
                first = found[key].key_node.start_mark.line + 1
                self.fault(key_node, f"duplicate key {quoted(key)}, first at line {first}")
            elif known and key not in known:
                self.fault(key_node, f"unknown key {quoted(key)} in {what}", Near(key, known))
            else:
                found[key] = Entry(key, key_node, value)
        return list(found.values())

    def value(self, entry: Entry, read: Callable[[yaml.Node], T], default: T) -> T:
        """The entry's value; where it is bad, that is a fault and the default is taken."""
        try:
            return read(entry.value)
        except BadValue as bad:
            self.fault(bad.node, f"{entry.key}: {bad}", bad.near)
            return default


def _stand_in(found: re.Match[str]) -> str:
    code = ord(found[0])
    # Who writes a character of that plane has written nothing that is allowed anywhere.
    return chr(_STAND_IN + (code if code < _STAND_IN else 0))


def is_plain(node: yaml.ScalarNode) -> bool:
    """Is it written without quotes or block marks?"""
    return not node.style


def is_nothing(node: yaml.ScalarNode) -> bool:
    return is_plain(node) and node.value in _NOTHING


def text_of(node: yaml.Node) -> str:
    """The text of a scalar, as it was written."""
    if not isinstance(node, yaml.ScalarNode):
        raise BadValue(node, "expected a single value")
    if node.tag != "tag:yaml.org,2002:str":
        raise BadValue(node, f"tags are not used here: {quoted(node.tag)}")
    if is_nothing(node):
        raise BadValue(node, "has no value")
    return _STOOD_IN.sub(lambda it: chr(ord(it[0]) - _STAND_IN), str(node.value))


def truth_of(node: yaml.Node) -> bool:
    """True or false; also yes, no, on and off, in any case, but not in quotes."""
    text = text_of(node)
    is_quoted = isinstance(node, yaml.ScalarNode) and not is_plain(node)
    if is_quoted or text.lower() not in _TRUTHS:
        raise BadValue(node, f"expected true or false, found {quoted(text)}")
    return _TRUTHS[text.lower()]


def milliseconds_of(node: yaml.Node, lowest: int, highest: int) -> int:
    """A duration such as `10s`, `500ms`, `1.5s` or `2m`, in whole milliseconds."""
    text = text_of(node)
    parts = re.fullmatch(r"([0-9]{1,9})(?:\.([0-9]{1,6}))?\s*(ms|s|m|h)", text)
    if parts is None:
        raise BadValue(node, f"expected a duration such as 10s or 500ms, found {quoted(text)}")
    whole, fraction, unit = parts[1], parts[2] or "", parts[3]
    scaled = int(whole + fraction) * _UNITS_MS[unit]
    time_ms, rest = divmod(scaled, int("1" + "0" * len(fraction)))
    if rest:
        raise BadValue(node, f"{quoted(text)} is not a whole number of milliseconds")
    if time_ms < lowest:
        raise BadValue(node, f"{quoted(text)} is less than the least, {_shown(lowest)}")
    if time_ms > highest:
        raise BadValue(node, f"{quoted(text)} is more than the most, {_shown(highest)}")
    return time_ms


def _shown(time_ms: int) -> str:
    return f"{time_ms}ms" if time_ms % 1000 else f"{time_ms // 1000}s"
