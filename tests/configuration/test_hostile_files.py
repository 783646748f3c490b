"""However large a file is, and however wrong: its time grows no faster than its size."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import FrameType

import pytest

from rcmd.configuration import ConfigurationFiles, Loaded, load
from rcmd.configuration.findings import MOST

TraceFunction = Callable[[FrameType, str, object], object]

SMALL = 100
GROWTH = 8
MORE_LINES = 1.5 * GROWTH
"""Lines of ours are counted: the same number each time."""
MORE_TIME = 4 * GROWTH
"""What happens within a line can only be measured; with the square it were 64 times."""


def hostname(text: str) -> ConfigurationFiles:
    return ConfigurationFiles(hostname={"/etc/hostname.net0": text})


def settings(text: str) -> ConfigurationFiles:
    return ConfigurationFiles(settings=text)


def address(number: int) -> str:
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def addifs(count: int) -> str:
    return "".join(f"addif {address(i)}/8 up\n" for i in range(1, count))


def lines(pattern: str) -> Callable[[int], str]:
    return lambda count: "".join(pattern.replace("N", str(i)) for i in range(count))


HOSTNAME_FILES: dict[str, Callable[[int], str]] = {
    "one word": lambda n: "x" * n * 100,
    "one escaped word": lambda n: "\\x" * n * 20,
    "good words on one line": lambda n: "up " * n * 10,
    "bad words on one line": lambda n: "upp " * n * 10,
    "blanks": lambda n: "up" + " " * n * 100 + "\n",
    "escaped blanks": lambda n: "\\ " * n * 10,
    "bad lines": lines("uppN\n"),
    "joined lines": lines("up \\\n"),
    "bad joined lines": lines("upp \\\n"),
    "comments": lambda n: "# upp\n" * n * 10,
    "bytes": lambda n: "# \udce9\n" * n * 5,
    "byte order marks": lambda n: "\ufeff\n" * n * 5,
    "addresses": addifs,
    "the same address": lines("addif 10.0.0.1/8 up\n"),
    "addresses and faults": lambda n: addifs(n) + "frob\n" * n,
    "addresses taken back": lambda n: addifs(n) + "".join(
        f"removeif {address(i)}\n" for i in range(1, n)
    ),
    "an address that is not there": lambda n: addifs(n) + "removeif 10.255.255.1\n" * n,
    "addresses that come and go": lines("addif 10.0.0.1/8\nremoveif 10.0.0.1\n"),
    "standby": lambda n: addifs(n) + "standby\n-standby\n" * n,
    "failover": lambda n: addifs(n) + "standby failover -failover -standby\n" * n,
    "netmasks": lambda n: addifs(n).replace("/8", " netmask +"),
    "warnings": lines("router trailers\n"),
    "what dhcp ignores": lambda n: "dhcp " + "up " * n * 10,
    "groups": lines("group gN\n"),
}  # fmt: skip

SETTINGS: dict[str, Callable[[int], str]] = {
    "unknown keys": lines("unknownN: 1\n"),
    "the same key": lines("failback: no\n"),
    "targets": lambda n: "targets:\n" + "".join(f"- {address(i)}\n" for i in range(1, n)),
    "bad targets": lambda n: "targets:\n" + "- x\n" * n,
    "a list on one line": lambda n: "targets: [" + "a, " * n + "]",
    "addresses": lambda n: (
        "groups: {a: {addresses: [" + "".join(f"{address(i)}/8, " for i in range(1, n // 4)) + "]}}"
    ),
    "groups": lambda n: "groups:\n" + lines("  gN: {failback: no}\n")(n // 2),
    "groups alike": lambda n: "a: &a {x: 1}\ngroups:\n" + lines("  gN: *a\n")(n // 2),
    "anchors": lines("kN: &kN x\n"),
    "nested lists": lambda n: "[" * n * 10,
    "nested keys": lambda n: "? " * n * 10,
    "an indentation a line": lambda n: "".join(" " * i + "a:\n" for i in range(n // 8)),
    "documents": lines("---\n"),
    "directives": lines("%TAG !aN! tag:x,2000:\n"),
    "comments": lambda n: "# x\n" * n * 10,
    "odd comments": lambda n: "# \udce9\x00\n" * n,
    "a long value": lambda n: "failback: " + "x" * n * 50,
    "a long text": lambda n: "failback: |\n" + "  x\n" * n * 10,
    "merge keys": lines("<<: {a: 1}\n"),
    "keys that are none": lines("? [a]\n: b\n"),
}

OTHERS: dict[str, Callable[[int], ConfigurationFiles]] = {
    "files": lambda n: ConfigurationFiles(
        hostname={f"/etc/hostname.net{i}": f"{address(i)}/8 up\n" for i in range(n // 8)}
    ),
    "files that quarrel": lambda n: ConfigurationFiles(
        hostname={f"/etc/hostname.net{i}": "10.0.0.1/8 up\n" for i in range(n // 8)}
    ),
    "copies": lambda n: ConfigurationFiles(
        hostname={"/etc/hostname.net0": ""} | {f"/etc/hostname.net0.x{i}": "" for i in range(n)}
    ),
    "mpathd": lambda n: ConfigurationFiles(mpathd=lines("FAILBACKN=yes\n")(n)),
    "a long number": lambda n: ConfigurationFiles(
        mpathd="FAILURE_DETECTION_TIME=0x" + "f" * n * 50
    ),
    "hosts": lambda n: ConfigurationFiles(
        hostname={"/etc/hostname.net0": "web up\n"}, hosts={"/h": lines("0.0.0.0 adN\n")(n)}
    ),
    "names": lambda n: ConfigurationFiles(
        hostname={"/etc/hostname.net0": lines("addif webN/8 up\n")(n // 4)},
        hosts={"/h": "".join(f"{address(i + 1)} web{i}\n" for i in range(n // 4))},
    ),
    "a name of many addresses": lambda n: ConfigurationFiles(
        hostname={"/etc/hostname.net0": "web up\n"}, hosts={"/h": "127.0.0.1 web\n" * n}
    ),
    "netmasks": lambda n: ConfigurationFiles(
        hostname={"/etc/hostname.net0": addifs(n // 4).replace("/8", " netmask +")},
        netmasks={"/n": "".join(f"{address(i << 8)} 255.255.255.0\n" for i in range(n // 4))},
    ),
    "bad netmasks": lambda n: ConfigurationFiles(netmasks={"/n": "x\n" * n}),
}

CASES = {
    **{f"hostname: {name}": (hostname, text) for name, text in HOSTNAME_FILES.items()},
    **{f"settings: {name}": (settings, text) for name, text in SETTINGS.items()},
    **{name: (lambda files: files, files) for name, files in OTHERS.items()},
}


def lines_run(files: ConfigurationFiles) -> int:
    """So many lines of our own are carried out."""
    count = 0

    def trace(frame: FrameType, event: str, _: object) -> TraceFunction | None:
        nonlocal count
        if event == "line":
            count += 1
        return trace if "/rcmd/" in frame.f_code.co_filename else None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        load(files)
    finally:
        sys.settrace(before)
    return count


def least_time(files: ConfigurationFiles) -> tuple[float, Loaded]:
    """Of the processor, so that it does not matter what else it does."""
    times: list[float] = []
    for _ in range(2):
        begin = time.thread_time()
        loaded = load(files)
        times.append(time.thread_time() - begin)
    return min(times), loaded


@pytest.mark.parametrize("case", CASES)
def test_time_grows_with_the_size(case):
    make, text = CASES[case]
    few, many = make(text(SMALL)), make(text(SMALL * GROWTH))
    assert lines_run(many) < max(lines_run(few), 200) * MORE_LINES
    small, _ = least_time(few)
    large, loaded = least_time(many)
    # What takes next to no time may take it as it likes.
    assert large < max(small, 0.001) * MORE_TIME
    assert len(loaded.faults) <= MOST
    assert sum(len(fault.message) for fault in loaded.faults) < MOST * 500


@pytest.mark.parametrize("count", [1, 99, 100, 101, 5000])
def test_a_hundred_faults_are_shown_and_the_others_counted(count):
    loaded = load(settings(lines("unknownN: 1\n")(count)))
    assert len(loaded.faults) == min(count, 100)
    assert len(loaded.faults) + loaded.more == count
    assert loaded.faults[0].line == 1
    expected = count if count <= 100 else 101
    assert len(loaded.refusal.splitlines()) == expected
    if count > 100:
        assert loaded.refusal.splitlines()[-1] == f"and {count - 100} more"


def test_warnings_take_no_place_of_faults():
    files = ConfigurationFiles(
        hostname={f"/etc/hostname.a{i}~": "" for i in range(300)} | {"/etc/hostname.net0": "frob"},
        netmasks={"/n": "x\n" * 300},
        mpathd="x\n" * 300,
    )
    loaded = load(files)
    assert [fault.file for fault in loaded.errors] == ["/etc/hostname.net0"]
    assert len(loaded.faults) == 100
    assert len(loaded.faults) + loaded.more == 901
    assert loaded.faulty == {"net0"}


def test_faults_of_hostname_files_do_not_hide_those_of_the_settings():
    files = ConfigurationFiles(
        hostname={f"/etc/hostname.a{i}": "frob" for i in range(300)}, settings="frob: 1\n"
    )
    loaded = load(files)
    assert len(loaded.settings_faults) == 1
    assert len(loaded.faulty) == 300


def test_a_file_of_nothing_but_faults_is_not_read_to_its_end():
    loaded = load(hostname("frob\n" * 100_000 + "group front\n"))
    assert loaded.configuration.interfaces["net0"].group == ""
    assert len(loaded.faults) + loaded.more == 1001
