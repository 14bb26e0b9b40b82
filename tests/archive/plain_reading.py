"""The contract's search in plain Python over a list: easy to check, and slow."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from earwitness.archive.spelling.tokens import document_tokens
from earwitness.archive.text.parsing import parse
from earwitness.archive.text.query import All, Either, Node, Not, Phrase, place


@dataclass(frozen=True)
class Part:
    endpoint_id: int
    person_id: int | None
    user: str
    is_recording_subject: bool


@dataclass(frozen=True)
class Told:
    """A recording as this reading knows it."""

    interaction_id: int
    third_party_id: str
    type: str
    direction: str
    started_at: int
    duration_ms: int
    is_private: bool
    parts: tuple[Part, ...]
    tag_ids: frozenset[int]
    fields: tuple[str, ...]
    spoken: str = ""
    comments: int = 0
    holds: frozenset[int] = frozenset()
    playlists: frozenset[int] = frozenset()
    data_groups: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Reader:
    """Who reads: the name, the person, whether private recordings are theirs to see, and what limits them.

    Without the right to view transcripts, a search does not look into them.
    """

    username: str
    person_id: int | None
    sees_private: bool
    users: dict[int, tuple[str, int | None]]
    reads_transcripts: bool = True
    policies: list[dict[str, Any]] = field(default_factory=list)


def read(told: list[Told], reader: Reader, wanted: dict[str, Any]) -> list[int]:
    """The interactionIds that a search finds, in its order, without paging."""
    found = [one for one in told if _visible(one, reader) and _matches(one, reader, wanted)]
    found.sort(key=lambda one: (one.started_at, one.interaction_id))
    if wanted.get("startTimeDirection") != "ASC":
        found.reverse()
    return [one.interaction_id for one in found]


def _visible(one: Told, reader: Reader) -> bool:
    takes_part = any(
        part.user.casefold() == reader.username.casefold()
        or (reader.person_id is not None and part.person_id == reader.person_id)
        for part in one.parts
    )
    is_limited = reader.policies and not any(_lets_through(policy, one) for policy in reader.policies)
    return not is_limited and (not one.is_private or reader.sees_private or takes_part)


def _lets_through(policy: dict[str, Any], one: Told) -> bool:
    people = {part.person_id for part in one.parts}
    return (
        ("personIds" not in policy or bool(people & {*policy["personIds"]}))
        and policy.get("communicationTypes", [one.type]).count(one.type) > 0
        and all(one.data_groups.get(name) in some for name, some in policy.get("dataGroups", {}).items())
    )


def _matches(one: Told, reader: Reader, wanted: dict[str, Any]) -> bool:
    endpoints = {part.endpoint_id for part in one.parts}
    people = {part.person_id for part in one.parts if part.person_id is not None}
    return (
        _listed({one.interaction_id}, wanted.get("recordingIds"))
        and _listed({one.third_party_id}, wanted.get("thirdPartyIds"))
        and _listed({one.type}, wanted.get("communicationTypes"))
        and _listed(endpoints, wanted.get("endpointIds"))
        and _listed(people, wanted.get("personIds"))
        and _listed(set(one.tag_ids), wanted.get("tagIds"))
        and _listed(_owners(one, reader), wanted.get("userIds"))
        and _in_range(one, wanted.get("dateTimeRange") or {})
        and _lasts(one, wanted.get("durationRangeInSeconds") or {})
        and _at_times(one, wanted.get("timeRanges"))
        and _between(one, wanted.get("communicationsBetween"))
        and _says(one, reader, wanted.get("freeText"))
        and wanted.get("direction") in {None, one.direction}
        and wanted.get("isPrivate") in {None, one.is_private}
        and wanted.get("hasComments") in {None, one.comments > 0}
        and wanted.get("legalHoldId") in {None, *one.holds}
        and wanted.get("playlistId") in {None, *one.playlists}
    )


def _listed(has: set[Any], wanted: dict[str, list[Any]] | None) -> bool:
    include, exclude = (wanted or {}).get("include"), (wanted or {}).get("exclude")
    return (not include or bool(has & set(include))) and not (exclude and has & set(exclude))


def _owners(one: Told, reader: Reader) -> set[int]:
    subjects = [part for part in one.parts if part.is_recording_subject]
    return {
        user_id
        for user_id, (username, person_id) in reader.users.items()
        for part in subjects
        if part.user.casefold() == username.casefold()
        or (person_id is not None and part.person_id == person_id)
    }


def _moment(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def _in_range(one: Told, wanted: dict[str, str]) -> bool:
    return not (
        ("from" in wanted and one.started_at < _moment(wanted["from"]))
        or ("to" in wanted and one.started_at >= _moment(wanted["to"]))
    )


def _lasts(one: Told, wanted: dict[str, float]) -> bool:
    return wanted.get("min", 0) * 1000 <= one.duration_ms <= wanted.get("max", 10**9) * 1000


def _at_times(one: Told, wanted: dict[str, Any] | None) -> bool:
    if wanted is None:
        return True
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=one.started_at)
    local = moment.astimezone(ZoneInfo(wanted.get("timeZone", "UTC"))).strftime("%H:%M")

    def within(span: dict[str, str]) -> bool:
        if span["from"] < span["to"]:
            return span["from"] <= local < span["to"]
        return local >= span["from"] or local < span["to"]

    include, exclude = wanted.get("include"), wanted.get("exclude")
    return (not include or any(map(within, include))) and not any(map(within, exclude or []))


def _between(one: Told, wanted: dict[str, Any] | None) -> bool:
    if wanted is None:
        return True

    def of(part: Part, side: dict[str, list[int]]) -> bool:
        return part.endpoint_id in side.get("endpointIds", []) or part.person_id in side.get("personIds", [])

    return any(
        of(first, wanted["first"]) and of(second, wanted["second"])
        for i, first in enumerate(one.parts)
        for j, second in enumerate(one.parts)
        if i != j
    )


def _says(one: Told, reader: Reader, wanted: str | None) -> bool:
    node = parse(wanted) if wanted else None
    fields = (one.spoken, *one.fields) if reader.reads_transcripts else one.fields
    return node is None or matches(node, document_tokens(fields))


def matches(node: Node, document: Sequence[str]) -> bool:
    """Say whether a document's tokens answer a query: what both databases must say."""
    match node:
        case Phrase():
            return place(node, document) is not None
        case All(parts):
            return all(matches(part, document) for part in parts)
        case Either(parts):
            return any(matches(part, document) for part in parts)
        case Not(part):
            return not matches(part, document)
