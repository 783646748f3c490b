"""systemd-networkd: which .network file takes a device (systemd.network(5))."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from rcmd.configuration.conflicts.answer import Answer, every, matches_glob, some, yes_if
from rcmd.configuration.conflicts.conflict import Claim, Manager, SourceText
from rcmd.configuration.conflicts.device import Device, plain_address
from rcmd.configuration.conflicts.ini import Entry, systemd_entries, truth

OURS = "05-rcmd.network"
"""What we ship: Unmanaged=yes for whatever 81-rcmd.rules has marked."""
MARK = "RCMD_MANAGED=1"
NETPLAN = "-netplan-"
"""In the name of every file that netplan makes."""


@dataclass(frozen=True, slots=True)
class NetworkFile:
    """A .network file that counts, with its drop-ins in the order they are read."""

    main: SourceText
    drop_ins: tuple[SourceText, ...] = ()


@dataclass(frozen=True, slots=True)
class Network:
    """What one file and its drop-ins say."""

    source: SourceText
    line: int
    """Where it says what it is for."""
    match: Mapping[str, tuple[str, ...]]
    """Key of [Match] -> its words; one of a list that begins with `!` has that before it."""
    is_unmanaged: Answer

    def matches(self, device: Device) -> Answer:
        if not self.match:
            # Everything by the man page; nothing as release 252 does it.
            return Answer.UNKNOWN
        return every(_test(key, words, device) for key, words in self.match.items())


def read_network(file: NetworkFile) -> Network:
    texts = [source.text for source in (file.main, *file.drop_ins)]
    entries = [entry for text in texts if text for entry in systemd_entries(text)]
    is_whole = None not in texts
    match = _match(entries) if is_whole else {}
    return Network(file.main, _line(file.main), match, _unmanaged(entries, is_whole=is_whole))


def networkd_claim(device: Device, networks: Iterable[Network]) -> Claim | None:
    """The claim of the first file, in the order of their names, that takes the device.

    A file that cannot be judged is passed over where it would manage the device, too; where it
    might leave it alone nothing that follows is certain.
    """
    networks = tuple(networks)
    for network in networks:
        matches = network.matches(device)
        if matches is Answer.NO:
            continue
        if network.is_unmanaged is not Answer.NO:
            return None
        if matches is Answer.YES:
            return Claim(
                network.source.path,
                network.line,
                Manager.NETWORKD,
                device.name,
                _advice(device, network.source, [it.source.name for it in networks]),
            )
    return None


def _line(source: SourceText) -> int:
    """Of `Name=`, or else of whatever stands first in [Match]."""
    entries = [it for it in systemd_entries(source.text or "") if it.section == "Match"]
    named = [it.line for it in entries if it.key == "Name"]
    return (named or [it.line for it in entries] or [1])[0]


def _match(entries: Iterable[Entry]) -> dict[str, tuple[str, ...]]:
    """Lists are merged; an empty value begins one anew."""
    found: dict[str, tuple[str, ...]] = {}
    for entry in entries:
        if entry.section != "Match":
            continue
        if not entry.value:
            found.pop(entry.key, None)
            continue
        mark = "!" if entry.value.startswith("!") else ""
        words = tuple(mark + word for word in entry.value.removeprefix("!").split())
        found[entry.key] = found.get(entry.key, ()) + words
    return found


def _unmanaged(entries: Iterable[Entry], *, is_whole: bool) -> Answer:
    if not is_whole:
        return Answer.UNKNOWN
    said = [truth(it.value) for it in entries if (it.section, it.key) == ("Link", "Unmanaged")]
    understood = [it for it in said if it is not None]
    return yes_if(holds=bool(understood) and understood[-1])


def _advice(device: Device, source: SourceText, names: Sequence[str]) -> str:
    if NETPLAN in source.name:
        return f"netplan made this file: take {device.name} out of /etc/netplan"
    if OURS not in names:
        return (
            f"install /etc/systemd/network/{OURS} and /etc/udev/rules.d/81-rcmd.rules, which keep "
            f"it off, or add a .network file of a lower name with Name={device.name} in [Match] "
            "and Unmanaged=yes in [Link]"
        )
    if source.name < OURS:
        return f"rename this file to come after {OURS}, which keeps systemd-networkd off"
    return (
        f"{OURS} keeps off only what 81-rcmd.rules has marked: install that, see that "
        f"/etc/hostname.{device.name} exists, and run `udevadm trigger --subsystem-match=net`"
    )


# --- the keys of [Match] ------------------------------------------------------------------------


def _test(key: str, words: Sequence[str], device: Device) -> Answer:
    test = _TESTS.get(key)
    return Answer.UNKNOWN if test is None else test(words, device)


def _name(words: Sequence[str], device: Device) -> Answer:
    """The name, or an alternative name: but whether udev has given those is not known."""
    by_name = _among_globs(words, device.name)
    if by_name is not Answer.NO:
        return by_name
    others = some(_among_globs(words, name) for name in device.alternative_names)
    return Answer.NO if others is Answer.NO else Answer.UNKNOWN


def _hardware_address(words: Sequence[str], device: Device) -> Answer:
    return _among_addresses(words, device.hardware_address)


def _permanent_address(words: Sequence[str], device: Device) -> Answer:
    return _among_addresses(words, device.permanent_address)


def _driver(words: Sequence[str], device: Device) -> Answer:
    return _among_globs(words, device.driver)


def _type(words: Sequence[str], device: Device) -> Answer:
    return _among_globs(words, device.type)


def _kind(words: Sequence[str], device: Device) -> Answer:
    return _among_globs(words, device.kind)


def _path(words: Sequence[str], device: Device) -> Answer:
    known = device.properties
    return _among_globs(words, None if known is None else known.get("ID_PATH", ""))


def _property(words: Sequence[str], device: Device) -> Answer:
    return every(_has_property(word, device) for word in words)


def _has_property(word: str, device: Device) -> Answer:
    wanted = word.removeprefix("!")
    if wanted == MARK:
        answer = yes_if(holds=device.is_marked)
    elif device.properties is None or any(letter in wanted for letter in "\"'\\*?["):
        answer = Answer.UNKNOWN
    else:
        key, _, value = wanted.partition("=")
        answer = yes_if(holds=device.properties.get(key) == value)
    return answer.opposite if word.startswith("!") else answer


def _among_globs(words: Sequence[str], value: str | None) -> Answer:
    """One word matches, and none of those with a `!`; where all have one, that will do."""
    if value is None:
        return Answer.UNKNOWN
    unwanted = [matches_glob(value, word[1:]) for word in words if word.startswith("!")]
    wanted = [matches_glob(value, word) for word in words if not word.startswith("!")]
    is_wanted = some(wanted) if wanted else Answer.YES
    return every((is_wanted, some(unwanted).opposite))


def _among_addresses(words: Sequence[str], value: str | None) -> Answer:
    if value is None:
        return Answer.UNKNOWN
    wanted = {plain_address(word) for word in words}
    return yes_if(holds=bool(value) and plain_address(value) in wanted)


_TESTS: Mapping[str, Callable[[Sequence[str], Device], Answer]] = {
    "Name": _name,
    "MACAddress": _hardware_address,
    "PermanentMACAddress": _permanent_address,
    "Driver": _driver,
    "Type": _type,
    "Kind": _kind,
    "Path": _path,
    "Property": _property,
}
"""Others (Host=, Virtualization=, SSID=, ...) cannot be judged from here."""
