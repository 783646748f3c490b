"""Whatever stands in a file, reading it ends, and each fault has a line of the file."""

from hypothesis import given
from hypothesis import strategies as st

from configuration.reading import HOSTS, NETMASKS
from rcmd.configuration import ConfigurationFiles, Loaded, load
from rcmd.configuration.files import MPATHD_PATH, SETTINGS_PATH
from rcmd.configuration.hostname_words import WORDS
from rcmd.configuration.text import last_line

ARGUMENTS = [
    "10.20.30.1", "10.20.30.2/24", "10.20.30.3/33", "2001:db8::1/64", "fe80::1", "0.0.0.0", "::",
    "lab-web", "+", "255.255.255.0", "0xff000000", "/24", "front", "2:8:20:aa:bb:1", "1500", "#",
    "ipmp", "inet", "nonsense",
]  # fmt: skip
words = st.sampled_from([*WORDS, *ARGUMENTS])
separators = st.sampled_from([" ", "  ", "\t", "\n", " \\\n", "\\\n", "\r\n", " # "])
grammatical = st.lists(st.tuples(words, separators)).map(
    lambda pairs: "".join(word + separator for word, separator in pairs)
)
hostname_texts = st.one_of(grammatical, st.text())
names = st.sampled_from(
    ["/etc/hostname.net0", "/etc/hostname6.net0", "/etc/hostname.net0:1", "/etc/hostname.net1"]
)
yaml_pieces = st.sampled_from(
    ["failback", "groups", "hooks", "timeout", "targets", "a", ":", ": ", "- ", "\n", "\n  ", "{",
     "}", "[", "]", "10s", "yes", "&x ", "*x", "!!int ", '"', "'", "#", "|", ">", "%", "\t", "~"]
)  # fmt: skip
settings_texts = st.one_of(st.lists(yaml_pieces).map("".join), st.text())


def assert_lines_exist(result: Loaded, texts: dict[str, str]) -> None:
    for fault in result.faults:
        assert 1 <= fault.line <= last_line(texts[fault.file]), fault
        assert fault.message
        assert fault.message.isprintable(), fault


@given(st.dictionaries(names, hostname_texts), st.booleans())
def test_hostname_files(hostname, has_dhcp):
    dhcp = frozenset({"/etc/dhcp.net0"} if has_dhcp else ())
    given_files = ConfigurationFiles(
        hostname=hostname, dhcp=dhcp, hosts={"/etc/hosts": HOSTS}, netmasks=NETMASKS
    )
    result = load(given_files)
    assert_lines_exist(result, {"/etc/dhcp.net0": "", **hostname})
    interfaces = result.configuration.interfaces.values()
    addresses = [address for config in interfaces for address in config.addresses]
    assert len({address.address.ip for address in addresses}) == len(addresses)
    assert len({(a.home, a.address.version, a.logical) for a in addresses}) == len(addresses)
    assert not any(
        address.address.is_link_local for address in addresses if address.address.version == 6
    )


@given(hostname_texts)
def test_a_line_is_its_own(text):
    """A further good line is carried out whatever stands before it."""
    text = text.replace("\\", "").replace("ipmp", "")
    given_files = ConfigurationFiles(
        hostname={"/etc/hostname.net0": f"{text}\nup\naddif 192.0.2.77/24 up\n"}
    )
    addresses = load(given_files).configuration.interfaces["net0"].addresses
    assert "192.0.2.77/24" in [str(address.address) for address in addresses if address.is_up]


@given(settings_texts, st.text())
def test_settings(settings, mpathd):
    result = load(ConfigurationFiles(settings=settings, mpathd=mpathd))
    assert_lines_exist(result, {SETTINGS_PATH: settings, MPATHD_PATH: mpathd})
    assert 100 <= result.configuration.settings.default_group.failure_detection_ms <= 86_400_000


@given(st.text(), st.text())
def test_hosts_and_netmasks(hosts, netmasks):
    given_files = ConfigurationFiles(
        hostname={"/etc/hostname.net0": "web netmask +\n"},
        hosts={"/etc/hosts": hosts},
        netmasks={"/etc/netmasks": netmasks},
    )
    result = load(given_files)
    assert_lines_exist(result, {**given_files.hostname, "/etc/netmasks": netmasks})
