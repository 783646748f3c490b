"""NetworkManager: its configuration (NetworkManager.conf(5)) and its profiles.

From the strongest to the weakest: `unmanaged-devices` in [keyfile]; `managed` in a [device]
section; the mark NM_UNMANAGED that 81-rcmd.rules sets; else it takes whatever it finds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from rcmd.configuration.conflicts.answer import Answer
from rcmd.configuration.conflicts.conflict import Claim, Manager, SourceText
from rcmd.configuration.conflicts.device import Device
from rcmd.configuration.conflicts.device_list import list_matches
from rcmd.configuration.conflicts.ini import Entry, keyfile_entries, truth
from rcmd.configuration.text import Place, quoted

MAIN_PATH = "/etc/NetworkManager/NetworkManager.conf"
NETPLAN_PREFIX = "netplan-"
"""So begins the name of every profile that netplan makes."""


@dataclass(frozen=True, slots=True)
class DeviceSection:
    """[device] or [device-...]."""

    match: str | None
    """A device list; None: every device."""
    managed: bool | None
    place: Place
    """Of `managed`, where that is there."""
    is_last: bool
    """What it matches, no further section is asked about (`stop-match`)."""


@dataclass(frozen=True, slots=True)
class NetworkManagerSettings:
    sections: tuple[DeviceSection, ...] = ()
    """The strongest first."""
    unmanaged: str = ""
    """A device list: [keyfile] unmanaged-devices."""
    leaves_ifupdown_alone: bool = False
    """What /etc/network/interfaces names is not managed."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A connection that is bound to an interface, and started without being asked for."""

    place: Place
    interface: str
    name: str


def read_settings(sources: Iterable[SourceText]) -> NetworkManagerSettings | None:
    """The files in the order they are read; None where it is not certain what counts."""
    merged: dict[str, dict[str, tuple[str, Entry]]] = {}
    order: dict[str, tuple[int, int, int]] = {}
    for number, source in enumerate(sources):
        if source.text is None:
            return None
        entries = list(keyfile_entries(source.text))
        match _counts(source, entries):
            case Answer.NO:
                continue
            case Answer.UNKNOWN:
                return None
        for position, entry in enumerate(entries):
            if entry.section not in order or order[entry.section][0] != -number:
                # Later files first; in a file from top to bottom, and [device] itself last.
                order[entry.section] = (-number, int(entry.section == "device"), position)
            _merge(merged.setdefault(entry.section, {}), source.path, entry)
    names = [name for name in merged if name == "device" or name.startswith("device-")]
    return NetworkManagerSettings(
        tuple(_device_section(merged[name]) for name in sorted(names, key=order.__getitem__)),
        _value(merged, "keyfile", "unmanaged-devices"),
        "ifupdown" in _words(_value(merged, "main", "plugins"))
        and not truth(_value(merged, "ifupdown", "managed")),
    )


def read_profile(source: SourceText) -> Profile | None:
    entries = [it for it in keyfile_entries(source.text or "") if it.section == "connection"]
    said = {entry.key: entry for entry in entries}
    interface = said.get("interface-name")
    if interface is None or ("autoconnect" in said and truth(said["autoconnect"].value) is False):
        return None
    name = said["id"].value if "id" in said else source.name
    return Profile(Place(source.path, interface.line), interface.value, name)


def network_manager_claims(
    device: Device,
    settings: NetworkManagerSettings | None,
    profiles: Iterable[Profile],
    *,
    is_in_use: bool,
    is_ifupdowns: bool,
) -> Iterator[Claim]:
    """`is_ifupdowns`: /etc/network/interfaces names the device."""
    if settings is None or list_matches(settings.unmanaged, device) is not Answer.NO:
        return
    if is_ifupdowns and settings.leaves_ifupdown_alone:
        return
    standing, place = _standing(settings.sections, device)
    if standing in (Standing.UNMANAGED, Standing.UNCERTAIN):
        return
    if standing is Standing.MANAGED:
        yield _claim(device, place, _section_advice(device))
    bound = [it for it in profiles if it.interface == device.name]
    for profile in bound:
        yield _claim(device, profile.place, _profile_advice(device, profile))
    is_taken_unasked = is_in_use and not device.is_marked and not bound
    if standing is Standing.UNSAID and is_taken_unasked:
        yield _claim(device, Place(MAIN_PATH, 1), _default_advice(device))


# --- reading ------------------------------------------------------------------------------------


def _counts(source: SourceText, entries: Iterable[Entry]) -> Answer:
    """Is the file read at all?  [.config] can switch off any but the main file."""
    said = [it.value for it in entries if (it.section, it.key) == (".config", "enable")]
    if not said or source.path == MAIN_PATH:
        return Answer.YES
    match truth(said[-1]):
        case True:
            return Answer.YES
        case False:
            return Answer.NO
        case None:
            return Answer.UNKNOWN


def _merge(values: dict[str, tuple[str, Entry]], path: str, entry: Entry) -> None:
    """`key+=` adds to a list and `key-=` takes out of it."""
    key = entry.key.rstrip("+-")
    before = values[key][1].value if key in values else ""
    match entry.key.removeprefix(key):
        case "+":
            value = f"{before};{entry.value}"
        case "-":
            taken = _words(entry.value)
            value = ";".join(it for it in _words(before) if it not in taken)
        case _:
            value = entry.value
    values[key] = (path, Entry(entry.section, key, value, entry.line))


def _words(value: str) -> list[str]:
    return [word.strip() for word in re.split("[,;]", value)]


def _value(merged: Mapping[str, Mapping[str, tuple[str, Entry]]], section: str, key: str) -> str:
    found = merged.get(section, {}).get(key)
    return "" if found is None else found[1].value


def _device_section(values: Mapping[str, tuple[str, Entry]]) -> DeviceSection:
    said = {key: entry.value for key, (_, entry) in values.items()}
    path, entry = values.get("managed", ("", None))
    return DeviceSection(
        said.get("match-device"),
        None if entry is None else truth(entry.value),
        Place(path, 1 if entry is None else entry.line),
        bool(truth(said.get("stop-match", ""))),
    )


# --- deciding -----------------------------------------------------------------------------------


class Standing(Enum):
    """What the [device] sections say of a device."""

    MANAGED = "managed"
    UNMANAGED = "unmanaged"
    UNSAID = "unsaid"
    UNCERTAIN = "uncertain"


def _standing(sections: Iterable[DeviceSection], device: Device) -> tuple[Standing, Place]:
    """By the first section that matches and says something, and where it does."""
    for section in sections:
        if section.managed is None and not section.is_last:
            continue
        match Answer.YES if section.match is None else list_matches(section.match, device):
            case Answer.YES:
                return _SAID[section.managed], section.place
            case Answer.UNKNOWN:
                return Standing.UNCERTAIN, section.place
    return Standing.UNSAID, Place(MAIN_PATH, 1)


_SAID = {True: Standing.MANAGED, False: Standing.UNMANAGED, None: Standing.UNSAID}


def _claim(device: Device, place: Place, advice: str) -> Claim:
    return Claim(place.file, place.line, Manager.NETWORK_MANAGER, device.name, advice)


def _list_advice(device: Device) -> str:
    return f"set unmanaged-devices+=interface-name:{device.name} in [keyfile] of a file in conf.d"


def _section_advice(device: Device) -> str:
    return (
        "managed=1 outweighs the mark of 81-rcmd.rules: take the device out of match-device, or "
        + _list_advice(device)
    )


def _profile_advice(device: Device, profile: Profile) -> str:
    name = quoted(profile.name)
    if profile.place.file.rpartition("/")[2].startswith(NETPLAN_PREFIX):
        return f"netplan made the profile {name}: take {device.name} out of /etc/netplan"
    return (
        f"its profile {name} is for this interface: remove it (`nmcli connection delete`), or "
        + _list_advice(device)
    )


def _default_advice(device: Device) -> str:
    return (
        "it takes every device that nothing keeps it off: install 81-rcmd.rules, see that "
        f"/etc/hostname.{device.name} exists and run `udevadm trigger --subsystem-match=net`, or "
        + _list_advice(device)
    )
