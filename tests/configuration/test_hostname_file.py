"""The grammar beyond the samples of the reference."""

from ipaddress import IPv4Address

import pytest

from configuration.reading import briefs, files, loaded, messages, one
from rcmd.configuration import ConfigurationFiles, load
from rcmd.model.network import Family


def errors(result):
    return [str(fault) for fault in result.faults if not fault.is_warning]


def warnings(result):
    return [fault.message for fault in result.faults if fault.is_warning]


# --- one line, two lines, none --------------------------------------------------------------------


def test_blank_lines_and_comments_do_not_make_a_second_line():  # behaviour 84
    result = loaded(net0="# web\n\n10.20.30.11/24 # data\n\n")
    assert briefs(one(result)) == ["0 10.20.30.11/24 data up"]


def test_an_empty_file_only_plumbs():  # behaviour 86
    for text in ("", "\n", "# nothing yet\n"):
        result = loaded(net0=text)
        assert one(result).families == {Family.IPV4}
        assert one(result).addresses == ()
        assert not result.faults


def test_the_implied_words_are_for_the_current_logical_interface():
    result = loaded(net0="10.20.30.11/24 addif 10.20.30.12\n")
    assert briefs(one(result)) == ["0 10.20.30.11/24 data down", "1 10.20.30.12/24 data up"]


def test_the_implied_netmask_gives_way_to_an_explicit_one():
    result = loaded(net0="10.9.0.1 netmask 255.255.0.0 broadcast 10.9.0.255\n")
    (address,) = one(result).addresses
    assert (str(address.address), address.broadcast) == ("10.9.0.1/16", IPv4Address("10.9.0.255"))


def test_the_implied_up_wins_over_down():
    result = loaded(net0="10.20.30.11/24 down\n")
    assert one(result).addresses[0].is_up
    assert warnings(result) == ["the implied `up` of a one-line file wins over `down`"]


def test_a_second_line_is_about_logical_0_again():
    result = loaded(net0="10.20.30.11/24 addif 10.20.30.12/24 up\nup\n")
    assert [address.is_up for address in one(result).addresses] == [True, True]


def test_an_ipv6_file_ends_with_up():  # behaviour 86
    result = loaded(v6_net0="2001:db8::1/64\n")
    assert briefs(one(result)) == ["0 2001:db8::1/64 data up"]


def test_an_ipv6_file_with_a_fault_does_not_end_with_up():
    result = loaded(v6_net0="2001:db8::1/64\nmtu 5\n")
    assert briefs(one(result)) == ["0 2001:db8::1/64 data down"]


# --- addresses and masks --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("10.9.0.1 netmask 255.255.255.0", "10.9.0.1/24"),
        ("10.9.0.1 netmask 0xffffff00", "10.9.0.1/24"),
        ("10.9.0.1 netmask FFFFFF00", "10.9.0.1/24"),
        ("10.9.0.1 netmask +", "10.9.0.1/8"),
        ("10.20.30.1 netmask +", "10.20.30.1/24"),
        ("netmask + 10.20.30.1", "10.20.30.1/24"),  # scanned in advance
        ("10.20.30.1/28 netmask +", "10.20.30.1/28"),  # behaviour 87
        ("netmask 255.255.0.0 10.20.30.1/28", "10.20.30.1/28"),
        ("10.20.30.1 /28", "10.20.30.1/28"),
        ("netmask 255.0.0.0 netmask 255.255.0.0 10.20.30.1", "10.20.30.1/16"),  # the last wins
        ("set 10.20.30.1/28", "10.20.30.1/28"),
        ("10.20.30.1 set 10.20.30.2/28", "10.20.30.2/28"),
        ("lab-web/28", "10.20.30.10/28"),
        ("192.168.1.1", "192.168.1.1/24"),
        ("172.16.0.1", "172.16.0.1/16"),
    ],
)
def test_the_mask_of_an_address(words, expected):
    result = loaded(net0=f"{words} up\nmetric 1\n")
    assert [str(address.address) for address in one(result).addresses] == [expected]
    assert not errors(result)


def test_a_later_line_may_change_the_mask():
    result = loaded(net0="10.20.30.1/28 up\nnetmask 255.255.0.0\n")
    assert briefs(one(result)) == ["0 10.20.30.1/16 data up"]


def test_an_ipv6_address_without_length_claims_only_itself():
    result = loaded(v6_net0="addif 2001:db8::5 up\n")
    assert briefs(one(result)) == ["1 2001:db8::5/128 data up"]
    assert warnings(result) == [
        "2001:db8::5 has no prefix length or netmask: taken as 2001:db8::5/128"
    ]


def test_names_are_looked_up_by_family():
    assert briefs(one(loaded(v6_net0="addif lab-web/64 up\n"))) == ["1 2001:db8:5::10/64 data up"]
    result = loaded(v6_net0="addif www/64 up\n")
    assert errors(result) == [
        "/etc/hostname6.net0:1: 'www': bad address: neither an IPv6 address nor a name with one "
        "in /etc/hosts"
    ]


@pytest.mark.parametrize(
    ("words", "broadcast"),
    [
        ("10.20.30.1/24", None),
        ("10.20.30.1/24 broadcast +", "10.20.30.255"),
        ("broadcast + 10.20.30.1/24", "10.20.30.255"),
        ("10.20.30.1/24 broadcast 10.20.30.0", "10.20.30.0"),
        ("10.20.30.1/31 broadcast +", None),
        ("10.20.30.1/24 10.20.30.2 broadcast +", None),
    ],
)
def test_broadcast(words, broadcast):
    (address,) = one(loaded(net0=f"{words} up\nup\n")).addresses
    assert address.broadcast == (IPv4Address(broadcast) if broadcast else None)


def test_the_unspecified_address_is_no_address():
    result = loaded(net0="0.0.0.0 up\naddif 0.0.0.0 up\naddif 10.20.30.5/24 up\n")
    assert briefs(one(result)) == ["2 10.20.30.5/24 data up"]
    assert not result.faults


def test_an_explicit_link_local_address_is_left_to_the_kernel():
    result = loaded(v6_net0="fe80::1/10 up\naddif 2001:db8::5/64 up\n")
    assert briefs(one(result)) == ["1 2001:db8::5/64 data up"]
    assert warnings(result) == [
        "fe80::1: the kernel makes the link-local address by itself; ignored"
    ]


def test_the_network_address_is_noticed():
    assert warnings(loaded(net0="10.20.30.0/24\n")) == [
        "10.20.30.0 is the network or broadcast address of 10.20.30.0/24"
    ]


# --- logical interfaces ---------------------------------------------------------------------------


def test_addif_takes_the_lowest_free_number():  # behaviour 88
    result = loaded(
        net0="addif 10.20.30.1/24 up\naddif 10.20.30.2/24 up\nremoveif 10.20.30.1\n"
        "addif 10.20.30.3/24 up\naddif 10.20.30.4/24 up\n"
    )
    assert briefs(one(result)) == [
        "1 10.20.30.3/24 data up",
        "2 10.20.30.2/24 data up",
        "3 10.20.30.4/24 data up",
    ]


def test_logical_numbers_are_per_family():
    result = loaded(net0="addif 10.20.30.1/24 up\nup\n", v6_net0="addif 2001:db8::1/64 up\n")
    assert briefs(one(result)) == ["1 10.20.30.1/24 data up", "1 2001:db8::1/64 data up"]
    assert one(result).families == {Family.IPV4, Family.IPV6}


def test_addif_and_a_destination():
    result = loaded(net0="10.9.0.1/24 up\naddif 10.9.1.1/24 10.9.1.2 up\ndestination 10.9.0.2\n")
    assert [str(address.peer) for address in one(result).addresses] == ["10.9.0.2", "10.9.1.2"]


def test_group_after_addif_is_ignored():  # behaviour 88
    result = loaded(net0="10.20.30.1/24 group a addif 10.20.30.2/24 group b\n")
    assert one(result).group == "a"
    assert "group 'b' after addif is ignored; put it before addif" in warnings(result)


def test_the_files_of_logical_interfaces_are_merged():
    result = loaded(
        **{
            "net0": "10.20.30.1/24 group front\n",
            "net0:2": "10.20.30.2/24 deprecated -failover\n",
            "net0:10": "10.20.30.3/24\n",
        }
    )
    assert briefs(one(result)) == [
        "0 10.20.30.1/24 data up",
        "2 10.20.30.2/24 test up deprecated",
        "10 10.20.30.3/24 data up",
    ]


@pytest.mark.parametrize("word", ["addif 10.20.30.9/24", "removeif 10.20.30.1", "group front"])
def test_words_for_the_interface_are_refused_in_the_file_of_a_logical_one(word):  # behaviour 9
    result = loaded(**{"net0:2": f"10.20.30.1/24 up\n{word}\n"})
    assert errors(result) == [
        f"/etc/hostname.net0:2:2: {word.split()[0]} is not valid in the file of a logical interface"
    ]
    assert briefs(one(result)) == ["2 10.20.30.1/24 data up"]


def test_a_logical_number_that_addif_has_taken_is_a_fault():
    result = loaded(**{"net0": "\naddif 10.20.30.1/24 up\nup\n", "net0:1": "10.20.30.2/24\n"})
    assert errors(result) == [
        "/etc/hostname.net0:1:1: logical interface 1 is taken by the addif of 10.20.30.1 "
        "at /etc/hostname.net0:2"
    ]
    assert briefs(one(result)) == ["1 10.20.30.1/24 data up"]


# --- flags ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("-failover", "test up"),
        ("-failover failover", "data up"),
        ("failover -failover", "test up"),  # behaviour 90
        ("deprecated", "data up deprecated"),
        ("deprecated -deprecated", "data up"),
    ],
)
def test_the_last_of_opposite_flags_wins(words, expected):
    result = loaded(net0=f"10.20.30.1/24 {words}\n")
    assert briefs(one(result)) == [f"0 10.20.30.1/24 {expected}"]


def test_an_address_that_comes_after_standby_is_data():  # behaviours 21 and 23
    result = loaded(net0="group front standby up\naddif 10.20.30.9/24 -failover up\n")
    assert briefs(one(result)) == ["1 10.20.30.9/24 data up"]
    assert "put `-failover` before `standby`" in warnings(result)[0]


def test_minus_standby_makes_the_order_harmless():
    result = loaded(net0="10.20.30.9/24 standby -standby -failover\n")
    assert not one(result).is_standby
    assert briefs(one(result)) == ["0 10.20.30.9/24 test up"]


def test_minus_failover_before_the_address_is_in_time():
    result = loaded(net0="-failover standby 10.20.30.9/24\n")
    assert briefs(one(result)) == ["0 10.20.30.9/24 test up"]


def test_a_data_address_on_a_standby_is_kept_with_a_warning():  # behaviours 21 and 22
    result = loaded(net0="10.20.30.9/24 group front standby\n")
    assert briefs(one(result)) == ["0 10.20.30.9/24 data up"]
    assert warnings(result) == [
        "10.20.30.9 is a data address on a standby: it will be put on another member"
    ]
    assert not result.faulty


def test_a_global_ipv6_test_address_is_questioned():  # behaviour 11
    result = loaded(v6_net0="addif 2001:db8::1/64 -failover up\n")
    assert briefs(one(result)) == ["1 2001:db8::1/64 test up"]
    assert warnings(result) == [
        "2001:db8::1 will stay here, but IPv6 probes use the link-local address only"
    ]


def test_a_deprecated_link_local_address_is_questioned():  # behaviour 14
    assert warnings(loaded(v6_net0="deprecated -failover up\n")) == [
        "the link-local address must not be deprecated; ignored"
    ]


# --- the interface itself -------------------------------------------------------------------------


def test_mtu_and_hardware_address():
    result = loaded(net0="mtu 9000 ether 52:54:00:12:34:56 10.20.30.1/24\n")
    assert (one(result).mtu, one(result).hardware_address) == (9000, "52:54:00:12:34:56")
    assert not result.faults


@pytest.mark.parametrize(
    ("ipv4", "ipv6", "message"),
    [
        ("group a", "group b", "group 'b': it is 'a' at /etc/hostname.net0:1"),
        ("mtu 1500", "mtu 9000", "mtu 9000: it is 1500 at /etc/hostname.net0:1"),
        (
            "ether 2:0:0:0:0:1",
            "ether 2:0:0:0:0:2",
            "ether 02:00:00:00:00:02: it is 02:00:00:00:00:01 at /etc/hostname.net0:1",
        ),
    ],
)
def test_the_files_of_both_families_must_agree(ipv4, ipv6, message):  # behaviour 6
    result = loaded(net0=ipv4, v6_net0=ipv6)
    assert errors(result) == [f"/etc/hostname6.net0:1: {message}"]
    assert result.faulty == {"net0"}
    assert one(loaded(net0=ipv4, v6_net0=ipv4)) == one(loaded(net0=ipv4, v6_net0=f"{ipv4} up"))


def test_the_group_may_stand_in_one_file_only():  # behaviour 6
    assert one(loaded(net0="10.20.30.1/24", v6_net0="group a up")).group == "a"


@pytest.mark.parametrize(
    ("name", "is_good"), [("a", True), ("a" * 31, True), ("a" * 32, False), ("\x07", False)]
)
def test_group_names(name, is_good):  # behaviours 1 and 9
    result = loaded(net0=f"group {name}\n")
    assert (one(result).group == name) is is_good
    assert bool(errors(result)) is not is_good


def test_a_group_named_like_a_word_is_questioned():
    result = loaded(net0="group standby\n")
    assert one(result).group == "standby"
    assert warnings(result) == ["the group is named like the word 'standby'; is its name missing?"]


@pytest.mark.parametrize("word", ["dhcp", "auto-dhcp"])
def test_dhcp_takes_the_rest_of_the_line(word):
    result = loaded(net0=f"{word} primary wait 10\n")
    assert one(result).wants_dhcp
    assert not result.faults


def test_what_dhcp_takes_along_by_mistake_is_named():
    result = loaded(net0="dhcp group front up\n")
    assert one(result).wants_dhcp
    assert one(result).group == ""
    (warning,) = warnings(result)
    assert warning.startswith("ignored after dhcp, which takes the rest of its line: group front")


def test_what_stands_before_dhcp_or_on_another_line_counts():
    assert one(loaded(net0="group front dhcp\n")).group == "front"
    both = one(loaded(net0="dhcp\n10.20.30.11/24 group front up\n"))
    assert (both.wants_dhcp, both.group) == (True, "front")
    assert briefs(both) == ["0 10.20.30.11/24 data up"]


def test_there_is_no_dhcp_for_ipv6():
    result = load(ConfigurationFiles(hostname={"/etc/hostname6.net0": "dhcp\n"}))
    assert not one(result).wants_dhcp
    assert warnings(result) == ["there is no DHCP for IPv6 here; ignored with the rest of its line"]


def test_rarp_is_answered_with_dhcp():
    result = loaded(net0="auto-revarp\n")
    assert one(result).wants_dhcp
    assert warnings(result) == ["RARP is not spoken any more: the address is asked for by DHCP"]


def test_the_name_for_a_dhcp_server_is_not_an_address():  # behaviour 91
    result = load(files({"net0": "inet lab-web\n"}, dhcp=("net0",)))
    assert one(result).addresses == ()
    assert one(result).wants_dhcp
    assert one(result).dhcp_hostname == "lab-web"
    assert not result.faults
    assert errors(loaded(net0="inet lab-web\n")) != []


def test_a_name_that_is_none_is_not_asked_for():
    result = load(files({"net0": "inet -r;x\n"}, dhcp=("net0",)))
    assert one(result).dhcp_hostname == ""
    assert warnings(result) == ["'-r;x': not a host name; asking by DHCP without one"]


@pytest.mark.parametrize(
    "word", ["router", "-arp", "trailers", "metric 3", "index 7", "private", "all-zones"]
)
def test_words_without_meaning_here_are_accepted_with_a_warning(word):
    result = loaded(net0=f"10.20.30.1/24 {word}\n")
    assert briefs(one(result)) == ["0 10.20.30.1/24 data up"]
    assert warnings(result) == [f"{word.split()[0]} means nothing on Linux; ignored"]


# --- faults ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("group", "no argument for group"),
        ("netmask", "no argument for netmask"),
        ("addif", "no argument for addif"),
        ("nud", "Operation nud not supported for inet"),
        ("token ::1/64", "Operation token not supported for inet"),
        ("10.0.0.1/33", "Bad prefix length in '10.0.0.1/33'"),
        ("10.0.0.1/0", "Bad prefix length in '10.0.0.1/0'"),
        ("/x", "Bad prefix length in '/x'"),
        (
            "10.0.0.1 netmask 255.0.255.0",
            "'255.0.255.0': bad netmask: its ones are not all in front",
        ),
        ("10.0.0.1 netmask 24", "'24': bad netmask"),
        ("10.0.0.1 broadcast x", "'x': bad broadcast address"),
        ("2001:db8::1/64", "'2001:db8::1': bad address: not an IPv4 address"),
        ("224.0.0.1/24", "'224.0.0.1': bad address: no interface can have it"),
        ("127.0.0.1/8", "'127.0.0.1': bad address: no interface can have it"),
        ("255.255.255.255/8", "'255.255.255.255': bad address: no interface can have it"),
        ("ether 1:2:3:4:5:6", "'1:2:3:4:5:6': bad hardware address: no interface can have it"),
        ("ether 2:8:20:aa:bb", "'2:8:20:aa:bb': bad hardware address"),
        ("mtu 10", "'10': bad MTU: expected 68 to 65535"),
        ("mtu many", "'many': bad MTU: expected 68 to 65535"),
        ("removeif 10.0.0.7", "'10.0.0.7': no logical interface has it"),
        (
            "10.0.0.1/24 10.0.0.2 10.0.0.3",
            "'10.0.0.3': unexpected, address and destination are known already",
        ),
        ("modinsert a@1", "modinsert is not supported"),
        ("tsrc 10.0.0.1", "tsrc is not supported"),
        ("unplumb", "unplumb is not supported"),
        (
            "-failovr",
            "'-failovr': bad address: neither an IPv4 address nor a name with one in "
            "/etc/hosts; did you mean '-failover'?",
        ),
        (
            "\x1b[31m",
            "'\\x1b[31m': bad address: neither an IPv4 address nor a name with one in /etc/hosts",
        ),
    ],
)
def test_faults_name_the_word(words, message):  # behaviour 89
    result = loaded(net0=f"# first\n{words}\n")
    assert errors(result) == [f"/etc/hostname.net0:2: {message}"]
    assert result.faulty == {"net0"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("netmask 255.0.0.0", "Operation netmask not supported for inet6"),
        ("broadcast +", "Operation broadcast not supported for inet6"),
        ("arp", "Operation arp not supported for inet6"),
        ("auto-revarp", "Operation auto-revarp not supported for inet6"),
        ("mtu 1000", "'1000': bad MTU: expected 1280 to 65535"),
        (
            "addif fe80::1%net0/64",
            "'fe80::1%net0': bad address: neither an IPv6 address nor a "
            "name with one in /etc/hosts",
        ),
    ],
)
def test_ipv6_faults(words, message):  # behaviour 89
    assert errors(loaded(v6_net0=f"{words}\n")) == [f"/etc/hostname6.net0:1: {message}"]


def test_a_failing_line_does_not_stop_the_next_ones():  # behaviour 89
    result = loaded(net0="10.20.30.1/24 group front up\naddif nowhere up\naddif 10.20.30.3/24 up\n")
    assert briefs(one(result)) == ["0 10.20.30.1/24 data up", "1 10.20.30.3/24 data up"]
    assert result.faulty == {"net0"}


def test_a_failing_line_keeps_what_stood_before_the_fault_and_reports_what_follows():
    result = loaded(net0="10.20.30.1/24 group front mtu 1 \\\n addif 10.20.30.2/99 standby up\n")
    assert one(result).group == "front"
    assert not one(result).is_standby
    assert briefs(one(result)) == ["0 10.20.30.1/24 data down"]
    assert errors(result) == [
        "/etc/hostname.net0:1: '1': bad MTU: expected 68 to 65535",
        "/etc/hostname.net0:2: Bad prefix length in '10.20.30.2/99'",
    ]


def test_a_thousand_addresses():
    text = "".join(f"addif 10.20.{i // 250}.{i % 250 + 1}/16 up\n" for i in range(1000))
    result = loaded(net0=text)
    assert [address.logical for address in one(result).addresses] == list(range(1, 1001))
    assert not messages(result)
