"""Short ways to give the parser files and to say what it should have made of them."""

from collections.abc import Mapping

from rcmd.configuration import ConfigurationFiles, Loaded, load
from rcmd.model.kinds import AddressKind
from rcmd.model.network import Family
from rcmd.model.settings import Address, InterfaceConfig

HOSTS = """\
127.0.0.1 localhost
::1 localhost
10.20.30.10 lab-web Web.Example www  # the web server
2001:db8:5::10 lab-web
"""
NETMASKS = {"/etc/netmasks": "10.20.30.0 255.255.255.0\n"}


def files(hostname: Mapping[str, str], dhcp: tuple[str, ...] = ()) -> ConfigurationFiles:
    """`{"net0": text}` is /etc/hostname.net0, `{"6.net0": text}` /etc/hostname6.net0."""
    return ConfigurationFiles(
        hostname={
            f"/etc/hostname{name}" if name.startswith("6.") else f"/etc/hostname.{name}": text
            for name, text in hostname.items()
        },
        dhcp=frozenset(f"/etc/dhcp.{name}" for name in dhcp),
        hosts={"/etc/hosts": HOSTS},
        netmasks=NETMASKS,
    )


def loaded(**hostname: str) -> Loaded:
    """`net0=text`; `v6_net0=text` for hostname6."""
    return load(files({name.replace("v6_", "6.", 1): text for name, text in hostname.items()}))


def one(result: Loaded, name: str = "net0") -> InterfaceConfig:
    return result.configuration.interfaces[name]


def brief(address: Address) -> str:
    """`1 10.20.30.11/24 data up`, the way the tests below write addresses."""
    words = [str(address.logical), str(address.address), address.kind.value]
    words.append("up" if address.is_up else "down")
    words += ["deprecated"] * address.is_deprecated
    return " ".join(words)


def briefs(config: InterfaceConfig) -> list[str]:
    return [brief(address) for address in config.addresses]


def messages(result: Loaded) -> list[str]:
    return [str(fault) for fault in result.faults]


__all__ = [
    "HOSTS",
    "NETMASKS",
    "AddressKind",
    "Family",
    "brief",
    "briefs",
    "files",
    "loaded",
    "messages",
    "one",
]
