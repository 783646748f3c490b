"""NetworkManager's lists of devices (NetworkManager.conf(5), "Device List Format")."""

from __future__ import annotations

import re

from rcmd.configuration.conflicts.answer import Answer, every, matches_glob, some, yes_if
from rcmd.configuration.conflicts.device import Device, plain_address

_EXCEPT = "except:"


def list_matches(text: str, device: Device) -> Answer:
    """One word matches, and none of the exceptions; where there are only those, that will do."""
    if "\\" in text:
        return Answer.UNKNOWN
    words = [word.strip() for word in re.split("[,;]", text) if word.strip()]
    if not words:
        return Answer.NO
    wanted = [_matches(word, device) for word in words if not word.startswith(_EXCEPT)]
    unwanted = [
        _exempts(word.removeprefix(_EXCEPT), device) for word in words if word.startswith(_EXCEPT)
    ]
    is_wanted = some(wanted) if wanted else Answer.YES
    return every((is_wanted, some(unwanted).opposite))


def _exempts(word: str, device: Device) -> Answer:
    """An exception has to say what it compares."""
    return _matches(word, device) if ":" in word else Answer.UNKNOWN


def _matches(word: str, device: Device) -> Answer:
    kind, colon, value = word.partition(":")
    match kind if colon else "":
        case "interface-name":
            return _has_name(value, device)
        case "mac":
            return _has_address(value, device)
        case "driver":
            return _has_driver(value, device)
        case "type":
            return _has_type(value, device)
        case "s390-subchannels" | "dhcp-plugin" | "except":
            return Answer.UNKNOWN
    if word in ("*", device.name):
        return Answer.YES
    return _has_address(word, device) if colon else Answer.NO


def _has_name(value: str, device: Device) -> Answer:
    if value.startswith("="):
        return yes_if(holds=value[1:] == device.name)
    pattern = value.removeprefix("~")
    return Answer.UNKNOWN if "[" in pattern else matches_glob(device.name, pattern)


def _has_address(value: str, device: Device) -> Answer:
    """The permanent one; that in use where there is no other."""
    if device.permanent_address is None:
        return Answer.UNKNOWN
    known = device.permanent_address or device.hardware_address
    if known is None:
        return Answer.UNKNOWN
    return yes_if(holds=plain_address(value) == plain_address(known))


def _has_driver(value: str, device: Device) -> Answer:
    if device.driver is None or "/" in value:
        return Answer.UNKNOWN
    return yes_if(holds=value == device.driver)


def _has_type(value: str, device: Device) -> Answer:
    is_plain_ethernet = (device.type, device.kind) == ("ether", "")
    return yes_if(holds=value == "ethernet") if is_plain_ethernet else Answer.UNKNOWN
