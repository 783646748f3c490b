import dataclasses
import struct
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rcmd.kernel.probes.packets import (
    BROADCAST,
    ECHO_LENGTH,
    Advertisement,
    ArpReply,
    EchoContent,
    EchoSeal,
    arp_request,
    internet_checksum,
    neighbor_solicitation,
    parse_advertisement,
    parse_arp_reply,
)
from rcmd.kernel.probes.times import ReadMoment
from rcmd.kernel.probes.values import Ignored, ProbeKind

MAC = bytes.fromhex("020000000007")
THEIR_MAC = bytes.fromhex("020000000001")
ADDRESS = IPv4Address("192.168.85.1")
LINK_LOCAL = IPv6Address("fe80::7")
TARGET6 = IPv6Address("fe80::12:3456")

PROBE = EchoContent(0x1234, 0xABCD_EF01, 5_000_000_000, ADDRESS.packed.ljust(16, b"\0"))


def seal(key: bytes = b"k" * 32) -> EchoSeal:
    return EchoSeal(tag=b"abcd", key=key, process_id=0x5678)


def test_each_kind_has_its_family() -> None:
    assert [str(kind.family) for kind in ProbeKind] == ["IPv4", "IPv4", "IPv6", "IPv6"]


def test_the_identifier_is_of_process_and_interface_and_the_sequence_goes_round() -> None:
    # behaviour 54
    assert struct.unpack_from("!BB2xHH", seal().request(PROBE)) == (8, 0, 0x7834, 0xEF01)
    assert struct.unpack_from("!BB2xHH", seal().request6(PROBE)) == (128, 0, 0x7834, 0xEF01)


def test_an_echo_request_has_a_valid_checksum() -> None:
    assert internet_checksum(seal().request(PROBE)) == 0
    assert seal().request6(PROBE)[2:4] == b"\0\0"  # the kernel's work


@given(
    ifindex=st.integers(1, 2**31 - 1),
    sequence=st.integers(0, 2**32 - 1),
    sent_ns=st.integers(0, 2**63),
    target=st.binary(min_size=16, max_size=16),
)
def test_what_was_sent_is_what_comes_back(
    ifindex: int, sequence: int, sent_ns: int, target: bytes
) -> None:
    content = EchoContent(ifindex, sequence, sent_ns, target)
    assert seal().open(seal().request(content)) == content
    assert seal().open(seal().request6(content) + b"trailer") == content


@pytest.mark.parametrize("position", range(8, ECHO_LENGTH))
def test_no_octet_of_the_payload_can_be_changed(position: int) -> None:
    forged = bytearray(seal().request(PROBE))
    forged[position] ^= 1
    assert seal().open(bytes(forged)) is Ignored.WRONG_NONCE


def test_what_another_process_sent_is_not_ours() -> None:
    assert seal().open(seal(b"K" * 32).request(PROBE)) is Ignored.WRONG_NONCE


@pytest.mark.parametrize("field", ["ifindex", "sequence", "sent_ns"])
def test_one_seal_does_not_fit_another_probe(field: str) -> None:
    other = dataclasses.replace(PROBE, **{field: getattr(PROBE, field) + 1})
    mixed = seal().request(other)[:-16] + seal().request(PROBE)[-16:]
    assert seal().open(mixed) is Ignored.WRONG_NONCE


def test_a_short_or_coded_reply_is_none() -> None:
    # behaviour 54
    reply = seal().request(PROBE)
    assert seal().open(reply[:-1]) is Ignored.SHORT
    assert seal().open(b"") is Ignored.SHORT
    assert seal().open(reply[:1] + b"\1" + reply[2:]) is Ignored.BAD_CODE


def test_an_arp_request_of_nobody() -> None:
    frame = arp_request(MAC, IPv4Address(0), ADDRESS, BROADCAST)
    assert frame == (
        bytes.fromhex("ffffffffffff 020000000007 0806 0001 0800 06 04 0001")
        + bytes.fromhex("020000000007 00000000 000000000000 c0a85501")
        + bytes(18)
    )


def arp_reply(operation: int = 2) -> bytes:
    return (
        bytes.fromhex("020000000007 020000000001 0806 0001 0800 06 04")
        + operation.to_bytes(2, "big")
        + bytes.fromhex("020000000001 c0a85501 020000000007 00000000")
    )


def test_an_arp_reply_is_read() -> None:
    assert parse_arp_reply(arp_reply() + bytes(18)) == ArpReply(
        THEIR_MAC, ADDRESS, THEIR_MAC, IPv4Address(0), MAC
    )


def test_a_short_or_other_arp_packet_is_no_reply() -> None:
    assert parse_arp_reply(arp_reply()[:-1]) is Ignored.SHORT
    assert parse_arp_reply(arp_reply(operation=1)) is Ignored.BAD_CODE


def solicitation_body(frame: bytes) -> bytes:
    """The ICMPv6 message, its checksum verified."""
    message = frame[54:]
    pseudo_header = frame[22:54] + struct.pack("!II", len(message), 58)
    assert internet_checksum(pseudo_header + message) == 0
    assert frame[18:22] == struct.pack("!HBB", len(message), 58, 255)
    return message[:2] + message[4:]


def test_a_solicitation_from_an_address_names_its_hardware() -> None:
    frame = neighbor_solicitation(MAC, LINK_LOCAL, TARGET6)
    assert frame[:14] == bytes.fromhex("3333ff123456 020000000007 86dd")
    assert frame[22:54] == LINK_LOCAL.packed + IPv6Address("ff02::1:ff12:3456").packed
    assert solicitation_body(frame) == b"\x87\0" + bytes(4) + TARGET6.packed + b"\1\1" + MAC


def test_a_solicitation_of_nobody_names_nothing() -> None:
    frame = neighbor_solicitation(MAC, IPv6Address("::"), TARGET6)
    assert frame[22:38] == bytes(16)
    assert solicitation_body(frame) == b"\x87\0" + bytes(4) + TARGET6.packed


def advertisement(code: int = 0, flags: int = 0x60) -> bytes:
    return bytes((136, code, 0, 0, flags, 0, 0, 0)) + TARGET6.packed


def test_an_advertisement_is_read() -> None:
    assert parse_advertisement(advertisement()) == Advertisement(TARGET6, True)
    assert parse_advertisement(advertisement(flags=0x20)) == Advertisement(TARGET6, False)
    with_options = advertisement() + b"\x0e\x01nonce!" + b"\x02\x01" + THEIR_MAC
    assert parse_advertisement(with_options) == Advertisement(TARGET6, True, THEIR_MAC)
    assert parse_advertisement(advertisement()[:-1]) is Ignored.SHORT
    assert parse_advertisement(advertisement(code=1)) is Ignored.BAD_CODE


@pytest.mark.parametrize("options", [b"\x02", b"\x02\x00" + THEIR_MAC, b"\x01\xff", bytes(40)])
def test_odd_options_name_no_hardware(options: bytes) -> None:
    assert parse_advertisement(advertisement() + options) == Advertisement(TARGET6, True)


def test_what_came_before_its_question_is_told_unless_the_clock_was_set() -> None:
    moment = ReadMoment(monotonic_ns=9_000, realtime_ns=1_000_000_009_000)
    came_at = 1_000_000_007_500
    assert moment.is_before(came_at, sent_ns=7_501, at_most_ns=1_000)
    assert not moment.is_before(came_at, sent_ns=7_500, at_most_ns=1_000)
    assert not moment.is_before(came_at, sent_ns=8_501, at_most_ns=1_000)
    assert not moment.is_before(None, sent_ns=8_000, at_most_ns=1_000)


def test_a_stamp_is_told_on_the_other_clock() -> None:
    moment = ReadMoment(monotonic_ns=9_000, realtime_ns=1_000_000_009_000)
    assert moment.received_ns(1_000_000_007_500, sent_ns=7_000) == 7_500


@pytest.mark.parametrize(
    "stamp_ns", [None, 5_000, 1_000_000_006_999, 1_000_000_009_001, 2 * 10**15]
)
def test_an_impossible_stamp_is_not_believed(stamp_ns: int | None) -> None:
    moment = ReadMoment(monotonic_ns=9_000, realtime_ns=1_000_000_009_000)
    assert moment.received_ns(stamp_ns, sent_ns=7_000) == 9_000


@given(st.integers(0, 2**62), st.integers(0, 2**62), st.integers(0, 2**62), st.integers(0, 2**62))
def test_whatever_the_clocks_do_an_answer_is_between_its_probe_and_now(
    sent_ns: int, elapsed_ns: int, realtime_ns: int, stamp_ns: int
) -> None:
    moment = ReadMoment(sent_ns + elapsed_ns, realtime_ns)
    assert sent_ns <= moment.received_ns(stamp_ns, sent_ns) <= moment.monotonic_ns


def test_both_clocks_are_read_together() -> None:
    first = ReadMoment.sample()
    second = ReadMoment.sample()
    assert first.monotonic_ns <= second.monotonic_ns
    assert second.received_ns(None, first.monotonic_ns) == second.monotonic_ns
