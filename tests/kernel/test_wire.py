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


class PersonQuery(Wire):
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
        convert(value, PersonQuery)
    return {fault.path: fault.message for fault in refused.value.faults}


def test_null_is_absent_except_where_it_has_a_meaning() -> None:
    assert convert({"name": "x", "page": None}, PersonQuery).page is None
    assert convert({"name": "x"}, PersonQuery).retention_group_id is UNSET
    assert convert({"name": "x", "retentionGroupId": None}, PersonQuery).retention_group_id is None
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
def test_a_value_that_does_not_fit_is_refused_and_named(wrong: dict[str, Any]) -> None:
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
def test_faults_say_in_words_what_was_expected(wrong: Any, path: str, said: str) -> None:
    with pytest.raises(BadRequest) as refused:
        convert(wrong, Constrained)
    [fault] = refused.value.faults
    assert (fault.path, fault.message) == (path, said)


class Party(Wire):
    value: str
    kind: Literal["phone", "email"] | None = None
    role: Literal["staff", "external"] | None = None


class Meeting(Wire):
    name: str
    host: Party | None = None
    parties: Annotated[list[Party], Meta(max_length=9)] | None = None
    rooms: dict[str, list[Party]] | None = None


PARTY_FAULTS: list[tuple[dict[str, Any], str, str]] = [
    ({"kind": "fax", "value": "1"}, ".kind", "expected email or phone"),
    ({"role": "host", "value": "1"}, ".role", "expected external or staff"),
    ({"knd": "phone", "value": "1"}, ".knd", "unknown: did you mean kind?"),
    ({"nme": "1", "value": "1"}, ".nme", "unknown"),
    ({"value": 1}, ".value", "expected a string, got an integer"),
    ({"kind": "phone"}, ".value", "required"),
]


@pytest.mark.parametrize(("wrong", "below", "said"), PARTY_FAULTS)
def test_a_fault_of_a_nested_field_is_about_that_field(wrong: dict[str, Any], below: str, said: str) -> None:
    fits = {"kind": "phone", "value": "1"}
    assert fault_of([fits, wrong], list[Party]) == (f"[1]{below}", said)
    for sent, path in (
        ({"host": wrong}, "host"),
        ({"parties": [fits, wrong]}, "parties[1]"),
        ({"rooms": {"a": [wrong]}}, "rooms[][0]"),
    ):
        assert fault_of({"name": "x"} | sent, Meeting) == (path + below, said)


def fault_of(sent: Any, expected: Any) -> tuple[str, str]:
    """The path and the message of the only fault; the values of an enumeration are sorted."""
    with pytest.raises(BadRequest) as refused:
        convert(sent, expected)
    [fault] = refused.value.faults
    kind, _, names = fault.message.partition(" ")
    if kind == "expected" and " or " in names and "," not in names:
        names = " or ".join(sorted(names.split(" or ")))
    return fault.path, f"{kind} {names}".strip()


@pytest.mark.parametrize("name", ["x - at `y", "x - at `$.y`", "x` - at `$.kind", "x` - at `$", "`", "x`"])
def test_a_name_with_backticks_gives_the_right_path(name: str) -> None:
    wrong = {"value": "1", name: 1}
    assert fault_of([wrong], list[Party]) == (f"[0].{name}", "unknown")
    assert fault_of({"name": "x", "host": wrong}, Meeting) == (f"host.{name}", "unknown")
    assert fault_of({"name": "x", name: 1}, Meeting) == (name, "unknown")
    assert fault_of({"name": "x", "rooms": {name: [{"value": 1}]}}, Meeting)[0] == "rooms[][0].value"


@pytest.mark.parametrize("sent", ["x - at `$.y`", "x` - at `$.y", "x' - at `$.y"])
def test_a_value_with_backticks_gives_the_right_path(sent: str) -> None:
    said = "expected email or phone"
    assert fault_of({"name": "x", "host": {"value": "1", "kind": sent}}, Meeting) == ("host.kind", said)
    assert fault_of({"value": "1", "kind": sent}, Party) == ("kind", said)


def test_a_nested_name_is_repeated_without_unprintable_characters() -> None:
    assert fault_of([{"value": "1", "x\n" + "y" * 100: 1}], list[Party])[0] == "[0].x\ufffd" + "y" * 78


def test_moments_are_milliseconds() -> None:
    found = convert({"name": "x", "at": "2026-05-12T10:30:00.123Z"}, PersonQuery)
    assert found.at == parse_ms("2026-05-12T10:30:00.123Z")


def test_the_canonical_form_does_not_depend_on_the_order_sent() -> None:
    first = convert({"name": "x", "page": 1, "at": "2026-05-12"}, PersonQuery)
    second = convert({"at": "2026-05-12T00:00:00Z", "page": 1, "name": "x"}, PersonQuery)
    assert canonical(first) == canonical(second)
    assert canonical(first) != canonical(convert({"name": "x", "page": 2, "at": "2026-05-12"}, PersonQuery))


class Probe:
    """A type that notes when it is read."""

    times_read = 0

    def __class_getitem__(cls, kind: type) -> type:
        cls.times_read += 1
        return kind


def test_types_are_read_before_threads_use_them() -> None:
    late = msgspec.defstruct("Late", [("field", "Probe[int]")], bases=(Wire,), module=__name__)

    learn()
    assert Probe.times_read == 1
    assert msgspec.convert({"field": 1}, late) == late(field=1)
    assert Probe.times_read == 1, "what was learnt is not read again"
