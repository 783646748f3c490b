"""When garbage is looked for: among what is new, and else hardly ever.

Nearly everything that we make is gone as soon as nobody refers to it; only what refers to itself in
a circle has to be looked for.  To go through everything takes 100 ms where ten thousand routes are
known, and in that time a cable that is pulled is not heard.
"""

from __future__ import annotations

import gc

YOUNG = 25_000
"""New objects before garbage is looked for among them, which takes 4 ms: a failover of a thousand
addresses is not held up."""
SWEEP_S = 3600.0
"""So often everything is gone through."""
_NEVER = 2**31 - 1


def look_seldom() -> None:
    """From now on.  What is there already stays for good."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, _NEVER, _NEVER)


def sweep() -> None:
    gc.collect()
