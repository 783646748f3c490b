"""What systemd-networkd does with the routes, rules and nexthops of others (networkd.conf(5))."""

from pathlib import Path

import pytest

from rcmd.configuration.conflicts import Neighbours, SourceText, find_claims
from rcmd.configuration.conflicts.foreign_routes import KEYS, MAIN_PATH

DROP_IN = "/etc/systemd/networkd.conf.d/10-rcmd.conf"
ALL_OFF = "[Network]\n" + "".join(f"{key}=no\n" for key in KEYS)
SHIPPED = Path(__file__).parents[2] / "etc/systemd/networkd.conf.d/10-rcmd.conf"


def claims(*texts: str | None) -> list[str]:
    sources = tuple(SourceText(f"/etc/x/{n}.conf", text) for n, text in enumerate(texts))
    return [str(it) for it in find_claims(["hme0"], Neighbours(networkd=sources))]


def test_without_settings_it_removes_everything():
    assert claims() == [
        f"{MAIN_PATH}:1: warning: systemd-networkd claims the routes, policy rules and nexthops "
        "of others: it removes what it did not make: install "
        f"{DROP_IN}, or set ManageForeignRoutes=no, ManageForeignRoutingPolicyRules=no, "
        "ManageForeignNextHops=no in [Network]"
    ]


@pytest.mark.parametrize(
    "texts",
    [
        (ALL_OFF,),
        ("[Network]\nManageForeignRoutes=yes\n", ALL_OFF),
        (ALL_OFF.replace("=no", "=0"),),
        (None,),
        (SHIPPED.read_text(),),
    ],
)
def test_nothing_is_claimed(texts):
    assert claims(*texts) == []


def test_the_last_word_counts_and_is_named():
    (claim,) = claims(ALL_OFF, "[Network]\n\nManageForeignRoutes=true\n")
    assert claim.startswith(
        "/etc/x/1.conf:3: warning: systemd-networkd claims the routes of others"
    )
    elsewhere = "[Route]\nManageForeignRoutes=true\n"
    (claim,) = claims(ALL_OFF, elsewhere, "[Network]\n\nManageForeignNextHops=1")
    assert claim.startswith("/etc/x/2.conf:3: ")


def test_who_is_not_in_use_removes_nothing():
    assert find_claims(["hme0"], Neighbours()) == ()
    assert find_claims([], Neighbours(networkd=())) == ()
