"""JSON is read strictly: what two parsers could read differently is refused, and named."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earwitness.kernel.errors import BadRequest
from earwitness.kernel.strict_json import MAX_DEPTH, MAX_INTEGER, loads, loads_mending

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-MAX_INTEGER, MAX_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)


def faults_of(body: bytes) -> list[tuple[str, str]]:
    with pytest.raises(BadRequest) as refused:
        loads(body)
    return [(fault.path, fault.message) for fault in refused.value.faults]


@given(VALUES)
def test_plain_json_is_read_as_it_is(value: Any) -> None:
    assert loads(json.dumps(value).encode()) == value
    assert loads_mending(json.dumps(value).encode()) == (value, [])


@pytest.mark.parametrize(
    ("body", "path", "says"),
    [
        (b'{"a": 1, "a": 1}', "a", "twice"),
        (b'{"b": {"a": 1, "a": 2}}', "a", "twice"),
        (rb'{"a": ["x\u0000"]}', "a[0]", "NUL"),
        (rb'{"a": {"b": "\ud800"}}', "a.b", "surrogate"),
        (rb'{"\u0000": 1}', "", "NUL"),
        (b'{"a": 9007199254740992}', "a", "2^53"),
        (b'{"a": [-9007199254740992]}', "a[0]", "2^53"),
        (b'{"a": 1e400}', "a", "too large"),
        (b'{"a": NaN}', "", "NaN"),
        (b'{"a": -Infinity}', "", "Infinity"),
        (b'{"a": 1,}', "", "expected JSON"),
        (b"{'a': 1}", "", "expected JSON"),
        (b'"\xff"', "", "UTF-8"),
        (b"1" * 5000, "", "expected JSON"),
        (b"[" * 100_000, "", "deeper"),
    ],
)
def test_ambiguous_json_is_refused(body: bytes, path: str, says: str) -> None:
    (fault,) = faults_of(body)
    assert fault[0] == path
    assert says in fault[1]


def test_nesting_is_accepted_up_to_the_limit() -> None:
    assert loads(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    (fault,) = faults_of(b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1))
    assert "deeper" in fault[1]


def test_the_position_of_a_syntax_error_is_told() -> None:
    with pytest.raises(BadRequest) as refused:
        loads(b'{"a": }')
    assert [fault.position for fault in refused.value.faults] == [6]


def test_every_fault_is_named_at_once() -> None:
    assert [path for path, _ in faults_of(rb'{"a": "\u0000", "b": {"c": "\u0000"}}')] == ["a", "b.c"]


def test_a_fault_never_repeats_unsafe_text() -> None:
    for path, message in faults_of(rb'{"\ud800\u0007": "\u0000"}'):
        (path + message).encode()
        assert path.isprintable()


def test_mending_replaces_unsafe_characters_and_names_their_places() -> None:
    value, mended = loads_mending(rb'{"a": "x\u0000y", "b": [{"c": "\ud800"}], "d": "as it is"}')
    assert value == {"a": "x\ufffdy", "b": [{"c": "\ufffd"}], "d": "as it is"}
    assert mended == ["a", "b[0].c"]


@pytest.mark.parametrize("body", [b'{"a": 1, "a": 2}', b'{"a": 9007199254740992}', b"[" * 50 + b"]" * 50])
def test_mending_refuses_all_other_faults(body: bytes) -> None:
    with pytest.raises(BadRequest):
        loads_mending(body)


@given(VALUES, st.sampled_from(["\0", "\ud800", MAX_INTEGER + 1, -MAX_INTEGER - 1, 1e308 * 10]))
def test_a_fault_is_found_at_any_place(value: Any, wrong: Any) -> None:
    body = json.dumps([value, {"here": [wrong]}]).replace("Infinity", "1e400").encode()
    assert [path for path, _ in faults_of(body)] == ["[1].here[0]"]
