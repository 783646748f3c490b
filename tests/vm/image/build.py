"""Makes the image, once for each key.  `python -m tests.vm.image.build` makes it and says where."""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from . import initramfs, kernel, tree

log = logging.getLogger(__name__)

SUITE = os.environ.get("RCMD_VM_SUITE", "trixie" if sys.version_info >= (3, 13) else "bookworm")
"""Debian release of the guest, with a Python of the version of ours where there is one."""
IMAGE = "image-"
BUILDING = "building-"
"""What the folders in the cache begin with."""
UNUSED_S = 24 * 3600.0
DISK_MB = 900
"""Size of the disk; what is empty in it takes no room in the cache."""


@dataclass(frozen=True, slots=True)
class Image:
    """A kernel, an initramfs and a disk that is never written to."""

    folder: Path

    @property
    def kernel(self) -> Path:
        return self.folder / "vmlinux"

    @property
    def initramfs(self) -> Path:
        return self.folder / "initramfs"

    @property
    def disk(self) -> Path:
        return self.folder / "disk"


def cache_folder() -> Path:
    chosen = os.environ.get("RCMD_VM_CACHE")
    return Path(chosen) if chosen else Path.home() / ".cache/rcmd-vm"


def key(suite: str = SUITE) -> str:
    """Of everything that decides what the image contains."""
    summary = hashlib.sha256(suite.encode())
    for path in sorted(tree.HERE.iterdir()):
        if path.is_file():
            summary.update(path.name.encode() + b"\0" + path.read_bytes())
    return f"{IMAGE}{suite}-{summary.hexdigest()[:16]}"


def image(suite: str = SUITE) -> Image:
    """From the cache, or built now.  Errors: subprocess.CalledProcessError, KernelError."""
    cache = cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / key(suite)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            _clear(cache)
            _build(suite, cache, folder)
        os.utime(folder)
    return Image(folder)


def _clear(cache: Path) -> None:
    """Images that nobody has used for a day are of former keys; interrupted builds go as well."""
    for old in (*cache.glob(f"{IMAGE}*"), *cache.glob(f"{BUILDING}*")):
        if old.stat().st_mtime < time.time() - UNUSED_S:
            shutil.rmtree(old)


def _build(suite: str, cache: Path, folder: Path) -> None:
    began = time.monotonic()
    log.warning("building the guest's image (a minute or two): %s", folder)
    with tempfile.TemporaryDirectory(dir=cache, prefix=BUILDING) as temporary:
        work = Path(temporary)
        root, made = work / "root", Image(work / "image")
        made.folder.mkdir()
        tree.install_packages(suite, root, work / "kernel", cache / "debs" / suite)
        bzimage, modules = tree.unpack_kernel(work / "kernel")
        installed = tree.install_modules(modules, root)
        tree.configure(root)
        made.kernel.write_bytes(kernel.unpacked(bzimage.read_bytes()))
        made.initramfs.write_bytes(initramfs.build(root, installed))
        _make_disk(root, made.disk)
        made.folder.rename(folder)
    log.warning("built in %.0f s", time.monotonic() - began)


def _make_disk(root: Path, disk: Path) -> None:
    """Without a journal: a guest is thrown away, never repaired."""
    features = "^has_journal,^metadata_csum"
    command = ("mke2fs", "-q", "-t", "ext4", "-O", features, "-m", "0", "-d", str(root))
    subprocess.run((*command, str(disk), f"{DISK_MB}M"), check=True)


if __name__ == "__main__":
    logging.basicConfig(format="%(message)s")
    print(image().folder)
