"""Carries out the choice of a hash: recorded before it is made, told, and given back at the end."""

from __future__ import annotations

from collections.abc import Mapping

from rcmd.ipmp.api.commands import ChooseHash, Report, Severity
from rcmd.model.kinds import LoadSpreading
from rcmd.ports.network import Devices
from rcmd.ports.store import Journal, SavedSysctls

RECORD = "/load-spreading"
"""In the place of a device's name, which has no slash."""


def choose_hash(choice: ChooseHash, devices: Devices, journal: Journal) -> Report | None:
    """What was changed, to be told; None where all is as it should be.  Raises RcmError."""
    saved = journal.saved_sysctls(RECORD, 0)
    is_off = choice.mode is LoadSpreading.OFF
    values = devices.hash_sysctls(choice.mode)
    if is_off and saved is not None:
        values = saved.values
    before = devices.differing_sysctls(values)
    if before and not is_off:
        journal.save_sysctls(SavedSysctls(RECORD, 0, before))
    if before:
        devices.put_sysctls(values)
    if is_off and saved is not None:
        # Only now: who dies in between must find what to put back.
        journal.take_sysctls(RECORD, 0)
    return _report(choice, before, values) if before else None


def _report(choice: ChooseHash, before: Mapping[str, str], values: Mapping[str, str]) -> Report:
    changes = ", ".join(
        f"{path.replace('/', '.')} {old} -> {values[path]}" for path, old in before.items()
    )
    reason = "no group spreads its load any more"
    if choice.mode is not LoadSpreading.OFF:
        reason = f"load_spreading: {choice.mode} of {', '.join(choice.groups)}"
    text = f"the hash of outgoing traffic was set for the whole machine: {changes} ({reason})"
    return Report(Severity.NOTICE, "hash", "rcmd", text, {"mode": str(choice.mode)})
