"""`addresses` of a group in rcmd.yaml."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface

import pytest

from rcmd.configuration import ConfigurationFiles, Loaded, load
from rcmd.model.settings import Address

MEMBERS = {"net0": "10.20.30.1/24 group front\n", "net1": "10.20.30.2/24 group front\n"}


def read(settings: str, hostname: dict[str, str] = MEMBERS) -> Loaded:
    paths = {f"/etc/hostname{'' if '.' in it else '.'}{it}": text for it, text in hostname.items()}
    return load(ConfigurationFiles(hostname=paths, settings=settings))


def faults(loaded: Loaded) -> list[str]:
    return [str(fault).removeprefix("/etc/rcmd/rcmd.yaml:") for fault in loaded.faults]


def addresses(loaded: Loaded, group: str = "front") -> list[str]:
    return [str(it.address) for it in loaded.configuration.settings.group(group).addresses]


def test_a_list_of_addresses_with_their_lengths() -> None:
    loaded = read(
        "groups:\n"
        "  front:\n"
        "    failback: no\n"
        "    addresses: [10.20.30.40/24, '2001:db8:85::40/64']\n"
        "  back: {}\n",
        {**MEMBERS, "6.net0": "", "net2": "group back\n"},
    )
    assert faults(loaded) == []
    assert loaded.configuration.settings.group("front").addresses == (
        Address(
            ip_interface("10.20.30.40/24"),
            home="",
            broadcast=ip_address("10.20.30.255"),  # type: ignore[arg-type]
            group="front",
        ),
        Address(ip_interface("2001:db8:85::40/64"), home="", group="front"),
    )
    assert addresses(loaded, "back") == []


@pytest.mark.parametrize(
    ("address", "broadcast"),
    [
        ("10.20.30.40/16", "10.20.255.255"),
        ("10.20.30.40/30", "10.20.30.43"),
        ("10.20.30.40/31", None),
        ("10.20.30.40/32", None),
    ],
)
def test_the_broadcast_address_is_that_of_a_hostname_file(
    address: str, broadcast: str | None
) -> None:
    loaded = read(
        f"groups: {{front: {{addresses: [{address}]}}}}", {"net0": "10.20.30.1/24 group front\n"}
    )
    (shared,) = loaded.configuration.settings.group("front").addresses
    assert str(shared.broadcast) == str(broadcast)
    written = load(
        ConfigurationFiles(hostname={"/etc/hostname.net0": f"{address} broadcast + up\n"})
    )
    (homed,) = written.configuration.interfaces["net0"].addresses
    assert homed.broadcast == shared.broadcast


@pytest.mark.parametrize("nothing", ["", "~", "[]"])
def test_nothing_is_an_empty_list(nothing: str) -> None:
    loaded = read(f"groups:\n  front:\n    addresses: {nothing}\n")
    assert (addresses(loaded), faults(loaded)) == ([], [])


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("10.20.30.40", "'10.20.30.40' has no prefix length, as in 10.20.30.40/24"),
        ("2001:db8::40", "'2001:db8::40' has no prefix length, as in 2001:db8::40/64"),
        ("10.20.30.40/33", "Bad prefix length in '10.20.30.40/33'"),
        ("10.20.30.40/0", "Bad prefix length in '10.20.30.40/0'"),
        ("10.20.30.40/", "Bad prefix length in '10.20.30.40/'"),
        ("web/24", "'web/24' is not an address"),
        ("fe80::1%eth0/64", "'fe80::1%eth0/64' is not an address"),
        ("10:20", "'10:20' is not an address"),
        ("~", "has no value"),
        ("[10.20.30.40/24]", "expected a single value"),
        ("224.0.0.1/24", "'224.0.0.1': bad address: no interface can have it"),
        ("ff02::1/64", "'ff02::1': bad address: no interface can have it"),
        ("127.0.0.1/8", "'127.0.0.1': bad address: no interface can have it"),
        ("::1/128", "'::1': bad address: no interface can have it"),
        ("240.0.0.1/24", "'240.0.0.1': bad address: no interface can have it"),
        ("0.0.0.0/24", "'0.0.0.0/24': bad address: no interface can have it"),
        ("::/64", "'::/64': bad address: no interface can have it"),
        ("fe80::40/64", "'fe80::40/64': bad address: a link-local address does not move"),
        ("169.254.1.1/16", "'169.254.1.1/16': bad address: a link-local address does not move"),
    ],
)
def test_a_bad_one_is_a_fault_and_the_others_count(address: str, message: str) -> None:
    loaded = read(f"groups:\n  front:\n    addresses:\n    - {address}\n    - 10.20.30.41/24\n")
    assert faults(loaded) == [f"4: addresses: {message}"]
    assert loaded.settings_faults
    assert addresses(loaded) == ["10.20.30.41/24"]


@pytest.mark.parametrize("value", ["10.20.30.40/24", "{a: b}", "yes"])
def test_what_is_no_list_is_a_fault(value: str) -> None:
    loaded = read(f"groups: {{front: {{addresses: {value}}}}}")
    assert faults(loaded) == ["1: addresses: expected a list of addresses, as in [192.0.2.40/24]"]


def test_no_address_may_be_there_twice() -> None:
    loaded = read(
        "groups:\n"
        "  front:\n"
        "    addresses: [10.20.30.40/24,\n"
        "      10.20.30.40/16]\n"
        "  back:\n"
        "    addresses: [10.20.30.40/24, 10.20.30.41/24]\n",
        {**MEMBERS, "net2": "group back\n"},
    )
    place = "/etc/rcmd/rcmd.yaml:3"
    assert faults(loaded) == [
        f"4: addresses: 10.20.30.40 is not unique: group front has it at {place}",
        f"6: addresses: 10.20.30.40 is not unique: group front has it at {place}",
    ]
    assert addresses(loaded) == ["10.20.30.40/24"]
    assert addresses(loaded, "back") == ["10.20.30.41/24"]


@pytest.mark.parametrize(
    "text", ["group front 10.20.30.2/24 up", "group front addif 10.20.30.2/24 -failover up"]
)
def test_an_interface_keeps_what_its_hostname_file_says(text: str) -> None:
    loaded = read(
        "groups:\n  front:\n    addresses: [10.20.30.2/16, 10.20.30.40/24]\n",
        {"net0": "group front\n", "net1": f"{text}\n"},
    )
    assert faults(loaded) == ["3: addresses: 10.20.30.2 is not unique: net1 has it"]
    assert loaded.settings_faults
    assert loaded.faulty == frozenset()
    assert addresses(loaded) == ["10.20.30.40/24"]
    assert [str(it.address) for it in loaded.configuration.interfaces["net1"].addresses] == [
        "10.20.30.2/24"
    ]


def test_the_network_s_own_addresses_are_warned_of() -> None:
    loaded = read("groups: {front: {addresses: [10.20.30.255/24]}}")
    assert faults(loaded) == [
        "1: warning: addresses: 10.20.30.255 is the network or broadcast address of 10.20.30.0/24"
    ]
    assert addresses(loaded) == ["10.20.30.255/24"]


def test_a_family_that_nobody_is_plumbed_for_is_warned_of() -> None:
    text = "groups:\n  front:\n    addresses:\n    - 2001:db8::40/64\n"
    loaded = read(text)
    assert faults(loaded) == [
        "4: warning: addresses: no interface of group 'front' is plumbed for IPv6: "
        "2001:db8::40 will be nowhere"
    ]
    assert addresses(loaded) == ["2001:db8::40/64"]
    assert faults(read(text, {**MEMBERS, "6.net1": ""})) == []


def test_the_last_good_settings_lose_what_a_hostname_file_has_now() -> None:
    files = ConfigurationFiles(
        hostname={"/etc/hostname.net0": "10.20.30.40/24 group front up\n"}, settings="{"
    )
    loaded = load(files, settings_text="groups: {front: {addresses: [10.20.30.40/24]}}")
    assert addresses(loaded) == []


@pytest.mark.parametrize("address", ["::ffff:1.2.3.4/64", "0.0.0.1/8"])
def test_addresses_that_no_interface_should_have(address: str) -> None:
    loaded = read(f"groups: {{front: {{addresses: ['{address}']}}}}\n")
    (fault,) = faults(loaded)
    assert fault.startswith(f"1: addresses: {address!r}: bad address")


def test_what_does_nothing_is_a_warning() -> None:
    loaded = read(
        "groups:\n"
        "  front:\n"
        "    weights: speed\n"
        "    addresses: [10.20.30.40/24]\n"
        "    targets: [10.20.30.40]\n"
    )
    assert faults(loaded) == [
        "2: warning: group 'front': its target 10.20.30.40 is one of its own addresses",
        "2: warning: group 'front': weights and resilient need load_spreading",
    ]
