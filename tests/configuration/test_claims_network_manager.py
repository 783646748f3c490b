"""What NetworkManager takes (NetworkManager.conf(5))."""

import pytest

from rcmd.configuration.conflicts import Device, Manager, Neighbours, SourceText, find_claims
from rcmd.configuration.conflicts.answer import Answer
from rcmd.configuration.conflicts.device_list import list_matches

HME0 = Device(
    "hme0",
    hardware_address="02:00:00:00:00:01",
    permanent_address="02:00:00:00:00:aa",
    driver="virtio_net",
    type="ether",
    kind="",
    is_marked=True,
)
MAIN = "/etc/NetworkManager/NetworkManager.conf"
MANAGED = "[device]\nmanaged=1\n"
STRICT = "[keyfile]\nunmanaged-devices=interface-name:hme0\n"


def source(name: str, text: str | None) -> SourceText:
    return SourceText(f"/etc/NetworkManager/conf.d/{name}.conf", text)


def places(*settings: SourceText, device: Device = HME0, **more) -> list[tuple[str, int]]:
    neighbours = Neighbours(settings=settings, devices={"hme0": device}, **more)
    found = find_claims(["hme0"], neighbours)
    assert {it.manager for it in found} <= {Manager.NETWORK_MANAGER, Manager.IFUPDOWN}
    return [(it.file.rpartition("/")[2], it.line) for it in found]


# --- device lists -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("*", "yes"),
        ("hme0", "yes"),
        ("hme*", "no"),
        ("hme1", "no"),
        ("interface-name:hme0", "yes"),
        ("interface-name:hme*", "yes"),
        ("interface-name:~hme?", "yes"),
        ("interface-name:=hme*", "no"),
        ("interface-name:=hme0", "yes"),
        ("interface-name:hme[0-9]", "unknown"),
        ("mac:02:00:00:00:00:AA", "yes"),
        ("02:00:00:00:00:aa", "yes"),
        ("mac:02:00:00:00:00:01", "no"),
        ("driver:virtio_net", "yes"),
        ("driver:e1000", "no"),
        ("driver:virtio_net/1.*", "unknown"),
        ("type:ethernet", "yes"),
        ("type:wifi", "no"),
        ("s390-subchannels:0.0.f5f0", "unknown"),
        ("interface-name:lo; interface-name:hme0", "yes"),
        ("interface-name:lo,type:wifi", "no"),
        ("*,except:interface-name:hme0", "no"),
        ("*;except:interface-name:lo", "yes"),
        ("except:interface-name:lo", "yes"),
        ("except:interface-name:hme0", "no"),
        ("except:hme0", "unknown"),
        ("type:wifi,dhcp-plugin:internal", "unknown"),
        ("interface-name:hme0,dhcp-plugin:internal", "yes"),
        ("*,except:dhcp-plugin:internal", "unknown"),
        ("interface-name:a\\;b", "unknown"),
        ("", "no"),
    ],
)
def test_device_list(text, answer):
    assert list_matches(text, HME0) is Answer(answer)


@pytest.mark.parametrize("text", ["mac:02:00:00:00:00:aa", "driver:x", "type:ethernet"])
def test_nothing_is_certain_of_a_device_that_is_not_there(text):
    assert list_matches(text, Device("hme0")) is Answer.UNKNOWN


def test_a_device_without_a_permanent_address_has_the_one_in_use():
    veth = Device("hme0", hardware_address="02:00:00:00:00:01", permanent_address="")
    assert list_matches("mac:02:00:00:00:00:01", veth) is Answer.YES


# --- sections -----------------------------------------------------------------------------------


def test_managed_outweighs_our_mark():
    assert places(source("a", f"\n{MANAGED}")) == [("a.conf", 3)]
    assert places(source("a", "[device-x]\nmatch-device=type:wifi\nmanaged=1\n")) == []
    assert places(source("a", "[device-x]\nmatch-device=driver:virtio_net\nmanaged=yes\n")) == [
        ("a.conf", 3)
    ]


def test_a_list_of_unmanaged_devices_outweighs_everything():
    assert places(source("a", MANAGED + STRICT)) == []
    assert places(source("a", MANAGED), source("b", STRICT)) == []
    assert places(source("a", STRICT), source("b", MANAGED)) == []
    doubtful = "[keyfile]\nunmanaged-devices=dhcp-plugin:internal\n"
    assert places(source("a", MANAGED + doubtful)) == []


def test_lists_are_replaced_and_added_to():
    more = "[keyfile]\nunmanaged-devices+=interface-name:lo\n"
    less = "[keyfile]\nunmanaged-devices-=interface-name:hme0\n"
    both = "[keyfile]\nunmanaged-devices=interface-name:lo,interface-name:hme0\n"
    other = "[keyfile]\nunmanaged-devices=interface-name:lo\n"
    assert places(source("a", MANAGED + STRICT), source("b", more)) == []
    assert places(source("a", MANAGED + STRICT), source("b", less)) == [("a.conf", 2)]
    assert places(source("a", MANAGED + both), source("b", less)) == [("a.conf", 2)]
    assert places(source("a", MANAGED + STRICT), source("b", other)) == [("a.conf", 2)]


def test_later_files_come_first_and_device_itself_last():
    no = "[device-no]\nmatch-device=interface-name:hme0\nmanaged=0\n"
    yes = "[device-yes]\nmatch-device=interface-name:hme0\nmanaged=1\n"
    assert places(source("a", no), source("b", yes)) == [("b.conf", 3)]
    assert places(source("a", yes), source("b", no)) == []
    assert places(source("a", no + yes)) == []
    assert places(source("a", yes + no)) == [("a.conf", 3)]
    assert places(source("a", MANAGED + no)) == []


def test_sections_of_one_name_are_one():
    first = "[device]\nmatch-device=interface-name:lo\nmanaged=0\n"
    assert places(source("a", first), source("b", MANAGED)) == []


def test_a_section_can_end_the_search():
    stop = "[device-a]\nmatch-device=interface-name:hme0\nstop-match=yes\n"
    assert places(source("a", stop + MANAGED)) == []
    assert places(source("a", stop.replace("hme0", "lo") + MANAGED)) == [("a.conf", 5)]


def test_a_doubtful_section_that_says_something_ends_certainty():
    doubtful = "[device-a]\nmatch-device=dhcp-plugin:internal\n"
    assert places(source("a", f"{doubtful}managed=0\n{MANAGED}")) == []
    assert places(source("a", f"{doubtful}carrier-wait-timeout=1\n{MANAGED}")) == [("a.conf", 5)]


def test_a_file_can_be_switched_off():
    assert places(source("a", f"[.config]\nenable=false\n{MANAGED}")) == []
    assert places(source("a", f"[.config]\nenable=true\n{MANAGED}")) == [("a.conf", 4)]
    assert places(source("a", f"[.config]\nenable=nm-version:1.9\n{MANAGED}")) == []
    assert places(SourceText(MAIN, f"[.config]\nenable=false\n{MANAGED}")) == [
        ("NetworkManager.conf", 4)
    ]


def test_what_cannot_be_read_ends_certainty():
    assert places(source("a", MANAGED), source("b", None)) == []


# --- profiles -----------------------------------------------------------------------------------


def profile(text: str, name: str = "wired.nmconnection") -> SourceText:
    return SourceText(f"/etc/NetworkManager/system-connections/{name}", text)


WIRED = "[connection]\nid=Wired 1\ntype=ethernet\ninterface-name=hme0\n"


def test_a_profile_for_the_interface_is_a_claim():
    (claim,) = find_claims(["hme0", "hme1"], Neighbours(profiles=(profile(WIRED),)))
    assert (claim.line, claim.interface) == (4, "hme0")
    assert "profile 'Wired 1'" in claim.advice
    assert "unmanaged-devices+=interface-name:hme0" in claim.advice


@pytest.mark.parametrize(
    "text",
    [
        WIRED + "autoconnect=false\n",
        WIRED.replace("hme0", "hme01"),
        WIRED.replace("[connection]", "[vlan]"),
        "[connection]\nid=all\n",
    ],
)
def test_other_profiles_are_none(text):
    assert places(profiles=(profile(text),)) == []


def test_profiles_of_what_is_unmanaged_do_nothing():
    assert places(source("a", STRICT), profiles=(profile(WIRED),)) == []
    unmanaged = "[device]\nmanaged=0\n"
    assert places(source("a", unmanaged), profiles=(profile(WIRED),)) == []


def test_what_netplan_made_is_changed_in_netplan():
    made = profile(WIRED, "netplan-hme0.nmconnection")
    (claim,) = find_claims(["hme0"], Neighbours(profiles=(made,)))
    assert "take hme0 out of /etc/netplan" in claim.advice


# --- by default ---------------------------------------------------------------------------------


def test_it_takes_what_is_not_marked_where_it_is_in_use():
    bare, in_use = Device("hme0"), frozenset({Manager.NETWORK_MANAGER})
    assert places(device=bare, in_use=in_use) == [("NetworkManager.conf", 1)]
    assert places(device=bare) == []
    assert places(device=HME0, in_use=in_use) == []
    assert places(source("a", STRICT), device=bare, in_use=in_use) == []


def test_debian_leaves_to_ifupdown_what_is_named_there():
    debian = "[main]\nplugins=ifupdown,keyfile\n[ifupdown]\nmanaged=false\n" + MANAGED
    stanza = (SourceText("/etc/network/interfaces", "iface hme0 inet manual\n"),)
    assert places(SourceText(MAIN, debian)) == [("NetworkManager.conf", 6)]
    assert places(SourceText(MAIN, debian), interfaces=stanza) == []
    without = source("a", "[main]\nplugins-=ifupdown\n")
    assert places(SourceText(MAIN, debian), without, interfaces=stanza) == [
        ("NetworkManager.conf", 6)
    ]
    managed = debian.replace("managed=false", "managed=true")
    assert places(SourceText(MAIN, managed), interfaces=stanza) == [("NetworkManager.conf", 6)]
