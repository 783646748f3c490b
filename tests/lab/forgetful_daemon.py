"""rcmd whose journal cannot be written for one step of a detach; run by tests.

forgetful_daemon.py STEP
"""

from __future__ import annotations

import sys

from rcmd.__main__ import main
from rcmd.rcm.journal import Operation, Step
from rcmd.system.store import Store, StoreError

advance = Store.advance


def refuse(store: Store, operation: Operation, step: Step) -> Operation:
    if step.value == refused:
        raise StoreError("the disk is full")
    return advance(store, operation, step)


if __name__ == "__main__":
    refused = sys.argv.pop()
    Store.advance = refuse  # type: ignore[method-assign]
    sys.exit(main())
