"""The hash that shares traffic, on a /proc/sys of files."""

from __future__ import annotations

from pathlib import Path

from rcmd.kernel import path_hash
from rcmd.model.kinds import LoadSpreading


def proc_sys(root: Path, *names: str) -> Path:
    for family in ("net/ipv4", "net/ipv6"):
        (root / family).mkdir(parents=True)
        for name in names:
            (root / family / name).write_text("0\n")
    return root


def test_the_source_address_is_left_out(tmp_path: Path) -> None:
    root = proc_sys(tmp_path, "fib_multipath_hash_policy", "fib_multipath_hash_fields")
    by_flow = path_hash.wanted(LoadSpreading.FLOW, root)
    assert by_flow["net/ipv4/fib_multipath_hash_policy"] == "3"
    assert by_flow["net/ipv6/fib_multipath_hash_policy"] == "3"
    fields = int(by_flow["net/ipv4/fib_multipath_hash_fields"])
    assert fields & 0x01 == 0
    assert fields & 0x36 == 0x36
    by_destination = path_hash.wanted(LoadSpreading.DESTINATION, root)
    assert by_destination["net/ipv4/fib_multipath_hash_fields"] == "2"


def test_fields_are_set_before_the_policy_that_uses_them(tmp_path: Path) -> None:
    root = proc_sys(tmp_path, "fib_multipath_hash_policy", "fib_multipath_hash_fields")
    names = [path.rpartition("_")[2] for path in path_hash.wanted(LoadSpreading.FLOW, root)]
    assert names == ["fields", "policy", "fields", "policy"]


def test_an_old_kernel_tells_flows_by_five(tmp_path: Path) -> None:
    root = proc_sys(tmp_path, "fib_multipath_hash_policy")
    assert set(path_hash.wanted(LoadSpreading.FLOW, root).values()) == {"1"}
    assert path_hash.wanted(LoadSpreading.DESTINATION, root) == {}


def test_off_asks_for_nothing(tmp_path: Path) -> None:
    root = proc_sys(tmp_path, "fib_multipath_hash_policy", "fib_multipath_hash_fields")
    assert path_hash.wanted(LoadSpreading.OFF, root) == {}
    assert path_hash.wanted(LoadSpreading.FLOW, tmp_path / "without") == {}
