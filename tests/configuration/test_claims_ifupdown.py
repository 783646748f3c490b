"""The stanzas of /etc/network/interfaces (interfaces(5))."""

import pytest

from rcmd.configuration.conflicts import Neighbours, SourceText, find_claims
from rcmd.configuration.conflicts.ifupdown import Inclusion, read_inclusions

PATH = "/etc/network/interfaces"


def lines(text: str) -> list[int]:
    neighbours = Neighbours(interfaces=(SourceText(PATH, text),))
    return [claim.line for claim in find_claims(["hme0"], neighbours)]


@pytest.mark.parametrize(
    "text",
    [
        "iface hme0 inet static\n  address 10.0.0.1/24\n",
        "iface hme0 inet dhcp\n",
        "iface hme0 inet6 auto\n",
        "iface hme0:1 inet static\n",
        "  iface   hme0\tinet dhcp inherits base\n",
        "iface hme0 \\\n inet dhcp\n",
    ],
)
def test_a_stanza_that_configures_is_a_claim(text):
    assert lines(text) == [1]


@pytest.mark.parametrize(
    "text",
    [
        "iface hme0 inet manual\n",
        "iface hme01 inet dhcp\n",
        "iface hme0.5 inet static\n",
        "# iface hme0 inet dhcp\n",
        "auto hme0\nallow-hotplug hme0\n",
        "mapping hme0\n  script /bin/true\n",
        "iface hme0\n",
        "iface\n",
        "",
    ],
)
def test_everything_else_is_none(text):
    assert lines(text) == []


def test_every_stanza_has_its_line():
    text = (
        "auto lo \\\n hme0\niface lo inet loopback\n\niface hme0 inet dhcp\niface hme0 inet6 auto\n"
    )
    assert lines(text) == [5, 6]


def test_message():
    neighbours = Neighbours(interfaces=(SourceText(PATH, "iface hme0 inet dhcp\n"),))
    (claim,) = find_claims(["hme0"], neighbours)
    assert str(claim).startswith(f"{PATH}:1: warning: ifupdown claims hme0: remove this stanza")


def test_inclusions_are_relative_to_their_file():
    text = (
        "source interfaces.d/* /run/network/*\nsource-directory /etc/x\n"
        "source ~/a $HOME/b `c` 'd e'\nsources a\n"
    )
    assert list(read_inclusions(SourceText(PATH, text))) == [
        Inclusion("/etc/network/interfaces.d/*", is_directory=False),
        Inclusion("/run/network/*", is_directory=False),
        Inclusion("/etc/x", is_directory=True),
    ]
