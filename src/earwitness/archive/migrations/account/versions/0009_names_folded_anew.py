"""Names folded anew

The tables are named here as they are at this revision, and `frozen/` has the folding as it was.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from alembic import op

from earwitness.archive.migrations.account.frozen.folding import (
    LONGEST_WORD,
    fold_name,
    folded_identifier,
)

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_OF_PEOPLE = ("id", "full_name", "full_name_folded", "email", "email_folded")
_people = sa.table("people", *map(sa.column, _OF_PEOPLE))
_users = sa.table("users", *map(sa.column, ("id", "username", "username_folded")))
_tags = sa.table("tags", *map(sa.column, ("id", "tag", "tag_folded")))
_participants = sa.table("recording_endpoints", sa.column("user_folded"))


def upgrade() -> None:
    connection = op.get_bind()
    _fold(connection, _people.c.full_name, _people.c.full_name_folded, _folded_name)
    _fold(connection, _people.c.email, _people.c.email_folded, _folded)
    _fold_tags(connection)
    _fold_participants(connection, _fold_users(connection))


def _fold(connection: sa.Connection, written: Any, kept: Any, fold: Callable[[str], str]) -> None:
    """Fold a column of people again. Few values are neither plain ASCII nor folded the same as before."""
    unlike = sa.select(_people.c.id, written, kept).where(_may_differ(connection, written))
    changed = [
        {"one": person_id, "folded": now}
        for person_id, text, before in connection.execute(unlike)
        if (now := fold(text)) != before
    ]
    if changed:
        this = sa.update(_people).where(_people.c.id == sa.bindparam("one"))
        connection.execute(this.values({kept.name: sa.bindparam("folded")}), changed)


def _fold_users(connection: sa.Connection) -> dict[str, str]:
    """Give each user its key. Users that would share a key get keys by their spelling.

    Answers the new keys of these users by their former keys.
    """
    alike = defaultdict(list)
    for user in connection.execute(sa.select(_users)):
        alike[_folded(user.username)].append(user)
    changed, spelled = [], {}
    for key, group in alike.items():
        for user in group:
            if len(group) > 1 or not key:
                spelled[user.username_folded] = _exact_key(user.username)
            now = spelled.get(user.username_folded, key)
            if now != user.username_folded:
                changed.append({"one": user.id, "folded": now})
    if changed:
        this = sa.update(_users).where(_users.c.id == sa.bindparam("one"))
        connection.execute(this.values(username_folded=sa.bindparam("folded")), changed)
    return spelled


def _fold_tags(connection: sa.Connection) -> None:
    """Fold tags again. Of tags that would now be the same, one gets the new key, the others keep theirs."""
    column = _tags.c.tag_folded
    taken = set(connection.scalars(sa.select(column)))
    for tag_id, tag in connection.execute(
        sa.select(_tags.c.id, _tags.c.tag).where(_may_differ(connection, column)).order_by(_tags.c.id)
    ).all():
        if (now := _folded_tag(tag)) not in taken:
            connection.execute(sa.update(_tags).where(_tags.c.id == tag_id).values(tag_folded=now))
            taken.add(now)


def _fold_participants(connection: sa.Connection, spelled: dict[str, str]) -> None:
    """Fold the users of participants again, name by name: names are few, and recordings are many."""
    column = _participants.c.user_folded
    unlike = sa.select(column).where(_may_differ(connection, column)).distinct()
    others = set(connection.scalars(unlike)) - set(spelled)
    for before in (
        *spelled,
        *others,
    ):  # in this order, or what becomes `jane` would be the user's who is jane
        now = spelled.get(before, _folded(before))
        if now != before:
            connection.execute(sa.update(_participants).where(column == before).values(user_folded=now))


def _may_differ(connection: sa.Connection, column: Any) -> Any:
    """Whether the new folding may change a text: not plain ASCII, or with characters it folds anew."""
    if connection.dialect.name == "sqlite":
        others = [column.op("GLOB")("*[^ -~]*")]
    else:
        others = [sa.func.octet_length(column) != sa.func.length(column), column.op("~")("[[:cntrl:]]")]
    return sa.or_(*others, column.contains("`"), column != sa.func.trim(column))


def _folded(text: str) -> str:
    """The key of a user name or of an email address."""
    return folded_identifier(text)[:LONGEST_WORD]


def _folded_name(full_name: str) -> str:
    return fold_name(full_name)[:LONGEST_WORD]


def _folded_tag(tag: str) -> str:
    return _folded(tag) or tag.casefold()


def _exact_key(username: str) -> str:
    """The key of a user whose name only looks like another's."""
    spelling = hashlib.sha256(username.casefold().encode()).hexdigest()
    return f"{_folded(username)}\u200b{spelling}"
