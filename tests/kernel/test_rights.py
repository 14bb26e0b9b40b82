"""Rights and roles: what each role grants, and that an unknown name grants nothing."""

from earwitness.kernel.rights import ROLE_RIGHTS, Right, Role, rights_of


def test_the_administrator_holds_every_right() -> None:
    assert rights_of(frozenset({"Admin"})) == frozenset(Right)


def test_compliance_sees_everything_and_changes_nothing_but_holds() -> None:
    held = rights_of(frozenset({"Compliance"}))
    assert {right for right in Right if right.endswith(".View")} <= held
    assert {right for right in held if right.endswith(".Edit")} == {Right.LEGAL_HOLD_EDIT}
    assert {Right.RECORDING_PLAY, Right.ARCHIVE_EXPORT} <= held
    assert Right.RECORDING_INGEST not in held


def test_a_standard_user_sees_no_private_recordings_and_no_audit() -> None:
    held = rights_of(frozenset({"Standard User"}))
    assert {Right.RECORDING_VIEW, Right.RECORDING_PLAY, Right.RECORDING_TRANSCRIPTION_VIEW} <= held
    assert not {Right.RECORDING_PRIVATE_VIEW, Right.RECORDING_AUDIT_VIEW, Right.PEOPLE_VIEW} & held


def test_a_recorder_brings_recordings_in_and_can_do_nothing_else() -> None:
    assert rights_of(frozenset({"Recorder"})) == {Right.RECORDING_INGEST}


def test_roles_and_rights_add_up() -> None:
    assert rights_of(frozenset({"Recorder", "Recording.View"})) == {
        Right.RECORDING_INGEST,
        Right.RECORDING_VIEW,
    }


def test_an_unknown_name_grants_nothing() -> None:
    assert rights_of(frozenset({"admin", "Recording.*", ""})) == frozenset()


def test_every_role_is_defined() -> None:
    assert set(ROLE_RIGHTS) == set(Role)
