"""The JSON of `rcmctl targets --json` and of `rcmctl probes --json`."""

from __future__ import annotations

import asyncio
import json
import time

from rcmd.bus.names import MANAGER, ROOT, SERVICE
from rcmd.bus.probe_documents import probe_document, target_document

from .fakes import PROBES, TARGETS, stage


def test_every_key_of_a_target() -> None:
    assert json.loads(json.dumps(target_document(TARGETS[0]))) == {
        "interface": "hme0",
        "family": "IPv4",
        "mode": "routes",
        "method": "icmp",
        "test_address": "192.168.85.21",
        "targets": [
            {
                "address": "192.168.85.1",
                "state": "active",
                "crtt_us": 1500,
                "answered": 7,
                "lost": 1,
            }
        ],
    }


def test_an_interface_that_is_not_probed() -> None:
    assert target_document(TARGETS[1]) == {
        "interface": "hme1",
        "family": None,
        "mode": "disabled",
        "method": None,
        "test_address": None,
        "targets": [],
    }


def test_every_key_of_a_probe() -> None:
    assert json.loads(json.dumps(probe_document(PROBES[0], 1_795_347_000.0))) == {
        "number": 1,
        "time_us": 1_795_347_010_000_000,
        "interface": "hme0",
        "family": "IPv4",
        "sequence": 0,
        "target": "192.168.85.1",
        "outcome": "answered",
        "network_rtt_us": 300,
        "rtt_us": 20_000,
    }


def test_a_lost_probe_has_no_round_trip() -> None:
    document = probe_document(PROBES[1], 0.0)
    assert (document["outcome"], document["network_rtt_us"], document["rtt_us"]) == (
        "lost",
        None,
        None,
    )


def test_over_the_bus(address: str) -> None:
    async def scenario() -> None:
        async with stage(address) as on:
            peer = await on.peer()

            async def ask(member: str, signature: str = "", *values: int) -> object:
                answer = await peer.call(
                    SERVICE, ROOT, MANAGER, member, signature, values, timeout_s=10
                )
                return json.loads(answer[0])

            assert await ask("GetTargets") == {"targets": [target_document(it) for it in TARGETS]}
            assert await ask("GetProbes", "tu", 0, 0) == []
            (newest,) = await ask("GetProbes", "tu", 0, 1)
            assert newest["number"] == PROBES[-1].number
            rows = await ask("GetProbes", "tu", 1, 2**32 - 1)
            assert [row["number"] for row in rows] == [2, 3]
            # Sent 12 s after the clock of the loop began, on the clock of the wall.
            since_s = asyncio.get_running_loop().time() - 12
            assert abs(rows[-1]["time_us"] / 1e6 - (time.time() - since_s)) < 1

    asyncio.run(scenario())
