"""Endpoints: POST /client/people/endpoint/search and /client/people/endpoint/get."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from msgspec import Meta
from sqlalchemy import ColumnElement, Connection, Select, and_, not_, or_, select

from earwitness.archive.database.in_list import among
from earwitness.archive.database.paging import page_of, slice_of
from earwitness.archive.people.communications import is_recorded, recorded_among
from earwitness.archive.people.endpoints import AT_ADDRESSES, listed
from earwitness.archive.people.inflight_calls import visible_calls
from earwitness.archive.people.owned_endpoints import are_texts_of_endpoints_folded
from earwitness.archive.people.recorded_endpoints import RecordedEndpoint, recorded_endpoints
from earwitness.archive.schema.folded import folded_endpoints
from earwitness.archive.schema.people import endpoints, people
from earwitness.archive.spelling.addresses import (
    WITHHELD,
    digits_of,
    is_withheld,
    normalise,
    number_in,
)
from earwitness.archive.spelling.identifiers import folded_identifier
from earwitness.archive.substrings.asking import can_be_looked_up, candidates, holding, word_or_number
from earwitness.archive.substrings.folded import BEGINS
from earwitness.archive.substrings.progress import are_folded
from earwitness.archive.substrings.words import FreeText, contains_all, search_words, values_in
from earwitness.ingest.metadata import EndpointType
from earwitness.kernel.errors import BadRequest, Fault
from earwitness.kernel.rights import Right
from earwitness.kernel.wire import Page, PageSize, Wire
from earwitness.operations import operations
from earwitness.operations.operations import Answer, Call

DEFAULT_PAGE_SIZE = 100


class EndpointSearch(Wire):
    """Which endpoints. Every field is optional; all that are given must be met."""

    type: EndpointType | None = None
    endpoint_search: FreeText | None = None
    free_text: FreeText | None = None
    is_recorded: bool | None = None
    is_currently_recorded: bool | None = None
    only_return_owned: bool | None = None
    only_return_non_owned: bool | None = None
    page: Page | None = None
    page_size: PageSize | None = None


class EndpointValue(Wire):
    """An endpoint; its value may be in any spelling."""

    type: EndpointType
    endpoint: str


EndpointValues = Annotated[list[EndpointValue], Meta(max_length=10_000)]


class EndpointRecord(Wire):
    """An endpoint with its owner, null when nobody owns it."""

    id: int
    type: str
    endpoint: str
    owned_by_person_id: int | None
    is_private: bool
    is_recorded: bool


@operations.read("/client/people/endpoint/search", right=Right.ENDPOINTS_VIEW)
def search_endpoints(call: Call, body: EndpointSearch) -> Answer[list[RecordedEndpoint]]:
    """Find endpoints and the people that own them; the total is in `X-Total-Count`."""
    matching = select(endpoints.c.id).where(*_conditions(call, body)).order_by(endpoints.c.id)
    page, size = body.page or 1, body.page_size or DEFAULT_PAGE_SIZE
    words = search_words(body.free_text)
    if words and not are_texts_of_endpoints_folded(call.connection):
        ids, total = slice_of(_holding(call.connection, matching, words), page, size)
    else:
        is_costly = bool(words or body.endpoint_search)
        ids, total = page_of(call.connection, matching, page, size, is_costly=is_costly)
    found = recorded_endpoints(call.connection, call.viewer, ids)
    return Answer(found, headers={"X-Total-Count": str(total)})


@operations.read("/client/people/endpoint/get", right=Right.PEOPLE_VIEW)
def get_endpoints(call: Call, body: EndpointValues) -> list[EndpointRecord]:
    """Get endpoints by value, each once, in the order asked; unknown ones are left out."""
    addresses = dict.fromkeys((one.type, normalise(one.type, one.endpoint)) for one in body)
    rows = call.connection.execute(select(endpoints).where(AT_ADDRESSES), listed(addresses))
    known = {(row.type, row.normalised): row for row in rows}
    found = [known[one] for one in addresses if one in known]
    recorded = recorded_among(call.connection, call.viewer, [row.id for row in found])
    return [
        EndpointRecord(
            id=row.id,
            type=row.type,
            endpoint=row.endpoint,
            owned_by_person_id=row.owned_by_person_id,
            is_private=row.is_private,
            is_recorded=row.id in recorded,
        )
        for row in found
    ]


ROUTES = [search_endpoints, get_endpoints]


def _conditions(call: Call, body: EndpointSearch) -> Iterator[ColumnElement[bool]]:
    if body.only_return_owned and body.only_return_non_owned:
        raise BadRequest.of(Fault("onlyReturnNonOwned", "not together with onlyReturnOwned"))
    if body.type is not None:
        yield endpoints.c.type == body.type
    if body.endpoint_search and body.endpoint_search.strip():
        yield _has_part(call.connection, body.endpoint_search)
    if body.is_recorded is not None:
        yield is_recorded(call.viewer) if body.is_recorded else not_(is_recorded(call.viewer))
    if body.is_currently_recorded is not None:
        live = among(endpoints.c.id, list(visible_calls(call.connection, call.viewer)))
        yield live if body.is_currently_recorded else not_(live)
    if body.only_return_owned:
        yield endpoints.c.owned_by_person_id.is_not(None)
    if body.only_return_non_owned:
        yield endpoints.c.owned_by_person_id.is_(None)
    if (words := search_words(body.free_text)) and are_texts_of_endpoints_folded(call.connection):
        text, number = folded_endpoints.c.text, folded_endpoints.c.number
        parts = [word_or_number(text, number, word) for word in words]
        yield holding(call.connection, "endpoints", endpoints.c.id, parts)


def _has_part(connection: Connection, part: str) -> ColumnElement[bool]:
    """The normalised value contains this part; for phone numbers, the part may be in any spelling.

    A leading `00` is either among the digits of the number, or the exit code before a whole number.
    """
    value, is_phone = endpoints.c.normalised, endpoints.c.type == "phone"
    folded, digits, whole = folded_identifier(part), digits_of(part), number_in(part)
    ways = [(folded, value.contains(folded, autoescape=True))]
    if is_withheld("phone", part) and any(map(str.isalpha, part)):
        ways.append((WITHHELD, value == WITHHELD))
    if digits is not None:
        ways.append((digits, and_(is_phone, value.contains(digits, autoescape=True))))
    if whole is not None:
        ways.append((BEGINS + whole, and_(is_phone, value.startswith(whole, autoescape=True))))
    contains = or_(*(condition for _, condition in ways))  # values are stored as they are compared
    texts = [text for text, _ in ways]
    if can_be_looked_up(texts) and are_folded(connection, "endpoints"):
        return and_(endpoints.c.id.in_(candidates(connection, "endpoints", [texts])), contains)
    return contains


def _holding(connection: Connection, matching: Select[Any], words: Sequence[str]) -> list[int]:
    """The same as `holding` by reading every endpoint, until the texts of all are folded."""
    texts = matching.add_columns(
        endpoints.c.type,
        endpoints.c.endpoint,
        endpoints.c.normalised,
        endpoints.c.metadata,
        people.c.full_name,
    ).outerjoin(people, people.c.id == endpoints.c.owned_by_person_id)
    return [
        row.id
        for row in connection.execute(texts)
        if contains_all(
            words,
            [row.endpoint, row.full_name, *values_in(row.metadata)],
            [row.normalised] if row.type == "phone" else [],
        )
    ]
