"""What is done to members; the stories say what follows from it."""

from __future__ import annotations

from dataclasses import replace

from rcmd.ipmp import attachment
from rcmd.ipmp.api.commands import Release
from rcmd.ipmp.rules.health import Health
from rcmd.ipmp.state.group_state import Scene
from rcmd.ipmp.state.member import Intent
from rcmd.ipmp.state.snapshot import Memory
from rcmd.model.settings import Configuration

from .scenes import config, scene

HME0 = config("hme0", "192.168.85.19/24")
HME1 = config("hme1", "192.168.85.20/24")


def two() -> Scene:
    return scene({"hme0": ["192.168.85.19/24"], "hme1": ["192.168.85.20/24"]}, HME0, HME1)


def test_what_is_no_longer_configured_is_given_back() -> None:
    made = two()
    commands = attachment.configure(made, Configuration({"hme0": HME0}), Memory(), 0.0)
    assert commands == [Release(5, "hme1", take_down=False)]
    assert list(made.members) == ["hme0"]


def test_another_mtu_is_plumbed_and_another_address_is_not() -> None:
    made = two()
    moved = replace(HME1, mtu=9000)
    attachment.configure(made, Configuration({"hme0": HME0, "hme1": moved}), Memory(), 0.0)
    assert made.members["hme0"].plumbed == 4
    assert made.members["hme1"].plumbed == 0


def test_the_failed_and_the_unproven_are_remembered() -> None:
    made = two()
    made.members = {}
    memory = Memory(
        failed=frozenset({"hme0"}),
        failed_by_probes=frozenset({"hme0"}),
        unproven=frozenset({"hme1"}),
        plumbed={"hme0": 4, "hme1": 5},
    )
    attachment.configure(made, Configuration({"hme0": HME0, "hme1": HME1}), memory, 0.0)
    assert made.members["hme0"].health is Health.FAILED
    assert made.members["hme0"].failed_by_probes
    assert made.members["hme1"].needs_proof


def test_what_is_unplumbed_takes_its_addresses_along_and_brings_them_back() -> None:
    # behaviours 120, 126
    made = two()
    key = HME0.addresses[0].address.ip
    attachment.unplumb(made, "hme0")
    assert made.members["hme0"].intent is Intent.DETACHED
    assert key in made.ledger.withdrawn
    attachment.stay(made, "hme0", 1.0)
    assert made.members["hme0"].intent is not Intent.DETACHED
    assert key not in made.ledger.withdrawn
    assert key in made.members["hme0"].recalls


def test_undo_offline_calls_everything_home() -> None:
    # behaviour 79
    made = two()
    made.members["hme0"].intent = Intent.OFFLINE
    attachment.undo_offline(made, "hme0")
    assert made.members["hme0"].intent is Intent.IN
    assert made.members["hme0"].recalls == {HME0.addresses[0].address.ip}
