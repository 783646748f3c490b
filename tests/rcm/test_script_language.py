"""The grammar of scripts, line by line and status by status."""

from __future__ import annotations

import pytest

from rcmd.ports.script_protocol import (
    LONGEST_TIMEOUT_S,
    MAX_LINE,
    MAX_LINES,
    MAX_REASON,
    MAX_RESOURCES,
    Answer,
    Command,
    Dialogue,
    Level,
    Outcome,
    Remark,
    ScriptFailed,
    ScriptInfo,
    environment,
    name_problem,
    timeout_error,
)

REMOVAL = (
    Command.QUERYREMOVE,
    Command.PREREMOVE,
    Command.POSTREMOVE,
    Command.UNDOREMOVE,
)
INFO = ("rcm_script_version=1", "rcm_script_func_info=Tape robot guard")


def answer(command: Command, *lines: str, status: int = 0) -> Answer:
    dialogue = Dialogue("guard", command)
    for line in lines:
        assert dialogue.take(line.encode()) is None
    return dialogue.finish(status)


def failure(command: Command, *lines: str, status: int = 0) -> str:
    with pytest.raises(ScriptFailed) as error:
        answer(command, *lines, status=status)
    return str(error.value)


# --- scriptinfo -----------------------------------------------------------------------------------


def test_scriptinfo() -> None:
    assert answer(Command.SCRIPTINFO, *INFO).info == ScriptInfo("Tape robot guard", None)
    timed = answer(Command.SCRIPTINFO, *INFO, "rcm_cmd_timeout=20")
    assert timed.info == ScriptInfo("Tape robot guard", 20.0)
    untimed = answer(Command.SCRIPTINFO, *INFO, "rcm_cmd_timeout=0")
    assert untimed.info == ScriptInfo("Tape robot guard", 0.0)
    endless = answer(Command.SCRIPTINFO, *INFO, f"rcm_cmd_timeout={'9' * 4000}")
    assert endless.info == ScriptInfo("Tape robot guard", LONGEST_TIMEOUT_S)


@pytest.mark.parametrize("version", ["0", "2", "11"])
def test_only_version_1_is_known(version: str) -> None:
    # behaviour 109
    said = failure(Command.SCRIPTINFO, f"rcm_script_version={version}", INFO[1])
    assert said == f"rcm script guard: unsupported version {version}"


@pytest.mark.parametrize("lines", [(), INFO[:1], INFO[1:]])
def test_what_scriptinfo_must_say(lines: tuple[str, ...]) -> None:
    said = failure(Command.SCRIPTINFO, *lines)
    assert said == "rcm: required name-value parameters missing (guard)"


@pytest.mark.parametrize("line", ["rcm_cmd_timeout=1s", "rcm_cmd_timeout=-1", "rcm_cmd_timeout=²"])
def test_numbers_are_digits(line: str) -> None:
    assert "scripting protocol error (rcm_cmd_timeout is no number" in failure(
        Command.SCRIPTINFO, *INFO, line
    )


# --- register and resourceinfo --------------------------------------------------------------------


def test_register_names_each_resource_once() -> None:
    # behaviours 104, 114
    lines = ("rcm_resource_name=eth0", "rcm_resource_name=pci:*", "rcm_resource_name=eth0")
    assert answer(Command.REGISTER, *lines).resources == ("eth0", "pci:*")
    assert answer(Command.REGISTER).resources == ()


def test_register_ends_somewhere() -> None:
    lines = [f"rcm_resource_name=eth{number}" for number in range(MAX_RESOURCES + 1)]
    assert "more than 1024 resources" in failure(Command.REGISTER, *lines)


def test_resourceinfo_says_what_it_is_used_for() -> None:
    lines = ("rcm_resource_usage_info=backup", "rcm_resource_usage_info=of /home")
    assert answer(Command.RESOURCEINFO, *lines).usage == "backup of /home"
    assert "required name-value parameters missing" in failure(Command.RESOURCEINFO)
    assert answer(Command.RESOURCEINFO, status=2).outcome is Outcome.UNSUPPORTED


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("eth*", ""),
        ("pci:0000:03:00.0", ""),
        ("ip:2001:db8::1", ""),
        ("slot:Slot 1", ""),
        ("/devices/pci@1f", "rcm: unknown resource name /devices/pci@1f (guard)"),
        ("SUNW_datalink/3", "rcm: unknown resource name SUNW_datalink/3 (guard)"),
        (" eth0", "rcm script guard: failed to register 'eth0'"),
        ("eth\x1b0", "rcm script guard: failed to register 'eth?0'"),
        ("x" * 256, f"rcm script guard: failed to register '{'x' * 40}...'"),
    ],
)
def test_names_that_can_be_registered(name: str, problem: str) -> None:
    assert name_problem(name, "guard") == problem


# --- exit statuses --------------------------------------------------------------------------------


@pytest.mark.parametrize("command", REMOVAL)
def test_exit_statuses_of_a_removal(command: Command) -> None:
    reason = "rcm_failure_reason=busy"
    assert answer(command) == Answer(Outcome.OK)
    assert answer(command, reason, status=1) == Answer(Outcome.FAILED, "busy")
    # behaviour 112
    assert answer(command, status=2) == Answer(Outcome.UNSUPPORTED)
    # behaviour 115
    assert answer(command, reason, status=3) == Answer(Outcome.REFUSED, "busy")
    # behaviour 111
    for lines, status in (((reason,), 0), ((), 1), ((), 3), ((reason,), 4), ((), 255)):
        said = failure(command, *lines, status=status)
        assert said.startswith("rcm script guard: scripting protocol error (exit status")
    assert failure(command, status=-6) == "rcm script guard: unknown error (ended by signal 6)"


@pytest.mark.parametrize("command", [Command.SCRIPTINFO, Command.REGISTER])
def test_commands_that_every_script_must_know(command: Command) -> None:
    assert f"({command} must be supported)" in failure(command, status=2)
    assert f"(exit status 3 after {command})" in failure(command, "rcm_failure_reason=no", status=3)
    assert answer(command, "rcm_failure_reason=no", status=1).reason == "no"


def test_unknown_command() -> None:
    assert answer(Command.NO_SUCH_COMMAND, status=2).outcome is Outcome.UNSUPPORTED
    assert answer(Command.NO_SUCH_COMMAND).outcome is Outcome.OK
    assert "is not for nosuchcommand" in failure(Command.NO_SUCH_COMMAND, "rcm_failure_reason=no")


def test_reasons_belong_together_and_are_one_bearable_line() -> None:
    lines = ("rcm_failure_reason=a\tbackup  is", "rcm_failure_reason=running\x1b[1m = here")
    assert answer(Command.QUERYREMOVE, *lines, status=3).reason == "a backup is running?[1m = here"
    long = [f"rcm_failure_reason={'x' * 4000}"] * 3
    assert answer(Command.QUERYREMOVE, *long, status=3).reason == "x" * MAX_REASON + "..."


def test_any_bytes_are_text() -> None:
    dialogue = Dialogue("guard", Command.QUERYREMOVE)
    dialogue.take(b"rcm_failure_reason=\xff\xfe caf\xc3\xa9 \x00")
    assert dialogue.finish(3).reason == "\\xff\\xfe café ?"


# --- lines ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line", ["", "hello", "=value", "rcm_failure_reason=", "rcm_failure_reason= ", "RCM_LOG_ERR=x"]
)
def test_lines_that_are_none(line: str) -> None:
    assert "scripting protocol error" in failure(Command.QUERYREMOVE, line, status=3)


@pytest.mark.parametrize("command", list(Command))
def test_logging_is_allowed_at_any_time(command: Command) -> None:
    dialogue = Dialogue("guard", command)
    for level in Level:
        assert dialogue.take(f"{level.value}=a = b".encode()) == Remark(level, "a = b")


NAMES = {
    "rcm_script_version=1": {Command.SCRIPTINFO},
    "rcm_script_func_info=x": {Command.SCRIPTINFO},
    "rcm_cmd_timeout=1": {Command.SCRIPTINFO},
    "rcm_resource_name=x": {Command.REGISTER},
    "rcm_resource_usage_info=x": {Command.RESOURCEINFO},
    "rcm_failure_reason=x": set(Command) - {Command.NO_SUCH_COMMAND},
}


@pytest.mark.parametrize("command", list(Command))
@pytest.mark.parametrize("line", NAMES)
def test_which_names_are_for_which_command(command: Command, line: str) -> None:
    dialogue = Dialogue("guard", command)
    if command in NAMES[line]:
        assert dialogue.take(line.encode()) is None
    else:
        with pytest.raises(ScriptFailed, match=f"is not for {command}"):
            dialogue.take(line.encode())


def test_length_and_number_of_lines() -> None:
    dialogue = Dialogue("guard", Command.QUERYREMOVE)
    name = "rcm_log_info="
    dialogue.take((name + "x" * (MAX_LINE - len(name))).encode())
    with pytest.raises(ScriptFailed, match="more than 4096 characters"):
        dialogue.take((name + "x" * (MAX_LINE - len(name) + 1)).encode())
    flood = Dialogue("guard", Command.QUERYREMOVE)
    for _ in range(MAX_LINES):
        flood.take(b"rcm_log_info=x")
    with pytest.raises(ScriptFailed, match="more than 4096 lines"):
        flood.take(b"rcm_log_info=x")


# --- the rest -------------------------------------------------------------------------------------


def test_timeout_has_the_words_of_the_contract() -> None:
    assert str(timeout_error("guard")) == "rcm script guard: timeout error"


@pytest.mark.parametrize("command", list(Command))
def test_force_is_told_where_it_matters(command: Command) -> None:
    # behaviours 107, 110
    own = {"LANG": "C.UTF-8", "TZ": "UTC", "LC_ALL": "C", "LC_PAPER": "C", "HOME": "/", "PATH": "."}
    found = environment(command, own, debug_level=3, is_forced=True)
    expected = {
        "PATH": "/usr/sbin:/usr/bin",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "LC_ALL": "C",
        "RCM_ENV_DEBUG_LEVEL": "3",
    }
    if command in (Command.QUERYREMOVE, Command.PREREMOVE):
        expected["RCM_ENV_FORCE"] = "TRUE"
    assert found == expected
