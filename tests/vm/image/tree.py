"""The guest's file tree: Debian packages, kernel modules, and what makes it quick and quiet."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).parent
UNITS = "etc/systemd/system"

LEFT_OUT = ("man", "doc", "locale", "mibs")
"""Below /usr/share."""

UNWANTED = (
    *("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer"),
    *("fstrim.timer", "systemd-tmpfiles-clean.timer", "serial-getty@.service", "getty.target"),
    *("systemd-update-utmp.service", "systemd-update-utmp-runlevel.service"),
    *("systemd-binfmt.service", "systemd-random-seed.service", "systemd-firstboot.service"),
    *("systemd-hwdb-update.service", "ldconfig.service", "systemd-update-done.service"),
    *("systemd-journal-catalog-update.service", "systemd-machine-id-commit.service"),
    *("systemd-logind.service", "systemd-user-sessions.service", "systemd-pstore.service"),
    *("systemd-growfs-root.service", "systemd-modules-load.service"),
    *("frr.service", "systemd-networkd.service", "systemd-networkd.socket", "e2scrub_reap.service"),
    *("sys-kernel-debug.mount", "sys-kernel-tracing.mount", "sys-kernel-config.mount"),
    *("sys-fs-fuse-connections.mount", "dev-hugepages.mount", "dev-mqueue.mount"),
    *("modprobe@drm.service", "modprobe@efi_pstore.service", "modprobe@fuse.service"),
    *("modprobe@dm_mod.service", "modprobe@loop.service", "modprobe@configfs.service"),
)
"""Units that only make the boot longer."""

SETTINGS = {
    "etc/hostname": "guest\n",
    "etc/hosts": "127.0.0.1 localhost guest\n",
    "etc/fstab": "",
    "etc/machine-id": "0123456789abcdef0123456789abcdef\n",
    "etc/systemd/journald.conf.d/vm.conf": "[Journal]\nStorage=volatile\n",
    "etc/systemd/system.conf.d/vm.conf": "[Manager]\nShowStatus=no\n"
    "DefaultTimeoutStartSec=120s\nDefaultTimeoutStopSec=10s\n",
}


def words(name: str) -> list[str]:
    """The lines of a file in this folder, without comments."""
    lines = (HERE / name).read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def install_packages(suite: str, root: Path, kernel: Path, debs: Path) -> None:
    """Debian into `root`, the kernel package (not installed) into `kernel`.

    `debs` keeps what was fetched.  Errors: subprocess.CalledProcessError.
    """
    debs.mkdir(parents=True, exist_ok=True)
    command = [
        *("mmdebstrap", "--mode=root", "--variant=minbase", "--quiet"),
        "--include=" + ",".join(words("packages")),
        "--skip=essential/unlink,download/empty",
        *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in LEFT_OUT),
        '--setup-hook=mkdir -p "$1/var/cache/apt/archives"',
        f"--setup-hook=sync-in '{debs}' /var/cache/apt/archives",
        f"--customize-hook={HERE / 'fetch-kernel'}",
        f"--customize-hook=sync-out /var/cache/apt/archives '{debs}'",
        *(suite, str(root)),
    ]
    environment = os.environ | {"RCMD_VM_KERNEL": str(kernel), "RCMD_VM_DEBS": str(debs)}
    subprocess.run(command, check=True, env=environment)


def unpack_kernel(folder: Path) -> tuple[Path, Path]:
    """The bzImage and the module tree of the package in the folder."""
    (package,) = folder.glob("linux-image-*.deb")
    target = folder / "unpacked"
    subprocess.run(("dpkg-deb", "--extract", str(package), str(target)), check=True)
    (image,) = (target / "boot").glob("vmlinuz-*")
    trees = [*target.glob("lib/modules/*"), *target.glob("usr/lib/modules/*")]
    return image, trees[0]


def install_modules(source: Path, root: Path) -> Path:
    """The modules that are listed, unpacked; returns their tree."""
    tree = root / "usr/lib/modules" / source.name
    tree.mkdir(parents=True)
    for index in ("modules.builtin", "modules.builtin.modinfo", "modules.order"):
        shutil.copy(source / index, tree)
    for name in words("modules"):
        for found in _found(source / "kernel" / name):
            target = tree / found.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(found, target)
    packed = [str(path) for path in tree.rglob("*.ko.xz")]
    if packed:
        subprocess.run(("xz", "--decompress", *packed), check=True)
    subprocess.run(("chroot", str(root), "depmod", source.name), check=True)
    return tree


def _found(path: Path) -> Sequence[Path]:
    if path.is_dir():
        return [file for file in path.rglob("*.ko*") if file.is_file()]
    return list(path.parent.glob(f"{path.name}.ko*"))


def configure(root: Path) -> None:
    """Our agent, started at boot; nothing that is not needed; root without password."""
    for name, text in SETTINGS.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for unwanted in UNWANTED:
        path = root / UNITS / unwanted
        path.unlink(missing_ok=True)
        path.symlink_to("/dev/null")
    program = root / "opt/rcmd-vm/agent.py"
    program.parent.mkdir(parents=True)
    shutil.copy(HERE / "agent.py", program)
    unit = root / UNITS / "rcmd-vm-agent.service"
    shutil.copy(HERE / "rcmd-vm-agent.service", unit)
    wants = root / UNITS / "multi-user.target.wants"
    wants.mkdir(exist_ok=True)
    (wants / unit.name).symlink_to(f"../{unit.name}")
    subprocess.run(("chroot", str(root), "passwd", "--quiet", "--delete", "root"), check=True)
    shutil.rmtree(root / "var/lib/apt/lists", ignore_errors=True)
    for archive in (root / "var/cache/apt").rglob("*.*"):
        if archive.is_file():
            archive.unlink()
    for name in LEFT_OUT:
        shutil.rmtree(root / "usr/share" / name, ignore_errors=True)
