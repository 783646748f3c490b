"""Whom to believe that it is the target, where answers bring nothing back of the question."""

from __future__ import annotations

from ipaddress import IPv4Address

from rcmd.kernel.probes.acquaintances import CONFIRMATIONS, MOST_KNOWN, Acquaintances, Standing

TARGET = IPv4Address("192.0.2.1")
ROUTER, FORGER, SUCCESSOR = b"router", b"forger", b"success"
ACCEPTED, AGAIN, IGNORED = Standing.ACCEPTED, Standing.ASK_AGAIN, Standing.IGNORED


def met() -> Acquaintances:
    known = Acquaintances()
    assert known.asked(TARGET) is None
    assert known.answered(TARGET, ROUTER) is ACCEPTED
    return known


def test_who_answered_first_is_asked_alone() -> None:
    known = met()
    for _ in range(3):
        assert known.asked(TARGET) == ROUTER
        assert known.answered(TARGET, ROUTER) is ACCEPTED


def test_who_is_silent_is_looked_for_among_everyone() -> None:
    known = met()
    assert known.asked(TARGET) == ROUTER
    assert known.asked(TARGET) is None
    assert known.answered(TARGET, ROUTER) is ACCEPTED
    assert known.asked(TARGET) == ROUTER


def test_nobody_else_answers_for_one_that_is_not_silent() -> None:
    known = met()
    known.asked(TARGET)
    for _ in range(2 * CONFIRMATIONS):
        assert known.answered(TARGET, FORGER) is IGNORED
    assert known.answered(TARGET, ROUTER) is ACCEPTED


def test_a_gateway_that_is_taken_over_is_believed_when_it_has_answered_again_and_again() -> None:
    # It costs one probe: VRRP, HSRP, a card that was exchanged.
    known = met()
    known.asked(TARGET)
    assert known.asked(TARGET) is None
    assert known.answered(TARGET, SUCCESSOR) is AGAIN
    assert known.answered(TARGET, SUCCESSOR) is AGAIN
    assert known.answered(TARGET, SUCCESSOR) is ACCEPTED
    assert known.asked(TARGET) == SUCCESSOR
    assert known.answered(TARGET, ROUTER) is IGNORED


def test_the_target_itself_silences_who_claims_to_be_it() -> None:
    known = met()
    known.asked(TARGET)
    known.asked(TARGET)
    assert known.answered(TARGET, FORGER) is AGAIN
    assert known.answered(TARGET, ROUTER) is ACCEPTED
    known.asked(TARGET)
    assert known.answered(TARGET, FORGER) is IGNORED


def test_of_two_who_claim_to_be_it_neither_is_believed_by_answering_in_turn() -> None:
    known = met()
    known.asked(TARGET)
    known.asked(TARGET)
    standings = [known.answered(TARGET, face) for face in (FORGER, b"third", FORGER, b"third")]
    assert standings == [AGAIN, IGNORED, AGAIN, IGNORED]


def test_the_count_begins_anew_with_every_probe() -> None:
    known = met()
    known.asked(TARGET)
    for _ in range(5):
        known.asked(TARGET)
        assert known.answered(TARGET, FORGER) is AGAIN
        assert known.answered(TARGET, FORGER) is AGAIN


def test_it_does_not_grow_without_bound() -> None:
    known = Acquaintances()
    targets = [TARGET + number for number in range(3 * MOST_KNOWN)]
    for target in targets:
        known.asked(target)
        known.answered(target, ROUTER)
    assert [known.asked(target) for target in targets[-MOST_KNOWN:]] == [ROUTER] * MOST_KNOWN
    assert known.asked(targets[0]) is None
