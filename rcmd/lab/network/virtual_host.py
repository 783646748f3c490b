"""The virtual host: first process of its PID namespace, with udevd, system bus and echo.

`host_files` makes its file system.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path

from rcmd.lab.errors import LabError
from rcmd.lab.network import children
from rcmd.lab.network.children import Child
from rcmd.lab.network.echo import EchoServer
from rcmd.lab.network.host_files import mount_file_systems
from rcmd.lab.network.node import UP, ip_batch
from rcmd.lab.network.requirements import udevd
from rcmd.lab.network.syscalls import Kind

HOSTNAME = "rcmd-lab"
PROJECT = Path(__file__).parents[3]
"""Where the project's system files are when it runs from its source tree."""

GENERAL_RULES = ("50-udev-default.rules", "99-systemd.rules")


@dataclass(frozen=True, slots=True)
class HostPlan:
    """`directory` is the lab's state on the machine, also visible in the host."""

    directory: Path


def fork_host(plan: HostPlan) -> Child:
    """Start it; it says when udevd and the bus are there."""

    def body(link: socket.socket) -> None:
        socket.sethostname(HOSTNAME)
        mount_file_systems(plan.directory, (PROJECT, Path(sys.prefix), Path(sys.base_prefix)))
        _forget_machine_configuration()
        _install_project_files()
        _mask_foreign_udev_rules()
        ip_batch(("link set lo up",))
        _start_services()
        children.fork("the host's echo server", Kind(0), lambda _: EchoServer().serve())
        link.sendall(UP)
        while True:
            os.wait()

    return children.fork("the host", Kind.PID | Kind.MOUNT | Kind.NET | Kind.UTS, body)


def _forget_machine_configuration() -> None:
    """The machine may use rcmd itself; the host starts as a new one."""
    for pattern in ("hostname.*", "hostname6.*"):
        for path in Path("/etc").glob(pattern):
            path.unlink()
    for directory in ("/etc/rcmd", "/var/lib/rcmd"):
        if Path(directory).is_dir():
            shutil.rmtree(directory)
    machine_id = Path("/etc/machine-id")
    if not machine_id.exists() or not machine_id.read_text().strip():
        machine_id.write_text(f"{uuid.uuid4().hex}\n")


def _install_project_files() -> None:
    for source, target in (
        (PROJECT / "etc/dbus-1/system.d", Path("/etc/dbus-1/system.d")),
        (PROJECT / "udev-rules", Path("/etc/udev/rules.d")),
    ):
        target.mkdir(parents=True, exist_ok=True)
        for path in source.glob("*.rules" if target.name == "rules.d" else "*.conf"):
            shutil.copy(path, target)


def _mask_foreign_udev_rules() -> None:
    """Events of the machine's disks and ports reach every udevd; ours is for network devices."""
    for path in Path("/usr/lib/udev/rules.d").glob("*.rules"):
        mask = Path("/etc/udev/rules.d", path.name)
        if "net" not in path.name and path.name not in GENERAL_RULES and not mask.exists():
            mask.symlink_to("/dev/null")


def _start_services() -> None:
    reading, writing = os.pipe()
    subprocess.Popen(
        [
            "dbus-daemon",
            "--system",
            "--nofork",
            "--nopidfile",
            "--nosyslog",
            f"--print-address={writing}",
        ],
        pass_fds=(writing,),
    )
    os.close(writing)
    subprocess.run([udevd(), "--daemon"], check=True)
    subprocess.run(["udevadm", "trigger", "--subsystem-match=net", "--action=add"], check=True)
    if not os.read(reading, 1):
        raise LabError("dbus-daemon did not start")
    os.close(reading)
