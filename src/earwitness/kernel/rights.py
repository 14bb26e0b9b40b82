"""Rights, as the documentation names them, and the roles that bundle them."""

from enum import StrEnum


class Right(StrEnum):
    """What a user may do. The names up to the blank line are the documentation's, the rest are ours."""

    RECORDING_VIEW = "Recording.View"
    RECORDING_PLAY = "Recording.Play"
    RECORDING_TRANSCRIPTION_VIEW = "Recording.Transcription.View"
    RECORDING_AUDIT_VIEW = "Recording.Audit.View"
    RECORDING_COMMENT_VIEW = "Recording.Comment.View"
    PEOPLE_VIEW = "People.View"
    ENDPOINTS_VIEW = "Endpoints.View"
    USERS_VIEW = "Users.View"
    RETENTION_GROUP_VIEW = "RetentionGroup.View"

    RECORDING_INGEST = "Recording.Ingest"
    RECORDING_COMMENT_EDIT = "Recording.Comment.Edit"
    RECORDING_TAG_VIEW = "Recording.Tag.View"
    RECORDING_TAG_EDIT = "Recording.Tag.Edit"
    RECORDING_PRIVATE_VIEW = "Recording.Private.View"
    LEGAL_HOLD_VIEW = "LegalHold.View"
    LEGAL_HOLD_EDIT = "LegalHold.Edit"
    PLAYLIST_VIEW = "Playlist.View"
    PLAYLIST_EDIT = "Playlist.Edit"
    PEOPLE_EDIT = "People.Edit"
    ENDPOINTS_EDIT = "Endpoints.Edit"
    USERS_EDIT = "Users.Edit"
    RETENTION_GROUP_EDIT = "RetentionGroup.Edit"
    ACCOUNT_VIEW = "Account.View"
    ACCOUNT_EDIT = "Account.Edit"
    ARCHIVE_EXPORT = "Archive.Export"


class Role(StrEnum):
    """A named bundle of rights."""

    ADMIN = "Admin"
    COMPLIANCE = "Compliance"
    STANDARD_USER = "Standard User"
    RECORDER = "Recorder"


ROLE_RIGHTS: dict[Role, frozenset[Right]] = {
    Role.ADMIN: frozenset(Right),
    Role.COMPLIANCE: frozenset(right for right in Right if right.endswith(".View"))
    | {Right.RECORDING_PLAY, Right.LEGAL_HOLD_EDIT, Right.ARCHIVE_EXPORT},
    Role.STANDARD_USER: frozenset(
        {
            Right.RECORDING_VIEW,
            Right.RECORDING_PLAY,
            Right.RECORDING_TRANSCRIPTION_VIEW,
            Right.RECORDING_COMMENT_VIEW,
            Right.RECORDING_COMMENT_EDIT,
        }
    ),
    Role.RECORDER: frozenset({Right.RECORDING_INGEST}),
}

_ROLES = {role.value: role for role in Role}
_RIGHTS = {right.value: right for right in Right}


def rights_of(roles_and_rights: frozenset[str]) -> frozenset[Right]:
    """Resolve what a user was assigned into the rights it holds.

    A name that is neither a role nor a right grants nothing.
    """
    held: set[Right] = set()
    for name in roles_and_rights:
        if name in _ROLES:
            held |= ROLE_RIGHTS[_ROLES[name]]
        elif name in _RIGHTS:
            held.add(_RIGHTS[name])
    return frozenset(held)
