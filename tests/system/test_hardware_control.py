"""Hardware steps on a sysfs that is a few files: what is written, what is told when it fails."""

import asyncio
import errno
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_sysfs import FakeSysfs

from rcmd.platform.hardware import control as hardware_control
from rcmd.platform.hardware.control import SysfsControl
from rcmd.ports.hardware import (
    AuthorizeUsb,
    HardwareFailed,
    HardwareStep,
    PowerOff,
    PowerOn,
    ProbeDriver,
    RemoveFunction,
    RemoveUsb,
    Rescan,
    SetVirtualFunctions,
    UnbindDriver,
)

FUNCTION = "0000:03:00.0"
STEPS: tuple[HardwareStep, ...] = (
    RemoveFunction(FUNCTION),
    UnbindDriver(FUNCTION),
    PowerOff("1"),
    RemoveUsb("1-2"),
)


@pytest.fixture
def card(sysfs: FakeSysfs) -> FakeSysfs:
    sysfs.slot("1", "0000:03:00", power="1")
    sysfs.function(FUNCTION, "igb", "eth0")
    sysfs.usb("1-2", "r8152", "eth1")
    return sysfs


def do(sysfs: FakeSysfs, step: HardwareStep, timeout_s: float = 30.0) -> None:
    asyncio.run(SysfsControl(sysfs.root, timeout_s=timeout_s).perform(step))


def failure(sysfs: FakeSysfs, step: HardwareStep, timeout_s: float = 30.0) -> str:
    with pytest.raises(HardwareFailed) as caught:
        do(sysfs, step, timeout_s)
    return str(caught.value)


def obstacles(sysfs: FakeSysfs, step: HardwareStep) -> tuple[str, ...]:
    return SysfsControl(sysfs.root).obstacles(step)


def device(sysfs: FakeSysfs, name: str, bus: str = "pci") -> Path:
    return sysfs.root / "bus" / bus / "devices" / name


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - a file tells nobody
            await asyncio.sleep(0.01)


def let_hang(file: Path) -> None:
    """Opening a FIFO without a reader lasts for ever, as a write to a hanging driver does."""
    file.unlink()
    os.mkfifo(file)


class Kernel:
    """Does what a file asks for, as soon as something was written into it: the file is a FIFO."""

    def __init__(self, file: Path, answer: Callable[[str], None]) -> None:
        file.unlink(missing_ok=True)
        os.mkfifo(file)
        self.heard: list[str] = []
        self._file, self._answer = file, answer
        self._thread = threading.Thread(target=self._listen)

    def _listen(self) -> None:
        self.heard.append(self._file.read_text())
        self._answer(self.heard[0])

    def __enter__(self) -> "Kernel":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()


# --- done ---------------------------------------------------------------------------------------


def test_a_function_is_removed_and_waited_for(card: FakeSysfs) -> None:
    with Kernel(device(card, FUNCTION) / "remove", lambda _: card.remove(FUNCTION)) as kernel:
        do(card, RemoveFunction(FUNCTION))
        assert not device(card, FUNCTION).exists()
    assert kernel.heard == ["1"]


def test_a_function_is_taken_from_its_driver(card: FakeSysfs) -> None:
    driver = device(card, FUNCTION) / "driver"
    with Kernel(driver / "unbind", lambda _: driver.unlink()) as kernel:
        do(card, UnbindDriver(FUNCTION))
    assert kernel.heard == [FUNCTION]


def test_a_usb_device_is_removed(card: FakeSysfs) -> None:
    link = device(card, "1-2", "usb")
    with Kernel(link / "remove", lambda _: link.unlink()) as kernel:
        do(card, RemoveUsb("1-2"))
    assert kernel.heard == ["1"]


def test_a_slot_is_off_when_it_says_so_and_is_empty(card: FakeSysfs) -> None:
    power = card.pci / "slots/1/power"

    async def story() -> None:
        control = SysfsControl(card.root)
        switching = asyncio.create_task(control.perform(PowerOff("1")))
        await until(lambda: power.read_text() == "0\n")
        assert not switching.done()
        card.remove(FUNCTION)
        await switching

    asyncio.run(story())
    do(card, PowerOn("1"))
    assert power.read_text() == "1\n"


@pytest.mark.parametrize(
    ("step", "file", "text"),
    [
        (Rescan(), "rescan", "1"),
        (Rescan("0000:03"), "../../class/pci_bus/0000:03/rescan", "1"),
        (Rescan("0000:09"), "rescan", "1"),
        (ProbeDriver(FUNCTION), "drivers_probe", FUNCTION),
    ],
)
def test_what_nobody_can_wait_for(
    card: FakeSysfs, step: HardwareStep, file: str, text: str
) -> None:
    do(card, step)
    assert (card.pci / file).read_text() == text


def test_a_scan_of_one_bus_leaves_the_others_alone(card: FakeSysfs) -> None:
    card.function("0000:04:00.0", "igb", "eth4")
    do(card, Rescan("0000:03"))
    untouched = [card.pci / "rescan", card.root / "class/pci_bus/0000:04/rescan"]
    assert [it.read_text() for it in untouched] == ["", ""]


def test_virtual_functions_are_made_once_the_driver_is_there(card: FakeSysfs) -> None:
    place = device(card, FUNCTION)
    number, driver = place / "sriov_numvfs", place / "driver"
    number.write_text("0\n")
    target = driver.readlink()
    driver.unlink()

    async def story() -> None:
        making = asyncio.create_task(
            SysfsControl(card.root).perform(SetVirtualFunctions(FUNCTION, 4))
        )
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert number.read_text() == "0\n"
        driver.symlink_to(target)
        await making

    asyncio.run(story())
    assert number.read_text() == "4\n"
    driver.unlink()
    do(card, SetVirtualFunctions(FUNCTION, 4))
    told = failure(card, SetVirtualFunctions(FUNCTION, 2), timeout_s=0.2)
    assert told == (
        f"function {FUNCTION} could not be told to make 2 virtual functions:"
        " its driver is not there after 0.2 s"
    )


def test_a_function_that_makes_no_virtual_ones(card: FakeSysfs) -> None:
    told = failure(card, SetVirtualFunctions(FUNCTION, 4))
    assert told == f"function {FUNCTION} can make no virtual functions"


def test_what_is_done_already_is_not_done_again(card: FakeSysfs) -> None:
    (card.pci / "slots/1/power").write_text("0\n")
    card.remove(FUNCTION)
    device(card, "1-2", "usb").unlink()
    for step in STEPS:
        assert obstacles(card, step) == ()
        do(card, step)


# --- USB devices come back ----------------------------------------------------------------------


def test_a_usb_device_that_is_there_is_authorised(card: FakeSysfs) -> None:
    authorized = device(card, "1-2", "usb") / "authorized"
    authorized.write_text("0\n")
    do(card, AuthorizeUsb("1-2"))
    assert authorized.read_text() == "1\n"


@pytest.mark.parametrize(
    ("path", "port"),
    [("1-7", "1-0:1.0/usb1-port7"), ("1-7.3", "1-7:1.0/1-7-port3")],
)
def test_a_usb_device_that_was_removed_returns_by_its_port(
    card: FakeSysfs, path: str, port: str
) -> None:
    switch = card.root / "bus/usb/devices" / port / "disable"
    switch.parent.mkdir(parents=True)
    switch.write_text("0\n")

    async def story() -> None:
        returning = asyncio.create_task(SysfsControl(card.root).perform(AuthorizeUsb(path)))
        await until(lambda: switch.read_text() == "0\n" and switch.stat().st_mtime_ns != before)
        card.usb(path, "r8152", "eth2")
        await returning

    before = switch.stat().st_mtime_ns
    asyncio.run(story())


def test_a_usb_device_whose_port_has_no_switch(card: FakeSysfs) -> None:
    reason = "USB device 1-7 has to be unplugged and plugged in again: its port has no switch"
    assert obstacles(card, AuthorizeUsb("1-7")) == (reason,)
    assert failure(card, AuthorizeUsb("1-7")) == reason


# --- not done -----------------------------------------------------------------------------------


def test_a_failed_write_is_told_in_the_words_of_the_kernel(card: FakeSysfs) -> None:
    remove = device(card, FUNCTION) / "remove"
    remove.unlink()
    remove.symlink_to("/dev/full")
    assert failure(card, RemoveFunction(FUNCTION)) == (
        f"function {FUNCTION} could not be removed: No space left on device"
    )


def test_a_driver_that_hangs(card: FakeSysfs) -> None:
    let_hang(device(card, FUNCTION) / "remove")
    ticks = 0

    async def story() -> None:
        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.01)
                ticks += 1

        ticking = asyncio.create_task(tick())
        control = SysfsControl(card.root, timeout_s=0.5)
        with pytest.raises(HardwareFailed) as caught:
            await control.perform(RemoveFunction(FUNCTION))
        assert str(caught.value) == (
            f"function {FUNCTION} could not be removed:"
            " still not done after 0.5 s: the driver hangs"
        )
        ticking.cancel()
        await until(lambda: not control.given_up)

    asyncio.run(story())
    assert ticks > 5, "the loop was held up"
    assert device(card, FUNCTION).exists()


UNKILLABLE = """
import asyncio, subprocess, sys
from pathlib import Path
from rcmd.ports.hardware import HardwareFailed, RemoveFunction
from rcmd.platform.hardware.control import SysfsControl

# What sleeps in the kernel is not ended by SIGKILL either.
subprocess.Popen.send_signal = lambda *_: None
try:
    asyncio.run(SysfsControl(Path(sys.argv[1]), timeout_s=0.2).perform(RemoveFunction(sys.argv[2])))
except HardwareFailed as error:
    print(error)
"""


def test_a_hanging_driver_does_not_hang_the_end_of_the_process(card: FakeSysfs) -> None:
    remove = device(card, FUNCTION) / "remove"
    let_hang(remove)
    try:
        done = subprocess.run(
            [sys.executable, "-c", UNKILLABLE, card.root, FUNCTION],
            capture_output=True,
            text=True,
            timeout=60,
        )
    finally:
        # The child was left to itself: a reader lets it end.
        os.close(os.open(remove, os.O_RDONLY | os.O_NONBLOCK))
    assert done.stdout.endswith("still not done after 0.2 s: the driver hangs\n")
    assert done.returncode == 0


def test_a_kernel_that_agrees_and_does_nothing(card: FakeSysfs) -> None:
    assert failure(card, PowerOff("1"), timeout_s=0.3) == (
        "slot 1 could not be switched off: the kernel agreed, but it is not done after 0.3 s"
    )


def test_a_cancelled_step_leaves_no_child(card: FakeSysfs) -> None:
    let_hang(device(card, FUNCTION) / "remove")

    async def story() -> None:
        control = SysfsControl(card.root)
        step = asyncio.create_task(control.perform(RemoveFunction(FUNCTION)))
        await until(lambda: bool(children()))
        step.cancel()
        with pytest.raises(asyncio.CancelledError):
            await step
        await until(lambda: not control.given_up)
        assert children() == []

    asyncio.run(story())


def children() -> list[str]:
    return Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()


# --- known without trying -----------------------------------------------------------------------


def test_nothing_stands_in_the_way(card: FakeSysfs) -> None:
    for step in (*STEPS, Rescan(), ProbeDriver(FUNCTION)):
        assert obstacles(card, step) == ()


@pytest.mark.parametrize("step", STEPS)
def test_what_goes_while_it_is_looked_at_is_in_nobodys_way(
    card: FakeSysfs, step: HardwareStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    statvfs = os.statvfs

    def goes(file: Path) -> os.statvfs_result:
        (card.pci / "slots/1/power").write_text("0\n")
        card.remove(FUNCTION)
        device(card, "1-2", "usb").unlink()
        return statvfs(file if isinstance(step, PowerOff) else "/sys/gone")

    monkeypatch.setattr(hardware_control.os, "statvfs", goes)
    assert obstacles(card, step) == ()


def test_what_cannot_be_looked_at_is_an_obstacle(
    card: FakeSysfs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_file: Path) -> os.statvfs_result:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(hardware_control.os, "statvfs", fails)
    assert obstacles(card, RemoveFunction(FUNCTION)) == (
        f"function {FUNCTION} could not be removed: Input/output error",
    )


def test_a_slot_that_is_not_there_or_has_no_switch(card: FakeSysfs) -> None:
    card.slot("2", "0000:04:00")
    assert obstacles(card, PowerOff("2")) == ("slot 2 has no power that can be switched",)
    assert obstacles(card, PowerOn("3")) == ("there is no slot 3",)
    assert failure(card, PowerOff("2")) == "slot 2 has no power that can be switched"


def test_a_machine_without_pci(tmp_path: Path) -> None:
    control = SysfsControl(tmp_path)
    assert control.obstacles(Rescan()) == ("there is no PCI bus that could be scanned",)


@pytest.mark.lab
def test_a_sysfs_that_is_read_only(
    card: FakeSysfs, in_namespaces: Callable[[Callable[[], None]], None]
) -> None:
    def scenario() -> None:
        for options in (["--bind"], ["-o", "remount,bind,ro"]):
            subprocess.run(["mount", *options, card.root, card.root], check=True)
        for step in (RemoveFunction(FUNCTION), PowerOff("1"), RemoveUsb("1-2"), Rescan()):
            (obstacle,) = obstacles(card, step)
            assert obstacle.endswith(": sysfs is mounted read-only")
        assert failure(card, PowerOff("1")).endswith(": Read-only file system")

    in_namespaces(scenario)
