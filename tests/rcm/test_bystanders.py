from ipaddress import ip_address

import pytest

from rcmd.ports.plan import MovableKind, PlannedMove
from rcmd.ports.sockets import BoundSocket, Session, SocketProtocol, ssh_session
from rcmd.rcm.affected_sockets import bystander_warnings

NAMES = {4: "eth0", 5: "eth1"}
MDNS = BoundSocket(4, SocketProtocol.UDP, "0.0.0.0:5353", uid=110, inode=71)
SESSION = Session(local=ip_address("192.168.85.19"), remote=ip_address("10.0.0.5"))


def move(
    what: str, destination: str | None, kind: MovableKind = MovableKind.ADDRESS
) -> PlannedMove:
    return PlannedMove(kind, what, "eth0", destination)


def warnings(
    *sockets: BoundSocket, session: Session | None = None, moves: tuple[PlannedMove, ...] = ()
) -> tuple[str, ...]:
    return bystander_warnings(sockets=sockets, names=NAMES, session=session, moves=moves)


def test_nobody() -> None:
    assert warnings() == ()


def test_a_bound_socket_goes_deaf() -> None:
    assert warnings(MDNS) == (
        "eth0: udp 0.0.0.0:5353 (uid 110) is bound to the device and would go deaf",
    )


def test_sockets_of_devices_that_stay_do_not_count() -> None:
    assert warnings(BoundSocket(6, SocketProtocol.TCP, "0.0.0.0:80", uid=0, inode=72)) == ()


def test_what_reads_the_same_is_said_once_and_in_order() -> None:
    """Workers often share a port, each with a socket of its own."""
    worker = BoundSocket(4, SocketProtocol.UDP, "0.0.0.0:5353", uid=110, inode=73)
    second = BoundSocket(5, SocketProtocol.TCP, "[::]:22", uid=0, inode=74)
    said = warnings(second, MDNS, worker)
    assert [line.partition(" (")[0] for line in said] == [
        "eth0: udp 0.0.0.0:5353",
        "eth1: tcp [::]:22",
    ]


def test_a_session_moves_with_its_address() -> None:
    moves = (move("192.168.85.20/24", "hme2"), move("192.168.85.19/24", "hme1"))
    assert warnings(session=SESSION, moves=moves) == (
        "your own session from 10.0.0.5 to 192.168.85.19 moves to hme1 with its address",
    )


def test_a_session_is_cut_off() -> None:
    assert warnings(session=SESSION, moves=(move("192.168.85.19/24", None),)) == (
        "your own session from 10.0.0.5 to 192.168.85.19 would be cut off:"
        " 192.168.85.19 has nowhere to go",
    )


def test_a_session_to_an_address_that_stays_is_no_matter() -> None:
    moves = (
        move("192.168.85.20/24", None),
        move("192.168.85.19/32 via 192.168.85.1", "hme1", MovableKind.ROUTE),
    )
    assert warnings(session=SESSION, moves=moves) == ()


@pytest.mark.parametrize(
    ("text", "local", "remote"),
    [
        ("10.0.0.5 51234 192.168.85.19 22", "192.168.85.19", "10.0.0.5"),
        ("2001:db8::5 51234 2001:db8:85::19 22", "2001:db8:85::19", "2001:db8::5"),
        ("fe80::5%eth0 51234 fe80::19%eth0 22", "fe80::19", "fe80::5"),
        ("::ffff:10.0.0.5 51234 ::ffff:192.168.85.19 22", "192.168.85.19", "10.0.0.5"),
    ],
)
def test_what_sshd_tells(text: str, local: str, remote: str) -> None:
    assert ssh_session(text) == Session(ip_address(local), ip_address(remote))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10.0.0.5",
        "10.0.0.5 51234 192.168.85.19 22 more",
        "there 51234 here 22",
        "10.0.0 1 2 3",
        "10.0.0.5\ufffd 51234 192.168.85.19 22",
    ],
)
def test_junk_is_no_session(text: str) -> None:
    assert ssh_session(text) is None


def test_a_zone_says_nothing() -> None:
    """It could be any text, escape sequences for the terminal included."""
    session = ssh_session("fe80::5%\x1b[2J 51234 fe80::19 22")
    assert str(session) == "from fe80::5 to fe80::19"
