"""What is written in the lab does not reach the machine, and the working tree is seen in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from evidence import AS_NOBODY, begin
from scenes import PAIR

import rcmd
from rcmd.lab.lab import Lab

pytestmark = pytest.mark.lab

PACKAGE = Path(rcmd.__file__).parent


@pytest.fixture(params=["/dev/shm", "/run", "/tmp", "/var/lib", "/var/tmp", "/root"])
def home(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A directory of root's own, mode 0700, below one that the lab covers or that is closed."""
    home = Path(tempfile.mkdtemp(prefix="rcmd-test-", dir=request.param))
    yield home
    shutil.rmtree(home)


BRING_UP = """
import sys
from rcmd.lab.lab import Lab
lab = Lab.up()
try:
    look = "import rcmd; print(rcmd.__file__)"
    print(lab.run([*sys.argv[1:], sys.executable, "-c", look], check=True).stdout, end="")
finally:
    lab.down()
"""


@pytest.mark.parametrize("depth", ["clone", "."])
def test_the_working_tree_is_seen_by_everybody_wherever_it_lies(home: Path, depth: str) -> None:
    """A clone in a home directory, or one that is such a directory itself."""
    tree = home / depth
    shutil.copytree(PACKAGE, tree / "rcmd", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("etc", "udev-rules"):
        shutil.copytree(PACKAGE.parent / name, tree / name)
    done = subprocess.run(
        [sys.executable, "-c", BRING_UP, *AS_NOBODY],
        env={**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"},
        cwd="/",
        capture_output=True,
        text=True,
    )
    assert (done.stdout.strip(), done.stderr) == (str(tree.resolve() / "rcmd/__init__.py"), "")


@pytest.mark.parametrize("place", ["host", "switch", "router"])
def test_what_is_the_machine_s_cannot_be_written(lab: Lab, place: str) -> None:
    def sealed() -> dict[str, bool]:
        paths = (
            "/sys/bus",
            "/sys/kernel",
            "/sys/module",
            "/proc/sys/kernel",
            "/proc/sys/vm",
            "/proc/sysrq-trigger",
            "/proc/irq",
            "/sys/devices/virtual/net/lo",
            "/proc/sys/net",
        )
        found = [path for path in paths if Path(path).exists()]
        return {path: bool(os.statvfs(path).f_flag & os.ST_RDONLY) for path in found}

    found = lab.place(place).call(sealed)
    own = {"/sys/devices/virtual/net/lo", "/proc/sys/net"}
    assert {path for path, is_sealed in found.items() if not is_sealed} == own


def test_temporary_files_are_the_host_s_own(lab: Lab) -> None:
    for directory in ("/tmp", "/var/tmp", "/dev/shm", "/run", "/var/lib", "/etc"):
        name = f"{directory}/rcmd-test-{os.getpid()}"
        lab.write(name, "written in the lab")
        assert lab.read(name) == "written in the lab"
        assert not Path(name).exists()


def test_an_attach_does_not_rescan_the_bus_of_the_machine(lab: Lab) -> None:
    begin(lab, PAIR)
    done = lab.rcmctl("attach", "pci:0000:7f:1f.7")
    assert done.returncode in (1, 4)
    assert "Traceback" not in done.stderr
