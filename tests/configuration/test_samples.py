"""The eighteen samples of the reference, section 2.6, by number."""

from ipaddress import IPv4Address, ip_address

from configuration.reading import briefs, files, loaded, messages, one
from rcmd.configuration import load
from rcmd.model.network import Family


def test_sample_1_a_name_is_looked_up_masked_and_brought_up():
    result = loaded(net0="lab-web\n")
    assert briefs(one(result)) == ["0 10.20.30.10/24 data up"]  # behaviour 84
    assert one(result).addresses[0].broadcast == IPv4Address("10.20.30.255")
    assert one(result).group == ""
    assert not result.faults


def test_sample_2_the_prefix_wins_over_the_implied_netmask():
    result = loaded(net0="10.20.30.11/25\n")
    assert briefs(one(result)) == ["0 10.20.30.11/25 data up"]  # behaviour 87
    assert one(result).addresses[0].broadcast == IPv4Address("10.20.30.127")


def test_sample_3_an_empty_file_plumbs_and_dhcp_fills_it():
    result = load(files({"net0": ""}, dhcp=("net0",)))
    assert one(result).families == {Family.IPV4}  # behaviour 86
    assert one(result).addresses == ()
    assert one(result).wants_dhcp
    assert messages(result) == []


def test_sample_4_an_active_member_in_one_joined_line():
    result = loaded(
        net0="10.20.30.11 netmask + broadcast + group front up \\\n"
        "addif 10.20.30.111 deprecated -failover netmask + broadcast + up\n"
    )
    assert briefs(one(result)) == [  # behaviours 13, 85, 88
        "0 10.20.30.11/24 data up",
        "1 10.20.30.111/24 test up deprecated",
    ]
    assert one(result).group == "front"
    assert not result.faults


def test_sample_5_two_lines_mean_what_they_say():
    result = loaded(
        net0="10.20.30.12 netmask + broadcast + group front up\n"
        "addif 10.20.30.112 deprecated -failover netmask + broadcast + up\n"
    )
    assert briefs(one(result)) == [
        "0 10.20.30.12/24 data up",
        "1 10.20.30.112/24 test up deprecated",
    ]
    assert not result.faults


def test_sample_6_a_standby_with_a_test_address():
    result = loaded(
        net0="10.20.30.113 netmask + broadcast + deprecated -failover group front standby up\n"
    )
    assert one(result).is_standby
    assert briefs(one(result)) == ["0 10.20.30.113/24 test up deprecated"]  # behaviour 23
    assert not result.faults


def test_sample_7_a_standby_without_any_address():
    result = loaded(net0="group front standby up\n")
    assert (one(result).group, one(result).is_standby) == ("front", True)
    assert one(result).addresses == ()
    assert not result.faults


def test_sample_8_several_data_addresses():
    result = loaded(
        net0="10.20.30.21 netmask + broadcast + group front up\n"
        "addif 10.20.30.22/24 up\n"
        "addif 10.20.30.23/24 up\n"
        "addif 10.20.30.121 netmask + broadcast + deprecated -failover up\n"
    )
    assert briefs(one(result)) == [
        "0 10.20.30.21/24 data up",
        "1 10.20.30.22/24 data up",
        "2 10.20.30.23/24 data up",
        "3 10.20.30.121/24 test up deprecated",
    ]
    assert [address.broadcast is None for address in one(result).addresses] == [
        False,
        True,
        True,
        False,
    ]
    assert not result.faults


def test_sample_9_without_up_both_addresses_stay_down():
    result = loaded(
        net0="10.20.30.31 group front\naddif 10.20.30.131 deprecated -failover netmask +\n"
    )
    assert briefs(one(result)) == [  # behaviour 84
        "0 10.20.30.31/8 data down",
        "1 10.20.30.131/24 test down deprecated",
    ]
    assert messages(result) == [
        "/etc/hostname.net0:1: warning: 10.20.30.31 has no prefix length or netmask: "
        "taken as 10.20.30.31/8",
        "/etc/hostname.net0:1: warning: 10.20.30.31 stays down: there is no `up` for it",
        "/etc/hostname.net0:2: warning: 10.20.30.131 stays down: there is no `up` for it",
    ]


def test_sample_10_standby_before_failover_makes_the_address_movable():
    result = loaded(
        net0="10.20.30.114 group front standby netmask + broadcast + deprecated -failover up\n"
    )
    assert one(result).is_standby
    assert briefs(one(result)) == ["0 10.20.30.114/24 data up deprecated"]  # behaviour 23
    assert messages(result) == [
        "/etc/hostname.net0:1: warning: `-failover` after `standby` is too late: 10.20.30.114 "
        "counts as a data address and moves; put `-failover` before `standby`"
    ]


def test_sample_11_the_link_local_address_is_nowhere_in_the_result():
    result = loaded(v6_net0="-failover group front up\n")
    assert one(result).families == {Family.IPV6}
    assert (one(result).group, one(result).addresses) == ("front", ())  # behaviour 14
    assert not result.faults


def test_sample_12_a_global_address_is_movable():
    result = loaded(v6_net0="group front up\naddif 2001:db8:5::11/64 up\n")
    assert briefs(one(result)) == ["1 2001:db8:5::11/64 data up"]
    assert not result.faults


def test_sample_13_an_ipv6_spare():
    result = loaded(v6_net0="-failover group front standby up\n")
    assert (one(result).group, one(result).is_standby) == ("front", True)
    assert one(result).addresses == ()
    assert not result.faults


def test_sample_14_a_hardware_address_in_solaris_form():
    result = loaded(net0="ether 2:8:20:aa:bb:1 10.20.30.11/24 group front\n")
    assert one(result).hardware_address == "02:08:20:aa:bb:01"
    assert briefs(one(result)) == ["0 10.20.30.11/24 data up"]
    assert not result.faults


def test_sample_15_the_second_unknown_word_is_the_destination():
    result = loaded(net0="10.9.0.1 10.9.0.2 netmask + up\n")
    (address,) = one(result).addresses
    assert (str(address.address), address.peer) == ("10.9.0.1/8", ip_address("10.9.0.2"))
    assert address.broadcast is None
    assert not result.faults


def test_sample_16_a_singleton_group_shares_one_address():
    result = loaded(net0="10.20.30.41 netmask + broadcast + -failover group solo up\n")
    assert briefs(one(result)) == ["0 10.20.30.41/24 test up"]
    assert not result.faults


def test_sample_17_the_file_of_a_logical_interface():
    result = loaded(**{"net0:3": "10.20.30.51/24\n"})
    assert briefs(one(result)) == ["3 10.20.30.51/24 data up"]
    assert one(result).families == {Family.IPV4}
    assert not result.faults


def test_sample_18_a_meta_interface_is_refused_and_its_member_read():
    result = loaded(
        ipmp0="ipmp group front 10.20.30.11/24 up\n",
        net0="group front 10.20.30.111/24 deprecated -failover up\n",
    )
    assert set(result.configuration.interfaces) == {"net0"}
    assert briefs(one(result)) == ["0 10.20.30.111/24 test up deprecated"]
    assert messages(result) == [
        "/etc/hostname.ipmp0:1: meta-interfaces are not used here: put the data addresses in the "
        "file of a member"
    ]
    assert result.faulty == {"ipmp0"}
