"""Whatever others have in their files, reading it ends, and ends nothing else."""

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
from rcmd.configuration.conflicts.ifupdown import read_inclusions, read_stanzas

NAMES = ("hme0", "hme1")
PIECES = (
    "[Match]", "[Network]", "[Link]", "[DHCP]", "[connection]", "[device", "[keyfile]", "[main]",
    "]", "Name", "MACAddress", "PermanentMACAddress", "Driver", "Type", "Kind", "Property", "Path",
    "Unmanaged", "ManageForeignRoutes", "interface-name", "mac-address", "match-device", "managed",
    "unmanaged-devices", "except:", "type:", "id", "uuid", "autoconnect", "plugins", "iface",
    "auto", "inet", "dhcp", "static", "manual", "source", "source-directory", "mapping",
    "allowinterfaces", "denyinterfaces",
    "interface", "=", "=", "=", "!", "*", "?", "[", "[!", "[z-a]", "[a-", "hme0",
    "hme*", "yes", "no", "\\", "\\\n", "\n", "\n", "\n", " ", " ", "\t", "#", ";", ",", '"', "'",
    "$", "\x00", "\udce9", "\r", "\u2028", "/", "..",
)  # fmt: skip
texts = st.one_of(st.lists(st.sampled_from(PIECES)).map("".join), st.text(st.characters()))
sources = st.builds(SourceText, st.sampled_from(["/a", "/b"]), texts)
several = st.lists(sources, max_size=2).map(tuple)
devices = st.builds(
    Device,
    st.sampled_from(NAMES),
    hardware_address=st.sampled_from([None, "", "02:00:00:00:00:01"]),
    driver=st.sampled_from([None, "veth"]),
    type=st.sampled_from([None, "ether"]),
    properties=st.sampled_from([None, {}, {"ID_NET_NAME_PATH": "enp1s0"}]),
)
neighbours = st.builds(
    Neighbours,
    networks=st.lists(st.builds(NetworkFile, sources, several), max_size=2).map(tuple),
    networkd=st.one_of(st.none(), several),
    settings=several,
    profiles=several,
    interfaces=several,
    dhcpcd=st.one_of(st.none(), sources),
    in_use=st.sets(st.sampled_from(Manager)).map(frozenset),
    devices=st.lists(devices, max_size=2).map(lambda found: {it.name: it for it in found}),
)


@given(neighbours)
def test_claims(found):
    for claim in find_claims(NAMES, found):
        assert claim.interface in NAMES
        assert claim.line >= 1
        assert str(claim)


@given(sources)
def test_inclusions(source):
    list(read_inclusions(source))


def test_a_line_that_joins_nothing_is_no_stanza():
    source = SourceText("/etc/network/interfaces", "\\\n\niface hme0 inet dhcp\n\\\n \\\n")
    assert [(it.line, it.interface) for it in read_stanzas(source)] == [(3, "hme0")]
    assert list(read_inclusions(source)) == []


def test_an_endless_pattern_is_not_worked_out():
    text = f"[Match]\nName={'[a' * 100_000}\n"
    found = Neighbours(networks=(NetworkFile(SourceText("/etc/systemd/network/1.network", text)),))
    assert find_claims(("hme0",), found) == ()
