from ipaddress import ip_address

import pytest

from rcmd.configuration.hosts import Hosts, literal_address
from rcmd.model import Family

TEXT = """\
# 10.0.0.9 web
nonsense web
fe80::1%eth0 web
10.0.0.1 Web www.example # old
10.0.0.2 web
2001:db8::1\tweb
"""


@pytest.mark.parametrize(
    ("name", "family", "expected"),
    [
        ("web", Family.IPV4, "10.0.0.1"),
        ("WEB", Family.IPV4, "10.0.0.1"),
        ("www.example", Family.IPV4, "10.0.0.1"),
        ("web", Family.IPV6, "2001:db8::1"),
    ],
)
def test_the_first_address_of_the_family_is_found(name, family, expected):
    assert Hosts(TEXT).find(name, family) == ip_address(expected)


@pytest.mark.parametrize("name", ["old", "we", "10.0.0.1", "nonsense", "#"])
def test_what_is_no_name_is_not_found(name):
    assert Hosts(TEXT).find(name, Family.IPV4) is None


def test_a_name_without_an_address_of_the_family_is_not_found():
    assert Hosts("10.0.0.1 web").find("web", Family.IPV6) is None


@pytest.mark.parametrize("word", ["web", "10.0.0", "010.0.0.1", "fe80::1%eth0", "10", ""])
def test_these_are_no_addresses(word):
    assert literal_address(word) is None
