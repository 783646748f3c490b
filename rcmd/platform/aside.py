"""What cannot be used is kept beside what is begun anew: a few copies, for a person to look at."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from rcmd.foreign_text import escaped

MOST_ASIDE = 9

_log = logging.getLogger(__name__)


def name_aside(path: Path, label: str) -> Path:
    """`PATH.LABEL-1` and so on; after nine, the last of them is replaced."""
    candidates = [path.with_name(f"{path.name}.{label}-{n}") for n in range(1, MOST_ASIDE + 1)]
    return next((each for each in candidates if not each.exists()), candidates[-1])


def keep_aside(path: Path, text: str) -> Path | None:
    """Where the damaged text is now; None, with a line in the log, where it cannot be kept."""
    aside = name_aside(path, "damaged")
    try:
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as file:  # noqa: PTH123
            file.write(escaped(text).encode())
    except OSError as error:
        _log.error("%s cannot be kept: %s", aside, error.strerror)
        return None
    return aside
