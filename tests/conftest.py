"""What tests of several rooms share."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_sysfs import FakeSysfs


@pytest.fixture
def sysfs(tmp_path: Path) -> FakeSysfs:
    """A /sys without any hardware in it."""
    return FakeSysfs(tmp_path / "sys")
