"""What the lab needs of the machine."""

from __future__ import annotations

import os
import shutil

from rcmd.lab.errors import LabError

SEARCHED = "/usr/sbin:/usr/bin:/sbin:/bin"
UDEVD = "/usr/lib/systemd:/lib/systemd:/sbin"
PACKAGES = (("ip", "iproute2"), ("udevadm", "udev"), ("dbus-daemon", "dbus"))


def udevd() -> str:
    """The path of systemd-udevd.  Errors: LabError when there is none."""
    found = shutil.which("systemd-udevd", path=UDEVD)
    if found is None:
        raise LabError("systemd-udevd is missing: install the Debian package udev")
    return found


def check() -> None:
    """Errors: LabError that says what is missing and how to get it."""
    if os.geteuid() != 0:
        raise LabError("the lab makes network and mount namespaces: it needs root")
    for program, package in PACKAGES:
        if shutil.which(program, path=SEARCHED) is None:
            raise LabError(f"{program} is missing: install the Debian package {package}")
    udevd()
