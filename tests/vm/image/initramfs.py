"""An initramfs of a shell and the modules that reach the disk (cpio "newc", see
Documentation/driver-api/early-userspace/buffer-format.rst in the kernel's tree).
"""

from __future__ import annotations

from pathlib import Path

DISK_MODULES = ("virtio_pci", "virtio_blk", "ext4", "crc32c_generic")

DIRECTORY = 0o040755
PROGRAM = 0o100755
FILE = 0o100644
LINK = 0o120777
CONSOLE = 0o020600
CONSOLE_DEVICE = (5, 1)

INIT = """#!/bin/sh
export PATH=/bin
busybox mount -t devtmpfs dev /dev
busybox mount -t proc proc /proc
busybox mount -t sysfs sys /sys
while read -r module; do
    busybox insmod "/modules/$module" || echo "initramfs: $module cannot be loaded"
done </modules/order
tries=0
while [ ! -b /dev/vda ] && [ $tries -lt 500 ]; do
    busybox sleep 0.02
    tries=$((tries + 1))
done
busybox mount -t ext4 -o rw,noatime /dev/vda /root || exec busybox sh
busybox mount --move /dev /root/dev
busybox umount /proc
busybox umount /sys
exec busybox switch_root /root /sbin/init
"""


class Archive:
    """A cpio archive that grows."""

    def __init__(self) -> None:
        self._content = bytearray()
        self._inode = 0

    def add(
        self, name: str, mode: int, data: bytes = b"", device: tuple[int, int] = (0, 0)
    ) -> None:
        self._inode += 1
        path = name.encode() + b"\0"
        numbers = (
            *(self._inode, mode, 0, 0, 1, 0, len(data)),
            *(0, 0, *device, len(path), 0),
        )
        self._content += b"070701" + b"".join(b"%08X" % number for number in numbers) + path
        self._pad()
        self._content += data
        self._pad()

    def finished(self) -> bytes:
        self.add("TRAILER!!!", 0)
        return bytes(self._content)

    def _pad(self) -> None:
        self._content += b"\0" * (-len(self._content) % 4)


def in_loading_order(tree: Path, wanted: tuple[str, ...]) -> list[str]:
    """These modules and what they need, each after what it needs; paths below the tree."""
    needs: dict[str, list[str]] = {}
    for line in (tree / "modules.dep").read_text().splitlines():
        path, _, rest = line.partition(":")
        needs[path] = rest.split()
    by_name = {Path(path).stem.replace("-", "_"): path for path in needs}
    order: list[str] = []

    def visit(path: str) -> None:
        for other in needs[path]:
            visit(other)
        if path not in order:
            order.append(path)

    for name in wanted:
        # What is built into the kernel is not in the list.
        if name in by_name:
            visit(by_name[name])
    return order


def build(root: Path, tree: Path) -> bytes:
    """`root` has busybox, `tree` the modules (unpacked) and their dependencies."""
    archive = Archive()
    for directory in ("bin", "dev", "proc", "sys", "root", "modules"):
        archive.add(directory, DIRECTORY)
    archive.add("dev/console", CONSOLE, device=CONSOLE_DEVICE)
    archive.add("bin/busybox", PROGRAM, (root / "usr/bin/busybox").read_bytes())
    archive.add("bin/sh", LINK, b"busybox")
    archive.add("init", PROGRAM, INIT.encode())
    order = in_loading_order(tree, DISK_MODULES)
    for path in order:
        archive.add(f"modules/{Path(path).name}", FILE, (tree / path).read_bytes())
    names = "".join(f"{Path(path).name}\n" for path in order)
    archive.add("modules/order", FILE, names.encode())
    return archive.finished()
