"""The disk that brings the working tree into the guest: a tar archive of what is installed.

So a change of the code needs no new image.  The files lie where .ci/install puts them.
"""

from __future__ import annotations

import compileall
import importlib.metadata
import os
import py_compile
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from .machine import CODE_DISK_SIZE

REPOSITORY = Path(os.environ.get("RCMD_VM_TREE", Path(__file__).parents[2]))
"""Another working tree can be chosen, to compare."""
LIBRARY = "usr/lib/rcmd"
DISTRIBUTIONS = ("pyudev", "dbus-next")
"""What rcmd needs at run time beside what the image has (PyYAML, for its compiled part)."""
COMPILED = (".so", ".pyc", ".pyi")

COPIED = {
    "etc/systemd/system/rcmd.service": "usr/lib/systemd/system",
    "etc/systemd/network/05-rcmd.network": "usr/lib/systemd/network",
    "etc/systemd/networkd.conf.d/10-rcmd.conf": "usr/lib/systemd/networkd.conf.d",
    "udev-rules/81-rcmd.rules": "usr/lib/udev/rules.d",
    "etc/dbus-1/system.d/org.rcmd1.conf": "usr/share/dbus-1/system.d",
}

PROGRAM = """#!/usr/bin/python3 -I
import sys

sys.path.insert(0, "/{library}")
from {module} import {function}

sys.exit({function}())
"""

INSTALL = (
    "tar --extract --file=/dev/vdb --directory=/ && systemctl daemon-reload"
    " && udevadm control --reload && busctl call org.freedesktop.DBus /org/freedesktop/DBus"
    " org.freedesktop.DBus ReloadConfig"
)
"""The guest's command that makes use of the disk."""


def write(target: Path) -> None:
    """Of what the repository holds now.  Errors: OSError, subprocess.CalledProcessError."""
    with tempfile.TemporaryDirectory() as temporary:
        stage = Path(temporary)
        _copy_libraries(stage / LIBRARY)
        _write_programs(stage / "usr/bin")
        for source, folder in COPIED.items():
            (stage / folder).mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / source, stage / folder)
        command = ("tar", "--create", f"--file={target}", "--owner=0", "--group=0", "--mode=go=rX")
        subprocess.run((*command, "-C", stage, "usr"), check=True)
    with target.open("ab") as file:
        assert file.tell() <= CODE_DISK_SIZE
        file.truncate(CODE_DISK_SIZE)


def _copy_libraries(library: Path) -> None:
    library.mkdir(parents=True)
    ignored = shutil.ignore_patterns("__pycache__", *(f"*{end}" for end in COMPILED))
    shutil.copytree(REPOSITORY / "rcmd", library / "rcmd", ignore=ignored)
    for name in DISTRIBUTIONS:
        for file in importlib.metadata.files(name) or ():
            if ".." in file.parts or file.suffix in COMPILED or ".dist-info" in file.parts[0]:
                continue
            (library / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file.locate(), library / file)
    # The guest takes them as they are, where its Python is of the same version as ours.
    compileall.compile_dir(
        library,
        quiet=1,
        workers=2,
        stripdir=str(library),
        prependdir=f"/{LIBRARY}",
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )


def _write_programs(folder: Path) -> None:
    folder.mkdir(parents=True)
    with (REPOSITORY / "pyproject.toml").open("rb") as file:
        scripts = tomllib.load(file)["project"]["scripts"]
    for name, entry in scripts.items():
        module, _, function = entry.partition(":")
        program = folder / name
        program.write_text(PROGRAM.format(library=LIBRARY, module=module, function=function))
        program.chmod(0o755)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
