"""Whatever stands in a file, reading it ends, and each fault has a line of the file."""

import os

from hypothesis import given
from hypothesis import strategies as st

from configuration.reading import HOSTS, NETMASKS
from rcmd.configuration import ConfigurationFiles, Loaded, load
from rcmd.configuration.files import MPATHD_PATH, SETTINGS_PATH, ignored
from rcmd.configuration.interface_files.grammar import WORDS
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
raw = st.binary().map(lambda content: content.decode("utf-8-sig", "surrogateescape"))
odd = st.sampled_from(
    ["\udce9", "\x00", "\ufeff", "\u00a0", "\x85", "\u2028", "\r", "\x1b[31m", "–"]
)
oddities = st.lists(st.one_of(words, separators, odd)).map("".join)
hostname_texts = st.one_of(grammatical, oddities, raw, st.text(st.characters()))
names = st.sampled_from(
    ["/etc/hostname.net0", "/etc/hostname6.net0", "/etc/hostname.net0:1", "/etc/hostname.net1"]
)
yaml_pieces = st.sampled_from(
    ["failback", "groups", "hooks", "timeout", "targets", "a", ":", ": ", "- ", "\n", "\n  ", "{",
     "}", "[", "]", "10s", "yes", "&x ", "*x", "!!int ", '"', "'", "#", "|", ">", "%", "\t", "~"]
)  # fmt: skip
settings_texts = st.one_of(
    st.lists(st.one_of(yaml_pieces, odd)).map("".join), raw, st.text(st.characters())
)


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


@given(settings_texts, st.one_of(raw, st.text(st.characters())))
def test_settings(settings, mpathd):
    result = load(ConfigurationFiles(settings=settings, mpathd=mpathd))
    assert_lines_exist(result, {SETTINGS_PATH: settings, MPATHD_PATH: mpathd})
    assert 100 <= result.configuration.settings.default_group.failure_detection_ms <= 86_400_000


@given(st.one_of(raw, st.text()), st.one_of(raw, st.text()))
def test_hosts_and_netmasks(hosts, netmasks):
    given_files = ConfigurationFiles(
        hostname={"/etc/hostname.net0": "web netmask +\n"},
        hosts={"/etc/hosts": hosts},
        netmasks={"/etc/netmasks": netmasks},
    )
    result = load(given_files)
    assert_lines_exist(result, {**given_files.hostname, "/etc/netmasks": netmasks})


odd_names = st.one_of(
    st.sampled_from([".old", "~", ".lan", ".100", ":1.x", " (copy)", ",v", "-", ".IPMP-NotUsed"]),
    st.text(st.characters(exclude_characters="/\x00"), min_size=1, max_size=20),
    st.binary(min_size=1, max_size=20).map(
        lambda name: os.fsdecode(name.replace(b"/", b"").replace(b"\0", b""))
    ),
)


@given(st.lists(odd_names), hostname_texts)
def test_what_is_ignored_changes_nothing(ends, text):
    good = {"/etc/hostname.net0": "10.20.30.1/24 group front up\n", "/etc/hostname.net0:1": ""}
    paths = [
        f"{path}{end}" for path in (*good, "/etc/hostname.", "/etc/hostname6.") for end in ends
    ]
    left_out = ignored({*good, *paths}, {"net0"})
    assert not left_out.keys() & good.keys()
    assert all(reason.isprintable() for reason in left_out.values())
    alone = load(ConfigurationFiles(hostname=good, devices=frozenset({"net0"})))
    beside = load(
        ConfigurationFiles(
            hostname={**dict.fromkeys(left_out, text), **good}, devices=frozenset({"net0"})
        )
    )
    assert beside.configuration == alone.configuration
    assert not beside.has_errors
    assert len(beside.faults) + beside.more == len(left_out)
    assert all(str(fault).isprintable() for fault in beside.faults)


@given(hostname_texts)
def test_the_same_text_means_the_same_with_other_line_ends(text):
    text = text.replace("\r", "").replace("\ufeff", "")
    unix, dos = (
        load(ConfigurationFiles(hostname={"/etc/hostname.net0": it}))
        for it in (text, "\ufeff" + text.replace("\n", "\r\n"))
    )
    assert unix == dos


@given(st.lists(grammatical, max_size=4))
def test_a_comment_of_any_bytes_changes_nothing(commands):
    plain = [command.replace("\n", " ").replace("\r", " ") for command in commands]
    plain = [command.replace("\\", "").partition("#")[0].rstrip() for command in plain]
    noted = [f"{command} # \udce9\x00\udcff" for command in plain]
    first, second = (
        load(ConfigurationFiles(hostname={"/etc/hostname.net0": "\n".join(it)})).configuration
        for it in (plain, noted)
    )
    assert first == second


@given(st.lists(st.sampled_from(["frob", "upp", "10.0.0.300", "netmsk", "mtu x"])))
def test_a_line_has_one_fault(typos):
    text = "10.20.30.1/24 up\n" + " ".join(typos) + "\n"
    result = load(ConfigurationFiles(hostname={"/etc/hostname.net0": text}))
    assert len(result.faults) == min(1, len(typos))
