"""All configuration files together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rcmd.configuration.files import SETTINGS_PATH, ConfigurationFiles, hostname_interface
from rcmd.configuration.group_addresses import without_carriers, without_owned
from rcmd.configuration.interfaces import read_interfaces
from rcmd.configuration.mpathd import parse_mpathd
from rcmd.configuration.settings import ParsedSettings, parse_settings
from rcmd.configuration.text import quoted, suggestion
from rcmd.model import Configuration, Fault, InterfaceConfig, LoadSpreading, Weights


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the files say, as far as it can be made out, and everything wrong with them."""

    configuration: Configuration
    faults: tuple[Fault, ...] = ()
    """Sorted by file and line; `Fault.is_warning` tells which refuse nothing."""
    faulty: frozenset[str] = frozenset()
    """Interfaces with a fault, warnings aside; also those whose file gave no configuration."""

    @property
    def settings_faults(self) -> tuple[Fault, ...]:
        """Faults of rcmd.yaml, warnings aside: with one, a start takes the last good file."""
        return tuple(f for f in self.faults if f.file == SETTINGS_PATH and not f.is_warning)

    @property
    def has_errors(self) -> bool:
        """Is there a fault that is not just a warning?"""
        return any(not fault.is_warning for fault in self.faults)


def load(files: ConfigurationFiles, *, settings_text: str | None = None) -> Loaded:
    """Parse everything.  Never raises for what is in a file: a fault costs its line or value.

    `settings_text` takes the place of the rcmd.yaml in `files`, whose own faults are then left
    out: for a start with the last good one.
    """
    text = files.settings if settings_text is None else settings_text
    unreadable = tuple(
        fault for fault in files.faults if settings_text is None or fault.file != SETTINGS_PATH
    )
    base, mpathd_faults = parse_mpathd(files.mpathd)
    parsed = parse_settings(text, base)
    interfaces = read_interfaces(files)
    configs = {config.name: config for config in interfaces.configs}
    places = parsed.address_places
    settings, quarrels = without_owned(parsed.settings, places, interfaces.configs)
    faults = sorted(
        {
            *unreadable,
            *mpathd_faults,
            *parsed.faults,
            *_unused_groups(parsed, interfaces.configs),
            *_pointless(parsed),
            *quarrels,
            *without_carriers(settings, places, interfaces.configs),
            *interfaces.faults,
        }
    )
    faulty = {hostname_interface(f.file) for f in faults if not f.is_warning} - {""}
    return Loaded(Configuration(configs, settings), tuple(faults), frozenset(faulty))


def check(files: ConfigurationFiles) -> tuple[Fault, ...]:
    """Every fault and warning in the files, sorted by file and line."""
    return load(files).faults


def _unused_groups(
    parsed: ParsedSettings, configs: tuple[InterfaceConfig, ...]
) -> tuple[Fault, ...]:
    used = {config.group for config in configs if config.group}
    return tuple(
        Fault(
            SETTINGS_PATH,
            line,
            f"no interface is in group {quoted(name)}{suggestion(name, used)}",
            is_warning=True,
        )
        for name, line in parsed.group_lines.items()
        if name not in used
    )


def _pointless(parsed: ParsedSettings) -> Iterator[Fault]:
    """What is allowed, and does nothing."""
    for name, line in parsed.group_lines.items():
        group = parsed.settings.group(name)
        asks = group.is_resilient or group.weights is not Weights.EQUAL
        if asks and group.load_spreading is LoadSpreading.OFF:
            text = f"group {quoted(name)}: weights and resilient need load_spreading"
            yield Fault(SETTINGS_PATH, line, text, is_warning=True)
        own = {address.address.ip for address in group.addresses}
        for target in (it for it in group.targets if it in own):
            text = f"group {quoted(name)}: its target {target} is one of its own addresses"
            yield Fault(SETTINGS_PATH, line, text, is_warning=True)
