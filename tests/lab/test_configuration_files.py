"""What lies in /etc on a real machine: copies, shared files, names that devices have; and a lot."""

from __future__ import annotations

import sys

import pytest
from evidence import begin, dump
from scenes import HME0, PAIR, await_hosted, hosts_of, interface, status

from rcmd.lab.lab import Lab

pytestmark = pytest.mark.lab

YAML = "/etc/rcmd/rcmd.yaml"
LONG = "a-name-longer-than-a-device-may-have"
OF_FILES = ("configuration", "file-not-trusted")


def check(lab: Lab) -> tuple[int, list[str]]:
    done = lab.run([sys.executable, "-m", "rcmd", "--check"])
    assert done.stderr == ""
    return done.returncode, [line for line in done.stdout.splitlines() if "claims" not in line]


def of_files(lab: Lab) -> list[dict[str, str]]:
    return [it for it in status(lab)["problems"] if it["code"] in OF_FILES]


def test_a_copy_beside_a_file_is_no_interface(lab: Lab) -> None:
    lab.write("/etc/hostname.hme0.before", HME0)
    begin(lab, PAIR)
    assert set(hosts_of(lab, "192.168.85.19")) == {"hme0"}
    before = dump(lab)
    lab.write("/etc/hostname.hme0.old", HME0)
    lab.write("/etc/hostname.hme1.not-now", "frobnicate\n")
    lab.run(["mkfifo", "/etc/hostname.hme1.save"], check=True)
    assert lab.rcmctl("reload").returncode == 0
    assert dump(lab) == before
    assert of_files(lab) == []
    returncode, lines = check(lab)
    assert returncode == 0
    assert [line.partition(": warning: ignored: ")[0] for line in lines] == [
        f"/etc/hostname.{name}:1"
        for name in ("hme0.before", "hme0.old", "hme1.not-now", "hme1.save")
    ]


def test_a_device_of_that_name_makes_it_one(lab: Lab) -> None:
    begin(lab, PAIR)
    lab.write("/etc/hostname.hme0.lan", "10.77.0.1/24\n")
    assert lab.rcmctl("reload").returncode == 0
    assert all(it["name"] != "hme0.lan" for it in status(lab)["interfaces"])
    add = "ip link add hme0.lan type veth peer name its-peer"
    lab.run(add.split(), check=True)
    await_hosted(lab, "hme0.lan", "10.77.0.1")
    assert check(lab) == (0, [])


def test_check_knows_the_devices_and_their_other_names(lab: Lab) -> None:
    lab.run(["ip", "link", "property", "add", "dev", "hme0", "altname", LONG], check=True)
    for name in ("hme1", "hme9", LONG, f"{LONG}-er"):
        lab.write(f"/etc/hostname.{name}", "")
    assert check(lab) == (
        0,
        [
            f"/etc/hostname.{LONG}-er:1: warning: ignored: '{LONG}-er': an interface name has 1 to "
            "15 bytes, this has 39",
            "/etc/hostname.hme9:1: warning: no device is called hme9",
        ],
    )


def test_shared_files_are_taken_line_by_line(lab: Lab) -> None:
    lab.write("/etc/hosts", "127.0.0.1 localhost\n127.0.1.1 service\n192.168.85.19 service\n")
    lab.write("/etc/default/mpathd", "FAILBACK=maybe\n")
    lab.write("/etc/inet/netmasks", "frobnicate\n192.168.85.0 255.255.255.128 # fine\n")
    lab.run(["sh", "-c", r"printf '# caf\351\n' >> /etc/inet/netmasks"], check=True)
    begin(lab, {**PAIR, "hostname.hme0": "service netmask + broadcast + group test up\n"})
    (address,) = (it for it in lab.addresses("hme0") if it["local"] == "192.168.85.19")
    assert (address["prefixlen"], address["broadcast"]) == (25, "192.168.85.127")
    assert lab.rcmctl("reload").returncode == 0
    assert of_files(lab) == []
    returncode, lines = check(lab)
    assert returncode == 0
    assert [line.partition(": warning: ")[0] for line in lines] == [
        "/etc/default/mpathd:1",
        "/etc/inet/netmasks:1",
        "/etc/inet/netmasks:3",
    ]


def test_a_bad_file_costs_its_interface_and_shows_until_it_is_mended(lab: Lab) -> None:
    lab.write(YAML, "failback: maybe\n")
    lab.run(["chmod", "666", YAML], check=True)
    begin(lab, {**PAIR, "hostname.hme1": "frobnicate\n"})
    await_hosted(lab, "hme0", "192.168.85.19")
    assert "/etc/hostname.hme1:1: 'frobnicate'" in interface(lab, "hme1")["problem"]
    texts = {(it["code"], it["subject"]): it["text"] for it in of_files(lab)}
    assert texts.keys() == {
        ("configuration", YAML),
        ("configuration", "hme1"),
        ("file-not-trusted", YAML),
    }
    assert f"{YAML}:1: failback" in texts["configuration", YAML]
    assert "/etc/hostname.hme1:1: 'frobnicate'" in texts["configuration", "hme1"]
    lab.write(YAML, "")
    lab.run(["chmod", "644", YAML], check=True)
    lab.write("/etc/hostname.hme1", PAIR["hostname.hme1"])
    assert lab.rcmctl("reload").returncode == 0
    assert of_files(lab) == []


def test_a_file_of_thirty_thousand_faults_is_refused_in_a_hundred_lines(lab: Lab) -> None:
    begin(lab, PAIR)
    before = dump(lab)
    lab.write(YAML, "".join(f"unknown{number}: 1\n" for number in range(30_000)))
    done = lab.rcmctl("reload")
    assert done.returncode == 1
    assert done.stderr.splitlines()[0].startswith(f"{YAML}:1: unknown key 'unknown0'")
    assert len(done.stderr.splitlines()) == 101
    assert done.stderr.splitlines()[-1] == "and 29900 more"
    assert dump(lab) == before
