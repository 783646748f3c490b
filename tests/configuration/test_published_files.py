"""Hostname files of the kinds that people have published: what they meant is what is made of them.

Names and addresses are invented; words, their order, blanks and line ends are as found in guides,
questions and scripts.
"""

import pytest

from configuration.reading import briefs
from rcmd.configuration import ConfigurationFiles, load

HOSTS = """\
127.0.0.1\tlocalhost
127.0.1.1\tapp1.example.com app1
::1\tlocalhost
# NICs
192.0.2.10\tAPP1 app1.example.com loghost   # the service
192.0.2.11\tapp1-ce0 app1-hme0
192.0.2.12\tapp1-ce4 app1-hme1
192.0.2.13\tapp1-dummy
2001:db8:5::10 app1
"""
NETMASKS = (
    "#\n# network-number\tnetmask\n#\n192.0.2.0\t255.255.255.0\n198.51.100.0 255.255.255.240\n"
)

DATA = "0 192.0.2.10/24 data up"
TEST = "0 192.0.2.11/24 test up deprecated"
OTHER_TEST = "0 192.0.2.12/24 test up deprecated"

GOOD = [
    # --- one interface, no group ---
    ("app1", [DATA], ""),
    ("app1\r\n", [DATA], ""),
    ("\ufeffapp1\r\n", [DATA], ""),
    ("  app1\t \n\n", [DATA], ""),
    ("APP1.example.com\n", [DATA], ""),
    ("app1 netmask 255.255.255.0\n", [DATA], ""),
    ("app1 netmask 0xffffff00 broadcast 192.0.2.255\n", [DATA], ""),
    ("192.0.2.10/24\n", [DATA], ""),
    ("192.0.2.10 netmask 255.255.255.0 broadcast 192.0.2.255 up\n", [DATA], ""),
    ("192.0.2.10 netmask + broadcast + up", [DATA], ""),
    ("198.51.100.3 netmask +\n", ["0 198.51.100.3/28 data up"], ""),
    ("plumb 192.0.2.10/24 up\n", [DATA], ""),
    ("192.0.2.10/24 mtu 9000 up\n", [DATA], ""),
    ("set 192.0.2.10/24\nup\n", [DATA], ""),
    ("192.0.2.10\u00a0netmask\u00a0255.255.255.0\u00a0up\n", [DATA], ""),
    ("# was 192.0.2.9 until spring\napp1\n", [DATA], ""),
    # --- in a group, by the link alone ---
    ("app1 group sc_ipmp0 -failover\n", ["0 192.0.2.10/24 test up"], "sc_ipmp0"),
    ("app1 netmask + broadcast + group production up\n", [DATA], "production"),
    ("group production up\n", [], "production"),
    ("192.0.2.10/24 group ipmp0 up\n", [DATA], "ipmp0"),
    # --- data and test address in one line ---
    (
        "app1-ce0 netmask + broadcast + group acc deprecated -failover up "
        "addif app1 netmask + broadcast + up\n",
        [TEST, "1 192.0.2.10/24 data up"],
        "acc",
    ),
    (
        "app1-ce0 netmask + broadcast + group acc deprecated -failover up "
        "addif app1-dummy netmask + broadcast + deprecated up\n",
        [TEST, "1 192.0.2.13/24 data up deprecated"],
        "acc",
    ),
    (
        "app1-hme0 netmask + broadcast + deprecated -failover group grp1 up "
        "addif app1 netmask + broadcast + failover up\n",
        [TEST, "1 192.0.2.10/24 data up"],
        "grp1",
    ),
    # --- the same, joined ---
    (
        "app1 netmask + broadcast + group test up \\\n"
        "addif app1-ce0 deprecated -failover netmask + broadcast + up\n",
        [DATA, "1 192.0.2.11/24 test up deprecated"],
        "test",
    ),
    (
        "app1 netmask + broadcast + \\\r\n\tgroup test up \\\r\n"
        "\taddif app1-ce0 deprecated -failover \\\r\n\tnetmask + broadcast + up\r\n",
        [DATA, "1 192.0.2.11/24 test up deprecated"],
        "test",
    ),
    (
        "app1-ce0 netmask + broadcast + \\\ngroup test deprecated -failover up \\\n"
        "addif app1 netmask + broadcast + failover up",
        [TEST, "1 192.0.2.10/24 data up"],
        "test",
    ),
    (
        "app1 netmask + broadcast + group test up\\\n addif app1-ce0 deprecated -failover "
        "netmask + broadcast + up\n",
        [DATA, "1 192.0.2.11/24 test up deprecated"],
        "test",
    ),
    # --- the same, as lines ---
    (
        "192.0.2.10 netmask + broadcast + group ipmp0 up\n"
        "addif 192.0.2.11 deprecated -failover netmask + broadcast + up\n",
        [DATA, "1 192.0.2.11/24 test up deprecated"],
        "ipmp0",
    ),
    (
        "192.0.2.11 netmask + broadcast + mtu 1380 deprecated -failover group inner-prod up\n"
        " addif 192.0.2.10 netmask + broadcast + mtu 1380 up\n",
        [TEST, "1 192.0.2.10/24 data up"],
        "inner-prod",
    ),
    (
        "192.0.2.11/24 deprecated -failover\t\tgroup test\tup\n\n# the service\n"
        "addif 192.0.2.10/24 up # moves\n\n",
        [TEST, "1 192.0.2.10/24 data up"],
        "test",
    ),
    (
        "app1-ce0 deprecated -failover netmask 255.255.255.0 broadcast 192.0.2.255 group g up\n"
        "addif app1 netmask 255.255.255.0 broadcast 192.0.2.255 up\n"
        "addif app1-dummy netmask 255.255.255.0 broadcast 192.0.2.255 up\n",
        [TEST, "1 192.0.2.10/24 data up", "2 192.0.2.13/24 data up"],
        "g",
    ),
    # --- the second one, or a standby ---
    (
        "app1-ce4 deprecated -failover netmask + broadcast + group test up\n",
        [OTHER_TEST],
        "test",
    ),
    (
        "app1-ce4 netmask + broadcast + deprecated group test -failover standby up\n",
        [OTHER_TEST],
        "test",
    ),
    (
        "app1-ce4 netmask + broadcast + \\\ngroup test deprecated -failover standby up\n",
        [OTHER_TEST],
        "test",
    ),
    ("192.0.2.12/24 group g deprecated -failover standby up", [OTHER_TEST], "g"),
    ("group test standby up\n", [], "test"),
    ("group test -failover standby up\n", [], "test"),
]

GOOD_IPV6 = [
    ("", [], ""),
    ("\n", [], ""),
    ("-failover group test up\n", [], "test"),
    ("group test up\n", [], "test"),
    ("-failover standby group test up\n", [], "test"),
    ("plumb -failover group test up\n", [], "test"),
    ("addif 2001:db8:3c4d:15::203/64 up\n", ["1 2001:db8:3c4d:15::203/64 data up"], ""),
    (
        "addif 2001:db8:3c4d:15::203/64 up\naddif 2001:DB8:3C4D:16::203/64 up\n",
        ["1 2001:db8:3c4d:15::203/64 data up", "2 2001:db8:3c4d:16::203/64 data up"],
        "",
    ),
    ("group test -failover up\naddif app1/64 up\n", ["1 2001:db8:5::10/64 data up"], "test"),
    (
        "-failover group test up \\\n\taddif 2001:db8:5::11/64 up\n",
        ["1 2001:db8:5::11/64 data up"],
        "test",
    ),
]


def read(path: str, text: str):
    return load(
        ConfigurationFiles(
            hostname={path: text},
            hosts={"/etc/hosts": HOSTS},
            netmasks={"/etc/netmasks": NETMASKS},
        )
    )


@pytest.mark.parametrize(("text", "addresses", "group"), GOOD)
def test_what_was_meant_is_what_is_made_of_it(text, addresses, group):
    result = read("/etc/hostname.net0", text)
    assert not result.faults
    config = result.configuration.interfaces["net0"]
    assert (briefs(config), config.group) == (addresses, group)
    assert config.is_standby is ("standby" in text)


@pytest.mark.parametrize(("text", "addresses", "group"), GOOD_IPV6)
def test_ipv6_alike(text, addresses, group):
    result = read("/etc/hostname6.net0", text)
    assert not result.faults
    config = result.configuration.interfaces["net0"]
    assert (briefs(config), config.group) == (addresses, group)


DOUBTFUL = [
    # Two lines: the second is not joined.  What it asks for is all there.
    (
        "192.0.2.11/24 deprecated -failover group test up \\ \n addif 192.0.2.10/24 up\n",
        [TEST, "1 192.0.2.10/24 data up"],
        ["1: a backslash followed by blanks does not join the next line to this one"],
    ),
    (
        "192.0.2.12/24 group ipmp0 standby up\n",
        ["0 192.0.2.12/24 data up"],
        ["1: 192.0.2.12 is a data address on a standby: it will be put on another member"],
    ),
    (
        "192.0.2.11/24 deprecated -failover group test up\naddif 192.0.2.10/24 group test up\n",
        [TEST, "1 192.0.2.10/24 data up"],
        ["2: group 'test' after addif is ignored; put it before addif"],
    ),
    (
        '192.0.2.10/24 group "" up\n',
        [DATA],
        ['1: there is no quoting here: the name of the group is "", quotes and all'],
    ),
    ("192.0.2.10/24 trailers up\n", [DATA], ["1: trailers means nothing on Linux; ignored"]),
]


@pytest.mark.parametrize(("text", "addresses", "warnings"), DOUBTFUL)
def test_what_is_doubtful_is_made_something_of_and_told(text, addresses, warnings):
    result = read("/etc/hostname.net0", text)
    assert [str(it) for it in result.faults] == [
        f"/etc/hostname.net0:{line}: warning: {message}"
        for line, _, message in (it.partition(": ") for it in warnings)
    ]
    assert briefs(result.configuration.interfaces["net0"]) == addresses


TYPOS = [
    ("192.0.2.300 netmask + broadcast + group test up\n", "'192.0.2.300': bad address"),
    ("192.0.2.888/24 deprecated -failover standby group g up\n", "'192.0.2.888': bad address"),
    ("192.0.2.10 netmsk 255.255.255.0 broadcast + up\n", "did you mean 'netmask'?"),
    ("192.0.2.10 netmask 255.255.255 broadcast + up\n", "'255.255.255': bad netmask"),
    ("192.0.2.10/24 depreciated -failover group test up\n", "did you mean 'deprecated'?"),
    ("192.0.2.10/24 deprecated -failver group test up\n", "did you mean '-failover'?"),
    ("192.0.2.10/24 deprecated \u2013failover group test up\n", "did you mean '-failover'?"),
    ("192.0.2.10/24 UP\n", "did you mean 'up'?"),
    ("192.0.2.10/24 Group test up\n", "did you mean 'group'?"),
    ("192.0.2.10/24 group test group\n", "no argument for group"),
    ("192.0.2.10/24 usesrc vni0 up\n", "usesrc is not supported"),
    ("192.0.2.10/24\nusesrc vni0 up\n", "usesrc is not supported"),
    ("192.0.2.10/24 zone web up\n", "zone is not supported"),
    ("192.0.2.1 192.0.2.2 tsrc 198.51.100.1 tdst 198.51.100.2 up\n", "tsrc is not supported"),
    ("app2 netmask + broadcast + up\n", "'app2': bad address"),
    ("app1/24 192.0.2.1 192.0.2.2 up\n", "'192.0.2.2': unexpected"),
    ("localhost up\n", "'localhost': bad address: no interface can have 127.0.0.1"),
    ("192.0.2.10/24 mtu 9000bytes up\naddif 192.0.2.11/24 up\n", "'9000bytes': bad MTU"),
    ("192.0.2.10 netmask + \\\nbroadcst + group test \\\nup\n", "did you mean 'broadcast'?"),
    ("192.0.2.300 netmask \\\n255.255.255.0 up\n", "'192.0.2.300': bad address"),
]


@pytest.mark.parametrize(("text", "message"), TYPOS)
def test_one_typo_is_one_fault_and_nothing_else(text, message):
    result = read("/etc/hostname.net0", text)
    (fault,) = result.faults
    assert not fault.is_warning
    assert message in fault.message
    assert result.faulty == {"net0"}


def test_two_typos_on_two_lines_are_two_faults():
    result = read("/etc/hostname.net0", "192.0.2.300 up \\\nup \\\nmtu x \\\naddif y frob\n")
    assert [fault.line for fault in result.faults] == [1, 3, 4]


@pytest.mark.parametrize(("mtu", "is_told"), [("1279", True), ("1280", False)])
def test_an_mtu_that_ipv6_has_no_room_in_is_told(mtu, is_told):
    hostname = {"/etc/hostname.net0": f"\nmtu {mtu}\n", "/etc/hostname6.net0": ""}
    result = load(ConfigurationFiles(hostname=hostname))
    assert bool(result.faults) is is_told
    if is_told:
        (fault,) = result.faults
        assert str(fault).startswith("/etc/hostname.net0:2: warning: mtu 1279 is less than 1280")
    assert not load(ConfigurationFiles(hostname={"/etc/hostname.net0": f"mtu {mtu}\n"})).faults
