"""The verbs of rcmctl, each a module of that name with its `VERB`."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from rcmd.ctl.verb import Verb

NAMES = (
    "status",
    "groups",
    "interfaces",
    "addresses",
    "targets",
    "probes",
    "resources",
    "scripts",
    "operations",
    "history",
    "detach",
    "attach",
    "cancel",
    "offline",
    "online",
    "reload",
)


def verbs_for(words: Sequence[str]) -> tuple[Verb, ...]:
    """The one that is asked for, else all: to load all takes longer than to run one."""
    name = next((word for word in words if not word.startswith("-")), "")
    return tuple(map(_load, (name,) if name in NAMES else NAMES))


def _load(name: str) -> Verb:
    verb: Verb = import_module(f"rcmd.ctl.verbs.{name}").VERB
    return verb
