"""One table for all benchmarks, printed when they are done."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rcmd.lab.lab import Lab

from .figures import Table
from .labs import LabFactory

# Some measure what the lab tests test.
sys.path.append(str(Path(__file__).parents[1] / "lab"))

TABLE = pytest.StashKey[Table]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[TABLE] = Table()


@pytest.fixture
def table(request: pytest.FixtureRequest) -> Table:
    return request.config.stash[TABLE]


@pytest.fixture
def lab_with() -> Iterator[LabFactory]:
    """Brings labs up, with the arguments of `Lab.up`."""
    if os.geteuid() != 0:
        pytest.fail("benchmarks make network and mount namespaces: run them as root")
    labs: list[Lab] = []

    def up(*args: object, **kwargs: object) -> Lab:
        lab = Lab.up(*args, **kwargs)  # type: ignore[arg-type]
        labs.append(lab)
        return lab

    yield up
    for lab in labs:
        lab.down()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    table = terminalreporter.config.stash[TABLE]
    if table.figures:
        terminalreporter.write_line("")
        for line in table.lines():
            terminalreporter.write_line(line)
