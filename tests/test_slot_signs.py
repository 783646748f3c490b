"""The kernel log says that a card is gone while its interfaces still have their carrier."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from ipaddress import ip_address

import pytest
from rcm.house import House

from rcmd.daemon.slot_signs import DOUBT_S, LOOK_AFTER_S, SlotSigns
from rcmd.ports.hardware import Hardware, PciFunction, Slot
from rcmd.rcm.operations.slot_notice import NoticeKind, SlotNotice

DATA = ip_address("192.168.85.19")
CARD = Hardware(
    {
        "0000:05:00.0": PciFunction("0000:05:00.0", interfaces=("hme0",)),
        "0000:06:00.0": PciFunction("0000:06:00.0", interfaces=("hme1",)),
        # Behind a bridge on the first card, and nobody's.
        "0000:07:00.0": PciFunction(
            "0000:07:00.0", interfaces=("eth9",), bridges=("0000:05:00.0",)
        ),
    },
    {"1": Slot("1", "0000:05:00"), "2": Slot("2", "0000:06:00"), "3": Slot("3", "0000:08:00")},
)


class Signs:
    def __init__(self, house: House, hardware: Hardware = CARD) -> None:
        self.hardware = hardware
        self.looks = 0
        self.due: list[tuple[float, Callable[[], None]]] = []
        self.signs = SlotSigns(
            house.daemon, self.survey, lambda delay_s, chore: self.due.append((delay_s, chore))
        )
        self.signs.start()

    def survey(self) -> Hardware:
        self.looks += 1
        return self.hardware

    def hear(self, slot: str, kind: NoticeKind = NoticeKind.CARD_GONE) -> None:
        self.signs.hear(SlotNotice(slot, kind))

    def pass_time(self) -> list[float]:
        due, self.due = self.due, []
        for _, chore in due:
            chore()
        return [delay_s for delay_s, _ in due]


def play(story: Callable[[House, Signs], None]) -> None:
    async def main() -> None:
        house = House()
        story(house, Signs(house))

    asyncio.run(main())


def test_what_was_on_it_is_elsewhere_before_it_goes() -> None:
    def story(house: House, signs: Signs) -> None:
        signs.hear("1")
        assert house.model.hosts(DATA) == ["hme1"]
        house.model.tear_out("hme0")
        house.listen()
        assert house.model.hosts(DATA) == ["hme1"]
        assert house.kinds().count("failover") == 1
        assert signs.pass_time() == [LOOK_AFTER_S, DOUBT_S]

    play(story)


def test_a_card_that_is_there_after_all_is_believed() -> None:
    def story(house: House, signs: Signs) -> None:
        signs.hear("1")
        assert house.model.hosts(DATA) == ["hme1"]
        signs.hear("1")
        assert signs.pass_time() == [LOOK_AFTER_S, DOUBT_S]
        member = house.daemon.engine.scene.members["hme0"]
        assert house.daemon.engine.scene.view.links[member.ifindex].has_carrier

    play(story)


@pytest.mark.parametrize(
    ("slot", "kind"),
    [
        ("3", NoticeKind.CARD_GONE),
        ("9", NoticeKind.CARD_GONE),
        *(("1", kind) for kind in NoticeKind if kind is not NoticeKind.CARD_GONE),
    ],
)
def test_nothing_else_is_such_a_sign(slot: str, kind: NoticeKind) -> None:
    def story(house: House, signs: Signs) -> None:
        signs.hear(slot, kind)
        assert house.model.hosts(DATA) == ["hme0"]
        assert signs.due == []

    play(story)


def test_where_the_cards_are_is_looked_up_when_they_have_come_and_in_time() -> None:
    def story(house: House, signs: Signs) -> None:
        signs.hardware = Hardware(
            {"0000:08:00.0": PciFunction("0000:08:00.0", interfaces=("hme0",))}, CARD.slots
        )
        for _ in range(3):
            house.daemon.look_at(house.daemon.engine.scene.members["hme0"].ifindex)
        assert signs.looks == 1
        assert signs.pass_time() == [LOOK_AFTER_S]
        assert signs.looks == 2
        signs.hear("1")
        assert house.model.hosts(DATA) == ["hme0"]
        signs.hear("3")
        assert house.model.hosts(DATA) == ["hme1"]

    play(story)
