"""All configuration files together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rcmd.configuration.files import (
    MPATHD_PATH,
    SETTINGS_PATH,
    ConfigurationFiles,
    HostnameName,
    hostname_interface,
    hostname_name,
    ignored,
)
from rcmd.configuration.findings import Findings, Near
from rcmd.configuration.group_addresses import warn_of_no_carrier, without_owned
from rcmd.configuration.interface_files.interfaces import read_interfaces
from rcmd.configuration.mpathd import parse_mpathd
from rcmd.configuration.settings import ParsedSettings, parse_settings
from rcmd.configuration.text import foreign_bytes, printable, quoted
from rcmd.model.kinds import LoadSpreading
from rcmd.model.settings import Configuration, Fault, GroupSettings, InterfaceConfig


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the files say, as far as it can be made out, and everything wrong with them."""

    configuration: Configuration
    faults: tuple[Fault, ...] = ()
    """The first hundred, sorted by file and line; `Fault.is_warning` tells which refuse nothing."""
    faulty: frozenset[str] = frozenset()
    """Interfaces with a fault, warnings aside; also those whose file gave no configuration."""
    more: int = 0
    """So many faults are not among those above."""
    distrusted: tuple[Fault, ...] = ()
    """Warnings of files that others than root may write; among the faults, too."""
    answer: str = ""
    """What a start has put in the place of a bad rcmd.yaml, in words."""

    @property
    def settings_faults(self) -> tuple[Fault, ...]:
        """Faults of rcmd.yaml, warnings aside: with one, a start takes the last good file."""
        return tuple(f for f in self.errors if f.file == SETTINGS_PATH)

    @property
    def errors(self) -> tuple[Fault, ...]:
        """The faults that are not just warnings."""
        return tuple(fault for fault in self.faults if not fault.is_warning)

    def fault_of(self, interface: str) -> str:
        """The first fault of an interface's files, with its place; empty where none is listed."""
        return self.faults_of(interface).partition("\n")[0]

    def faults_of(self, interface: str) -> str:
        """All that are listed of an interface's files, one a line."""
        own = (str(it) for it in self.errors if hostname_interface(it.file) == interface)
        return "\n".join(own)

    @property
    def refusal(self) -> str:
        """Why the files are not taken, a line for each fault."""
        lines = [str(fault) for fault in self.errors]
        return "\n".join([*lines, f"and {self.more} more"] if self.more else lines)

    @property
    def has_errors(self) -> bool:
        """Is there a fault that is not just a warning?"""
        return bool(self.errors)


def load(files: ConfigurationFiles, *, settings_text: str | None = None) -> Loaded:
    """Parse everything.  Never raises for what is in a file: a fault costs its line or value.

    Takes a time in proportion to the size of the files, up to a second for the largest that are
    read, and is therefore for a thread.

    `settings_text` takes the place of the rcmd.yaml in `files`, whose own faults are then left
    out: for a start with the last good one.
    """
    text = files.settings if settings_text is None else settings_text
    base, found = parse_mpathd(files.mpathd)
    # First those of rcmd.yaml: a thousand faults elsewhere must not hide that it is not usable.
    parsed = parse_settings(text, base)
    findings = parsed.findings
    for fault in (*sorted(files.faults, key=_is_elsewhere), *files.distrusted):
        if settings_text is None or fault.file != SETTINGS_PATH:
            findings.add_fault(fault)
    names = _names(files, findings)
    interfaces = read_interfaces(files, names, findings)
    settings = without_owned(parsed.settings, parsed.address_places, interfaces, findings)
    _warn_of_unused_groups(parsed, interfaces, findings)
    _warn_of_pointless(parsed, findings)
    warn_of_no_carrier(settings, parsed.address_places, interfaces, findings)
    findings.take(found)
    hostname = {name.path: files.hostname[name.path] for name in names}
    own = {SETTINGS_PATH: text, MPATHD_PATH: files.mpathd, **hostname, **files.netmasks}
    _warn_of_bytes(own, findings)
    return Loaded(
        Configuration({config.name: config for config in interfaces}, settings),
        findings.faults,
        frozenset(hostname_interface(file) for file in +findings.files) - {""},
        findings.more,
        files.distrusted,
    )


def _is_elsewhere(fault: Fault) -> bool:
    return fault.file != SETTINGS_PATH


def check(files: ConfigurationFiles) -> tuple[Fault, ...]:
    """The faults and warnings in the files, sorted by file and line."""
    return load(files).faults


def missing_devices(files: ConfigurationFiles, loaded: Loaded) -> tuple[Fault, ...]:
    """Warnings for the files of devices that are not there: of a system that is running."""
    if files.devices is None:
        return ()
    wanted = {*loaded.configuration.interfaces, *loaded.faulty} - files.devices
    return tuple(
        Fault(name.path, 1, f"no device is called {name.interface}", is_warning=True)
        for name in map(hostname_name, sorted(files.hostname))
        if isinstance(name, HostnameName) and name.interface in wanted
    )


def _names(files: ConfigurationFiles, findings: Findings) -> list[HostnameName]:
    """What the names of the hostname files say, of those that are about an interface."""
    left_out = ignored((*files.hostname, *files.dhcp), files.devices)
    for path, reason in left_out.items():
        findings.add(printable(path), 1, reason, is_warning=True)
    names: list[HostnameName] = []
    for path in files.hostname.keys() - left_out.keys():
        name = hostname_name(path)
        if isinstance(name, HostnameName):
            names.append(name)
        elif name is not None:
            findings.add_fault(name)
    return names


def _warn_of_bytes(texts: Mapping[str, str], findings: Findings) -> None:
    """Bytes that are not UTF-8, unless their line has been told of already."""
    told = {(fault.file, fault.line) for fault in (*findings.errors, *findings.warnings)}
    for path, text in texts.items():
        for line, byte in foreign_bytes(text):
            if (path, line) not in told:
                findings.add(path, line, f"the byte {byte} is not UTF-8 text", is_warning=True)


def _warn_of_unused_groups(
    parsed: ParsedSettings, configs: tuple[InterfaceConfig, ...], findings: Findings
) -> None:
    used = {config.group: None for config in configs if config.group}
    for name, line in parsed.group_lines.items():
        if name not in used:
            text = f"no interface is in group {quoted(name)}"
            findings.add(SETTINGS_PATH, line, text, Near(name, used), is_warning=True)


def _warn_of_pointless(parsed: ParsedSettings, findings: Findings) -> None:
    """What is allowed, and does nothing."""
    default = parsed.settings.default_group
    for name, line in parsed.group_lines.items():
        for text in _pointless(parsed.settings.group(name), default):
            message = f"group {quoted(name)}: {text}"
            findings.add(SETTINGS_PATH, line, message, is_warning=True)


def _pointless(group: GroupSettings, default: GroupSettings) -> Iterator[str]:
    # What is asked for all groups may be meant for the others.
    asks = group.is_resilient > default.is_resilient or group.weights is not default.weights
    if asks and group.load_spreading is LoadSpreading.OFF:
        yield "weights and resilient need load_spreading"
    own = {address.address.ip for address in group.addresses}
    for target in group.targets if own else ():
        if target in own:
            yield f"its target {target} is one of its own addresses"
