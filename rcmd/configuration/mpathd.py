"""/etc/default/mpathd: the three Solaris keys (reference section 1.1, messages 1.15)."""

from __future__ import annotations

import re
from dataclasses import replace

from rcmd.configuration.files import MPATHD_PATH
from rcmd.configuration.findings import Findings, Near
from rcmd.configuration.text import numbered_lines, quoted
from rcmd.model.settings import Settings

LOWEST_DETECTION_MS = 100
HIGHEST_DETECTION_MS = 86_400_000
"""A day.  Solaris has no maximum, but the bus and the clock have."""


_TRACK = "TRACK_INTERFACES_ONLY_WITH_GROUPS"
_KEYS = ("FAILURE_DETECTION_TIME", "FAILBACK", _TRACK)


def parse_mpathd(text: str, path: str = MPATHD_PATH) -> tuple[Settings, Findings]:
    """The settings of the file over the defaults.

    It is read because it may be there, and nothing in it refuses anything: what is bad is a
    warning, and replaced as in Solaris (behaviours 41 and 43).
    """
    settings = Settings()
    findings = Findings()
    seen: dict[str, int] = {}
    for number, line in numbered_lines(text):
        content = line.partition("#")[0].strip()
        if not content:
            continue
        name, equals, value = content.partition("=")
        key = name.strip().upper()
        if not equals:
            message = f"expected KEY=value, found {quoted(content)}"
            findings.add(path, number, message, is_warning=True)
            continue
        if key in seen and key in _KEYS:
            message = f"{key} replaces the one at line {seen[key]}"
            findings.add(path, number, message, is_warning=True)
        seen[key] = number
        if key not in _KEYS:
            _unknown(findings, path, number, key)
            continue
        settings, problem = _apply(settings, key, _unquoted(value.strip()))
        if problem:
            findings.add(path, number, problem, is_warning=True)
    return settings, findings


def _unknown(findings: Findings, path: str, line: int, key: str) -> None:
    if key == "TRANSITIVE_PROBING":
        findings.add(path, line, f"{key} is not used here; ignored", is_warning=True)
    else:
        message = f"unknown key {quoted(key)}"
        findings.add(path, line, message, Near(key, _KEYS), is_warning=True)


def _apply(settings: Settings, key: str, value: str) -> tuple[Settings, str]:
    """The settings with the key's value, and what is wrong with it."""
    group = settings.default_group
    if key == "FAILURE_DETECTION_TIME":
        detection_ms, problem = _detection_time(value)
        group = replace(group, failure_detection_ms=detection_ms)
        return replace(settings, default_group=group), problem
    answer = _yes_or_no(value)
    if answer is None:
        return settings, f"Invalid value for {key} {quoted(value)}"
    if key == _TRACK:
        return replace(settings, track_interfaces_only_with_groups=answer), ""
    return replace(settings, default_group=replace(group, failback=answer)), ""


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
