"""The files that a distribution installs, and the commands of the README."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rcmd.ipmp.api.nexthops import SPREAD_PROTOCOL
from rcmd.model.network import RCMD_PROTOCOL

ROOT = Path(__file__).parent.parent
RULES = ROOT / "udev-rules" / "81-rcmd.rules"
UNIT = ROOT / "etc" / "systemd" / "system" / "rcmd.service"
NETWORK = ROOT / "etc" / "systemd" / "network" / "05-rcmd.network"
SCRIPTS = sorted(each for each in (ROOT / ".ci").iterdir() if each.is_file())

MATCH_KEYS = {"ACTION", "SUBSYSTEM", "KERNEL", "TEST", "ENV"}
ASSIGN_KEYS = {"ENV", "TAG", "GOTO", "LABEL"}
TOKEN = re.compile(r'(?P<key>[A-Z]+)(\{\w+\})?(?P<operator>==|!=|\+=|=)"(?P<value>[^"]*)"')


def statements(path: Path) -> list[str]:
    lines = path.read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def sections(path: Path) -> dict[str, dict[str, list[str]]]:
    """Section -> directive -> its values."""
    found: dict[str, dict[str, list[str]]] = {}
    section = ""
    for line in statements(path):
        if line.startswith("["):
            section = line.strip("[]")
            found[section] = {}
            continue
        key, value = line.split("=", 1)
        found[section].setdefault(key, []).append(value)
    return found


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "LC_ALL": "C", **environment},
    )


# --- udev ---------------------------------------------------------------------------------------


def test_every_word_of_the_rules_is_one_that_udev_knows() -> None:
    for line in statements(RULES):
        words = [word.strip() for word in line.split(",")]
        for word in words:
            token = TOKEN.fullmatch(word)
            assert token, word
            known = MATCH_KEYS if token["operator"] in ("==", "!=") else ASSIGN_KEYS
            assert token["key"] in known, word


def test_every_goto_of_the_rules_has_its_label_further_down() -> None:
    text = "\n".join(statements(RULES))
    goals = re.findall(r'GOTO="(\w+)"', text)
    assert goals
    for goal in goals:
        assert text.rindex(f'GOTO="{goal}"') < text.index(f'LABEL="{goal}"')


def test_rules_come_after_naming_and_before_network_manager() -> None:
    assert "80-net-setup-link.rules" < RULES.name < "85-nm-unmanaged.rules"


@pytest.mark.lab
def test_udev_marks_what_has_a_hostname_file_under_its_final_name() -> None:
    result = run(
        "unshare", "-n", "-m", "-p", "-f", "--mount-proc", ROOT / "tests/udev_host.sh", RULES
    )
    assert result.returncode == 0, result.stderr
    blocks = re.findall(r"^\[(\w+)\]\n((?:(?!\[).*\n?)*)", result.stdout, re.MULTILINE)
    devices = {
        label: dict(line.split("=", 1) for line in block.splitlines()) for label, block in blocks
    }
    assert list(devices) == ["v4", "v6", "renamed", "none", "lo", "written", "erased", "moved"]
    for label, device in devices.items():
        if label in ("none", "lo", "erased"):
            assert "RCMD_MANAGED" not in device, label
            assert "SYSTEMD_WANTS" not in device, label
            continue
        assert device["RCMD_MANAGED"] == "1", label
        assert device["NM_UNMANAGED"] == "1", label
        assert device["ID_NET_MANAGED_BY"] == "rcmd", label
        assert device["SYSTEMD_WANTS"] == "rcmd.service", label
        assert ":systemd:" in device["TAGS"], label
    assert devices["renamed"]["INTERFACE"] == "late0"


# --- systemd ------------------------------------------------------------------------------------


def test_networkd_keeps_off_what_the_rules_mark() -> None:
    assert sections(NETWORK) == {
        "Match": {"Property": ["RCMD_MANAGED=1"]},
        "Link": {"Unmanaged": ["yes"]},
    }
    assert 'ENV{RCMD_MANAGED}="1"' in RULES.read_text()


def test_service_is_watched_ordered_and_comes_back() -> None:
    unit = sections(UNIT)
    service = unit["Service"]
    expected = {
        "Type": "notify",
        "ExecStart": "/usr/bin/rcmd",
        "ExecReload": "/bin/kill -HUP $MAINPID",
        "Restart": "always",
        "WatchdogSec": "30s",
        "Nice": "-15",
        # Scripts and other children do not inherit that.
        "CPUSchedulingPolicy": "other",
        "CPUSchedulingResetOnFork": "yes",
        # Hooks reach desktop users through /run/user.
        "ProtectHome": "read-only",
        "StateDirectory": "rcmd",
        "StateDirectoryMode": "0700",
        "RuntimeDirectory": "rcmd",
        "RuntimeDirectoryPreserve": "yes",
        "CapabilityBoundingSet": (
            "CAP_NET_ADMIN CAP_NET_RAW CAP_NET_BIND_SERVICE CAP_SYSLOG CAP_SETUID CAP_SETGID "
            "CAP_KILL"
        ),
    }
    assert {key: service[key] for key in expected} == {
        key: [value] for key, value in expected.items()
    }
    assert unit["Unit"]["StartLimitIntervalSec"] == ["0"]
    assert unit["Unit"]["Before"] == ["network.target"]
    assert "network-pre.target systemd-udevd.service" in unit["Unit"]["After"][0]
    # It sets arp_ignore and its like in /proc/sys/net.
    assert "ProtectKernelTunables" not in service


def test_service_is_as_closed_as_it_can_be() -> None:
    """The kernel log, and scripts that run as their owners, cost 0.5.

    ProtectHome=read-only costs 0.1 more than "yes", which hides the bus of a desktop user from the
    hook that is to tell him.  The alternatives cost more: CAP_DAC_OVERRIDE (0.2) and CAP_SYS_NICE
    (0.1), which every script of root would have, too.
    """
    analyze = shutil.which("systemd-analyze")
    assert analyze, "the package systemd has systemd-analyze"
    result = run(analyze, "security", "--offline=yes", "--threshold=34", UNIT)
    assert result.returncode == 0, result.stdout + result.stderr


# --- iproute2 -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "marks"),
    [
        ("rt_addrprotos.d", {RCMD_PROTOCOL: "rcmd"}),
        ("rt_protos.d", {RCMD_PROTOCOL: "rcmd", SPREAD_PROTOCOL: "rcmd-spread"}),
    ],
)
def test_protocol_marks_have_their_names_in_iproute2(table: str, marks: dict[int, str]) -> None:
    lines = statements(ROOT / "etc" / "iproute2" / table / "rcmd.conf")
    assert {int(number, 0): name for number, name in map(str.split, lines)} == marks


@pytest.mark.lab
def test_iproute2_prints_the_name() -> None:
    result = run(
        "unshare",
        "-n",
        "-m",
        "sh",
        "-c",
        "mount -t tmpfs none /etc/iproute2/rt_protos.d"
        " && cp etc/iproute2/rt_protos.d/rcmd.conf /etc/iproute2/rt_protos.d/"
        " && ip link set lo up && ip route add 192.0.2.0/24 dev lo proto 153 && ip route",
    )
    assert "192.0.2.0/24 dev lo proto rcmd" in result.stdout, result.stderr


# --- make ---------------------------------------------------------------------------------------

TARGETS = ("setup", "demo", "test", "lint", "bench", "install", "uninstall", "clean")


@pytest.mark.parametrize("target", TARGETS)
def test_make_has_the_target(target: str) -> None:
    result = run("make", "-n", target, MAKEFLAGS="")
    assert result.returncode == 0, result.stderr


def test_make_alone_lists_every_target() -> None:
    result = run("make", MAKEFLAGS="")
    assert result.returncode == 0, result.stderr
    assert set(TARGETS) <= set(result.stdout.split())


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_script_is_sound_bash_that_stops_at_a_failure(script: Path) -> None:
    assert os.access(script, os.X_OK)
    assert "\nset -euo pipefail\n" in script.read_text()
    result = run("bash", "-n", script)
    assert result.returncode == 0, result.stderr


def test_missing_packages_are_named_where_they_cannot_be_installed(tmp_path: Path) -> None:
    """A machine without apt-get, whose Python cannot make a virtual environment."""
    bin_directory = tmp_path / "bin"
    bin_directory.mkdir()
    for name in ("bash", "id", "sort", "env", "dirname"):
        found = shutil.which(name)
        assert found
        (bin_directory / name).symlink_to(found)
    python = bin_directory / "python3"
    # New enough; without venv; installed in /usr.
    python.write_text(
        "#!/bin/bash\n"
        'case "$2" in\n'
        '*"exit(sys.version_info"*) exit 0 ;;\n'
        "*ensurepip*) exit 1 ;;\n"
        "*base_prefix*) echo /usr ;;\n"
        "*-venv*) echo python3.11-venv ;;\n"
        "esac\n"
    )
    python.chmod(0o755)
    result = run(ROOT / ".ci" / "install-packages", PATH=str(bin_directory), PYTHON="")
    assert result.returncode == 1
    assert "this is not a Debian system" in result.stderr
    assert "python3.11-venv" in result.stderr


def test_machine_without_a_new_enough_python_is_told_so(tmp_path: Path) -> None:
    bash = shutil.which("bash")
    assert bash
    (tmp_path / "bash").symlink_to(bash)
    (tmp_path / "python3").write_text("#!/bin/bash\nexit 1\n")
    (tmp_path / "python3").chmod(0o755)
    result = run(bash, ROOT / ".ci" / "find-python", PATH=str(tmp_path), PYTHON="")
    assert result.returncode == 1
    assert "Python 3.11 or later is needed" in result.stderr


def test_console_scripts_are_those_of_the_contract() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    for name in ("rcmd", "rcmctl", "rcmd-lab"):
        assert re.search(rf'^{name} = "', text, re.MULTILINE), name


# --- make install -------------------------------------------------------------------------------

STUB_PYTHON = """#!/bin/bash
# Python, but for pip: that takes one package from nowhere, or fails.
[[ "$*" == *" pip install "* ]] || exec {python} "$@"
[ -z "${{IS_OFFLINE:-}}" ] || exit 1
while [ "$1" != --target ]; do shift; done
mkdir -p "$2/rcmd" "$2/bin"
echo "$VERSION" >"$2/rcmd/version"
"""
INSTALLED = {
    "etc/iproute2/rt_addrprotos.d/rcmd.conf",
    "etc/iproute2/rt_protos.d/rcmd.conf",
    "etc/rcmd/rcmd.yaml",
    "usr/bin/rcmctl",
    "usr/bin/rcmd",
    "usr/bin/rcmd-lab",
    "usr/lib/rcmd/installed",
    "usr/lib/rcmd/rcmd/version",
    "usr/lib/systemd/network/05-rcmd.network",
    "usr/lib/systemd/networkd.conf.d/10-rcmd.conf",
    "usr/lib/systemd/system/rcmd.service",
    "usr/lib/udev/rules.d/81-rcmd.rules",
    "usr/share/bash-completion/completions/rcmctl",
    "usr/share/dbus-1/system.d/org.rcmd1.conf",
    "usr/share/doc/rcmd/examples/hostname.hme0.example",
    "usr/share/doc/rcmd/examples/hostname.hme1.example",
    "usr/share/doc/rcmd/examples/hostname6.hme0.example",
    "usr/share/doc/rcmd/examples/mpathd",
    "usr/share/doc/rcmd/examples/refuse_during_backup.py",
    "usr/share/doc/rcmd/examples/scripts/mark_in_pacemaker",
    "usr/share/doc/rcmd/examples/scripts/refuse_libvirt_macvtap",
    "usr/share/doc/rcmd/examples/scripts/refuse_lone_nfs_path",
    "usr/share/doc/rcmd/examples/scripts/tell_desktop_user",
    "usr/share/doc/rcmd/examples/scripts/template",
    "usr/share/man/man5/hostname.rcmd.5",
    "usr/share/man/man5/rcmd.yaml.5",
    "usr/share/man/man8/rcmctl.8",
    "usr/share/man/man8/rcmd-lab.8",
    "usr/share/man/man8/rcmd.8",
    "usr/share/polkit-1/actions/org.rcmd1.policy",
}


@pytest.fixture
def offline_tree(tmp_path: Path) -> Path:
    """The sources, with a Python whose pip needs no network."""
    tree = tmp_path / "tree"
    (tree / ".venv" / "bin").mkdir(parents=True)
    for name in (".ci", "etc", "hooks", "man", "udev-rules", "pyproject.toml"):
        (tree / name).symlink_to(ROOT / name)
    python = tree / ".venv" / "bin" / "python"
    python.write_text(STUB_PYTHON.format(python=sys.executable))
    python.chmod(0o755)
    return tree


def contents(directory: Path) -> dict[str, str]:
    return {
        str(each.relative_to(directory)): each.read_text()
        for each in directory.rglob("*")
        if each.is_file()
    }


def test_install_upgrades_whole_or_not_at_all_and_uninstall_leaves_the_configuration(
    offline_tree: Path, tmp_path: Path
) -> None:
    destination = tmp_path / "destination"

    def install(command: str, **environment: str) -> int:
        return run(
            "env", "-C", offline_tree, ".ci/install", command,
            DESTDIR=str(destination), PREFIX="/usr", **environment,
        ).returncode  # fmt: skip

    assert install("install", VERSION="1") == 0
    before = contents(destination)
    assert set(before) == INSTALLED
    assert install("install", VERSION="2", IS_OFFLINE="yes") == 1
    assert contents(destination) == before
    assert install("install", VERSION="2") == 0
    after = contents(destination)
    assert {path for path in after if after[path] != before[path]} == {"usr/lib/rcmd/rcmd/version"}
    assert install("uninstall") == 0
    assert set(contents(destination)) == {"etc/rcmd/rcmd.yaml"}
