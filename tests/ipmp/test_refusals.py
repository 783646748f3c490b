"""When the kernel is asked again."""

from __future__ import annotations

from rcmd.ipmp.rules.refusals import PAUSES_S, Refusals

SOON, LATER = PAUSES_S


def refused(times: int = 1) -> Refusals[str]:
    """At 0 s, so many times in a row."""
    made: Refusals[str] = Refusals()
    for _ in range(times):
        made.refuse("x", "no", 0.0)
    return made


def always(_: str) -> bool:
    return True


def test_what_was_refused_is_not_asked_for() -> None:
    made = refused()
    assert "x" in made
    assert "y" not in made
    assert list(made.items()) == [("x", "no")]


def test_it_is_asked_for_twice_by_itself() -> None:
    assert refused(1).deadline() == SOON
    assert refused(2).deadline() == LATER
    assert refused(3).deadline() is None


def test_what_is_due_may_be_asked_for() -> None:
    made = refused()
    assert made.due(SOON - 0.01) == []
    assert made.due(SOON) == ["x"]
    assert "x" not in made
    assert made.deadline() is None
    assert made.refuse("x", "no", SOON) == 2


def test_a_hint_makes_it_due_soon_and_not_too_often() -> None:
    made = refused(1)
    made.hint(always, 0.1)
    assert made.deadline() == SOON
    made = refused(20)
    made.hint(always, 5.0)
    made.hint(always, 5.5)
    assert made.deadline() == 5.0 + LATER
    assert "x" in made


def test_a_hint_is_for_those_that_it_is_about() -> None:
    made = refused(3)
    made.hint(lambda key: key == "y", 5.0)
    assert made.deadline() is None


def test_what_was_accepted_begins_anew() -> None:
    made = refused(3)
    made.accept("x")
    assert not made
    assert made.refuse("x", "no", 9.0) == 1


def test_a_look_asks_for_everything_and_forgets_what_nobody_asks_for() -> None:
    made = refused(3)
    made.look()
    assert "x" not in made
    assert made.refuse("x", "no", 20.0) == 4
    made.look()
    made.look()
    assert made.refuse("x", "no", 60.0) == 1


def test_what_is_forgotten_was_never_asked_for() -> None:
    made = refused(3)
    made.forget(lambda key: key == "y")
    assert made
    made.forget()
    assert not made
