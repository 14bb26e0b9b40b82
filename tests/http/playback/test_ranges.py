import pytest
from hypothesis import given
from hypothesis import strategies as st

from earwitness.http.playback.ranges import Part, RequestConditions
from earwitness.kernel.errors import RangeUnsatisfiable

ETAG = '"abc"'


@pytest.mark.parametrize(
    ("wanted", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-99", 0, 100),
        ("bytes=10-19", 10, 20),
        ("bytes=90-", 90, 100),
        ("bytes=90-1000000", 90, 100),
        ("bytes=-10", 90, 100),
        ("bytes=-1000", 0, 100),
        ("Bytes=10-19", 10, 20),
        ("bytes= 10-19 ,", 10, 20),
        (f"bytes=5-{'9' * 100}", 5, 100),
    ],
)
def test_a_range_is_the_part_it_names(wanted: str, start: int, stop: int) -> None:
    part = RequestConditions(range=wanted).part_of(100, ETAG)
    assert part == Part(start, stop, 100)
    assert part.content_range == f"bytes {start}-{stop - 1}/100"


@pytest.mark.parametrize(
    "wanted",
    [
        "bytes=0-9,20-29",
        "bytes=20-10",
        "bytes=a-b",
        "bytes=-",
        "bytes=1-2-3",
        "bytes=",
        "bytes",
        "seconds=0-9",
        "bytes=+1-2",
        "bytes=1 -2",
        "bytes=٣-٤",
        f"bytes={'9' * 5000}-",
    ],
)
def test_anything_but_a_single_range_asks_for_the_whole(wanted: str) -> None:
    assert RequestConditions(range=wanted).part_of(100, ETAG) is None


@pytest.mark.parametrize("wanted", ["bytes=100-", "bytes=100-200", "bytes=-0", f"bytes={'9' * 30}-"])
def test_a_range_beyond_the_end_is_refused_and_the_size_given(wanted: str) -> None:
    with pytest.raises(RangeUnsatisfiable) as refusal:
        RequestConditions(range=wanted).part_of(100, ETAG)
    assert refusal.value.headers["Content-Range"] == "bytes */100"


def test_an_empty_object_has_no_parts() -> None:
    assert RequestConditions(range="bytes=0-").part_of(0, ETAG) is None


@pytest.mark.parametrize(
    ("if_range", "is_part"),
    [(ETAG, True), ('"other"', False), (f"W/{ETAG}", False), ("Tue, 12 May 2026 10:30:00 GMT", False)],
)
def test_a_range_of_what_has_changed_is_the_whole(if_range: str, is_part: bool) -> None:
    assert (RequestConditions(range="bytes=0-9", if_range=if_range).part_of(100, ETAG) is not None) == is_part


@pytest.mark.parametrize(
    ("if_none_match", "knows"),
    [
        (None, False),
        (ETAG, True),
        (f"W/{ETAG}", True),
        (f'"other", {ETAG}', True),
        ("*", True),
        ('"other"', False),
        ("abc", False),
    ],
)
def test_the_entity_tag_tells_what_the_caller_has(if_none_match: str | None, knows: bool) -> None:
    assert RequestConditions(if_none_match=if_none_match).knows(ETAG) == knows


@given(st.binary(min_size=1, max_size=50), st.integers(0, 60), st.integers(0, 60))
def test_a_range_is_what_a_slice_is(media: bytes, first: int, last: int) -> None:
    expected = media[first : last + 1]
    if first > last:
        assert RequestConditions(range=f"bytes={first}-{last}").part_of(len(media), ETAG) is None
    elif not expected:
        with pytest.raises(RangeUnsatisfiable):
            RequestConditions(range=f"bytes={first}-{last}").part_of(len(media), ETAG)
    else:
        part = RequestConditions(range=f"bytes={first}-{last}").part_of(len(media), ETAG)
        assert part is not None
        assert media[part.start : part.stop] == expected
