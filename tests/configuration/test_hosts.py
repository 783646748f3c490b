from ipaddress import ip_address

import pytest

from rcmd.configuration.hosts import Hosts, literal_address, words_of
from rcmd.model.network import Family

TEXT = """\
# 10.0.0.9 web
nonsense web
fe80::1%eth0 web
10.0.0.1 Web www.example # old
10.0.0.2 web
2001:db8::1\tweb
"""


def find(text: str, name: str, family: Family):
    return Hosts({"/etc/hosts": text}, {name.lower()}).find(name, family)


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
    assert find(TEXT, name, family) == ip_address(expected)


@pytest.mark.parametrize("name", ["old", "we", "10.0.0.1", "nonsense", "#"])
def test_what_is_no_name_is_not_found(name):
    assert find(TEXT, name, Family.IPV4) is None


def test_a_name_without_an_address_of_the_family_is_not_found():
    assert find("10.0.0.1 web", "web", Family.IPV6) is None


@pytest.mark.parametrize(
    ("lines", "family", "expected"),
    [
        ("127.0.1.1 web\n10.0.0.1 web\n", Family.IPV4, "10.0.0.1"),
        ("127.0.0.1 localhost web\n127.0.1.1 web\n10.0.0.1 web\n", Family.IPV4, "10.0.0.1"),
        ("0.0.0.0 web\n10.0.0.1 web\n", Family.IPV4, "10.0.0.1"),
        ("224.0.0.1 web\n255.255.255.255 web\n10.0.0.1 web\n", Family.IPV4, "10.0.0.1"),
        ("::1 web\n127.0.1.1 web\n2001:db8::1 web\n", Family.IPV6, "2001:db8::1"),
        ("fe80::1 web\n2001:db8::1 web\n", Family.IPV6, "2001:db8::1"),
        ("10.0.0.1 web\n10.0.0.2 web\n", Family.IPV4, "10.0.0.1"),
        # Where there is nothing better, what is there is judged where it is asked for.
        ("127.0.1.1 web\n", Family.IPV4, "127.0.1.1"),
        ("fe80::1 web\n", Family.IPV6, "fe80::1"),
    ],
)
def test_the_first_that_an_interface_can_have_counts(lines, family, expected):
    assert find(lines, "web", family) == ip_address(expected)


def test_earlier_files_come_first():
    hosts = Hosts({"/a": "127.0.1.1 web\n", "/b": "10.0.0.2 web", "/c": "10.0.0.3 web"}, {"web"})
    assert hosts.find("web", Family.IPV4) == ip_address("10.0.0.2")


def test_the_words_that_may_be_asked_for():
    texts = ["Lab-Web/24 up # web\n", "www \\\n lab\\\nx \\ab\\c\r\n"]
    assert words_of(texts) >= {"lab-web", "www", "labx", "abc", "up"}


@pytest.mark.parametrize("word", ["web", "10.0.0", "010.0.0.1", "fe80::1%eth0", "10", ""])
def test_these_are_no_addresses(word):
    assert literal_address(word) is None
