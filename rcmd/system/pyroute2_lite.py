"""The message classes of pyroute2 without the rest of the library.

`import pyroute2` loads every part of the library, name databases and firewalls included: 95 ms and
12.5 MiB where the message classes alone take 16 ms and 2 MiB.  A package runs its `__init__`
when no module of its name is loaded, so an empty one stands in for it during the import and is
taken away afterwards: whoever imports `pyroute2` later gets the whole library.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
from typing import Any

_PACKAGE = "pyroute2"
_MODULES = (
    "pyroute2.netlink.exceptions",
    "pyroute2.netlink.rtnl.ifaddrmsg",
    "pyroute2.netlink.rtnl.ifinfmsg",
    "pyroute2.netlink.rtnl.rtmsg",
)


def _without_package_body() -> list[Any]:
    """Import the modules below an empty package; raise ImportError if they need the real one."""
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None:
        raise ModuleNotFoundError("pyroute2 is not installed", name=_PACKAGE)
    sys.modules[_PACKAGE] = importlib.util.module_from_spec(spec)
    try:
        return [importlib.import_module(name) for name in _MODULES]
    except (ImportError, AttributeError) as error:
        for name in [name for name in sys.modules if name.startswith(_PACKAGE + ".")]:
            del sys.modules[name]
        raise ImportError("pyroute2 needs its package body") from error
    finally:
        del sys.modules[_PACKAGE]


def _load() -> list[Any]:
    if _PACKAGE not in sys.modules:
        with contextlib.suppress(ImportError):
            return _without_package_body()
    return [importlib.import_module(name) for name in _MODULES]


_exceptions, _ifaddrmsg, _ifinfmsg, _rtmsg = _load()

NetlinkDecodeError = _exceptions.NetlinkDecodeError
ifaddrmsg = _ifaddrmsg.ifaddrmsg
ifinfmsg = _ifinfmsg.ifinfmsg
rtmsg = _rtmsg.rtmsg
