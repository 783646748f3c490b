"""Everybody else's files together."""

from hypothesis import given
from hypothesis import strategies as st

from rcmd.configuration.conflicts import (
    Device,
    Manager,
    Neighbours,
    NetworkFile,
    SourceText,
    find_claims,
)
from rcmd.configuration.conflicts.ifupdown import read_inclusions
from rcmd.model.settings import Fault


def vendor(text: str) -> tuple[NetworkFile, ...]:
    return (NetworkFile(SourceText("/usr/lib/systemd/network/80-all.network", text)),)


def test_nobody_claims_anything():
    assert find_claims(["hme0"], Neighbours()) == ()
    interfaces = (SourceText("/etc/network/interfaces", "iface hme0 inet dhcp\n"),)
    assert find_claims([], Neighbours(interfaces=interfaces)) == ()


def test_claims_are_sorted_by_file_and_line_and_are_warnings():
    text = "iface hme1 inet dhcp\niface hme0 inet dhcp\n"
    neighbours = Neighbours(
        interfaces=(SourceText("/etc/network/interfaces", text),),
        dhcpcd=SourceText("/etc/dhcpcd.conf", "interface hme0\n"),
    )
    claims = find_claims(["hme0", "hme1"], neighbours)
    assert [(it.manager, it.interface, it.line) for it in claims] == [
        (Manager.DHCPCD, "hme0", 1),
        (Manager.IFUPDOWN, "hme1", 1),
        (Manager.IFUPDOWN, "hme0", 2),
    ]
    faults = [claim.fault for claim in claims]
    assert all(isinstance(it, Fault) and it.is_warning for it in faults)


def test_what_a_distribution_ships_counts_where_networkd_is_started():
    networks = vendor("[Match]\nName=*\n")
    assert find_claims(["hme0"], Neighbours(networks=networks)) == ()
    in_use = frozenset({Manager.NETWORKD})
    (claim,) = find_claims(["hme0"], Neighbours(networks=networks, in_use=in_use))
    assert claim.file == "/usr/lib/systemd/network/80-all.network"


WORDS = st.sampled_from(
    ["[Match]", "[Link]", "[device]", "[keyfile]", "[.config]", "Name=", "Name=!", "hme0", "[z-a]",
     "Unmanaged=yes", "managed=", "match-device=", "except:", "unmanaged-devices+=", "mac:", "[!]",
     "iface", "source", "inet", "interface", "denyinterfaces", "\\", "\n", " ", "\0", "=", "*", "[",
     "plugins-=", "enable=", "Property=", "MACAddress=", "connection", "interface-name="]
)  # fmt: skip
TEXTS = st.one_of(st.text(max_size=80), st.lists(WORDS, max_size=20).map("".join))


@given(text=TEXTS, is_known=st.booleans())
def test_no_file_of_theirs_stops_us(text, is_known):
    source = SourceText("/etc/x/y.network", text)
    device = Device("hme0", "2:0", "", "veth", "ether", "", {}) if is_known else Device("hme0")
    neighbours = Neighbours(
        networks=(NetworkFile(source, (source,)),),
        settings=(source,),
        profiles=(source,),
        interfaces=(source,),
        dhcpcd=source,
        in_use=frozenset(Manager),
        devices={"hme0": device},
    )
    for claim in find_claims(["hme0"], neighbours):
        assert 1 <= claim.line <= text.count("\n") + 1
        assert claim.advice
    assert all(it.pattern.isprintable() for it in read_inclusions(source))
