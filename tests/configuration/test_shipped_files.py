"""The sample files we ship are good, and say what their comments say."""

from pathlib import Path

from configuration.reading import briefs
from rcmd.configuration import ConfigurationFiles, load
from rcmd.configuration.mpathd import parse_mpathd
from rcmd.configuration.settings import parse_settings
from rcmd.model.settings import GroupSettings, Settings

ETC = Path(__file__).parents[2] / "etc"


def test_the_hostname_files():
    result = load(
        ConfigurationFiles(
            hostname={
                f"/etc/{name}": (ETC / f"{name}.example").read_text()
                for name in ("hostname.hme0", "hostname6.hme0", "hostname.hme1")
            },
            netmasks={"/etc/netmasks": "192.168.85.0 255.255.255.0\n"},
        )
    )
    assert not result.faults
    hme0, hme1 = result.configuration.interfaces.values()
    assert (hme0.group, hme1.group, hme1.is_standby) == ("test", "test", True)
    assert briefs(hme0) == [
        "0 192.168.85.19/24 data up",
        "1 192.168.85.21/24 test up deprecated",
        "1 2001:db8:85::19/64 data up",
    ]
    assert briefs(hme1) == ["0 192.168.85.22/24 test up deprecated"]


def test_rcmd_yaml_shows_the_defaults():
    text = (ETC / "rcmd/rcmd.yaml").read_text()
    assert parse_settings(text, Settings()).settings == Settings()
    # In prose, one blank follows the mark of a comment; in a setting none, or its indentation.
    marked = [line.removeprefix("#") for line in text.splitlines() if line.startswith("#")]
    active = "\n".join(line for line in marked if line[0] != " " or line[1] == " ")
    parsed = parse_settings(active, Settings())
    assert not parsed.findings.faults
    assert parsed.settings.default_group == GroupSettings()
    assert parsed.settings.hook_timeout_s == Settings().hook_timeout_s
    assert parsed.settings.missing_at_boot_wait_s == Settings().missing_at_boot_wait_s
    assert set(parsed.settings.groups) == {"front"}


def test_mpathd_shows_the_defaults():
    settings, findings = parse_mpathd((ETC / "default/mpathd").read_text())
    assert settings == Settings()
    assert not findings.faults
