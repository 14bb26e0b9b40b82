"""Users: POST /client/user/search."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Select, Text, asc, desc, exists, false, select

from earwitness.archive.access.user_records import User, user_records
from earwitness.archive.access.usernames import key_of
from earwitness.archive.database.paging import page_of, slice_of
from earwitness.archive.schema.folded import folded_users
from earwitness.archive.schema.people import user_roles_and_rights, users
from earwitness.archive.spelling.names import fold_name
from earwitness.archive.substrings.asking import Part, holding
from earwitness.archive.substrings.progress import are_folded
from earwitness.archive.substrings.words import contains_all, search_words
from earwitness.kernel.rights import ROLE_RIGHTS, Right, Role, rights_of
from earwitness.kernel.wire import Id, Names, Page, PageSize, Wire
from earwitness.operations import operations
from earwitness.operations.operations import Call

DEFAULT_PAGE_SIZE = 1000

Conditions = Sequence[ColumnElement[bool]]

_COLUMNS = {
    "id": "id",
    "username": "username",
    "fullName": "full_name",
    "email": "email",
    "lastLoginTime": "last_login_at",
}


class SearchOrder(Wire):
    """What users are ordered by; users without a value come last."""

    property: Literal["id", "username", "fullName", "email", "lastLoginTime"] | None = None
    direction: Literal["ASC", "DESC"] | None = None


class UserSearch(Wire):
    """Which users, in which order, and which page of them; every field is optional."""

    user_id: Id | None = None
    username: str | None = None
    free_text: str | None = None
    roles_and_rights: Names | None = None
    is_active: bool | None = None
    is_locked: bool | None = None
    only_return_non_associated: bool | None = None
    search_order_property: SearchOrder | None = None
    page: Page | None = None
    page_size: PageSize | None = None


class UsersPage(Wire):
    """A page of users and the exact total."""

    users: list[User]
    total: int
    page: int
    page_size: int


@operations.read("/client/user/search", right=Right.USERS_VIEW)
def search_users(call: Call, body: UserSearch) -> UsersPage:
    """Search users."""
    page, size = body.page or 1, body.page_size or DEFAULT_PAGE_SIZE
    order, words = body.search_order_property or SearchOrder(), search_words(body.free_text)
    conditions = _conditions(call.connection, body)
    if are_folded(call.connection, "users"):
        found = _found(call.connection, conditions, words, order)
        ids, total = page_of(call.connection, found, page, size, is_costly=bool(words))
    else:
        ids, total = slice_of(_read(call.connection, conditions, words, order), page, size)
    return UsersPage(
        users=user_records(call.connection, call.viewer.client_id, ids),
        total=total,
        page=page,
        page_size=size,
    )


ROUTES = [search_users]


def _conditions(connection: Connection, body: UserSearch) -> list[ColumnElement[bool]]:
    conditions = list(_holding(dict.fromkeys(body.roles_and_rights or [])))
    if body.user_id is not None:
        conditions.append(users.c.id == body.user_id)
    if body.username is not None:
        conditions.append(users.c.username_folded == key_of(connection, body.username))
    if body.is_active is not None:
        conditions.append(users.c.is_active == body.is_active)
    if body.is_locked is not None:
        conditions.append(users.c.is_locked == body.is_locked)
    if body.only_return_non_associated:
        conditions.append(users.c.person_id.is_(None))
    return conditions


def _holding(names: Iterable[str]) -> Iterator[ColumnElement[bool]]:
    """The user was assigned each of these roles and rights, or a role that has the right."""
    granted = user_roles_and_rights.c
    for name in names:
        if not rights_of(frozenset({name})):
            yield false()  # there is no such role or right
            return
        enough = [name, *(role for role in Role if name in ROLE_RIGHTS[role])]
        yield exists(select(1).where(granted.user_id == users.c.id, granted.name.in_(enough)))


def _found(
    connection: Connection,
    conditions: Conditions,
    words: Sequence[str],
    order: SearchOrder,
) -> Select[Any]:
    """The ids in this order: texts without case and accents, ties by id in the same direction."""
    matching = select(users.c.id).join(folded_users, folded_users.c.id == users.c.id).where(*conditions)
    if words:
        parts = [[Part(folded_users.c.text, word)] for word in words]
        matching = matching.where(holding(connection, "users", users.c.id, parts))
    name = _COLUMNS[order.property or "id"]
    key: ColumnElement[Any] = folded_users.c.get(name, users.c[name])
    if isinstance(key.type, Text) and connection.dialect.name == "postgresql":
        key = key.collate("C")
    direction = desc if order.direction == "DESC" else asc
    return matching.order_by(direction(key).nulls_last(), direction(users.c.id))


def _read(
    connection: Connection,
    conditions: Conditions,
    words: Sequence[str],
    order: SearchOrder,
) -> list[int]:
    """The same by reading every user, until the texts of all are folded."""
    columns = users.c
    searched = columns.id, columns.username, columns.full_name, columns.email, columns.external_id
    matching = select(*searched, columns.last_login_at).where(*conditions)
    rows = connection.execute(matching.order_by(columns.id))
    found = [
        row for row in rows if contains_all(words, (row.username, row.full_name, row.email, row.external_id))
    ]
    return _in_order(found, order)


def _in_order(found: Sequence[Any], order: SearchOrder) -> list[int]:
    """The ids in this order: texts without case and accents, ties by id in the same direction."""
    column = _COLUMNS[order.property or "id"]
    keys = [(getattr(row, column), row.id) for row in found]
    known = [
        (fold_name(key) if isinstance(key, str) else key, user_id) for key, user_id in keys if key is not None
    ]
    unknown = [user_id for key, user_id in keys if key is None]
    descends = order.direction == "DESC"
    return [user_id for _, user_id in sorted(known, reverse=descends)] + sorted(unknown, reverse=descends)
