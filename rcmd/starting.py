"""With what a process starts: its store, the configuration, and what the last one remembered.

A machine must come up: whatever is damaged or missing here costs what it held, never the start.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rcmd.configuration import Loaded, load
from rcmd.daemon import MEMORY_KEY
from rcmd.ipmp.memory import Memory
from rcmd.system.files import read_tree
from rcmd.system.instance import boot_id
from rcmd.system.store import Store, StoreError

if TYPE_CHECKING:
    from rcmd.configuration.claims import Claim

log = logging.getLogger(__name__)

RUNNING_KEY = "running"
"""Remembered from the start to the end of a process; what is found at a start is a crash."""
STORE_PATH = Path("/var/lib/rcmd/rcmd.db")


def open_store() -> Store:
    """A machine must come up: without its disk the daemon remembers until it ends."""
    boot = boot_id()
    try:
        return Store.open(STORE_PATH, boot)
    except StoreError as error:
        log.error("%s; nothing will be remembered", error)
        return Store.volatile(boot)


def starting_configuration(store: Store) -> Loaded:
    """A bad rcmd.yaml is answered with the last good one, or with defaults, loudly."""
    files = read_tree()
    loaded = load(files)
    for fault in loaded.faults:
        if fault.is_warning:
            log.warning("%s", fault)
    if loaded.more:
        log.warning("and %d more; rcmd --check shows how many", loaded.more)
    if not loaded.settings_faults:
        keep_settings(store, files.settings)
        return loaded
    last_good = store.last_good_settings()
    which = "defaults" if last_good is None else "the last good one"
    log.error("/etc/rcmd/rcmd.yaml has faults: going on with %s", which)
    return replace(load(files, settings_text=last_good or ""), faults=loaded.faults)


def keep_settings(store: Store, text: str) -> None:
    try:
        if text != store.last_good_settings():
            store.keep_settings(text)
    except StoreError as error:
        log.error("%s", error)


def claims_on(names: Sequence[str]) -> tuple[Claim, ...]:
    """Who else would configure these interfaces.  Reads dozens of files: for a thread."""
    # Loaded only now: addresses do not wait for it.
    from rcmd.configuration.claims import find_claims
    from rcmd.system.neighbours import read_neighbours

    return find_claims(names, read_neighbours(names))


def remembered(store: Store) -> Memory:
    text = store.recall(MEMORY_KEY)
    if text is None:
        return Memory()
    try:
        return Memory.from_text(text)
    except (ValueError, KeyError, TypeError) as error:
        log.error("what was remembered cannot be read (%s): starting anew", error)
        return Memory()


def remember_running(store: Store, *, is_running: bool) -> None:
    try:
        store.remember(RUNNING_KEY, "yes" if is_running else "")
    except StoreError as error:
        log.error("%s", error)
