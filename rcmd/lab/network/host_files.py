"""The file system of the virtual host: what is written there does not reach the machine.

It is the machine's, with /etc and /var/lib under overlays, with /run, /dev and /tmp of its own, and
with a /proc and /sys in which only what belongs to the host's own network can be written: a rescan
of the PCI bus, or a sysctl of the kernel as a whole, would be the machine's.

The programs that run there are those of the working tree.  It may lie below what is covered, or in
a directory that nobody else may enter, as home directories are: it is shown all the same.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from rcmd.lab.network.syscalls import MountFlag, mount

DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "ptmx", "net/tun")
OVERLAID = (Path("/etc"), Path("/var/lib"))
EMPTY = (Path("/tmp"), Path("/var/tmp"))
COVERED = (*EMPTY, *map(Path, ("/dev", "/proc", "/run", "/sys")))
OF_THE_MACHINE = ("sys", "sysrq-trigger", "irq", "bus", "fs")
"""Below /proc."""
ENTER = 0o005
"""What everybody needs to go through a directory, and to look for a module in it."""


def mount_file_systems(directory: Path, trees: Iterable[Path]) -> None:
    """In a mount namespace of our own.

    `directory` is the lab's state on the machine, below /run, and stays visible; so do the
    `trees`, for every user.  Errors: OSError.
    """
    mount("none", "/", flags=MountFlag.RECURSIVE | MountFlag.PRIVATE)
    kept = {tree: os.open(tree, os.O_PATH) for tree in _outermost(trees)}
    work = directory / "host"
    work.mkdir()
    mount("tmpfs", str(work), "tmpfs", data="mode=0755")
    for place in OVERLAID:
        _overlay(place, work)
        shutil.copystat(work, place)
    for tree in kept:
        _open_the_way(tree, work)
    _mount_dev(work / "dev")
    mount("proc", "/proc", "proc")
    mount("sysfs", "/sys", "sysfs")
    seal_kernel()
    for place in EMPTY:
        mount("tmpfs", str(place), "tmpfs", data="mode=1777")
    scratch = os.open(work, os.O_PATH)
    _mount_run(work / "run", directory)
    for tree, descriptor in kept.items():
        _show(tree, descriptor, Path(f"/proc/self/fd/{scratch}"))
        os.close(descriptor)
    os.close(scratch)


def seal_kernel() -> None:
    """What can be written below /proc and /sys is of this network namespace alone."""
    mount("/proc/sys/net", "/proc/sys/net", flags=MountFlag.BIND)
    for name in OF_THE_MACHINE:
        if (place := Path("/proc", name)).exists():
            _make_read_only(place)
    networks = "/sys/devices/virtual/net"
    mount(networks, networks, flags=MountFlag.BIND)
    # Not /sys as a whole: systemd-networkd takes that for a container without udev.
    for place in Path("/sys").iterdir():
        _make_read_only(place)


def _make_read_only(place: Path) -> None:
    """Here, not wherever else the same file system is; what is mounted below stays as it is."""
    mount(str(place), str(place), flags=MountFlag.BIND | MountFlag.RECURSIVE)
    mount("none", str(place), flags=MountFlag.REMOUNT | MountFlag.BIND | MountFlag.READ_ONLY)


# --- the working tree ---


def _outermost(trees: Iterable[Path]) -> Iterator[Path]:
    """Each once, and none that lies in another."""
    paths = {tree.resolve() for tree in trees}
    return (path for path in sorted(paths) if not paths.intersection(path.parents))


def _open_the_way(tree: Path, work: Path) -> None:
    """Let everybody through the directories above the tree, where those are the machine's."""
    closed = [place for place in reversed(tree.parents) if not _may_enter(place)]
    closed = [place for place in closed if not _is_below(place, COVERED)]
    if closed and not _is_below(closed[0], OVERLAID):
        _overlay(closed[0], work)
    for place in closed:
        place.chmod(place.stat().st_mode | ENTER)


def _show(tree: Path, descriptor: int, scratch: Path) -> None:
    """Put the tree back where it was, if it is not there, or not for everybody."""
    original = Path(f"/proc/self/fd/{descriptor}")
    if not tree.exists():
        _make_directories(tree)
    if not _may_enter(original):
        _overlay(tree, scratch, lower=original)
        tree.chmod(tree.stat().st_mode | ENTER)
    elif not tree.samefile(original):
        mount(str(original), str(tree), flags=MountFlag.BIND)


def _may_enter(place: Path) -> bool:
    return place.stat().st_mode & ENTER == ENTER


def _is_below(place: Path, others: Iterable[Path]) -> bool:
    return any(other in (place, *place.parents) for other in others)


def _make_directories(place: Path) -> None:
    """Whatever our umask is."""
    if not place.exists():
        _make_directories(place.parent)
        place.mkdir()
        place.chmod(0o755)


def _overlay(place: Path, scratch: Path, *, lower: Path | None = None) -> None:
    """Show the place (or `lower` in it) as it is; what is written stays in `scratch`."""
    name = "-".join(place.parts[1:])
    upper, work = scratch / f"upper-{name}", scratch / f"work-{name}"
    upper.mkdir()
    work.mkdir()
    options = f"lowerdir={lower or place},upperdir={upper},workdir={work}"
    mount("overlay", str(place), "overlay", data=options)


# --- what the host has for itself ---


def _mount_dev(dev: Path) -> None:
    """A udevd works on /dev, so that it must not see the machine's."""
    dev.mkdir()
    mount("tmpfs", str(dev), "tmpfs", data="mode=0755")
    for name in DEVICES:
        if (Path("/dev") / name).exists():
            (dev / name).parent.mkdir(exist_ok=True)
            (dev / name).touch()
            mount(f"/dev/{name}", str(dev / name), flags=MountFlag.BIND)
    (dev / "pts").mkdir()
    mount("/dev/pts", str(dev / "pts"), flags=MountFlag.BIND)
    (dev / "shm").mkdir()
    mount("tmpfs", str(dev / "shm"), "tmpfs", data="mode=1777")
    for name, target in (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")):
        (dev / name).symlink_to(f"/proc/self/fd{target}")
    mount(str(dev), "/dev", flags=MountFlag.MOVE)


def _mount_run(run: Path, directory: Path) -> None:
    run.mkdir()
    mount("tmpfs", str(run), "tmpfs", data="mode=0755")
    for name in ("dbus", "udev", "lock"):
        (run / name).mkdir()
    inside = run / directory.relative_to("/run")
    inside.mkdir(parents=True)
    mount(str(directory), str(inside), flags=MountFlag.BIND)
    mount(str(run), "/run", flags=MountFlag.MOVE)
