"""Who else claims an interface of ours: the files of other network managers, judged as they do.

Pure: `rcmd.system.neighbours` gathers the texts, `find_claims` judges them.  Only what is certain
is named: a file that cannot be judged is passed over, and where it might be the one that takes an
interface out of its manager's hands, so is everything after it.
"""

from rcmd.configuration.claims.claim import Claim, Manager, SourceText
from rcmd.configuration.claims.device import Device
from rcmd.configuration.claims.neighbours import Neighbours, find_claims
from rcmd.configuration.claims.networkd import NetworkFile

__all__ = [
    "Claim",
    "Device",
    "Manager",
    "Neighbours",
    "NetworkFile",
    "SourceText",
    "find_claims",
]
