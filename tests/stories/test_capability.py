"""What a device can hold: families that go and come back, and nobody's will in it."""

from __future__ import annotations

import pytest

from .teller import tell

OFF_AND_ON = [
    ("switch IPv6 off on hme0", "switch IPv6 on on hme0"),
    ("mtu of hme0 becomes 1200", "mtu of hme0 becomes 1500"),
]
WHY = ["IPv6 is switched off on it", "its MTU of 1200 is too small for IPv6"]


@pytest.mark.parametrize(("off", "on"), OFF_AND_ON)
def test_what_a_device_loses_is_taken_away_by_nobody(off: str, on: str) -> None:
    tell(
        f"""
        file hme0: 10.0.0.1/24 group test up
        file6 hme0: addif 2001:db8::1/64 up
        start
        at 1s  add 2001:db8::9/64 on hme0
        at 2s  {off}
               expect no report "removed by hand"
               expect 2001:db8::1 nowhere
        at 3s  {on}
        at 40s expect 2001:db8::1 on hme0
               expect 2001:db8::9 on hme0
        """,
    )


THREE = """
    file hme0: 10.0.0.1/24 group test up
    file6 hme0: addif 2001:db8::1/64 up
    file hme1: 10.0.0.2/24 group test up
    file6 hme1:
    file hme2: 10.0.0.3/24 group test up
    file6 hme2:
    start
"""


@pytest.mark.parametrize(
    ("off", "on", "why"), [(*pair, why) for pair, why in zip(OFF_AND_ON, WHY, strict=True)]
)
def test_a_sibling_serves_what_a_device_cannot_hold(off: str, on: str, why: str) -> None:
    mended = "NIC hme0 is now consistent with group test and failover capability is restored"
    lacks = f"NIC hme0 of group test cannot hold IPv6 addresses ({why})"
    tell(
        THREE,
        f"""
        at 1s  add 2001:db8::9/64 on hme0
        at 2s  {off}
               expect move 2001:db8::1 hme0 -> hme1
               expect move 2001:db8::9 hme0 -> hme1
               expect 10.0.0.1 on hme0
               expect cause failover
               expect report "Successfully failed over from NIC hme0 to NIC hme1"
               expect no report "refused"
               expect report "{lacks} and may affect failover capability"
               expect problem of hme0: "{why}"
        at 3s  {on}
               expect 2001:db8::1 on hme0
               expect 2001:db8::9 on hme0
               expect report "{mended}"
        """,
    )


@pytest.mark.parametrize(("off", "on"), OFF_AND_ON)
def test_nothing_goes_where_it_cannot_be_held(off: str, on: str) -> None:
    """What the others can hold goes on together."""
    off, on = (sentence.replace("hme0", "hme1") for sentence in (off, on))
    tell(
        THREE,
        f"""
        at 1s  {off}
        at 2s  carrier hme0 down
               expect one move hme0 -> hme2
               expect 10.0.0.1 on hme2
               expect 2001:db8::1 on hme2
               expect no report "refused"
        at 3s  {on}
        at 4s  carrier hme2 down
               expect one move hme2 -> hme1
               expect 2001:db8::1 on hme1
        """,
    )


LEFT = "2001:db8::1/64 (no other interface can take it)"


def test_what_one_can_hold_does_not_wait_for_what_it_cannot() -> None:
    tell(
        THREE,
        f"""
        at 1s  carrier hme2 down
        at 2s  switch IPv6 off on hme1
               expect objection to hme0: "takes IPv6 addresses"
        at 3s  carrier hme0 down
               expect 10.0.0.1 on hme1
               expect 2001:db8::1 on hme0
               expect report "Failed over from NIC hme0 to NIC hme1, but not {LEFT}"
               expect error address-unserved 2001:db8::1/64: "on hme0, which is of no use now"
               expect no report "Successfully"
        at 4s  switch IPv6 on on hme1
               expect 2001:db8::1 on hme1
               expect report "Successfully failed over from NIC hme0 to NIC hme1"
               expect no trouble address-unserved 2001:db8::1/64
        at 5s  carrier hme0 up
               expect 2001:db8::1 on hme0
               expect 10.0.0.1 on hme0
        """,
    )


def test_a_test_address_waits_for_its_family() -> None:
    tell(
        """
        file hme0: 10.0.0.1/24 group test up
        file6 hme0: addif 2001:db8::11/64 -failover up
        file hme1: 10.0.0.2/24 group test up
        file6 hme1:
        start
        at 1s  switch IPv6 off on hme0
               expect no report "refused"
        at 2s  switch IPv6 on on hme0
               expect 2001:db8::11 on hme0
        """
    )


def test_an_advertised_address_is_served_elsewhere_meanwhile() -> None:
    tell(
        THREE,
        """
        at 1s  advertise 2001:db8:99::/64 to hme0 for 3600s preferred 1800s
        at 2s  switch IPv6 off on hme0
               expect 2001:db8:99::a:0 on hme1
        at 3s  switch IPv6 on on hme0
        at 60s expect 2001:db8:99::a:0 on hme0
        """,
    )


def test_a_family_added_by_hand_holds_up_nobody() -> None:
    """No file asks for IPv6: nobody takes it, and the rest does not wait for that."""
    tell(
        """
        file hme0: 10.0.0.1/24 group test up
        file hme1: 10.0.0.2/24 group test up
        file hme2: 10.0.0.3/24 group test up
        start
        at 1s  add 2001:db8::9/64 on hme0
        at 2s  carrier hme0 down
               expect 10.0.0.1 on hme1
               expect 2001:db8::9 on hme0
        at 3s  carrier hme0 up
               expect 10.0.0.1 on hme0
        """
    )
