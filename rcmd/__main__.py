"""`rcmd`: arguments, logging, run."""

from __future__ import annotations

import argparse
import asyncio
import gc
import io
import logging
import os
import sys

from rcmd import __version__

log = logging.getLogger("rcmd")


def main() -> int:
    """Exit status: 0 stopped on request or nothing wrong, 1 fault or failure, 2 usage."""
    arguments = _parser().parse_args()
    if arguments.check:
        return _check()
    _log_to_stderr(is_verbose=arguments.verbose)
    if os.geteuid() != 0:
        log.error("rcmd needs root: it configures network interfaces")
        return 1
    return _run()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rcmd",
        description="Moves IP addresses between the NICs of a group, and coordinates their removal."
        "  Runs in the foreground and logs to standard error.",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="check every configuration file, and who else claims an interface",
    )
    parser.add_argument("--verbose", "-v", action="store_true", help="log details, too")
    parser.add_argument("--version", action="version", version=f"rcmd {__version__}")
    return parser


def _check() -> int:
    from rcmd.configuration import load, missing_devices
    from rcmd.configuration.conflicts import find_claims
    from rcmd.platform.dhcp_client import missing_client
    from rcmd.platform.files import read_tree
    from rcmd.platform.network_managers import read_neighbours

    if isinstance(sys.stdout, io.TextIOWrapper):
        # Names may have letters that the locale does not have.
        sys.stdout.reconfigure(errors="backslashreplace")
    files = read_tree()
    loaded = load(files)
    members = loaded.configuration.interfaces
    claims = find_claims(members, read_neighbours(members))
    others = (*(claim.fault for claim in claims), *missing_client(loaded))
    for fault in sorted({*loaded.faults, *others, *missing_devices(files, loaded)}):
        print(fault)
    if loaded.more:
        print(f"and {loaded.more} more")
    return 1 if loaded.has_errors else 0


def _log_to_stderr(*, is_verbose: bool) -> None:
    from rcmd.platform.log_limit import LogLimit
    from rcmd.platform.service_manager import log_formatter

    handler = logging.StreamHandler()
    handler.addFilter(LogLimit())
    handler.setFormatter(log_formatter(os.environ))
    logging.basicConfig(level=logging.DEBUG if is_verbose else logging.INFO, handlers=[handler])


def _run() -> int:
    # Looking for garbage while modules are loaded finds none, and takes a fifth of that time.
    gc.disable()
    from rcmd.daemon.wiring import run
    from rcmd.errors import RcmError
    from rcmd.platform.instance import InstanceLock

    gc.enable()
    try:
        with InstanceLock():
            asyncio.run(run())
    except RcmError as error:
        log.error("%s", error)
        return 1
    except Exception:
        # Crash-only: the next process finds in the kernel and the store what to finish or undo.
        log.critical("this should be impossible; ending", exc_info=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
