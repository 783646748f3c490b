"""/etc/default/mpathd: the three Solaris keys (reference section 1.1, messages 1.15)."""

from __future__ import annotations

import re
from dataclasses import replace

from rcmd.configuration.files import MPATHD_PATH
from rcmd.configuration.text import quoted, suggestion
from rcmd.model import Fault, Settings

LOWEST_DETECTION_MS = 100
HIGHEST_DETECTION_MS = 86_400_000
"""A day.  Solaris has no maximum, but the bus and the clock have."""


_TRACK = "TRACK_INTERFACES_ONLY_WITH_GROUPS"
_KEYS = ("FAILURE_DETECTION_TIME", "FAILBACK", _TRACK)


def parse_mpathd(text: str, path: str = MPATHD_PATH) -> tuple[Settings, tuple[Fault, ...]]:
    """The settings of the file over the defaults.

    A bad value is a fault and is replaced as in Solaris, so the settings can always be used
    (behaviours 41 and 43).
    """
    settings = Settings()
    faults: list[Fault] = []
    seen: dict[str, int] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        content = line.partition("#")[0].strip()
        if not content:
            continue
        name, equals, value = content.partition("=")
        key = name.strip().upper()
        if not equals:
            faults.append(Fault(path, number, f"expected KEY=value, found {quoted(content)}"))
            continue
        if key in seen:
            message = f"{key} replaces the one at line {seen[key]}"
            faults.append(Fault(path, number, message, is_warning=True))
        seen[key] = number
        settings, problem, is_warning = _apply(settings, key, _unquoted(value.strip()))
        if problem:
            faults.append(Fault(path, number, problem, is_warning))
    return settings, tuple(faults)


def _apply(settings: Settings, key: str, value: str) -> tuple[Settings, str, bool]:
    """The settings with the key's value, what is wrong with it, and whether that is a warning."""
    match key:
        case "FAILURE_DETECTION_TIME":
            detection_ms, problem = _detection_time(value)
            group = replace(settings.default_group, failure_detection_ms=detection_ms)
            return replace(settings, default_group=group), problem, False
        case "FAILBACK":
            answer = _yes_or_no(value)
            if answer is None:
                return settings, f"Invalid value for FAILBACK {quoted(value)}", False
            group = replace(settings.default_group, failback=answer)
            return replace(settings, default_group=group), "", False
        case "TRACK_INTERFACES_ONLY_WITH_GROUPS":
            answer = _yes_or_no(value)
            if answer is None:
                return settings, f"Invalid value for {_TRACK} {quoted(value)}", False
            return replace(settings, track_interfaces_only_with_groups=answer), "", False
        case "TRANSITIVE_PROBING":
            return settings, f"{key} is not used here; ignored", True
        case _:
            return settings, f"unknown key {quoted(key)}{suggestion(key, _KEYS)}", True


def _detection_time(value: str) -> tuple[int, str]:
    """Milliseconds; 0x and 0 in front mean base 16 and 8, as in C."""
    default = Settings().default_group.failure_detection_ms
    invalid = f"Invalid failure detection time {quoted(value)}, assuming default {default}"
    if re.fullmatch(r"0[xX][0-9a-fA-F]+", value):
        time_ms = int(value, 16)
    elif re.fullmatch(r"0[0-7]*", value):
        time_ms = int(value, 8)
    elif re.fullmatch(r"[1-9][0-9]{0,18}", value):
        time_ms = int(value)
    else:
        return default, invalid
    if time_ms == 0:
        return default, invalid
    if time_ms < LOWEST_DETECTION_MS:
        return LOWEST_DETECTION_MS, (
            f"Too small failure detection time of {quoted(value)}, "
            f"assuming minimum {LOWEST_DETECTION_MS}"
        )
    if time_ms > HIGHEST_DETECTION_MS:
        return HIGHEST_DETECTION_MS, (
            f"Too large failure detection time of {quoted(value)}, "
            f"assuming maximum {HIGHEST_DETECTION_MS}"
        )
    return time_ms, ""


def _yes_or_no(value: str) -> bool | None:
    """As Solaris 10 compares: the first letters, without case."""
    if value.lower().startswith("yes"):
        return True
    return False if value.lower().startswith("no") else None


def _unquoted(value: str) -> str:
    """Files in /etc/default are often written for a shell: `KEY="value"`."""
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return value
