"""Attach and reattach: a device that appears is configured from its files as they are now.

udev says when a device has its final name; rtnetlink says that it exists.  Either alone is enough:
what udev does not announce in time is taken at the kernel's word.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from rcmd.configuration import Loaded
from rcmd.configuration.files import hostname_interface
from rcmd.ipmp.api.commands import Report, Severity
from rcmd.ipmp.api.events import Attach, Configured, Together
from rcmd.ipmp.state.member import Intent
from rcmd.model.network import Identity, Link
from rcmd.model.settings import Configuration, InterfaceConfig
from rcmd.ports.store import Journal
from rcmd.rcm.runtime import Machine

log = logging.getLogger(__name__)

UDEV_GRACE_S = 2.0
"""How long udev may take to name a device before it is taken under the name it has."""


@dataclass(slots=True)
class Attacher:
    machine: Machine
    journal: Journal
    is_held: Callable[[str], bool] = field(default=lambda _: False)
    """Whether an operation works on the interface: it decides what becomes of its device."""
    seen: dict[int, tuple[str, ...]] = field(default_factory=dict)
    """Devices that were looked at under these names, so that each is taken once."""
    faulty: dict[str, str] = field(default_factory=dict)
    """Interfaces whose files had faults when they were last read, and the first of them."""

    def is_wanted(self, link: Link) -> bool:
        """Does a device wait to be taken into use?"""
        is_new = self.seen.get(link.ifindex) != link.names and not self._is_taken(link)
        return is_new and not self.is_held(link.name)

    def filed(self, link: Link) -> Link:
        """Called as it is called in /etc; where there is no file for it, as it is in our care."""
        filed = [it for it in link.names if self.machine.has_hostname_file(it)]
        return link.called_by(filed) if filed else link

    def _is_taken(self, link: Link) -> bool:
        member = self.machine.engine.scene.members.get(link.name)
        return member is not None and member.ifindex == link.ifindex

    def start(self, links: Iterable[Link], configuration: Configuration) -> None:
        """At start: everything that is here, at once, and with what it is to be.

        Nothing is decided in between: else a group whose devices are all others than before (they
        have other names, or their driver was loaded anew) would seem to have failed.
        """
        engine = self.machine.engine
        wanted = [
            link
            for link in (it.called_by(configuration.interfaces) for it in links)
            if link.name in configuration.interfaces
            and not engine.was_given_up(link.name, link.ifindex)
        ]
        self.seen.update((link.ifindex, link.names) for link in wanted)
        attached = [Attach(it.name, configuration.interfaces[it.name]) for it in wanted]
        known = self._known()
        self.machine.feed(Together((Configured(configuration), *attached)))
        for link in wanted:
            self._recognise(link.name, known)

    def forget(self, ifindex: int) -> None:
        self.seen.pop(ifindex, None)

    def take_if_free(self, link: Link, config: InterfaceConfig) -> None:
        """After a reload: what is in use, or was given up, stays so."""
        if not self._is_taken(link) and not self.is_held(link.name):
            self._take(link, config)

    def take(self, link: Link, loaded: Loaded | None) -> None:
        """Take a device into use that was not looked at before; None: there is no file for it."""
        if self.is_wanted(link):
            self.take_again(link, self.config_of(link.name, loaded))

    def take_again(self, link: Link, config: InterfaceConfig | None) -> bool:
        """Take a device into use, if there is a file for it or it was here before.  Was it?"""
        return self._take(link, config)

    def config_of(self, name: str, loaded: Loaded | None) -> InterfaceConfig | None:
        """As its files are now; what is wrong with them is told."""
        self.faulty.pop(name, None)
        if loaded is None:
            return None
        if name in loaded.faulty:
            self.faulty[name] = loaded.fault_of(name)
        for fault in loaded.faults:
            if not fault.is_warning and hostname_interface(fault.file) == name:
                report = Report(Severity.ERROR, "configuration", fault.file, str(fault))
                self.machine.report(report)
        return loaded.configuration.interfaces.get(name)

    def _take(self, link: Link, config: InterfaceConfig | None) -> bool:
        looked_at = self.seen.get(link.ifindex, ("",))
        self.seen[link.ifindex] = link.names
        scene = self.machine.engine.scene
        member = scene.members.get(link.name)
        known = self._known()
        if config is None and member is None:
            if looked_at[0] == link.kernel_name:
                # It has got an alternative name, and there is no file by that, either.
                return False
            if link.name in known:
                self._plumb_only(link)
            elif not link.kind:
                # One that the kernel has made up is no NIC that was ever here.
                self._recognise(link.name, known)
            return link.name in known
        is_return = member is not None and member.plumbed not in (0, link.ifindex)
        is_first = member is not None and member.plumbed == 0 and not scene.has_settled
        was_here = member is not None and member.plumbed == link.ifindex
        was_detached = member is not None and member.intent is Intent.DETACHED
        self.machine.feed(Attach(link.name, config))
        self._recognise(link.name, known)
        self.know(link.name)
        if is_return or was_detached:
            text = f"{link.name} is back"
            if config is None:
                text += f", without {self._file_text(link.name)}: plumbed only"
            self._report("reattach", link.name, text)
        elif not is_first and not was_here:
            self._report("attach", link.name, f"{link.name} was attached")
        return True

    def _known(self) -> dict[str, Identity]:
        return {identity.name: identity for identity in self.journal.known()}

    def know(self, name: str) -> None:
        """Record the NIC."""
        self.journal.know(self.machine.identify(name))

    def _plumb_only(self, link: Link) -> None:
        """No file, so nothing is known of its configuration (overview, "Reattaching NICs")."""
        self.machine.set_up(link.ifindex)
        if self.machine.refusals(link.name):
            # That was told.
            return
        text = f"{link.name} is back, without {self._file_text(link.name)}: plumbed only"
        self._report("reattach", link.name, text)

    def _file_text(self, name: str) -> str:
        return f"{'a usable ' if name in self.faulty else ''}/etc/hostname.{name}"

    def _recognise(self, name: str, known: dict[str, Identity]) -> None:
        """A NIC that was here under another name: that one's file will not be found by it."""
        present = {link.name for link in self.machine.engine.scene.view.links.values()}
        absent = [it for it in known.values() if it.name not in present]
        if not absent:
            # To ask the driver may take as long as somebody else keeps the kernel busy.
            return
        identity = self.machine.identify(name)
        earlier = earlier_of(identity, absent)
        if earlier is None or known.get(identity.name) == identity:
            return
        what = f"{identity.name} is the NIC that was known as {earlier.name}"
        if earlier.permanent_address != identity.permanent_address:
            what = f"{identity.name} is in the place of {earlier.name}"
        elif earlier.bus_path != identity.bus_path:
            what = f"{what}, in another place"
        where = ", ".join(it for it in (identity.permanent_address, identity.bus_path) if it)
        if self.machine.has_hostname_file(identity.name):
            advice = f"it is configured from /etc/hostname.{identity.name} now"
        else:
            advice = (
                f"there is no /etc/hostname.{identity.name}: rename the file of {earlier.name}, or"
                f" the device"
            )
        self._report("recognised", identity.name, f"{what} ({where}); {advice}")

    def _report(self, kind: str, name: str, text: str) -> None:
        self.machine.report(Report(Severity.NOTICE, kind, name, text))

    def fault_text(self, name: str) -> str:
        first = self.faulty.get(name) or f"/etc/hostname.{name}"
        return f"its hostname file has faults: {first}; see rcmd --check"


def earlier_of(identity: Identity, known: Iterable[Identity]) -> Identity | None:
    """Which of these it is, by its permanent hardware address, or else by its place on the bus."""
    others = [it for it in known if it.name != identity.name]
    for mark in (identity.permanent_address, identity.bus_path):
        for other in others if mark else ():
            if mark in (other.permanent_address, other.bus_path):
                return other
    return None
