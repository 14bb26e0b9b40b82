"""Identifiers that look alike are one; those that differ in an accent are two."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earwitness.archive.identifiers import folded_identifier


@pytest.mark.parametrize(
    "written",
    [
        "Jane@Example.com",
        "jane\u200b@example.com",
        "\u202ajane@example.com\u202c",
        "ｊａｎｅ@example.com",
        " jane@example.com\u00a0",
        "ja\u00adne@example.com",
    ],
)
def test_an_identifier_is_one_however_it_was_copied(written: str) -> None:
    assert folded_identifier(written) == "jane@example.com"


def test_composed_and_decomposed_accents_are_one_and_stay() -> None:
    assert folded_identifier("Rene\u0301") == folded_identifier("RENÉ") == "rené"
    assert folded_identifier("rene") != folded_identifier("rené")


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    once = folded_identifier(text)
    assert folded_identifier(once) == once
