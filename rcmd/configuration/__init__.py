"""Text in, values out: the hostname files, rcmd.yaml and /etc/default/mpathd.

Pure: nothing here reads a disk.  `rcmd.platform.files` gathers the texts, `load` turns them into a
`Configuration` and the list of everything that is wrong with them.
"""

from rcmd.configuration.files import ConfigurationFiles
from rcmd.configuration.loader import Loaded, check, load, missing_devices

__all__ = ["ConfigurationFiles", "Loaded", "check", "load", "missing_devices"]
