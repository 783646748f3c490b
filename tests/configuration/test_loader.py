from configuration.reading import briefs, files, loaded, messages, one
from rcmd.configuration import ConfigurationFiles, check, load
from rcmd.configuration.files import SETTINGS_PATH
from rcmd.model.settings import Configuration, Fault, Settings


def test_no_files_are_a_configuration_too():
    result = load(ConfigurationFiles())
    assert result.configuration == Configuration()
    assert not result.faults
    assert not result.has_errors


def test_a_bad_file_costs_only_its_interface():
    result = loaded(net0="group\n", net1="10.20.30.2/24\n", net2="10.20.30.3/24 private\n")
    assert set(result.configuration.interfaces) == {"net0", "net1", "net2"}
    assert briefs(one(result, "net1")) == ["0 10.20.30.2/24 data up"]
    assert result.faulty == {"net0"}
    assert result.has_errors


def test_an_impossible_interface_name_has_no_configuration():
    result = loaded(**{"name-much-too-long": "10.20.30.1/24\n"})
    assert not result.configuration.interfaces
    assert messages(result) == [
        "/etc/hostname.name-much-too-long:1: warning: ignored: 'name-much-too-long': "
        "an interface name has 1 to 15 bytes, this has 18"
    ]


def test_files_left_behind_are_not_read():
    result = loaded(**{"net0~": "group", "net0.bak": "group", "net0.rpmsave": "group"})
    assert not result.configuration.interfaces
    assert messages(result) == [
        f"/etc/hostname.net0{end}:1: warning: ignored: its name is that of a copy or a leftover"
        for end in (".bak", ".rpmsave", "~")
    ]


def test_an_unreadable_file_makes_its_interface_faulty():
    fault = Fault("/etc/hostname.net0", 3, "not UTF-8 text")
    result = load(ConfigurationFiles(faults=(fault,)))
    assert result.faults == (fault,)
    assert result.faulty == {"net0"}


def test_an_address_belongs_to_the_first_who_has_it():
    result = loaded(net0="\n10.20.30.1/24\n", net1="10.20.30.2/24 up\naddif 10.20.30.1/16 up\n")
    assert briefs(one(result, "net0")) == ["0 10.20.30.1/24 data up"]
    assert briefs(one(result, "net1")) == ["0 10.20.30.2/24 data up"]
    assert messages(result) == [
        "/etc/hostname.net1:2: address 10.20.30.1 is not unique: "
        "net0 has it at /etc/hostname.net0:2"
    ]
    assert result.faulty == {"net1"}


def test_an_address_twice_in_one_file():
    result = loaded(net0="10.20.30.1/24 up\naddif 10.20.30.1/24 up\n")
    assert briefs(one(result)) == ["0 10.20.30.1/24 data up"]
    assert messages(result) == [
        "/etc/hostname.net0:2: address 10.20.30.1 is not unique: "
        "net0 has it at /etc/hostname.net0:1"
    ]


def test_the_same_test_address_on_two_members():  # behaviour 18
    text = "10.20.30.9/24 deprecated -failover group a\n"
    result = loaded(net0=text, net1=text)
    assert one(result, "net1").addresses == ()
    assert messages(result) == [
        "/etc/hostname.net1:1: test address 10.20.30.9 is not unique: "
        "net0 has it at /etc/hostname.net0:1"
    ]


def test_overrides_for_a_group_without_interfaces_are_questioned():
    given = ConfigurationFiles(
        hostname={"/etc/hostname.net0": "group front\n"},
        settings="groups:\n  front: {failback: no}\n  fornt: {failback: no}\n",
    )
    assert [str(fault) for fault in check(given)] == [
        "/etc/rcmd/rcmd.yaml:3: warning: no interface is in group 'fornt'; did you mean 'front'?"
    ]
    assert not load(given).settings_faults


def test_mpathd_is_below_rcmd_yaml():
    result = load(
        ConfigurationFiles(
            mpathd="FAILURE_DETECTION_TIME=50\nFAILBACK=no\n",
            settings="failure_detection_time: 1s\n",
        )
    )
    group = result.configuration.settings.default_group
    assert (group.failure_detection_ms, group.failback) == (1000, False)
    assert messages(result) == [  # behaviour 41
        "/etc/default/mpathd:1: warning: Too small failure detection time of '50', "
        "assuming minimum 100"
    ]
    assert not result.settings_faults


def test_a_start_can_fall_back_to_other_settings():
    given = ConfigurationFiles(
        settings="failback: maybe\n",
        mpathd="FAILBACK=maybe\n",
        faults=(Fault(SETTINGS_PATH, 1, "not UTF-8 text"),),
    )
    assert [fault.line for fault in load(given).settings_faults] == [1, 1]
    again = load(given, settings_text="failback: no\n")
    assert not again.configuration.settings.default_group.failback
    assert not again.settings_faults
    assert [fault.file for fault in again.faults] == ["/etc/default/mpathd"]
    assert load(given, settings_text="").configuration.settings == Settings()


def test_faults_are_sorted_by_file_and_line():
    result = check(
        files({"net1": "10.20.30.1/99\nup\n\n10.20.30.1/98\n", "net0": "mtu\n", "6.net0": "x\n"})
    )
    assert [(fault.file, fault.line) for fault in result] == [
        ("/etc/hostname.net0", 1),
        ("/etc/hostname.net1", 1),
        ("/etc/hostname.net1", 4),
        ("/etc/hostname6.net0", 1),
    ]
