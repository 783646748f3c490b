import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from rcmd.kernel.sysctls import (
    SysctlError,
    answers_for_all,
    apply,
    deviations,
    is_ipv6_router,
    obstacles_to_bare,
    read_member,
    restore,
)
from rcmd.model.network import Family

IPV4 = (Family.IPV4,)
IPV6 = (Family.IPV6,)
BOTH = (Family.IPV4, Family.IPV6)
NAME = "eth0.5"
CONF = f"net/ipv4/conf/{NAME}"


def build(root: Path, *, arp_ignore_all: str = "0", rp_filter_all: str = "0") -> None:
    """A /proc/sys with the kernel's defaults."""
    for device in ("all", NAME):
        ipv4, ipv6 = root / "net/ipv4/conf" / device, root / "net/ipv6/conf" / device
        ipv4.mkdir(parents=True)
        ipv6.mkdir(parents=True)
        for key in ("promote_secondaries", "arp_ignore", "arp_filter", "arp_announce", "rp_filter"):
            (ipv4 / key).write_text("0\n")
        (ipv4 / "ignore_routes_with_linkdown").write_text("0\n")
        (ipv6 / "disable_ipv6").write_text("1\n")
        (ipv6 / "ignore_routes_with_linkdown").write_text("0\n")
    (root / "net/ipv4/conf/all/arp_ignore").write_text(f"{arp_ignore_all}\n")
    (root / "net/ipv4/conf/all/rp_filter").write_text(f"{rp_filter_all}\n")


def contents(root: Path) -> dict[str, str]:
    files = [path for path in root.rglob("*") if path.is_file()]
    return {str(path.relative_to(root)): path.read_text().strip() for path in files}


def test_a_member_is_set_and_put_back(tmp_path: Path) -> None:
    build(tmp_path)
    before = contents(tmp_path)
    originals = read_member(NAME, BOTH, is_grouped=True, root=tmp_path)
    assert contents(tmp_path) == before, "reading changed something"
    assert apply(NAME, BOTH, is_grouped=True, root=tmp_path) == ()
    changes = {p: v for p, v in contents(tmp_path).items() if before[p] != v}
    assert changes == {
        f"{CONF}/promote_secondaries": "1",
        f"{CONF}/arp_ignore": "1",
        f"{CONF}/arp_announce": "2",
        f"{CONF}/ignore_routes_with_linkdown": "1",
        f"net/ipv6/conf/{NAME}/disable_ipv6": "0",
        f"net/ipv6/conf/{NAME}/ignore_routes_with_linkdown": "1",
    }
    assert originals == {path: before[path] for path in changes}
    restore(originals, tmp_path)
    assert contents(tmp_path) == before


def test_a_device_without_group_only_gets_its_families(tmp_path: Path) -> None:
    build(tmp_path)
    assert read_member(NAME, IPV4, is_grouped=False, root=tmp_path) == {}
    assert read_member(NAME, BOTH, is_grouped=False, root=tmp_path) == {
        f"net/ipv6/conf/{NAME}/disable_ipv6": "1"
    }


def test_a_member_for_ipv6_alone_does_not_answer_for_its_neighbours(tmp_path: Path) -> None:
    build(tmp_path)
    (tmp_path / CONF / "rp_filter").write_text("1")
    apply(NAME, IPV6, is_grouped=True, root=tmp_path)
    found = contents(tmp_path)
    assert found[f"{CONF}/arp_ignore"] == "1"
    assert found[f"{CONF}/arp_announce"] == "2"
    assert found[f"{CONF}/rp_filter"] == "2"


def test_a_device_for_no_family_does_not_answer_for_others(tmp_path: Path) -> None:
    build(tmp_path)
    before = contents(tmp_path)
    assert read_member(NAME, (), is_grouped=False, root=tmp_path) == {f"{CONF}/arp_ignore": "0"}
    assert apply(NAME, (), is_grouped=False, root=tmp_path) == ()
    changes = {p: v for p, v in contents(tmp_path).items() if before[p] != v}
    assert changes == {f"{CONF}/arp_ignore": "1"}


@pytest.mark.parametrize(
    ("own", "everywhere", "after"),
    [
        ("0", "0", "0"),
        ("1", "0", "2"),
        ("0", "1", "2"),
        ("1", "1", "2"),
        ("2", "0", "2"),
        ("0", "2", "0"),
        ("1", "2", "1"),
    ],
)
def test_only_strict_reverse_path_filtering_is_loosened(
    tmp_path: Path, own: str, everywhere: str, after: str
) -> None:
    build(tmp_path, rp_filter_all=everywhere)
    (tmp_path / CONF / "rp_filter").write_text(own)
    originals = read_member(NAME, IPV4, is_grouped=True, root=tmp_path)
    apply(NAME, IPV4, is_grouped=True, root=tmp_path)
    assert (tmp_path / CONF / "rp_filter").read_text() == after
    assert originals.get(f"{CONF}/rp_filter", after) == own


def test_what_is_set_already_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(tmp_path)
    apply(NAME, BOTH, is_grouped=True, root=tmp_path)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert read_member(NAME, BOTH, is_grouped=True, root=tmp_path) == {}
    apply(NAME, BOTH, is_grouped=True, root=tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == times


@pytest.mark.parametrize(("value", "is_told"), [("0", False), ("2", False), ("3", True)])
def test_a_value_for_all_that_defeats_ours_is_told(
    tmp_path: Path, value: str, is_told: bool
) -> None:
    build(tmp_path, arp_ignore_all=value)
    obstacles = apply(NAME, IPV4, is_grouped=True, root=tmp_path)
    assert [f"arp_ignore is {value}" in sentence for sentence in obstacles] == [True] * is_told
    assert apply(NAME, IPV4, is_grouped=False, root=tmp_path) == ()


def deviating(root: Path, *, is_bare: bool = False) -> dict[str, tuple[str, str]]:
    return deviations(NAME, BOTH, is_grouped=True, is_bare=is_bare, root=root)


def test_what_was_set_otherwise_since_is_seen(tmp_path: Path) -> None:
    """`sysctl --system` at run time."""
    build(tmp_path)
    apply(NAME, BOTH, is_grouped=True, root=tmp_path)
    assert deviating(tmp_path) == {}
    for key, value in (("rp_filter", "1"), ("arp_ignore", "0"), ("arp_announce", "0")):
        (tmp_path / CONF / key).write_text(f"{value}\n")
    assert deviating(tmp_path) == {
        f"{CONF}/rp_filter": ("1", "2"),
        f"{CONF}/arp_ignore": ("0", "1"),
        f"{CONF}/arp_announce": ("0", "2"),
    }
    assert deviating(tmp_path, is_bare=True).keys() == {f"{CONF}/rp_filter", f"{CONF}/arp_ignore"}


def test_every_setting_of_ours_is_watched_but_ipv6_as_such(tmp_path: Path) -> None:
    build(tmp_path)
    ours = read_member(NAME, BOTH, is_grouped=True, root=tmp_path).keys()
    assert ours - deviating(tmp_path).keys() == {f"net/ipv6/conf/{NAME}/disable_ipv6"}


@pytest.mark.parametrize("device", ["all", NAME])
@pytest.mark.parametrize("key", ["arp_ignore", "arp_filter"])
def test_who_answers_for_all(tmp_path: Path, device: str, key: str) -> None:
    build(tmp_path)
    assert answers_for_all(NAME, tmp_path)
    (tmp_path / "net/ipv4/conf" / device / key).write_text("1\n")
    assert not answers_for_all(NAME, tmp_path)
    assert not answers_for_all("gone0", tmp_path)


def test_the_greater_of_all_and_its_own_counts(tmp_path: Path) -> None:
    build(tmp_path)
    apply(NAME, BOTH, is_grouped=True, root=tmp_path)
    (tmp_path / "net/ipv4/conf/all/rp_filter").write_text("1\n")
    assert deviating(tmp_path) == {f"{CONF}/rp_filter": ("0", "2")}


@pytest.mark.parametrize(("value", "is_told"), [("0", False), ("1", True), ("2", True)])
def test_what_defeats_those_with_only_a_test_address_is_told(
    tmp_path: Path, value: str, is_told: bool
) -> None:
    build(tmp_path)
    (tmp_path / "net/ipv4/conf/all/arp_announce").write_text(f"{value}\n")
    assert bool(obstacles_to_bare([NAME], tmp_path)) is is_told
    assert obstacles_to_bare([], tmp_path) == ()


def test_a_missing_device_is_named(tmp_path: Path) -> None:
    build(tmp_path)
    with pytest.raises(SysctlError, match=r"net/ipv4/conf/eth9/.*no such device"):
        read_member("eth9", IPV4, is_grouped=True, root=tmp_path)
    with pytest.raises(SysctlError, match=r"net/ipv6/conf/eth9/disable_ipv6.*no such device"):
        apply("eth9", IPV6, is_grouped=False, root=tmp_path)
    assert not (tmp_path / "net/ipv6/conf/eth9").exists()


def test_a_refused_write_is_named(tmp_path: Path) -> None:
    build(tmp_path)
    place = tmp_path / CONF / "arp_announce"
    place.unlink()
    place.mkdir()
    with pytest.raises(SysctlError, match=f"{CONF}/arp_announce: Is a directory"):
        apply(NAME, IPV4, is_grouped=True, root=tmp_path)


@pytest.mark.parametrize("name", ["", "all", "default", ".", "..", "a/b"])
def test_only_a_device_can_be_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(SysctlError, match="not the name of a device"):
        read_member(name, IPV4, is_grouped=True, root=tmp_path)


def test_a_device_that_left_has_nothing_to_put_back(tmp_path: Path) -> None:
    build(tmp_path)
    restore({"net/ipv4/conf/eth9/arp_ignore": "0", f"{CONF}/arp_ignore": "7"}, tmp_path)
    assert (tmp_path / CONF / "arp_ignore").read_text() == "7"
    assert not (tmp_path / "net/ipv4/conf/eth9").exists()


def test_one_failure_does_not_keep_the_others_from_being_put_back(tmp_path: Path) -> None:
    build(tmp_path)
    (tmp_path / CONF / "arp_announce").unlink()
    (tmp_path / CONF / "arp_announce").mkdir()
    with pytest.raises(SysctlError, match="arp_announce"):
        restore({f"{CONF}/arp_announce": "0", f"{CONF}/arp_ignore": "7"}, tmp_path)
    assert (tmp_path / CONF / "arp_ignore").read_text() == "7"


@pytest.mark.parametrize(("value", "is_router"), [("0\n", False), ("1\n", True), ("2\n", True)])
def test_forwarding_makes_a_router(tmp_path: Path, value: str, is_router: bool) -> None:
    build(tmp_path)
    assert not is_ipv6_router(NAME, tmp_path)
    (tmp_path / f"net/ipv6/conf/{NAME}/forwarding").write_text(value)
    assert is_ipv6_router(NAME, tmp_path) is is_router


@pytest.mark.lab
def test_the_kernel_takes_them(in_namespaces: Callable[[Callable[[], None]], None]) -> None:
    def scenario() -> None:
        subprocess.run(["ip", "link", "add", NAME, "type", "veth"], check=True)
        # The network sysctls are those of the reader's namespace.
        root = Path("/proc/sys")
        (root / f"net/ipv4/conf/{NAME}/rp_filter").write_text("1")
        (root / f"net/ipv6/conf/{NAME}/disable_ipv6").write_text("1")
        originals = read_member(NAME, BOTH, is_grouped=True)
        assert originals[f"{CONF}/rp_filter"] == "1"
        assert apply(NAME, BOTH, is_grouped=True) == ()
        assert read_member(NAME, BOTH, is_grouped=True) == {}
        restore(originals)
        assert read_member(NAME, BOTH, is_grouped=True) == originals

    in_namespaces(scenario)
