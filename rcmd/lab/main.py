"""rcmd-lab: a virtual host on this machine, to try rcmd on.  Needs root, touches nothing else."""

from __future__ import annotations

import argparse
import importlib
import os
import re
import subprocess
import sys
from collections.abc import Sequence

from rcmd.lab.errors import LabError
from rcmd.lab.lab import Lab

DEFAULT_NAME = "lab"
DEFAULT_NICS = ("hme0", "hme1")
CABLE_VERBS = {
    "pull": "pull the cable: the carrier is lost",
    "plug": "plug the cable in again",
    "black-hole": "lose all traffic, keep the carrier",
    "restore": "end the black hole",
    "tear-out": "make the device disappear without a word",
    "put-back": "a new device with the same name and MAC",
}
HOSTNAME_FILES = {
    "hme0": ("192.168.85.19", "192.168.85.21"),
    "hme1": ("192.168.85.20", "192.168.85.22"),
}
"""Data and test address: the example of the overview chapter."""
SHELL_FILE = "/run/rcmd-lab-shell"
SHELL_PROMPT = r"PS1='[\h \w]\$ '" + "\n"
GREETING_FILE = "/run/rcmd-lab-greeting"
"""In the host, if that is the lab which the greeting describes."""
GREETING = """\
This is the virtual host of the lab {name}: group test on hme0 and hme1, rcmd is running.
Its router is 192.168.85.1.  Try:
  rcmctl status              what is where
  rcmd-lab pull hme0         pull a cable, then look again; rcmd-lab plug hme0
  rcmctl detach hme0         empty a NIC; rcmctl attach hme0
  rcmd-lab tear-out hme1     surprise; rcmd-lab put-back hme1
  rcmctl history             what happened
The lab stays when you leave this shell; rcmd-lab down ends it.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 1 failed, 2 usage; `shell` and `demo` have that of what they run."""
    args = _parser().parse_args(arguments)
    try:
        return _dispatch(args)
    except LabError as error:
        sys.stderr.write(f"rcmd-lab: {error}\n")
        return 1


def _dispatch(args: argparse.Namespace) -> int:
    match args.verb:
        case "up":
            nics = args.nic or (() if args.tap else DEFAULT_NICS)
            Lab.up_to_stay(args.name, nics, args.tap)
            return 0
        case "down":
            _existing(args.name).down()
            return 0
        case "shell":
            return _shell(args.name, args.command)
        case "demo":
            return int(importlib.import_module("rcmd.lab.demo").main())
        case verb:
            getattr(_existing(args.name), verb.replace("-", "_"))(args.nic)
            return 0


def _existing(name: str) -> Lab:
    lab = Lab.find(name)
    if lab is None:
        raise LabError(f"there is no lab {name}: rcmd-lab up --name {name}")
    return lab


def _shell(name: str, command: Sequence[str]) -> int:
    lab = Lab.find(name) or _default_lab(name)
    if command:
        process = lab.popen(command, stdin=None)
    else:
        lab.write(SHELL_FILE, f"{SHELL_PROMPT}test -f {GREETING_FILE} && cat {GREETING_FILE}\n")
        process = lab.popen(["bash", "--noprofile", "--rcfile", SHELL_FILE], stdin=None)
    return _awaited(process)


def _awaited(process: subprocess.Popen[str]) -> int:
    while True:
        try:
            status = process.wait()
        except KeyboardInterrupt:
            # The terminal sent it to the command as well, which decides what it means.
            continue
        return status if status >= 0 else 128 - status


def _default_lab(name: str) -> Lab:
    lab = Lab.up_to_stay(name, DEFAULT_NICS)
    for nic, (data, test) in HOSTNAME_FILES.items():
        lab.write(
            f"/etc/hostname.{nic}",
            f"{data} netmask + broadcast + group test up\n"
            f"addif {test} netmask + broadcast + deprecated -failover up\n",
        )
    lab.write(GREETING_FILE, GREETING.format(name=name))
    try:
        lab.start_daemon()
    except LabError:
        lab.down()
        raise
    return lab


def _name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no name for a lab")
    return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="rcmd-lab", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    common = argparse.ArgumentParser(add_help=False)
    # In a shell in a lab, that lab is meant.
    default = os.environ.get("RCMD_LAB", DEFAULT_NAME)
    common.add_argument("--name", type=_name, default=default, help="of the lab")
    up = verbs.add_parser(
        "up", parents=[common], help="bring a bare lab up, without configuration or daemon"
    )
    up.add_argument("--nic", action="append", default=[], metavar="NIC", help="a veth NIC")
    up.add_argument("--tap", action="append", default=[], metavar="NIC", help="a TAP NIC")
    verbs.add_parser("down", parents=[common], help="end it and all that runs in it")
    shell = verbs.add_parser("shell", parents=[common], help="a shell or command in the host")
    shell.add_argument("command", nargs="*", metavar="CMD", help="after --")
    for verb, what in CABLE_VERBS.items():
        verbs.add_parser(verb, parents=[common], help=what).add_argument("nic", metavar="NIC")
    verbs.add_parser("demo", help="play the whole story")
    return parser


if __name__ == "__main__":
    sys.exit(main())
