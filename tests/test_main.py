"""`rcmd` on the command line, as far as it goes without a network of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from rcmd import __main__, __version__
from rcmd.configuration import ConfigurationFiles
from rcmd.configuration.conflicts import Neighbours, SourceText
from rcmd.platform import files
from rcmd.platform import network_managers as neighbours


def rcmd(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "rcmd", *words], capture_output=True, text=True, timeout=60
    )


def check(
    monkeypatch: pytest.MonkeyPatch, found: ConfigurationFiles, others: Neighbours | None = None
) -> int:
    monkeypatch.setattr(files, "read_tree", lambda: found)
    monkeypatch.setattr(neighbours, "read_neighbours", lambda _names: others or Neighbours())
    monkeypatch.setattr(sys, "argv", ["rcmd", "--check"])
    return __main__.main()


def test_version() -> None:
    done = rcmd("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"rcmd {__version__}\n", "")


def test_usage() -> None:
    done = rcmd("--frobnicate")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: rcmd")


def test_check_prints_every_fault(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = ConfigurationFiles(
        hostname={"/etc/hostname.hme0": "192.168.85.19/24 mtu huge up\n"}, settings="frob: 1\n"
    )
    assert check(monkeypatch, found) == 1
    places = {line.split(": ")[0] for line in capsys.readouterr().out.splitlines()}
    assert places == {"/etc/hostname.hme0:1", "/etc/rcmd/rcmd.yaml:1"}


def test_warnings_are_printed_and_no_fault(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = ConfigurationFiles(settings="groups: {nobody: {failback: no}}\n")
    assert check(monkeypatch, found) == 0
    assert "warning: " in capsys.readouterr().out


def test_check_names_files_of_devices_that_are_not_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = ("/etc/hostname.hme0", "/etc/hostname.hme1", "/etc/hostname6.hme1", "/etc/hostname.x~")
    found = ConfigurationFiles(hostname=dict.fromkeys(paths, ""), devices=frozenset({"hme0"}))
    assert check(monkeypatch, found) == 0
    assert capsys.readouterr().out.splitlines() == [
        "/etc/hostname.hme1:1: warning: no device is called hme1",
        "/etc/hostname.x~:1: warning: ignored: its name is that of a copy or a leftover",
        "/etc/hostname6.hme1:1: warning: no device is called hme1",
    ]


def test_check_prints_a_hundred_faults_and_how_many_more(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = ConfigurationFiles(settings="".join(f"unknown{i}: 1\n" for i in range(30_000)))
    assert check(monkeypatch, found) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 101
    assert lines[-1] == "and 29900 more"


def test_check_of_good_files_says_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = ConfigurationFiles(hostname={"/etc/hostname.hme0": "192.168.85.19/24 up\n"})
    assert check(monkeypatch, found) == 0
    assert capsys.readouterr().out == ""


IFUPDOWN = Neighbours(
    interfaces=(SourceText("/etc/network/interfaces", "auto hme0\niface hme0 inet dhcp\n"),)
)


def test_check_names_who_else_claims_an_interface(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = ConfigurationFiles(hostname={"/etc/hostname.hme0": "192.168.85.19/24 up\n"})
    assert check(monkeypatch, found, IFUPDOWN) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("/etc/network/interfaces:2: warning: ifupdown claims hme0: ")


def test_check_sorts_claims_among_faults(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hostname = {"/etc/hostname.hme0": "192.168.85.19/24 up\n", "/etc/hostname.hme1": "mtu\n"}
    found = ConfigurationFiles(hostname=hostname, settings="frob: 1\n")
    assert check(monkeypatch, found, IFUPDOWN) == 1
    places = [line.split(": ")[0] for line in capsys.readouterr().out.splitlines()]
    assert places == [
        "/etc/hostname.hme1:1",
        "/etc/network/interfaces:2",
        "/etc/rcmd/rcmd.yaml:1",
    ]


def test_interfaces_that_are_not_ours_may_be_anybodys(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = ConfigurationFiles(hostname={"/etc/hostname.hme1": "192.168.85.19/24 up\n"})
    assert check(monkeypatch, found, IFUPDOWN) == 0
    assert capsys.readouterr().out == ""


def test_only_root_can_run_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 65534)
    monkeypatch.setattr(sys, "argv", ["rcmd"])
    assert __main__.main() == 1
    assert "rcmd needs root" in caplog.text
