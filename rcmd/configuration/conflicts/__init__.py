"""Who else claims an interface of ours: the files of other network managers, judged as they do.

Pure: `rcmd.platform.network_managers` gathers the texts, `find_claims` judges them.  Only what is
certain is named: a file that cannot be judged is passed over, and where it might be the one that
takes an interface out of its manager's hands, so is everything after it.
"""

from rcmd.configuration.conflicts.conflict import Claim, Manager, SourceText
from rcmd.configuration.conflicts.device import Device
from rcmd.configuration.conflicts.managers import Neighbours, find_claims
from rcmd.configuration.conflicts.networkd import NetworkFile

__all__ = [
    "Claim",
    "Device",
    "Manager",
    "Neighbours",
    "NetworkFile",
    "SourceText",
    "find_claims",
]
