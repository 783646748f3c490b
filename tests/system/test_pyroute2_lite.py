"""The message classes come without the library, and the library is still there for others."""

import os
import subprocess
import sys
from pathlib import Path

USE = """
import sys
from rcmd.system.netlink_decoding import decode_address
from rcmd.system.netlink_encoding import Operation, encode
from rcmd.model import KernelAddress
from ipaddress import ip_interface
item = KernelAddress(3, ip_interface("10.0.0.1/24"))
assert decode_address(encode(Operation.ADD, item)[16:]) == item
"""


def run(program: str, *search: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (*search, Path.cwd())))}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_rest_of_the_library_is_not_loaded() -> None:
    run(
        USE
        + "assert 'pyroute2' not in sys.modules\n"
        + "for part in ('ndb', 'ipdb', 'ethtool', 'nftables', 'iproute', 'netlink.nlsocket'):\n"
        + "    assert 'pyroute2.' + part not in sys.modules, part\n"
    )


def test_the_whole_library_can_be_imported_afterwards() -> None:
    run(USE + "import pyroute2\nassert pyroute2.IPRoute\nfrom pyroute2.netlink import nlmsg\n")


def test_the_whole_library_can_be_imported_before() -> None:
    run("import pyroute2\n" + USE + "assert sys.modules['pyroute2'] is pyroute2\n")


def test_a_package_that_needs_its_body_is_imported_plainly(tmp_path: Path) -> None:
    rtnl = tmp_path / "pyroute2" / "netlink" / "rtnl"
    rtnl.mkdir(parents=True)
    (tmp_path / "pyroute2" / "__init__.py").write_text("marker = 1\n")
    (rtnl.parent / "__init__.py").write_text("from pyroute2 import marker\n")
    (rtnl / "__init__.py").write_text("")
    (rtnl.parent / "exceptions.py").write_text("class NetlinkDecodeError(Exception): ...\n")
    for name in ("ifaddrmsg", "ifinfmsg", "rtmsg"):
        (rtnl / f"{name}.py").write_text(f"class {name}: ...\n")
    run(
        "import sys\n"
        "from rcmd.system.pyroute2_lite import NetlinkDecodeError, ifaddrmsg, ifinfmsg, rtmsg\n"
        "assert sys.modules['pyroute2'].marker == 1\n",
        tmp_path,
    )
