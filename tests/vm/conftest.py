"""A guest with the hotplug that the module names (`HOTPLUG`), and rcmd started anew in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import pytest

from . import code_disk
from .comparison import Comparison
from .daemon import Daemon, Member
from .guest import Guest
from .guest_house import GuestHouse
from .host import Host, settle
from .image.build import Image, image
from .wire import Wire

CARDS = (("nic0", 1, "10.99.0.10"), ("nic1", 2, "10.99.0.11"))
"""Name, slot and data address."""
COMPARISON = pytest.StashKey[Comparison]()


class StartHost(Protocol):
    def __call__(self, settings: str = "", others: Sequence[Member] = ()) -> Host: ...


@pytest.fixture(scope="session")
def wire() -> Iterator[Wire]:
    with Wire() as wire:
        yield wire


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    cells = config.stash.get(COMPARISON, Comparison())
    if cells.cells:
        terminalreporter.section("lost datagrams")
        for line in cells.table():
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def vm_comparison(pytestconfig: pytest.Config) -> Comparison:
    """What is put into it is shown at the end."""
    return pytestconfig.stash.setdefault(COMPARISON, Comparison())


@pytest.fixture(scope="session")
def guest_image() -> Image:
    return image()


@pytest.fixture(scope="session")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("code") / "disk"
    code_disk.write(path)
    return path


@pytest.fixture(scope="session")
def guests(wire: Wire, guest_image: Image, code: Path) -> Iterator[GuestHouse]:
    house = GuestHouse(wire, guest_image, code)
    yield house
    house.close()


@pytest.fixture
def guest(guests: GuestHouse, request: pytest.FixtureRequest) -> Iterator[Guest]:
    """With rcmd installed; the same as for the test before, unless that has failed."""
    failed = request.session.testsfailed
    yield guests.guest(request.module.HOTPLUG)
    if request.session.testsfailed > failed:
        guests.close()


@pytest.fixture
def start_host(guest: Guest, request: pytest.FixtureRequest) -> Iterator[StartHost]:
    """Both cards there, and rcmd started with this rcmd.yaml, and more members if there are."""
    daemon = Daemon(guest)

    def start(settings: str = "", others: Sequence[Member] = ()) -> Host:
        for name, slot, _ in CARDS:
            settle(guest, name, slot)
        members = [Member(name, guest.ifname(name), address) for name, _, address in CARDS]
        daemon.configure((*members, *others), settings)
        daemon.start()
        daemon.wait_until_home((*members, *others))
        return Host(guest, daemon, *members)

    failed = request.session.testsfailed
    yield start
    if request.session.testsfailed > failed:
        print(daemon.log())
    daemon.stop()


@pytest.fixture
def host(start_host: StartHost) -> Host:
    """Without settings."""
    return start_host()
