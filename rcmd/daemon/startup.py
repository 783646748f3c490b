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
from rcmd.daemon.loop import MEMORY_KEY, ROUTES_KEY
from rcmd.ipmp.state.snapshot import Memory, read_memory
from rcmd.model.status import Problem, ProblemCode, ProblemSeverity
from rcmd.platform.aside import keep_aside
from rcmd.platform.files import read_tree
from rcmd.platform.instance import boot_id
from rcmd.platform.store.hand_over import HandOver
from rcmd.platform.store.store import Store, StoreError

if TYPE_CHECKING:
    from rcmd.configuration.conflicts import Claim

log = logging.getLogger(__name__)

RUNNING_KEY = "running"
"""Remembered from the start to the end of a process; what is found at a start is a crash."""
STORE_PATH = Path("/var/lib/rcmd/rcmd.db")
ASIDE_PATH = STORE_PATH.with_name("remembered")
_SHOWN = 5
"""Things that were forgotten, in one sentence."""


def open_store() -> Store:
    """A machine must come up: without its disk the daemon remembers until it ends."""
    boot = boot_id()
    try:
        return Store.open(STORE_PATH, boot, HandOver())
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
    return replace(
        load(files, settings_text=last_good or ""),
        faults=loaded.faults,
        more=loaded.more,
        answer=f"going on with {which}",
    )


def keep_settings(store: Store, text: str) -> None:
    if text != store.last_good_settings():
        store.keep_settings(text)


def claims_on(names: Sequence[str]) -> tuple[Claim, ...]:
    """Who else would configure these interfaces.  Reads dozens of files: for a thread."""
    # Loaded only now: addresses do not wait for it.
    from rcmd.configuration.conflicts import find_claims
    from rcmd.platform.network_managers import read_neighbours

    return find_claims(names, read_neighbours(names))


def remembered(store: Store, aside: Path = ASIDE_PATH) -> tuple[Memory, Problem | None]:
    """What the last process knew, and what is wrong where not all of it can be understood."""
    text = store.recall(MEMORY_KEY)
    if text is None:
        return Memory(), None
    memory, lost = read_memory(text)
    routes_text = store.recall(ROUTES_KEY)
    if routes_text is not None:
        of_routes, lost_routes = read_memory(routes_text)
        recalls = (*memory.recalls, *of_routes.recalls)
        memory = replace(memory, routes=of_routes.routes, recalls=recalls)
        lost = (*lost, *lost_routes)
    if not lost:
        return memory, None
    kept = keep_aside(aside, "\n".join(filter(None, (text, routes_text))))
    shown = "; ".join(lost[:_SHOWN]) + (f"; and {len(lost) - _SHOWN} more" if lost[_SHOWN:] else "")
    return memory, Problem(
        ProblemCode.MEMORY,
        ProblemSeverity.WARNING,
        "rcmd",
        f"what was remembered before the start is not all understood, and forgotten: {shown}",
        f"see {kept}" if kept else "",
    )


def remember_running(store: Store, *, is_running: bool) -> None:
    store.remember(RUNNING_KEY, "yes" if is_running else "")


def unwritable(error: StoreError) -> Problem:
    """The disk does not take what happens."""
    return Problem(
        ProblemCode.STORE,
        ProblemSeverity.WARNING,
        "rcmd",
        f"what happens cannot be recorded: {error}",
        f"see to the disk with {STORE_PATH.parent}; no detach can be recorded before that",
    )
