"""What the store holds, and what of it has changed and is not in its tables yet, as values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any

from rcmd.model.network import Identity
from rcmd.ports.store import HistoryEvent, Operation, OperationKind, SavedSysctls, Step

HISTORY_LIMIT = 10_000
"""Events kept; the oldest go first."""
OPERATIONS_KEPT = 100
NICS_KEPT = 1_000


@dataclass(slots=True)
class Contents:
    """All but the history, and operations that are over."""

    remembered: dict[str, str] = field(default_factory=dict)
    unfinished: dict[int, Operation] = field(default_factory=dict)
    sysctls: dict[tuple[str, int], SavedSysctls] = field(default_factory=dict)
    nics: dict[str, Identity] = field(default_factory=dict)
    """The one recorded last is the last."""
    settings: str | None = None
    last_operation: int = 0
    last_event: int = 0
    """Numbers; 0 before the first."""


@dataclass(slots=True)
class Changes:
    """Of each thing as it is now: whoever writes them twice changes nothing the second time."""

    remembered: dict[str, str] = field(default_factory=dict)
    operations: dict[int, Operation] = field(default_factory=dict)
    sysctls: dict[tuple[str, int], SavedSysctls | None] = field(default_factory=dict)
    """None: there are none any more."""
    nics: dict[str, Identity] = field(default_factory=dict)
    settings: str | None = None
    events: dict[int, HistoryEvent] = field(default_factory=dict)
    """By number, in the order in which they happened."""

    @property
    def are_lasting(self) -> bool:
        """Whether there is anything among them that a power cut must not take."""
        return bool(self.operations or self.nics) or self.settings is not None

    def __bool__(self) -> bool:
        return bool(self.are_lasting or self.remembered or self.sysctls or self.events)

    def add(self, later: Changes) -> None:
        """What is later counts.  However long nothing can be written, this does not grow."""
        self.remembered |= later.remembered
        self.operations |= later.operations
        self.sysctls |= later.sysctls
        for name, identity in later.nics.items():
            self.nics.pop(name, None)
            self.nics[name] = identity
        if later.settings is not None:
            self.settings = later.settings
        self.events |= later.events
        _keep_last(self.events, HISTORY_LIMIT)
        _keep_last(self.nics, NICS_KEPT)

    def to_text(self) -> str:
        """One line."""
        data = {
            "remembered": self.remembered,
            "operations": [asdict(it) for it in self.operations.values()],
            "sysctls": [
                [name, ifindex, None if saved is None else dict(saved.values)]
                for (name, ifindex), saved in self.sysctls.items()
            ],
            "nics": [asdict(it) for it in self.nics.values()],
            "settings": self.settings,
            "events": [
                [number, {**asdict(it), "detail": dict(it.detail)}]
                for number, it in self.events.items()
            ],
        }
        return json.dumps({name: value for name, value in data.items() if value})

    @classmethod
    def from_text(cls, text: str) -> Changes:
        """For what `to_text` never wrote, raises one of the errors of a wrong shape."""
        data = dict(json.loads(text))
        return cls(
            remembered={str(key): str(it) for key, it in dict(data.get("remembered", {})).items()},
            operations={it["number"]: _operation(it) for it in data.get("operations", ())},
            sysctls={
                (str(name), int(ifindex)): _sysctls(name, ifindex, values)
                for name, ifindex, values in data.get("sysctls", ())
            },
            nics={it["name"]: Identity(**it) for it in data.get("nics", ())},
            settings=data.get("settings"),
            events={int(number): HistoryEvent(**it) for number, it in data.get("events", ())},
        )


def _keep_last(items: dict[Any, Any], most: int) -> None:
    for key in list(islice(items, max(0, len(items) - most))):
        del items[key]


def _operation(data: Mapping[str, Any]) -> Operation:
    return Operation(
        **{
            **data,
            "kind": OperationKind(data["kind"]),
            "step": Step(data["step"]),
            "interfaces": tuple(data["interfaces"]),
        }
    )


def _sysctls(name: str, ifindex: int, values: Mapping[str, str] | None) -> SavedSysctls | None:
    return None if values is None else SavedSysctls(name, ifindex, dict(values))
