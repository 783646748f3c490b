"""What tests of several rooms share."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from fake_sysfs import FakeSysfs
from hypothesis import settings

# A shell without job control has what it starts in the background ignore it, and some tests are
# about Ctrl-C; what they start inherits that, too.
signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("fixed", derandomize=True, database=None, deadline=None)
settings.register_profile("random", derandomize=False, print_blob=True, deadline=None)
settings.load_profile("random" if os.environ.get("RCMD_RANDOM") else "fixed")
"""The same examples each time; others are for `make test-long`, which has the time to look."""


@pytest.fixture
def sysfs(tmp_path: Path) -> FakeSysfs:
    """A /sys without any hardware in it."""
    return FakeSysfs(tmp_path / "sys")
