"""Namespaces for the tests of the edges: nothing they do is seen outside."""

import ctypes
import os
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

CLONE_NEWNS = 0x0002_0000
CLONE_NEWNET = 0x4000_0000

Scenario = Callable[[], None]


def enter_namespaces() -> None:
    """Move the calling thread, and what it starts, into a network and mount namespace of its own.

    With a /sys that shows its devices and an empty /run; /proc/sys follows the caller by itself.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET | CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    for arguments in (
        ["--make-rprivate", "/"],
        ["-t", "sysfs", "sysfs", "/sys"],
        ["-t", "tmpfs", "tmpfs", "/run"],
    ):
        subprocess.run(["mount", *arguments], check=True)


@pytest.fixture
def in_namespaces() -> Callable[[Scenario], None]:
    """Runs a scenario in namespaces that vanish with it.

    It runs in a thread: namespaces belong to threads, so the test process itself stays outside.
    """

    def run(scenario: Scenario) -> None:
        with ThreadPoolExecutor(max_workers=1, initializer=enter_namespaces) as executor:
            executor.submit(scenario).result()

    return run
