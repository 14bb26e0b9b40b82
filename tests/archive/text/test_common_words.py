"""Phrases of words that are in nearly every recording are found by their pairs of words."""

from hypothesis import given
from hypothesis import strategies as st

from earwitness.archive.spelling.tokens import SEPARATOR, tokens
from earwitness.archive.text.common_words import COMMON_WORDS, in_pairs, pairs_of
from earwitness.archive.text.query import Phrase, place

words = st.sampled_from(["it", "s", "let", "me", "zebra", SEPARATOR])


def test_common_words_are_listed_as_tokens() -> None:
    assert tokens(" ".join(COMMON_WORDS)) == list(COMMON_WORDS)


@given(st.lists(words, max_size=12), st.lists(words, min_size=1, max_size=4))
def test_a_phrase_is_in_a_document_if_its_pairs_are(document: list[str], phrase: list[str]) -> None:
    written, asked = Phrase(tuple(phrase)), Phrase(tuple(in_pairs(phrase)))
    assert (place(asked, [*document, *pairs_of(document)]) is None) == (place(written, document) is None)


def test_a_phrase_with_a_rarer_word_is_looked_up_unchanged() -> None:
    assert in_pairs(["let", "zebra"]) == ["let", "zebra"]
    assert in_pairs(["let"]) == ["let"]
