"""The scripts that are shipped, each on a host that is what it looks for."""

from __future__ import annotations

import os
import stat
import subprocess

import pytest

from rcmd.ports.script_protocol import Answer, Command, Level, Outcome, name_problem

from .conftest import SCRIPTS, Host

pytestmark = pytest.mark.lab

NAMES = sorted(path.name for path in SCRIPTS.iterdir())
ASKING = (Command.QUERYREMOVE, Command.PREREMOVE)
OK = Answer(Outcome.OK)


def refusal(reason: str) -> Answer:
    return Answer(Outcome.REFUSED, reason)


# --- all of them ----------------------------------------------------------------------------------


def test_what_is_shipped() -> None:
    assert NAMES == [
        "mark_in_pacemaker",
        "refuse_libvirt_macvtap",
        "refuse_lone_nfs_path",
        "tell_desktop_user",
        "template",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_each_keeps_to_the_contract(host: Host, name: str) -> None:
    """On a host that has nothing of what it is for, too."""
    mode = (SCRIPTS / name).stat().st_mode
    assert stat.S_IMODE(mode) & 0o111 == 0o111
    host.program("ip", "exit 0")
    host.program("wall", "exit 1")
    host.program("loginctl", "exit 1")
    info = host.ask(name, Command.SCRIPTINFO).answer.info
    assert info is not None
    assert info.timeout_s
    resources = host.ask(name, Command.REGISTER).answer.resources
    assert not [it for it in resources if name_problem(it, name)]
    for command in (*ASKING, Command.POSTREMOVE, Command.UNDOREMOVE):
        for force in (False, True):
            assert host.ask(name, command, "eth0", force=force).answer == OK
    host.ask(name, Command.RESOURCEINFO, "eth0")
    # Commands of later versions.
    assert host.ask(name, Command.NO_SUCH_COMMAND).answer.outcome is Outcome.UNSUPPORTED


@pytest.mark.parametrize("name", NAMES)
def test_each_is_posix_shell(name: str) -> None:
    result = subprocess.run(["dash", "-n", SCRIPTS / name], capture_output=True, check=False)
    assert (result.returncode, result.stderr) == (0, b"")
    assert os.access(SCRIPTS / name, os.X_OK)


# --- NFS ------------------------------------------------------------------------------------------

NFS = "refuse_lone_nfs_path"


@pytest.fixture
def nfs_host(host: Host) -> Host:
    """Two mounts of a server, by its two addresses, on the network of eth0; eth1 is there too."""
    for command in (
        "ip link add eth0 type veth peer name peer0",
        "ip link add eth1 type veth peer name peer1",
        "for name in eth0 peer0 eth1 peer1; do ip link set $name up; done",
        "ip address add 192.0.2.1/24 dev eth0",
        "ip address add 198.51.100.1/24 dev eth1",
        "ip -6 address add 2001:db8::1/64 dev eth0 nodad",
    ):
        host.prepare(command)
    rows = (
        "1 0 8:1 / / rw - ext4 /dev/sda1 rw",
        "2 1 0:9 / /home rw - nfs4 s:/h rw,vers=4.2,clientaddr=192.0.2.1,addr=192.0.2.9",
        "3 1 0:9 / /with\\040blank rw - nfs4 s:/b rw,vers=4.2,addr=2001:db8::9",
    )
    # Such as process 1 sees them; nobody else has them here.
    text = "\n".join(("cat >/run/mounts <<'END'", *rows, "END"))
    host.prepare(f"{text}\nmount --bind /run/mounts /proc/1/mountinfo")
    return host


@pytest.mark.parametrize("command", ASKING)
def test_nfs_server_behind_the_only_address(nfs_host: Host, command: Command) -> None:
    reason = "NFS server 192.0.2.9 (/home) is reached through 192.0.2.1 only"
    assert nfs_host.ask(NFS, command, "ip:192.0.2.1").answer == refusal(reason)
    reason = "NFS server 2001:db8::9 (/with\\x20blank) is reached through 2001:db8::1 only"
    assert nfs_host.ask(NFS, command, "ip:2001:db8::1").answer == refusal(reason)
    usage = nfs_host.ask(NFS, Command.RESOURCEINFO, "ip:192.0.2.1").answer.usage
    assert usage == "NFS server 192.0.2.9, mounted on /home"
    assert nfs_host.ask(NFS, command, "ip:198.51.100.1").answer == OK
    assert nfs_host.ask(NFS, command, "ip:192.0.2.1", force=True).answer == OK


def test_nfs_server_that_can_be_reached_otherwise(nfs_host: Host) -> None:
    nfs_host.prepare("ip route add default via 198.51.100.2 dev eth1")
    assert nfs_host.ask(NFS, Command.QUERYREMOVE, "ip:192.0.2.1").answer == OK
    # A default route of the other family does not help.
    answer = nfs_host.ask(NFS, Command.QUERYREMOVE, "ip:2001:db8::1").answer
    assert answer.outcome is Outcome.REFUSED


def test_nfs_way_that_does_not_carry(nfs_host: Host) -> None:
    nfs_host.prepare("ip route add unreachable 192.0.2.9 metric 9999")
    nfs_host.prepare("ip route add 192.0.2.9 dev eth0 src 192.0.2.1")
    answer = nfs_host.ask(NFS, Command.QUERYREMOVE, "ip:192.0.2.1").answer
    assert answer.outcome is Outcome.REFUSED


def test_nfs_registers_addresses(nfs_host: Host) -> None:
    assert nfs_host.ask(NFS, Command.REGISTER).answer.resources == ("ip:*",)


# --- libvirt --------------------------------------------------------------------------------------

MACVTAP = "refuse_libvirt_macvtap"


@pytest.fixture
def libvirt_host(host: Host) -> Host:
    host.program(
        "ip",
        '[ "$*" = "-o link show type macvtap" ] || exit 1\n'
        "echo '9: macvtap0@eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue'\n"
        "echo '10: macvtap1@eth01: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue'\n"
        "echo '11: macvtap10@eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue'",
    )
    return host


def add_guests(host: Host) -> None:
    host.program(
        "virsh",
        'case "$*" in\n'
        "'-q -r list --name') echo database; echo web; echo ;;\n"
        "'-q -r domiflist database') echo ' macvtap1   direct   eth01   virtio   52:54:00:1' ;;\n"
        "'-q -r domiflist web') echo ' macvtap0   direct   eth0   virtio   52:54:00:2' ;;\n"
        "*) exit 1 ;;\n"
        "esac",
    )


@pytest.mark.parametrize("command", ASKING)
def test_guests_on_the_nic(libvirt_host: Host, command: Command) -> None:
    add_guests(libvirt_host)
    reason = "guest web uses macvtap0 on eth0; macvtap10 on eth0"
    assert libvirt_host.ask(MACVTAP, command, "eth0").answer == refusal(reason)
    reason = "guest database uses macvtap1 on eth01"
    assert libvirt_host.ask(MACVTAP, command, "eth01").answer == refusal(reason)
    assert libvirt_host.ask(MACVTAP, Command.RESOURCEINFO, "eth01").answer.usage == reason
    assert libvirt_host.ask(MACVTAP, command, "eth0", force=True).answer == OK
    assert libvirt_host.ask(MACVTAP, command, "eth1").answer == OK


def test_macvtaps_that_nobody_knows(libvirt_host: Host) -> None:
    answer = libvirt_host.ask(MACVTAP, Command.QUERYREMOVE, "eth01").answer
    assert answer == refusal("macvtap1 on eth01")


def test_nics_with_macvtaps_are_registered(libvirt_host: Host) -> None:
    assert libvirt_host.ask(MACVTAP, Command.REGISTER).answer.resources == ("eth0", "eth01")


# --- Pacemaker ------------------------------------------------------------------------------------

PACEMAKER = "mark_in_pacemaker"


@pytest.fixture
def cluster_host(host: Host) -> Host:
    """eth0 is up, eth1 is down, both are marked."""
    host.prepare("ip link add eth0 type veth peer name eth1")
    host.prepare("ip link set eth0 up")
    host.program("attrd_updater", 'echo "$*" >>/mnt/log')
    return host


def test_a_leaving_nic_is_marked_until_it_stays_or_returns(cluster_host: Host) -> None:
    assert cluster_host.ask(PACEMAKER, Command.QUERYREMOVE, "eth0").answer == OK
    assert cluster_host.notes == []
    assert cluster_host.ask(PACEMAKER, Command.PREREMOVE, "eth0").answer == OK
    assert cluster_host.notes == ["--name rcmd-eth0 --update 1"]
    assert cluster_host.ask(PACEMAKER, Command.POSTREMOVE, "eth0").answer == OK
    assert cluster_host.notes == []
    assert cluster_host.ask(PACEMAKER, Command.UNDOREMOVE, "eth0").answer == OK
    assert cluster_host.notes == ["--name rcmd-eth0 --delete"]
    assert cluster_host.run(PACEMAKER, ["returned", "eth0"], {"PATH": "/usr/sbin:/usr/bin"}) == (
        0,
        "",
    )
    assert cluster_host.notes == ["--query --name rcmd-eth0", "--name rcmd-eth0 --delete"]


def test_the_mark_of_what_is_back_goes_at_the_next_question(cluster_host: Host) -> None:
    answer = cluster_host.ask(PACEMAKER, Command.REGISTER).answer
    assert sorted(answer.resources) == ["eth0", "eth1"]
    # eth1 is still down.
    assert cluster_host.notes == ["--query --name rcmd-eth0", "--name rcmd-eth0 --delete"]


def test_a_cluster_that_does_not_answer_holds_up_nothing(cluster_host: Host) -> None:
    cluster_host.program("attrd_updater", "echo 'Could not connect' >&2; exit 102")
    said = cluster_host.ask(PACEMAKER, Command.PREREMOVE, "eth0")
    assert said.answer == OK
    assert [it.level for it in said.remarks] == [Level.WARNING]
    assert [it.level for it in cluster_host.ask(PACEMAKER, Command.UNDOREMOVE, "eth0").remarks] == [
        Level.WARNING
    ]
    assert cluster_host.ask(PACEMAKER, Command.REGISTER).remarks == ()


# --- desktop --------------------------------------------------------------------------------------

DESKTOP = "tell_desktop_user"
TOLD = {
    Command.PREREMOVE: "Network interface eth0 is about to be removed",
    Command.UNDOREMOVE: "Network interface eth0 stays after all",
    Command.POSTREMOVE: "Network interface eth0 was removed",
}


LISTEN = """
import os, socket
bus = socket.socket(socket.AF_UNIX)
bus.bind("/run/user/65534/bus")
bus.listen()
if os.fork() == 0:
    bus.accept()
"""
CONNECT = """
import os, socket
socket.socket(socket.AF_UNIX).connect(os.environ["DBUS_SESSION_BUS_ADDRESS"].partition("=")[2])
"""


@pytest.fixture
def desktop_host(host: Host) -> Host:
    """Somebody at a desktop, with two sessions; a greeter; somebody on a terminal."""
    host.program(
        "loginctl",
        "case $1$2 in\n"
        "list-sessions*) printf '2 65534 nobody seat0\\n3 65534 nobody\\n'\n"
        "printf 'c1 120 gdm\\n5 0 root\\n' ;;\n"
        "show-session[23]) printf 'Name=nobody\\nUser=65534\\nType=wayland\\nClass=user\\n' ;;\n"
        "show-sessionc1) printf 'Name=gdm\\nUser=120\\nType=wayland\\nClass=greeter\\n' ;;\n"
        "show-session5) printf 'Name=root\\nUser=0\\nType=tty\\nClass=user\\n' ;;\n"
        "esac",
    )
    # A terminal: its owner's, and the group tty may write on it.
    host.prepare("touch /mnt/log; chown nobody:tty /mnt/log; chmod 620 /mnt/log")
    host.program("wall", 'echo "wall: $*" >>/mnt/log')
    host.prepare("mkdir -m 700 /run/user/65534; chown nobody /run/user/65534")
    as_nobody = "setpriv --reuid 65534 --regid 65534 --clear-groups"
    host.prepare(f"{as_nobody} /usr/bin/python3 -c '{LISTEN}' >/dev/null")
    host.program(
        "notify-send",
        f"/usr/bin/python3 -c '{CONNECT}' || exit\n"
        'echo "$(id -un) $(id -G) $DBUS_SESSION_BUS_ADDRESS $3: $4" >>/mnt/log',
    )
    return host


@pytest.mark.parametrize("command", TOLD)
def test_who_sits_at_the_desktop_is_told_as_that_user(desktop_host: Host, command: Command) -> None:
    said = desktop_host.ask(DESKTOP, command, "eth0")
    assert (said.answer, said.remarks) == (OK, ())
    address = "unix:path=/run/user/65534/bus"
    assert desktop_host.notes == [f"nobody 65534 {address} Network: {TOLD[command]}"]


@pytest.mark.parametrize("command", TOLD)
def test_terminals_are_told_where_there_is_no_desktop(desktop_host: Host, command: Command) -> None:
    desktop_host.program("notify-send", "exit 1")
    assert desktop_host.ask(DESKTOP, command, "eth0").answer == OK
    assert desktop_host.notes == [f"wall: {TOLD[command]}"]


def test_a_question_is_not_worth_a_message(desktop_host: Host) -> None:
    assert desktop_host.ask(DESKTOP, Command.QUERYREMOVE, "eth0").answer == OK
    assert desktop_host.notes == []
