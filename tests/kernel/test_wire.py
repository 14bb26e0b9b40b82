"""From plain JSON to structs: strict about types, generous with null, exact about what is wrong."""

from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import UNSET, Meta, UnsetType

from earwitness.kernel.clock import parse_ms
from earwitness.kernel.errors import BadRequest
from earwitness.kernel.wire import Id, Ids, Moment, Names, Page, PageSize, Wire, canonical, convert, learn


class Side(Wire):
    endpoint_ids: Ids | None = None


class Wanted(Wire):
    name: str
    person_id: Id | None = None
    person_ids: Ids | None = None
    third_party_ids: Names | None = None
    at: Moment | None = None
    kind: Literal["staff", "external"] | None = None
    sides: list[Side] | None = None
    page: Page | None = None
    page_size: PageSize | None = None
    retention_group_id: Id | UnsetType | None = UNSET


def faults_of(value: Any) -> dict[str, str]:
    with pytest.raises(BadRequest) as refused:
        convert(value, Wanted)
    return {fault.path: fault.message for fault in refused.value.faults}


def test_null_is_absent_except_where_it_has_a_meaning() -> None:
    assert convert({"name": "x", "page": None}, Wanted).page is None
    assert convert({"name": "x"}, Wanted).retention_group_id is UNSET
    assert convert({"name": "x", "retentionGroupId": None}, Wanted).retention_group_id is None
    assert faults_of({"name": None}) == {"name": "required"}


def test_an_unknown_field_is_named_with_the_nearest_known_one() -> None:
    assert faults_of({"name": "x", "personIDs": []}) == {"personIDs": "unknown: did you mean personIds?"}
    assert faults_of({"name": "x", "sides": [{"endpointIDs": []}]}) == {
        "sides[0].endpointIDs": "unknown: did you mean endpointIds?"
    }
    assert faults_of({"name": "x", "zzzzz": 1}) == {"zzzzz": "unknown"}


def test_every_wrong_field_is_named() -> None:
    found = faults_of({"name": 1, "page": 0, "pageSize": 1001, "kind": "robot", "unknown": 1})
    assert set(found) == {"name", "page", "pageSize", "kind", "unknown"}
    assert found["kind"] in {"expected staff or external", "expected external or staff"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"personId": 0},
        {"personId": 2**53},
        {"personId": "1"},
        {"personId": 1.0},
        {"personId": True},
        {"personIds": [1, 0]},
        {"personIds": [1] * 10_001},
        {"thirdPartyIds": ["x"] * 10_001},
        {"page": "1"},
        {"pageSize": 0},
        {"at": 1747045800000},
        {"at": "tomorrow"},
        {"at": "1969-12-31T23:59:59.999Z"},
        {"at": "2200-01-01"},
    ],
)
def test_what_does_not_fit_is_refused_and_named(wrong: dict[str, Any]) -> None:
    (field,) = wrong
    (path,) = faults_of({"name": "x"} | wrong)
    assert path.startswith(field)


class Constrained(Wire):
    name: Annotated[str, Meta(min_length=1, max_length=3)] | None = None
    ratio: Annotated[float, Meta(ge=0, le=1)] | None = None
    sides: Annotated[list[Side], Meta(min_length=1, max_length=2)] | None = None
    groups: Annotated[dict[str, list[str]], Meta(max_length=1)] | None = None
    kinds: list[Annotated[str, Meta(pattern=r"^\d+$", description="Digits, as 42")]] | None = None
    code: Annotated[str, Meta(pattern="^[a-z]$")] | None = None
    is_private: bool | None = None
    either: Id | str | None = None


@pytest.mark.parametrize(
    ("wrong", "path", "said"),
    [
        ({"name": 1}, "name", "expected a string or null, got an integer"),
        ({"name": ""}, "name", "expected at least 1 character"),
        ({"name": "four"}, "name", "expected at most 3 characters"),
        ({"ratio": "1"}, "ratio", "expected a number or null, got a string"),
        ({"ratio": 2}, "ratio", "expected a number of at most 1"),
        ({"ratio": -0.5}, "ratio", "expected a number of at least 0"),
        ({"sides": {}}, "sides", "expected an array or null, got an object"),
        ({"sides": []}, "sides", "expected at least 1 item"),
        ({"sides": [{}, {}, {}]}, "sides", "expected at most 2 items"),
        ({"sides": [[]]}, "sides[0]", "expected an object, got an array"),
        (
            {"sides": [{"endpointIds": [1, 0]}]},
            "sides[0].endpointIds[1]",
            "expected an integer of at least 1",
        ),
        ({"groups": {"a": [], "b": []}}, "groups", "expected at most 1 member"),
        ({"groups": {"a": [None]}}, "groups[][0]", "expected a string, got null"),
        ({"kinds": ["42", "x"]}, "kinds[1]", "expected digits, as 42"),
        ({"code": "42"}, "code", "expected a string of another form"),
        ({"isPrivate": 1.5}, "isPrivate", "expected a boolean or null, got a number"),
        ({"either": []}, "either", "expected an integer or a string or null, got an array"),
        ([], "", "expected an object, got an array"),
    ],
)
def test_what_is_expected_is_said_in_words(wrong: Any, path: str, said: str) -> None:
    with pytest.raises(BadRequest) as refused:
        convert(wrong, Constrained)
    [fault] = refused.value.faults
    assert (fault.path, fault.message) == (path, said)


def test_moments_are_milliseconds() -> None:
    found = convert({"name": "x", "at": "2026-05-12T10:30:00.123Z"}, Wanted)
    assert found.at == parse_ms("2026-05-12T10:30:00.123Z")


def test_the_canonical_form_does_not_depend_on_the_order_sent() -> None:
    first = convert({"name": "x", "page": 1, "at": "2026-05-12"}, Wanted)
    second = convert({"at": "2026-05-12T00:00:00Z", "page": 1, "name": "x"}, Wanted)
    assert canonical(first) == canonical(second)
    assert canonical(first) != canonical(convert({"name": "x", "page": 2, "at": "2026-05-12"}, Wanted))


class Probe:
    """A type that notes when it is read."""

    times_read = 0

    def __class_getitem__(cls, kind: type) -> type:
        cls.times_read += 1
        return kind


def test_types_are_learnt_before_threads_meet_them() -> None:
    late = msgspec.defstruct("Late", [("field", "Probe[int]")], bases=(Wire,), module=__name__)

    learn()
    assert Probe.times_read == 1
    assert msgspec.convert({"field": 1}, late) == late(field=1)
    assert Probe.times_read == 1, "what was learnt is not read again"
