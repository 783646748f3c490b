"""The client as a child process; a shell script plays udhcpc.  With the real one: tests/lab."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from rcmd.configuration import ConfigurationFiles, load
from rcmd.ipmp.dhcp.clients import ClientOrder
from rcmd.platform import dhcp_client
from rcmd.platform.dhcp_client import SCRIPT, ClientUnavailable, DhcpClient, command_line
from rcmd.ports.lease_client import ClientNews, Ended, Granted, RanOut, Refused, Unanswered

ORDER = ClientOrder("hme0", "hme1", 5, "01020000000001", "", IPv4Address("192.168.85.100"))
BOUND = f"ip=192.168.85.100 subnet=255.255.255.0 lease=60 {SCRIPT} bound\n"
PATIENCE_S = 10.0


@pytest.fixture
def udhcpc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Installs a udhcpc that does this."""

    def install(text: str) -> None:
        path = tmp_path / "udhcpc"
        path.write_text(f"#!/bin/sh\n{text}")
        path.chmod(0o755)
        monkeypatch.setattr(dhcp_client, "DIRECTORIES", (str(tmp_path), "/usr/bin", "/bin"))

    return install


def heard(wanted: int, *, then: Callable[[DhcpClient], None] = DhcpClient.stop) -> list[ClientNews]:
    """The first news of a client."""

    async def scenario() -> list[ClientNews]:
        news: list[ClientNews] = []
        has_all = asyncio.Event()

        def hear(what: ClientNews) -> None:
            news.append(what)
            if len(news) >= wanted:
                has_all.set()

        client = DhcpClient(ORDER, hear)
        try:
            async with asyncio.timeout(PATIENCE_S):
                await has_all.wait()
        finally:
            if not any(isinstance(it, Ended) for it in news):
                then(client)
                client.wait()
        return news

    return asyncio.run(scenario())


def test_what_happens_is_told(udhcpc: Callable[[str], None]) -> None:
    """The `deconfig` at the start means nothing, and so does the one after a refusal."""
    events = ["deconfig", "leasefail", "bound", "renew", "deconfig", "bound", "nak", "deconfig"]
    lease = "export ip=192.168.85.100 subnet=255.255.255.0 lease=60\n"
    udhcpc(lease + "".join(f"{SCRIPT} {event}\n" for event in events) + "exit 3\n")
    kinds = [type(it) for it in heard(7)]
    assert kinds == [Unanswered, Granted, Granted, RanOut, Granted, Refused, Ended]


def test_what_is_of_no_use_is_not_told(udhcpc: Callable[[str], None]) -> None:
    udhcpc(f"ip=127.0.0.1 {SCRIPT} bound\necho noise\n{BOUND}exit 0\n")
    (news, ended) = heard(2)
    assert isinstance(news, Granted)
    assert ended == Ended("udhcpc ended with status 0")


def test_one_that_says_too_much_is_ended(udhcpc: Callable[[str], None]) -> None:
    udhcpc("while :; do echo noise noise noise noise noise noise noise; done\n")
    assert heard(1) == [Ended("udhcpc ended with status -9")]


def test_one_that_was_stopped_is_not_heard(udhcpc: Callable[[str], None]) -> None:
    udhcpc(f"trap '{SCRIPT} nak; exit 0' TERM\n{BOUND}while :; do sleep 0.01; done\n")
    assert [type(it) for it in heard(1)] == [Granted]


def test_one_that_does_not_end_is_killed(udhcpc: Callable[[str], None]) -> None:
    udhcpc(f"trap '' TERM\n{BOUND}while :; do sleep 0.01; done\n")
    assert len(heard(1)) == 1


def test_command_line(udhcpc: Callable[[str], None], tmp_path: Path) -> None:
    udhcpc("")
    words = command_line(ORDER)
    assert words[words.index(str(tmp_path / "udhcpc")) :][:4] == [
        str(tmp_path / "udhcpc"),
        "-f",
        "-i",
        "hme1",
    ]
    assert words[words.index("-x") + 1] == "0x3d:01020000000001"
    assert words[words.index("-r") + 1] == "192.168.85.100"
    # The lease outlives the client, and nothing is probed that a sibling answers for.
    assert not {"-R", "-a", "-b", "-q", "-n"} & set(words)
    named = command_line(ClientOrder("hme0", "hme0", 4, "01", "web"))
    assert named[named.index("hostname:web") - 1] == "-x"
    assert "-r" not in named


def test_without_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dhcp_client, "DIRECTORIES", ())
    with pytest.raises(ClientUnavailable, match=r"Debian package udhcpc"):
        command_line(ORDER)
    hostname = {"/etc/hostname.hme0": "dhcp\n", "/etc/hostname.hme1": "192.168.85.20/24 up\n"}
    (fault,) = dhcp_client.missing_client(load(ConfigurationFiles(hostname=hostname)))
    assert str(fault) == (
        "/etc/hostname.hme0:1: warning: the DHCP client udhcpc is not installed "
        "(Debian package udhcpc)"
    )
