"""A bad file shows in the status until it is mended, whoever found it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from rcmd.configuration import ConfigurationFiles, Loaded, load
from rcmd.errors import ConfigurationError
from rcmd.model.settings import Fault
from rcmd.model.status import Problem, ProblemCode, ProblemSeverity

from .house import HME0, ROOT, House

Play = Callable[..., House]
YAML = "/etc/rcmd/rcmd.yaml"
GOOD = "groups: {test: {probe: none}}"


def of_files(house: House) -> list[Problem]:
    codes = (ProblemCode.CONFIGURATION, ProblemCode.FILE_NOT_TRUSTED)
    return [it for it in house.coordination.status().problems if it.code in codes]


def test_a_bad_rcmd_yaml_at_the_start_is_a_problem_until_it_is_mended(play: Play) -> None:
    async def story(house: House) -> None:
        found = load(ConfigurationFiles(settings="failback: maybe\nfrob: 1\n"))
        house.coordination.files.started(replace(found, answer="going on with defaults"))
        (problem,) = of_files(house)
        assert (problem.severity, problem.subject) == (ProblemSeverity.ERROR, YAML)
        assert problem.text == (
            "cannot be used as it is: /etc/rcmd/rcmd.yaml:1: failback: expected true or false, "
            "found 'maybe' (and 1 more); going on with defaults"
        )
        house.files.settings = "failback: maybe"
        with pytest.raises(ConfigurationError):
            await house.coordination.reload(ROOT)
        (problem,) = of_files(house)
        assert problem.subject == YAML
        house.files.settings = GOOD
        await house.coordination.reload(ROOT)
        assert of_files(house) == []

    play(story)


def test_a_bad_hostname_file_at_the_start_is_a_problem_of_its_interface(play: Play) -> None:
    async def story(house: House) -> None:
        found = load(ConfigurationFiles(hostname={"/etc/hostname.hme1": "frob\n"}))
        house.attacher.faulty = {name: found.fault_of(name) for name in found.faulty}
        house.coordination.files.started(found)
        (problem,) = of_files(house)
        assert problem.subject == "hme1"
        assert "/etc/hostname.hme1:1: 'frob': bad address" in problem.text
        await house.coordination.reload(ROOT)
        assert of_files(house) == []

    play(story)


def test_a_reload_that_is_refused_shows_for_each_file_until_one_is_taken(play: Play) -> None:
    async def story(house: House) -> None:
        house.files.hostname["/etc/hostname.hme0"] = "\nfrob\nfrob\n"
        house.files.settings = "failback: maybe"
        with pytest.raises(ConfigurationError):
            await house.coordination.reload(ROOT)
        assert [(it.subject, it.severity) for it in of_files(house)] == [
            ("/etc/hostname.hme0", ProblemSeverity.WARNING),
            (YAML, ProblemSeverity.WARNING),
        ]
        assert "/etc/hostname.hme0:2: " in of_files(house)[0].text
        assert "(and 1 more)" in of_files(house)[0].text
        house.files.settings = GOOD
        with pytest.raises(ConfigurationError):
            await house.coordination.reload(ROOT)
        assert [it.subject for it in of_files(house)] == ["/etc/hostname.hme0"]
        house.files.hostname["/etc/hostname.hme0"] = HME0
        await house.coordination.reload(ROOT)
        assert of_files(house) == []

    play(story)


def test_a_file_that_others_may_write_is_a_problem_and_taken(play: Play) -> None:
    async def story(house: House) -> None:
        warning = Fault(YAML, 1, "can be written by everybody", is_warning=True)

        async def read() -> Loaded:
            return load(ConfigurationFiles(hostname=house.files.hostname, distrusted=(warning,)))

        house.daemon.read_configuration = read  # type: ignore[method-assign]
        await house.coordination.reload(ROOT)
        (problem,) = of_files(house)
        assert (problem.code, problem.subject) == (ProblemCode.FILE_NOT_TRUSTED, YAML)
        assert problem.severity is ProblemSeverity.WARNING
        assert problem.text == "can be written by everybody"

    play(story)


def test_warnings_are_told_when_the_files_are_taken(play: Play) -> None:
    async def story(house: House) -> None:
        house.files.hostname["/etc/hostname.hme0.old"] = "frob"
        await house.coordination.reload(ROOT)

    told = [it.message for it in play(story).events if it.kind == "configuration"]
    assert told == [
        "/etc/hostname.hme0.old:1: warning: ignored: its name is that of a copy or a leftover"
    ]
