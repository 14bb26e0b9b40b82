"""Identifiers that look the same are one; those that differ in an accent are two."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earwitness.archive.spelling.identifiers import folded_identifier


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
def test_all_spellings_of_an_identifier_are_one(written: str) -> None:
    assert folded_identifier(written) == "jane@example.com"


def test_composed_and_decomposed_accents_are_one_and_stay() -> None:
    assert folded_identifier("Rene\u0301") == folded_identifier("RENÉ") == "rené"
    assert folded_identifier("rene") != folded_identifier("rené")


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    once = folded_identifier(text)
    assert folded_identifier(once) == once


@pytest.mark.parametrize("between", ["", "\u200b", "\u3164", "\ufff0"])
def test_piled_up_marks_take_no_longer_than_letters(between: str) -> None:
    hostile = "a" + ("\u0301\u0323" * 15 + between) * 4000
    started = time.process_time()
    folded = folded_identifier(hostile)
    assert time.process_time() - started < 2
    assert folded_identifier(folded) == folded


def test_marks_that_a_script_may_pile_up_are_kept() -> None:
    assert folded_identifier("a" + "\u0301" * 29) != folded_identifier("a" + "\u0301" * 30)
    assert folded_identifier("a" + "\u200b" * 99 + "\u0301") == folded_identifier("\u00e1")
