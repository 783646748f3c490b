"""The JSON of `rcmctl status --json`."""

from __future__ import annotations

import json
from ipaddress import ip_interface

from rcmd.bus.status_document import status_document
from rcmd.ctl.picture import picture_of
from rcmd.model.kinds import AddressKind
from rcmd.model.status import (
    AddressStatus,
    Preparations,
    Problem,
    ProblemCode,
    ProblemSeverity,
    Status,
)

from .fakes import IDENTITIES, UNDERWAY, interface, status


def test_every_key_of_the_contract() -> None:
    document = json.loads(json.dumps(status_document(status(), IDENTITIES, (UNDERWAY,))))
    assert document["groups"] == [
        {
            "name": "test",
            "state": "ok",
            "interfaces": ["hme0", "hme1"],
            "failure_detection_ms": 10_000,
            "load_spreading": "off",
            "carriers": [],
            "spares": 1,
        }
    ]
    assert document["interfaces"][0] == {
        "name": "hme0",
        "ifindex": 4,
        "group": "test",
        "state": "running",
        "flags": ["UP", "RUNNING"],
        "link_up": True,
        "standby": False,
        "hardware_address": "02:00:00:00:00:01",
        "bus_path": "pci:0000:03:00.0",
        "driver": "virtio_net",
        "problem": "",
        "probe": "ok",
    }
    assert document["addresses"][0] == {
        "address": "192.168.85.19/24",
        "kind": "data",
        "group": "test",
        "home": "hme0",
        "hosted_on": "hme1",
        "label": "hme1:2",
        "up": True,
    }
    assert document["addresses"][2]["hosted_on"] is None
    assert document["operations"] == [
        {
            "number": 7,
            "kind": "detach",
            "resource": "hme0",
            "caller": "uid 0, pid 1",
            "step": "leaving",
            "started_us": 1_000_000,
            "forced": False,
            "waiting_for": ["backup", "cluster"],
        }
    ]


def test_problems() -> None:
    problem = Problem(
        ProblemCode.NO_SPARE,
        ProblemSeverity.WARNING,
        "test",
        "no spare is left",
        "Repair hme0.",
        1_795_347_296_789_000,
    )
    document = status_document(Status(problems=(problem,)), {}, ())
    assert document["problems"] == [
        {
            "code": "no-spare",
            "severity": "warning",
            "subject": "test",
            "text": "no spare is left",
            "since": "2026-11-22T11:34:56.789+00:00",
            "advice": "Repair hme0.",
        }
    ]
    assert picture_of(document).status.problems[0].since_us == problem.since_us


def test_what_became_of_prepared_failovers() -> None:
    document = status_document(Status(preparations=Preparations(3, 1)), {}, ())
    assert document["statistics"] == {"prepared_failovers": 3, "prepared_failovers_mended": 1}


def test_an_address_that_its_group_shares_has_no_home() -> None:
    shared = AddressStatus(
        ip_interface("192.168.85.40/24"), AddressKind.DATA, "test", "", "hme1", "hme1:3"
    )
    document = status_document(Status(addresses=(shared,)), {}, ())
    assert document["addresses"] == [
        {
            "address": "192.168.85.40/24",
            "kind": "data",
            "group": "test",
            "home": None,
            "hosted_on": "hme1",
            "label": "hme1:3",
            "up": True,
        }
    ]
    assert picture_of(document).status.addresses == (shared,)


def test_an_interface_that_nobody_identified() -> None:
    document = status_document(status(interface("veth7")), {}, ())
    assert document["interfaces"][0]["bus_path"] == ""
