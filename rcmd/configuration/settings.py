"""rcmd.yaml: the settings, over those of /etc/default/mpathd."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from typing import TypeVar

import yaml

from rcmd.configuration.files import SETTINGS_PATH
from rcmd.configuration.findings import Findings, Near, Wrong
from rcmd.configuration.group_addresses import GroupAddresses
from rcmd.configuration.hosts import literal_address
from rcmd.configuration.mpathd import HIGHEST_DETECTION_MS, LOWEST_DETECTION_MS
from rcmd.configuration.text import Place, quoted
from rcmd.configuration.values import group_name
from rcmd.configuration.yaml_tree import (
    BadValue,
    Document,
    Entry,
    milliseconds_of,
    text_of,
    truth_of,
)
from rcmd.model.kinds import LoadSpreading, ProbeMethod, Weights, WhenRemoved
from rcmd.model.network import IPAddress
from rcmd.model.settings import GroupSettings, Settings

E = TypeVar("E", bound=StrEnum)

_DEFAULTS = (
    "failure_detection_time",
    "failback",
    "probe",
    "targets",
    "load_spreading",
    "weights",
    "resilient",
    "when_removed",
)
"""For all groups at the top level, for one under its name."""
_OF_ONE_GROUP = ("addresses",)
_GROUP = (*_DEFAULTS, *_OF_ONE_GROUP)
_TOP = (
    *_DEFAULTS,
    *_OF_ONE_GROUP,
    "track_interfaces_only_with_groups",
    "groups",
    "hooks",
    "missing_at_boot",
)
_MOST_TARGETS = 256
"""Five at a time are probed."""
_DAY_MS = HIGHEST_DETECTION_MS

_detection_ms = partial(milliseconds_of, lowest=LOWEST_DETECTION_MS, highest=HIGHEST_DETECTION_MS)
_timeout_ms = partial(milliseconds_of, lowest=1, highest=_DAY_MS)
_wait_ms = partial(milliseconds_of, lowest=0, highest=_DAY_MS)


@dataclass(frozen=True, slots=True)
class ParsedSettings:
    settings: Settings
    findings: Findings = field(default_factory=Findings)
    group_lines: Mapping[str, int] = field(default_factory=dict)
    """Group -> the line of its overrides."""
    address_places: Mapping[IPAddress, Place] = field(default_factory=dict)
    """Where each address that a group shares is written."""


def parse_settings(text: str, base: Settings, path: str = SETTINGS_PATH) -> ParsedSettings:
    """Read rcmd.yaml over `base`.  What is at fault keeps the value it has in `base`."""
    document = Document(path, text)
    root = document.root()
    if root is None:
        return ParsedSettings(base, document.findings)
    settings = base
    groups: list[Entry] = []
    for entry in document.entries(root, "rcmd.yaml", _TOP):
        if entry.key == "groups":
            groups = document.entries(entry.value, "groups")
        else:
            settings = _top(document, entry, settings)
    # Last, because they inherit the defaults wherever those are written.
    addresses = GroupAddresses(document)
    overrides = _groups(document, groups, settings.default_group, addresses)
    return ParsedSettings(
        replace(settings, groups={**settings.groups, **overrides}),
        document.findings,
        {entry.key: entry.key_node.start_mark.line + 1 for entry in groups},
        addresses.places,
    )


def _top(document: Document, entry: Entry, settings: Settings) -> Settings:
    default = settings.default_group
    match entry.key:
        case key if key in _DEFAULTS:
            return replace(settings, default_group=_group_key(document, entry, default))
        case key if key in _OF_ONE_GROUP:
            text = f"{key}: belongs to one group: write it below `groups: {{NAME: ...}}`"
            document.fault(entry.key_node, text)
        case "track_interfaces_only_with_groups":
            tracks = settings.track_interfaces_only_with_groups
            tracks = document.value(entry, truth_of, tracks)
            return replace(settings, track_interfaces_only_with_groups=tracks)
        case "hooks":
            for inner in document.entries(entry.value, "hooks", ("timeout",)):
                current_ms = round(settings.hook_timeout_s * 1000)
                timeout_ms = document.value(inner, _timeout_ms, current_ms)
                settings = replace(settings, hook_timeout_s=timeout_ms / 1000)
        case "missing_at_boot":
            for inner in document.entries(entry.value, "missing_at_boot", ("wait",)):
                current_ms = round(settings.missing_at_boot_wait_s * 1000)
                wait_ms = document.value(inner, _wait_ms, current_ms)
                settings = replace(settings, missing_at_boot_wait_s=wait_ms / 1000)
    return settings


def _groups(
    document: Document, entries: list[Entry], default: GroupSettings, addresses: GroupAddresses
) -> dict[str, GroupSettings]:
    groups: dict[str, GroupSettings] = {}
    for entry in entries:
        try:
            name = group_name(entry.key)
        except Wrong as wrong:
            document.fault(entry.key_node, str(wrong))
            continue
        group = default
        for inner in document.entries(entry.value, f"group {quoted(name)}", _GROUP):
            if inner.key == "addresses":
                group = replace(group, addresses=addresses.read(inner, name))
            else:
                group = _group_key(document, inner, group)
        groups[name] = group
    return groups


def _group_key(document: Document, entry: Entry, group: GroupSettings) -> GroupSettings:
    match entry.key:
        case "failure_detection_time":
            time_ms = document.value(entry, _detection_ms, group.failure_detection_ms)
            return replace(group, failure_detection_ms=time_ms)
        case "failback":
            return replace(group, failback=document.value(entry, truth_of, group.failback))
        case "probe":
            method = document.value(entry, partial(_choice, ProbeMethod), group.probe)
            return replace(group, probe=method)
        case "load_spreading":
            how = document.value(entry, partial(_choice, LoadSpreading), group.load_spreading)
            return replace(group, load_spreading=how)
        case "weights":
            weights = document.value(entry, partial(_choice, Weights), group.weights)
            return replace(group, weights=weights)
        case "resilient":
            is_resilient = document.value(entry, truth_of, group.is_resilient)
            return replace(group, is_resilient=is_resilient)
        case "when_removed":
            policy = document.value(entry, partial(_choice, WhenRemoved), group.when_removed)
            return replace(group, when_removed=policy)
        case "targets":
            return replace(group, targets=_targets(document, entry))
    return group


def _choice(choices: type[E], node: yaml.Node) -> E:
    text = text_of(node)
    values = {choice.value: choice for choice in choices}
    if text in values:
        return values[text]
    expected = ", ".join(values)
    raise BadValue(node, f"expected one of {expected}, found {quoted(text)}", Near(text, values))


def _targets(document: Document, entry: Entry) -> tuple[IPAddress, ...]:
    """The good ones of the list; each bad one is a fault of its own."""
    targets: dict[IPAddress, None] = {}
    for item in document.items(entry, "[192.0.2.1, 192.0.2.2]", _MOST_TARGETS):
        try:
            target = _target(item)
        except BadValue as bad:
            document.fault(item, f"targets: {bad}")
            continue
        if target in targets:
            document.fault(item, f"targets: {target} is there twice", is_warning=True)
        else:
            targets[target] = None
    return tuple(targets)


def _target(node: yaml.Node) -> IPAddress:
    text = text_of(node)
    address = literal_address(text)
    if address is None:
        raise BadValue(node, f"{quoted(text)} is not an address")
    if address.is_multicast or address.is_unspecified or address.is_loopback:
        raise BadValue(node, f"{quoted(text)} is not the address of a router or host")
    return address
