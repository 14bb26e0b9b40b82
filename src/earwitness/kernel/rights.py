"""Rights, as the documentation names them, and roles, which are named sets of rights."""

from enum import StrEnum
from typing import Self


class Right(StrEnum):
    """What a user may do: the name of the right, and what it opens.

    The names up to the blank line are the documentation's, the rest are ours.
    """

    opens: str

    def __new__(cls, name: str, opens: str) -> Self:
        right = str.__new__(cls, name)
        right._value_ = name
        right.opens = opens
        return right

    RECORDING_VIEW = "Recording.View", "Find recordings, and read their details and messages."
    RECORDING_PLAY = "Recording.Play", "Play and download recordings."
    RECORDING_TRANSCRIPTION_VIEW = "Recording.Transcription.View", "Read and search transcripts."
    RECORDING_AUDIT_VIEW = "Recording.Audit.View", "Read who accessed or changed a recording."
    RECORDING_COMMENT_VIEW = "Recording.Comment.View", "Read, count and search for comments."
    PEOPLE_VIEW = "People.View", "Read people, and find endpoints by their values."
    ENDPOINTS_VIEW = "Endpoints.View", "Search endpoints, and see which of them are in a call."
    USERS_VIEW = "Users.View", "Read users, API keys (never the keys themselves) and access policies."
    RETENTION_GROUP_VIEW = "RetentionGroup.View", "Read how long recordings are kept."

    RECORDING_INGEST = (
        "Recording.Ingest",
        "Bring recordings in, and report calls in progress. A user with access policies cannot do this.",
    )
    RECORDING_COMMENT_EDIT = "Recording.Comment.Edit", "Write comments, and withdraw one's own."
    RECORDING_TAG_VIEW = "Recording.Tag.View", "Read the account's tags."
    RECORDING_TAG_EDIT = "Recording.Tag.Edit", "Change the account's tags, and those of recordings."
    RECORDING_PRIVATE_VIEW = (
        "Recording.Private.View",
        "See private recordings without having taken part in them; what is done with them needs its own "
        "right. Deleting a tag or an endpoint needs this right too.",
    )
    LEGAL_HOLD_VIEW = "LegalHold.View", "Read legal holds."
    LEGAL_HOLD_EDIT = "LegalHold.Edit", "Read, add, change and end legal holds."
    PLAYLIST_VIEW = "Playlist.View", "Read playlists."
    PLAYLIST_EDIT = "Playlist.Edit", "Read, add, change and end playlists."
    PEOPLE_EDIT = "People.Edit", "List, add and change people."
    ENDPOINTS_EDIT = "Endpoints.Edit", "List, add, change and delete endpoints."
    USERS_EDIT = (
        "Users.Edit",
        "Read, add and change users, API keys and access policies: nobody gives a right that they lack.",
    )
    RETENTION_GROUP_EDIT = "RetentionGroup.Edit", "Change how long recordings are kept."
    ACCOUNT_VIEW = "Account.View", "Read the settings of the account."
    ACCOUNT_EDIT = "Account.Edit", "Read and change the settings of the account."
    LEDGER_VIEW = (
        "Ledger.View",
        "Read the ledger: who did what to whom in the whole account, its checkpoints and its proofs.",
    )
    ARCHIVE_EXPORT = "Archive.Export", "Not used yet: no operation needs it."


class Role(StrEnum):
    """A named set of rights."""

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

if set(ROLE_RIGHTS) != set(Role):
    raise TypeError("ROLE_RIGHTS needs one row for each role.")

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
