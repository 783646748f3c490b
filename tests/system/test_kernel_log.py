import errno
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from rcmd.platform import kernel_log
from rcmd.platform.kernel_log import KERNEL_LOG, KernelLog, parse
from rcmd.ports.kernel_log import KernelLogLine

PRESSED = "pcieport 0000:00:10.0: pciehp: Slot(1): Powering off due to button press"
RECORD = f"6,339,5140900,-;{PRESSED}\n SUBSYSTEM=pci\n DEVICE=+pci:0000:00:10.0\n".encode()
LINE = KernelLogLine(6, 339, 5140900, PRESSED)


class Pipe:
    """A kernel log that tests write."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self._end = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        opened = KernelLog.open(path)
        assert opened is not None
        self.log = opened

    def write(self, data: bytes) -> None:
        assert os.write(self._end, data) == len(data)

    def close(self) -> None:
        self.log.close()
        os.close(self._end)


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[Pipe]:
    made = Pipe(tmp_path / "kmsg")
    yield made
    made.close()


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (
            b"6,339,5140900,-;NET: Registered\xe2\x82\xac",
            KernelLogLine(6, 339, 5140900, "NET: Registered€"),
        ),
        (b"4,1,0,c;part", KernelLogLine(4, 1, 0, "part")),
        (b"30,7,8,-,caller=T12;a;b,c", KernelLogLine(30, 7, 8, "a;b,c")),
        (b"6,1,1,-;", KernelLogLine(6, 1, 1, "")),
        (b" DEVICE=+pci:0000:00:10.0", None),
        (b"<30>udevd[7]: hello", None),
        (b"6,1,-;short", None),
        (b"6,one,1,-;word", None),
        (b"6,-1,1,-;negative", None),
        (b"", None),
    ],
)
def test_records(record: bytes, expected: KernelLogLine | None) -> None:
    assert parse(record) == expected


def test_reads_what_is_there_and_does_not_wait(pipe: Pipe) -> None:
    assert pipe.log.read() == []
    pipe.write(RECORD)
    pipe.write(b"6,340,5140910,-;second\n")
    assert pipe.log.read() == [LINE, KernelLogLine(6, 340, 5140910, "second")]
    assert pipe.log.read() == []


def test_a_record_in_two_pieces(pipe: Pipe) -> None:
    pipe.write(RECORD[:30])
    assert pipe.log.read() == []
    pipe.write(RECORD[30:])
    assert pipe.log.read() == [LINE]


def test_junk_is_passed_over(pipe: Pipe) -> None:
    pipe.write(b"\0\xff\n\n;;;\n" + RECORD)
    assert pipe.log.read() == [LINE]


def test_a_line_without_end_is_not_kept_for_ever(pipe: Pipe) -> None:
    for _ in range(5):
        pipe.write(b"x" * 16384)
        assert pipe.log.read() == []
    pipe.write(b"\n" + RECORD)
    assert pipe.log.read() == [LINE]


def test_reads_from_the_end_on(tmp_path: Path) -> None:
    path = tmp_path / "kmsg"
    path.write_bytes(b"6,1,1,-;long ago\n")
    log = KernelLog.open(path)
    assert log is not None
    with path.open("ab") as file:
        file.write(RECORD)
    assert log.read() == [LINE]
    log.close()


def test_goes_on_after_an_overrun(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As the kernel does it: one EPIPE, then the oldest record that is left."""
    read = os.read
    failures = [OSError(errno.EPIPE, "Broken pipe")]

    def read_as_kmsg(descriptor: int, size: int) -> bytes:
        if failures:
            raise failures.pop()
        return read(descriptor, size)

    pipe.write(b"6,338,1,-;begun")
    pipe.log.read()
    monkeypatch.setattr(kernel_log.os, "read", read_as_kmsg)
    pipe.write(RECORD)
    assert pipe.log.read() == [LINE]
    assert "were lost" in caplog.text


def test_another_failure_is_told(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_descriptor: int, _size: int) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(kernel_log.os, "read", fail)
    with pytest.raises(OSError, match="Input/output"):
        pipe.log.read()


def test_the_end_of_a_pipe_is_told(tmp_path: Path) -> None:
    """It is readable for ever: whoever went on listening would do nothing else."""
    path = tmp_path / "kmsg"
    os.mkfifo(path)
    log = KernelLog.open(path)
    assert log is not None
    writer = os.open(path, os.O_WRONLY)
    os.write(writer, RECORD)
    os.close(writer)
    assert log.read() == [LINE]
    with pytest.raises(EOFError):
        log.read()
    log.close()


def test_a_flood_is_read_in_portions(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each read of the kernel's gives one record, and there is always another."""
    monkeypatch.setattr(kernel_log.os, "read", lambda _descriptor, _size: RECORD)
    assert 0 < len(pipe.log.read()) <= 1000


def test_says_what_is_missing_without_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert KernelLog.open(tmp_path / "kmsg") is None
    assert "notice of a PCIe slot is not heard" in caplog.text
    assert "No such file" in caplog.text


@pytest.mark.lab
def test_the_real_one_is_read_from_its_end_on() -> None:
    from_the_beginning = KernelLog(os.open(KERNEL_LOG, os.O_RDONLY | os.O_NONBLOCK))
    old: set[int] = set()
    while lines := from_the_beginning.read():
        old |= {line.sequence for line in lines}
    from_the_beginning.close()
    assert old
    log = KernelLog.open()
    assert log is not None
    assert not old & {line.sequence for line in log.read()}
    log.close()
