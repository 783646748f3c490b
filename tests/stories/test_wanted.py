"""What a file, a group or a lease asks for is wanted until that says otherwise."""

from __future__ import annotations

import pytest

from .scenes import DUAL_STACK, PAIR
from .teller import tell

ACCEPT = "setting when_removed: accept"
REMOVED = "was removed by another program on hme0"
SHARED = """
    setting groups: {test: {addresses: [192.168.85.100/24]}}
    file hme0: group test up
    file hme1: group test up
    start
"""


def test_whoever_deletes_it_it_is_put_back() -> None:
    tell(
        DUAL_STACK,
        """
        at 59s  note before
        at 60s  delete 192.168.85.19 on hme0
        at 62s  delete 2001:db8::19 on hme0
        at 63s  expect as before
                expect no problems
        at 70s  carrier hme0 down
        at 71s  delete 192.168.85.19 on hme1
                expect 192.168.85.19 on hme1
        at 200s carrier hme0 up
                expect as before
        """,
    )


def test_a_test_address_is_put_back() -> None:
    tell(
        PAIR,
        """
        at 60s  delete 192.168.85.21 on hme0
                expect 192.168.85.21 on hme0
        """,
    )


def test_a_link_local_address_is_put_back() -> None:
    """It is the test address of IPv6, and the kernel makes it only once."""
    tell(
        DUAL_STACK,
        """
        at 59s  note before
        at 60s  delete fe80::4 on hme0
                expect as before
                expect report "fe80::4/64 was removed by another program on hme0, and is put back" \
within 0.3s
                expect no problems
        """,
    )


def test_another_link_local_address_will_do() -> None:
    tell(
        DUAL_STACK,
        """
        at 60s  add fe80::abcd/64 on hme0
        at 61s  delete fe80::4 on hme0
                expect fe80::4 nowhere
                expect no problems
        """,
    )


def test_an_accepted_loss_of_the_link_local_address_is_a_problem() -> None:
    tell(
        ACCEPT,
        DUAL_STACK,
        """
        at 60s  delete fe80::4 on hme0
                expect fe80::4 nowhere
                expect warning test-address-missing fe80::4/64: "/etc/hostname6.hme0"
        at 70s  add fe80::abcd/64 on hme0
                expect no problems
        at 71s  delete fe80::abcd on hme0
        at 72s  reload
                expect fe80::abcd on hme0
                expect no problems
        """,
    )


def test_what_a_group_shares_is_put_back() -> None:
    tell(
        SHARED,
        """
        at 60s  delete 192.168.85.100 on hme0
                expect 192.168.85.100 on hme0
                expect no problems
        """,
    )


@pytest.mark.parametrize(
    ("scene", "address", "subject"),
    [(PAIR, "192.168.85.19", "192.168.85.19/24"), (SHARED, "192.168.85.100", "192.168.85.100/24")],
)
def test_accepted_it_stays_away_and_a_problem(scene: str, address: str, subject: str) -> None:
    said = (
        f"{subject} was removed by another program on hme0: it is left away, as when_removed says"
    )
    tell(
        ACCEPT if scene is PAIR else "setting when_removed: accept",
        scene,
        f"""
        at 60s  delete {address} on hme0
                expect no move
                expect {address} nowhere
                expect report "{said}" within 0.3s
                expect error address-missing {subject}: "when_removed: accept"
        at 70s  carrier hme0 down
        at 80s  carrier hme0 up
                expect {address} nowhere
                expect {address} listed nowhere
        """,
    )


@pytest.mark.parametrize("way", ["reload", "kill"])
def test_reading_the_files_again_puts_it_back(way: str) -> None:
    tell(
        ACCEPT,
        PAIR,
        f"""
        at 59s  note before
        at 60s  delete 192.168.85.19 on hme0
        at 61s  delete 192.168.85.21 on hme0
                expect 192.168.85.21 nowhere
        at 62s  {way}
        """,
        "" if way == "reload" else "at 63s start",
        """
        at 64s  expect as before
                expect no problems
        """,
    )


def test_what_a_detached_interface_took_along_stays_away_through_reload_and_restart() -> None:
    tell(
        """
        file hme0: 192.168.85.19/24 up
        start
        at 60s  leave hme0
        at 61s  unplumb hme0
                expect 192.168.85.19 nowhere
        at 62s  reload
                expect 192.168.85.19 nowhere
        at 63s  restart
                expect 192.168.85.19 nowhere
                expect error address-missing 192.168.85.19/24: "hme0 is detached"
        """
    )


def test_accepted_and_added_again_by_hand_it_is_what_the_file_says() -> None:
    tell(
        ACCEPT,
        PAIR,
        """
        at 60s  delete 192.168.85.19 on hme0
        at 61s  add 192.168.85.19/24 on hme0
                expect 192.168.85.19 on hme0
                expect no problems
        at 70s  carrier hme0 down
                expect move 192.168.85.19 hme0 -> hme1
        at 200s carrier hme0 up
                expect 192.168.85.19 on hme0
        """,
    )


def test_accepted_it_returns_with_its_file() -> None:
    tell(
        ACCEPT,
        PAIR,
        """
        at 60s  delete 192.168.85.19 on hme0
        at 61s  detach hme0
        at 70s  attach hme0
                expect 192.168.85.19 on hme0
        """,
    )


def test_an_accepted_test_address_is_a_problem() -> None:
    tell(
        ACCEPT,
        PAIR,
        """
        at 60s  delete 192.168.85.21 on hme0
                expect no move
                expect warning test-address-missing 192.168.85.21/24: "when_removed: accept"
        at 90s  offline hme0
                expect no trouble test-address-missing 192.168.85.21/24
        """,
    )


@pytest.mark.parametrize("is_first", [True, False])
def test_a_route_that_is_swept_along_with_its_address_comes_back(is_first: bool) -> None:
    """A network manager that forgets a device takes both: nobody decided about the route."""
    route, address = "delete route default on hme0", "delete 192.168.85.19 on hme0"
    first, second = (route, address) if is_first else (address, route)
    tell(
        PAIR,
        f"""
        at 30s  add route default via 192.168.85.1 on hme0
        at 59s  note before
        at 60s  {first}
        at 60.1s {second}
                expect as before
        at 61s  expect no problems
        at 70s  delete route default on hme0
                expect no route default
        """,
    )


def test_a_sweep_is_told_once() -> None:
    what = "192.168.85.19/24 and the route default via 192.168.85.1"
    said = f"{what} were removed by another program on hme0, and are put back"
    tell(
        PAIR,
        f"""
        at 30s  add route default via 192.168.85.1 on hme0
        at 60s  sweep 192.168.85.19 with default off hme0
                expect 192.168.85.19 on hme0
                expect route default on hme0
                expect report "{said}" within 0.3s
                expect no reports
        """,
    )


def test_a_route_that_goes_by_itself_is_gone() -> None:
    tell(
        PAIR,
        """
        at 30s  add route default via 192.168.85.1 on hme0
        at 60s  delete route default on hme0
        at 63s  delete 192.168.85.19 on hme0
                expect 192.168.85.19 on hme0
                expect no route default
        """,
    )


def test_routes_that_the_kernel_will_not_have_are_one_problem() -> None:
    tell(
        PAIR,
        """
        at 20s  add route 10.1.0.0/16 via 192.168.85.1 on hme0
        at 21s  add route 10.2.0.0/16 via 192.168.85.1 on hme0
        refuse 10.1.0.0/16 on hme1
        refuse 10.2.0.0/16 on hme1
        at 30s  tear out hme0
                expect warning route-missing hme0: "2 routes (10.1.0.0/16 via 192.168.85.1, \
10.2.0.0/16 via 192.168.85.1) are on no interface: the kernel refused 10.1.0.0/16 on hme1"
        accept 10.1.0.0/16 on hme1
        accept 10.2.0.0/16 on hme1
        at 60s  expect no trouble route-missing hme0
        """,
    )


def test_a_flush_is_one_event() -> None:
    listed = ", ".join(f"10.{n}.0.0/16 via 192.168.85.1" for n in (1, 2, 3))
    said = f"5 routes ({listed} and 2 more) were removed by another program on hme0"
    tell(
        PAIR,
        *(f"at {n + 1}s add route 10.{n}.0.0/16 via 192.168.85.1 on hme0" for n in range(1, 6)),
        "at 30s wait",
        *(f"at {60 + n / 10}s delete route 10.{n}.0.0/16 on hme0" for n in range(1, 6)),
        f"""
        at 60.6s expect no reports
                expect report "{said}" within 0.3s
                expect silence for 2s
        """,
    )


def test_what_we_take_off_a_sibling_is_told() -> None:
    tell(
        PAIR,
        """
        at 60s  add 192.168.85.19/24 on hme1
                expect 192.168.85.19 on hme0
                expect report "192.168.85.19/24 was taken off hme1: it is on hme0" within 0.3s
        at 70s  file hme0: group test up
        at 71s  reload
                expect report "192.168.85.21/32 and 192.168.85.19/24 were taken off hme0: \
nothing asks for that any more" within 0.3s
        """,
    )


def test_what_goes_with_an_operation_is_not_told() -> None:
    tell(
        PAIR,
        """
        at 60s  offline hme0
        at 61s  expect no report "taken off"
        at 70s  online hme0
        at 80s  carrier hme0 down
        at 81s  expect no report "taken off"
        at 90s  detach hme0
        at 91s  expect no report "taken off"
        """,
    )
