"""Moments: read in every form that callers send, written as the documentation shows them."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earwitness.kernel.clock import EARLIEST_MS, LATEST_MS, format_ms, parse_ms

HALF_PAST_TEN = int(datetime(2026, 5, 12, 10, 30, tzinfo=UTC).timestamp()) * 1000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-05-12T10:30:00Z", HALF_PAST_TEN),
        ("2026-05-12T10:30:00.000Z", HALF_PAST_TEN),
        ("2026-05-12T10:30:00", HALF_PAST_TEN),
        ("2026-05-12 10:30:00", HALF_PAST_TEN),
        ("2026-05-12t10:30:00z", HALF_PAST_TEN),
        ("2026-05-12T10:30", HALF_PAST_TEN),
        ("2026-05-12T12:30:00+02:00", HALF_PAST_TEN),
        ("2026-05-12T12:30:00+0200", HALF_PAST_TEN),
        ("2026-05-12T05:00:00-05:30", HALF_PAST_TEN),
        ("2026-05-12T10:30:00-00:00", HALF_PAST_TEN),
        ("2026-05-12", HALF_PAST_TEN - 37_800_000),
        ("2026-05-12T10:30:00.5Z", HALF_PAST_TEN + 500),
        ("2026-05-12T10:30:00.123999999Z", HALF_PAST_TEN + 123),
        ("2026-05-12T10:29:60Z", HALF_PAST_TEN - 1),
        ("2026-05-12T10:29:60.250Z", HALF_PAST_TEN - 1),
        ("1970-01-01", EARLIEST_MS),
        ("2199-12-31T23:59:59.999Z", LATEST_MS),
        ("2024-02-29", int(datetime(2024, 2, 29, tzinfo=UTC).timestamp()) * 1000),
    ],
)
def test_every_form_of_a_time_is_read(text: str, expected: int) -> None:
    assert parse_ms(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "12/05/2026",
        "2026-5-12",
        "2026-02-29",
        "2026-05-12T25:00:00Z",
        "2026-05-12T10:61:00Z",
        "2026-05-12T10:30:61Z",
        "2026-05-12T10:30:00+24:00",
        "2026-05-12T10:30:00+02:60",
        "2026-05-12T10:30:00 Europe/London",
        "２０２６-05-12",
        "0000-01-01",
        "1747045800000",
    ],
)
def test_a_text_that_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_ms(text)


@given(st.integers(EARLIEST_MS, LATEST_MS))
def test_a_written_moment_reads_back_the_same(moment_ms: int) -> None:
    written = format_ms(moment_ms)
    assert len(written) == len("2026-05-12T10:30:00.000Z")
    assert parse_ms(written) == moment_ms
