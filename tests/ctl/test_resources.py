"""Resources: what hangs on what."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rcmd.ctl.verbs.resources import resource_table
from rcmd.errors import RcmError

from .conftest import Rcmctl
from .fake_manager import FakeManager


def _resource(name: str, kind: str, note: str, *children: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "kind": kind, "note": note, "children": list(children)}


DOCUMENT = {
    "resources": [
        _resource(
            "slot:1",
            "slot",
            "powered on",
            _resource(
                "pci:0000:03:00",
                "device",
                "PCI device with 1 function",
                _resource(
                    "pci:0000:03:00.0",
                    "function",
                    "network controller, driver igb",
                    _resource(
                        "hme0",
                        "interface",
                        "hme0 hosts IP addresses: 10.0.0.1",
                        _resource("ip:10.0.0.1", "address", "10.0.0.1/24"),
                        _resource("default via 10.0.0.2", "route", ""),
                    ),
                ),
            ),
        ),
        _resource("dummy0", "interface", "dummy0 is down"),
    ]
}
TABLE = """\
RESOURCE                      KIND       USAGE
slot:1                        slot       powered on
  pci:0000:03:00              device     PCI device with 1 function
    pci:0000:03:00.0          function   network controller, driver igb
      hme0                    interface  hme0 hosts IP addresses: 10.0.0.1
        ip:10.0.0.1           address    10.0.0.1/24
        default via 10.0.0.2  route      --
dummy0                        interface  dummy0 is down
"""


def test_what_hangs_on_what_is_indented(rcmctl: Rcmctl) -> None:
    assert rcmctl(FakeManager(resources_document=DOCUMENT), "resources").out == TABLE


def test_for_programs(rcmctl: Rcmctl) -> None:
    answer = rcmctl(FakeManager(resources_document=DOCUMENT), "resources", "--json")
    assert json.loads(answer.out) == DOCUMENT


@pytest.mark.parametrize("document", [{}, {"resources": [{"name": "hme0"}]}, {"resources": None}])
def test_a_daemon_of_another_version(document: dict[str, Any]) -> None:
    with pytest.raises(RcmError, match="another version"):
        resource_table(document, None)
