"""rcmd whose journal cannot be written for one step of a detach; run by tests.

forgetful_daemon.py STEP
"""

from __future__ import annotations

import sys

from rcmd.__main__ import main
from rcmd.platform.store.changes import Changes
from rcmd.platform.store.store import StoreError
from rcmd.platform.store.tables import Tables

apply = Tables.apply


def refuse(tables: Tables, changes: Changes) -> None:
    if any(it.step.value == refused for it in changes.operations.values()):
        raise StoreError("the disk is full")
    apply(tables, changes)


if __name__ == "__main__":
    refused = sys.argv.pop()
    Tables.apply = refuse  # type: ignore[method-assign]
    sys.exit(main())
