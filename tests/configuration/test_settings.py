from dataclasses import replace
from ipaddress import ip_address

import pytest

from rcmd.configuration.mpathd import parse_mpathd
from rcmd.configuration.settings import parse_settings
from rcmd.model.kinds import LoadSpreading, ProbeMethod, Weights, WhenRemoved
from rcmd.model.settings import GroupSettings, Settings

EVERYTHING = """\
# all of it
groups:
  front:
    failure_detection_time: 500ms
    probe: arp
    targets: [192.0.2.1, "2001:db8::1"]
    load_spreading: off
  back: {failback: on}
  idle:
failure_detection_time: 2m
failback: no
track_interfaces_only_with_groups: false
hooks: {timeout: 1.5s}
missing_at_boot:
  wait: 0s
"""


def read(text: str, base: Settings = Settings()) -> tuple[Settings, list[str]]:  # noqa: B008
    parsed = parse_settings(text, base, "y")
    return parsed.settings, [str(fault) for fault in parsed.findings.faults]


def test_every_key():
    settings, faults = read(EVERYTHING)
    default = GroupSettings(failure_detection_ms=120_000, failback=False)
    assert settings == Settings(
        default_group=default,
        groups={
            "front": GroupSettings(
                failure_detection_ms=500,
                failback=False,
                probe=ProbeMethod.ARP,
                targets=(ip_address("192.0.2.1"), ip_address("2001:db8::1")),
                load_spreading=LoadSpreading.OFF,
            ),
            "back": GroupSettings(failure_detection_ms=120_000, failback=True),
            "idle": default,
        },
        track_interfaces_only_with_groups=False,
        hook_timeout_s=1.5,
        missing_at_boot_wait_s=0.0,
    )
    assert not faults


@pytest.mark.parametrize(
    "text", ["", "\n", "# nothing\n", "---\n", "{}", "~", "groups:\nhooks: ~\n"]
)
def test_nothing_means_the_defaults(text):
    assert read(text) == (Settings(), [])


def test_rcmd_yaml_wins_over_mpathd_key_by_key():
    base, _ = parse_mpathd("FAILURE_DETECTION_TIME=3000\nFAILBACK=no\n")
    settings, _ = read("failback: true\ngroups: {a: {probe: none}}\n", base)
    assert settings.default_group == GroupSettings(failure_detection_ms=3000, failback=True)
    assert settings.group("a").failure_detection_ms == 3000


@pytest.mark.parametrize(
    ("duration", "time_ms"),
    [("10s", 10_000), ("100ms", 100), ("2m", 120_000), ("1h", 3_600_000), ("0.25s", 250)],
)
def test_durations(duration, time_ms):
    for written in (duration, f'"{duration}"'):
        settings, faults = read(f"failure_detection_time: {written}")
        assert settings.default_group.failure_detection_ms == time_ms
        assert not faults


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("99ms", "'99ms' is less than the least, 100ms"),
        ("25h", "'25h' is more than the most, 86400s"),
        ("10", "expected a duration such as 10s or 500ms, found '10'"),
        ("-1s", "expected a duration such as 10s or 500ms, found '-1s'"),
        ("10:20", "expected a duration such as 10s or 500ms, found '10:20'"),
        ("0755", "expected a duration such as 10s or 500ms, found '0755'"),
        ("soon", "expected a duration such as 10s or 500ms, found 'soon'"),
        ("1000.5ms", "'1000.5ms' is not a whole number of milliseconds"),
        ("", "has no value"),
        ("~", "has no value"),
        ("[10s]", "expected a single value"),
        ("!!int 5", "tags are not used here: 'tag:yaml.org,2002:int'"),
        ("!x 5s", "tags are not used here: '!x'"),
    ],
)
def test_a_bad_duration_keeps_the_default(value, message):
    settings, faults = read(f"# one\nfailure_detection_time: {value}\n")
    assert settings == Settings()
    assert faults == [f"y:2: failure_detection_time: {message}"]


@pytest.mark.parametrize("word", ["true", "True", "yes", "on", "ON"])
def test_truths(word):
    base = Settings(track_interfaces_only_with_groups=False)
    assert read(f"track_interfaces_only_with_groups: {word}", base) == (Settings(), [])


@pytest.mark.parametrize("word", ['"true"', "1", "y", "maybe", "2024-01-01"])
def test_bad_truths(word):
    settings, faults = read(f"failback: {word}")
    assert settings == Settings()
    shown = word.strip('"')
    assert faults == [f"y:1: failback: expected true or false, found '{shown}'"]


def test_yaml_1_1_does_not_change_names():
    settings, faults = read("groups:\n  on: {failback: no}\n  0755: {failback: no}\n  10:20: {}\n")
    assert set(settings.groups) == {"on", "0755", "10:20"}
    assert not faults


def test_a_duplicate_key_is_a_fault_and_the_first_counts():
    settings, faults = read("failback: no\nhooks: {}\nfailback: yes\n")
    assert not settings.default_group.failback
    assert faults == ["y:3: duplicate key 'failback', first at line 1"]


def test_everything_wrong_is_told_at_once():
    settings, faults = read(
        "failbak: no\n"
        "failure_detection_time: 5\n"
        "groups:\n"
        "  front:\n"
        "    probe: imcp\n"
        "    target: [192.0.2.1]\n"
        "    targets:\n"
        "      - 192.0.2.1\n"
        "      - 52:54:00:12:34:56\n"
        "      - 224.0.0.1\n"
        "      - 192.0.2.1\n"
        "    failback: no\n"
        f"  {'x' * 32}: {{}}\n"
        "  back: [1]\n"
        "  back: {}\n"
        "hooks: 60s\n"
        "missing_at_boot: {wait: x, weight: 1s}\n"
        "? [a]\n"
        ": b\n"
    )
    assert faults == [
        "y:1: unknown key 'failbak' in rcmd.yaml; did you mean 'failback'?",
        "y:2: failure_detection_time: expected a duration such as 10s or 500ms, found '5'",
        "y:5: probe: expected one of icmp, arp, auto, none, found 'imcp'; did you mean 'icmp'?",
        "y:6: unknown key 'target' in group 'front'; did you mean 'targets'?",
        "y:9: targets: '52:54:00:12:34:56' is not an address",
        "y:10: targets: '224.0.0.1' is not the address of a router or host",
        "y:11: warning: targets: 192.0.2.1 is there twice",
        f"y:13: '{'x' * 32}': a group name has 1 to 31 characters, this has 32",
        "y:14: group 'back': expected `key: value` lines",
        "y:15: duplicate key 'back', first at line 14",
        "y:16: hooks: expected `key: value` lines",
        "y:17: unknown key 'weight' in missing_at_boot",
        "y:17: wait: expected a duration such as 10s or 500ms, found 'x'",
        "y:18: rcmd.yaml: bad key: expected a single value",
    ]
    assert settings.group("front") == GroupSettings(
        failback=False, targets=(ip_address("192.0.2.1"),)
    )


def test_targets_must_be_a_list():
    _, faults = read("groups: {a: {targets: 192.0.2.1}}")
    assert faults == ["y:1: targets: expected a list of addresses, as in [192.0.2.1, 192.0.2.2]"]


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("failback: yes\n  groups: x\n", "y:2: not YAML: mapping values are not allowed"),
        ("a: [\n", "y:1: not YAML: did not find expected"),
        ("\t- a\n", "y:1: not YAML: found character that cannot start any token"),
        ("# ä\na: \x01\n", "y:2: unknown key 'a' in rcmd.yaml"),
        ("a: *b\n", "y:1: not YAML: found undefined alias"),
        ("failback: no\n---\nfailback: no\n", "y:2: not YAML: but found another document"),
        ("a\ud800: 1", "y:1: unknown key 'a\\ud800' in rcmd.yaml"),
        ("\n- a\n", "y:2: rcmd.yaml: expected `key: value` lines"),
        ("text\n", "y:1: rcmd.yaml: expected `key: value` lines"),
        ("<<: {failback: no}\n", "y:1: unknown key '<<' in rcmd.yaml"),
        ("groups: &a {x: *a}\n", "y:1: unknown key 'x' in group 'x'"),
        ("caf\udce9: 1", "y:1: unknown key 'caf\\xe9' in rcmd.yaml"),
        ("a: " + "[" * 300_000, "y:1: nested too deep"),
        ("\n" + "- " * 300_000, "y:2: nested too deep"),
    ],
)
def test_what_is_not_a_settings_file_is_one_fault(text, start):
    settings, faults = read(text)
    assert len(faults) == 1
    assert faults[0].startswith(start)
    assert settings.default_group == GroupSettings()


@pytest.mark.parametrize(
    "odd", ["\udce9", "\x00", "\x01", "\x85", "\u2028", "\ufeff", "\U000f0041"]
)
def test_odd_characters_in_a_comment_do_no_harm(odd):
    settings, faults = read(f"# caf{odd} no: 1\r\nfailback: no  # {odd}\r\n\r\nfailbak: yes")
    assert not settings.default_group.failback
    assert faults == ["y:4: unknown key 'failbak' in rcmd.yaml; did you mean 'failback'?"]


@pytest.mark.parametrize("odd", ["\udce9", "\x00", "\x85", "\u2028", "\ufeff", "\U000f0041"])
def test_odd_characters_in_a_value_are_a_fault_of_that_value(odd):
    settings, faults = read(f"groups:\n  fr{odd}ont: {{failback: no}}\n  back: {{probe: a{odd}}}\n")
    assert set(settings.groups) == {"back"}
    assert [fault.partition(": ")[0] for fault in faults] == ["y:2", "y:3"]
    assert all(fault.isprintable() for fault in faults)


EVERY_DEFAULT = """\
failure_detection_time: 3s
failback: no
probe: arp
targets: [192.0.2.1]
load_spreading: flow
weights: speed
resilient: yes
when_removed: restore
"""


def test_the_keys_of_a_group_are_defaults_at_the_top_level():
    expected = GroupSettings(
        failure_detection_ms=3000,
        failback=False,
        probe=ProbeMethod.ARP,
        targets=(ip_address("192.0.2.1"),),
        load_spreading=LoadSpreading.FLOW,
        weights=Weights.SPEED,
        is_resilient=True,
        when_removed=WhenRemoved.RESTORE,
    )
    settings, faults = read("groups: {a: {}, b: {probe: icmp, targets: []}}\n" + EVERY_DEFAULT)
    assert not faults
    assert settings.default_group == settings.group("a") == settings.group("unnamed") == expected
    assert settings.group("b") == replace(expected, probe=ProbeMethod.ICMP, targets=())


@pytest.mark.parametrize("line", EVERY_DEFAULT.splitlines())
def test_each_default_is_that_of_every_group(line):
    key = line.partition(":")[0]
    settings, _ = read(line)
    in_a_group, _ = read(f"groups: {{a: {{{line}}}}}")
    assert settings.group("a") == in_a_group.group("a") != GroupSettings(), key


@pytest.mark.parametrize("line", EVERY_DEFAULT.splitlines())
def test_a_bad_default_keeps_the_default(line):
    key = line.partition(":")[0]
    settings, faults = read(f"{key}: {{}}")
    assert settings == Settings()
    assert len(faults) == 1


def test_addresses_belong_to_one_group():
    settings, faults = read("addresses: [192.0.2.40/24]\n")
    assert settings == Settings()
    assert faults == ["y:1: addresses: belongs to one group: write it below `groups: {NAME: ...}`"]


def test_there_are_only_so_many_targets():
    text = "".join(f"  - 192.0.{i // 200}.{i % 200 + 1}\n" for i in range(300))
    settings, faults = read(f"targets:\n{text}")
    assert len(settings.default_group.targets) == 256
    assert faults == ["y:2: targets: 300 are too many, 256 can be given"]


def test_a_list_that_stands_everywhere_is_not_read_for_ever():
    groups = "".join(f"  g{i}: {{targets: *t}}\n" for i in range(2000))
    targets = ", ".join(f"192.0.2.{i}" for i in range(200))
    settings, faults = read(f"targets: &t [{targets}]\ngroups:\n{groups}")
    assert len(settings.groups) == 2000
    assert len(faults) == 1
    assert "more than 200000 values, aliases counted each time" in faults[0]


def test_what_libyaml_is_slow_at_is_not_given_to_it():
    _, faults = read("%YAML 1.1\n%TAG !a! tag:x,2000:\n---\nfailback: no\n")
    assert faults == ["y:2: tags are not used here: '%TAG'"]


def test_laughs_are_few():
    lines = ["a0: &a0 [x, x]"] + [f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 30)]
    _, faults = read("\n".join(lines))
    assert len(faults) == 30


def test_what_is_removed_goes_by_the_word_of_a_group_or_of_all():
    settings, faults = read("groups: {a: {when_removed: restore}, b: {}}\n")
    assert faults == []
    assert settings.group("a").when_removed is WhenRemoved.RESTORE
    assert settings.group("b").when_removed is None
    settings, _ = read("when_removed: restore\ngroups: {a: {when_removed: accept}, b: {}}\n")
    assert settings.group("").when_removed is WhenRemoved.RESTORE
    assert settings.group("a").when_removed is WhenRemoved.ACCEPT
    assert settings.group("b").when_removed is WhenRemoved.RESTORE
    _, faults = read("when_removed: fight\n")
    assert faults == ["y:1: when_removed: expected one of accept, restore, found 'fight'"]


def test_load_spreading_and_what_belongs_to_it():
    settings, faults = read(
        "groups: {x: {load_spreading: flow, weights: speed, resilient: yes}, y: {weights: fast}}\n"
    )
    group = settings.group("x")
    assert (group.load_spreading, group.weights, group.is_resilient) == ("flow", "speed", True)
    assert faults == ["y:1: weights: expected one of equal, speed, found 'fast'"]
