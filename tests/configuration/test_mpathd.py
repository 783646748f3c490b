import pytest

from rcmd.configuration.mpathd import parse_mpathd
from rcmd.model.settings import Settings


def read(text: str) -> tuple[Settings, list[str]]:
    settings, findings = parse_mpathd(text, "m")
    return settings, [str(fault) for fault in findings.faults]


def test_an_empty_file_means_the_defaults():
    assert read("") == (Settings(), [])
    assert read("# FAILBACK=no\n\n") == (Settings(), [])


def test_the_three_keys_in_any_case():
    settings, faults = read(
        "failure_detection_time=5000\n Failback = NO # really\n"
        'TRACK_INTERFACES_ONLY_WITH_GROUPS="no"\n'
    )
    assert settings.default_group.failure_detection_ms == 5000
    assert not settings.default_group.failback
    assert not settings.track_interfaces_only_with_groups
    assert not faults


@pytest.mark.parametrize(
    ("value", "time_ms"), [("0x2710", 10_000), ("0X64", 100), ("0755", 493), ("100", 100)]
)
def test_the_base_is_found_as_in_c(value, time_ms):  # behaviour 41
    settings, faults = read(f"FAILURE_DETECTION_TIME={value}")
    assert settings.default_group.failure_detection_ms == time_ms
    assert not faults


@pytest.mark.parametrize("value", ["0", "0x0", "-5", "soon", "", "10s", "09", "1e3", "١"])
def test_an_invalid_detection_time_becomes_the_default(value):  # behaviour 41
    settings, faults = read(f"\nFAILURE_DETECTION_TIME={value}")
    assert settings.default_group.failure_detection_ms == 10_000
    assert faults == [
        f"m:2: warning: Invalid failure detection time '{value}', assuming default 10000"
    ]


def test_a_small_detection_time_becomes_the_minimum():  # behaviour 41
    settings, faults = read("FAILURE_DETECTION_TIME=50")
    assert settings.default_group.failure_detection_ms == 100
    assert faults == [
        "m:1: warning: Too small failure detection time of '50', assuming minimum 100"
    ]


def test_a_huge_detection_time_becomes_the_maximum():
    settings, faults = read("FAILURE_DETECTION_TIME=86400001")
    assert settings.default_group.failure_detection_ms == 86_400_000
    assert faults == [
        "m:1: warning: Too large failure detection time of '86400001', assuming maximum 86400000"
    ]


@pytest.mark.parametrize("key", ["FAILBACK", "TRACK_INTERFACES_ONLY_WITH_GROUPS"])
def test_an_invalid_answer_keeps_the_default(key):  # behaviour 43
    settings, faults = read(f"{key}=maybe")
    assert settings == Settings()
    assert faults == [f"m:1: warning: Invalid value for {key} 'maybe'"]


def test_what_is_not_understood_is_reported():
    settings, faults = read("FAILBAK=no\nTRANSITIVE_PROBING=yes\nhello\nFAILBACK=no\nfailback=yes")
    assert settings == Settings()
    assert faults == [
        "m:1: warning: unknown key 'FAILBAK'; did you mean 'FAILBACK'?",
        "m:2: warning: TRANSITIVE_PROBING is not used here; ignored",
        "m:3: warning: expected KEY=value, found 'hello'",
        "m:5: warning: FAILBACK replaces the one at line 4",
    ]
