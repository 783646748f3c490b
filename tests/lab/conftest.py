"""Labs for tests: each is taken down with its test, and nothing of them may be left behind."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rcmd.lab.lab import Lab
from rcmd.lab.network.directories import ROOT

LabFactory = Callable[..., Lab]


def processes_of_labs(prefix: str) -> list[str]:
    """The command lines of all processes that live in a lab whose name begins so."""
    marker = f"RCMD_LAB={prefix}".encode()
    found = []
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            environment = (directory / "environ").read_bytes()
            command = (directory / "cmdline").read_bytes()
        except OSError:
            # It ended while we looked.
            continue
        if any(variable.startswith(marker) for variable in environment.split(b"\0")):
            found.append(command.replace(b"\0", b" ").decode())
    return found


@pytest.fixture(scope="session", autouse=True)
def nothing_is_left() -> Iterator[None]:
    """After all tests, no process (thus no namespace), mount or state of our labs is there."""
    yield
    prefix = f"{os.getpid()}-"
    assert processes_of_labs(prefix) == []
    assert list(ROOT.glob(f"{prefix}*")) == []
    mounts = Path("/proc/self/mounts").read_text().splitlines()
    assert [line for line in mounts if f"{ROOT}/{prefix}" in line] == []


@pytest.fixture
def lab_with() -> Iterator[LabFactory]:
    """Brings labs up, with the arguments of `Lab.up`."""
    if os.geteuid() != 0:
        pytest.fail("lab tests make network and mount namespaces: run them as root")
    labs: list[Lab] = []

    def up(*args: object, **kwargs: object) -> Lab:
        lab = Lab.up(*args, **kwargs)  # type: ignore[arg-type]
        labs.append(lab)
        return lab

    yield up
    for lab in labs:
        # Shown with a failure.
        print(f"--- the log of the daemon:\n{lab.daemon_log()}")
        lab.down()


@pytest.fixture
def lab(lab_with: LabFactory) -> Lab:
    """A fresh lab with the NICs hme0 and hme1."""
    return lab_with()
