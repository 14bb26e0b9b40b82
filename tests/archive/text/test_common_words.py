"""Words that are in nearly every recording, and phrases of them."""

from hypothesis import given
from hypothesis import strategies as st

from earwitness.archive.spelling.tokens import SEPARATOR, tokens
from earwitness.archive.text.common_words import COMMON_WORDS, in_pairs, pairs_of
from earwitness.archive.text.query import Phrase, place

words = st.sampled_from(["it", "s", "let", "me", "zebra", SEPARATOR])


def test_they_are_written_as_texts_are_read() -> None:
    assert tokens(" ".join(COMMON_WORDS)) == list(COMMON_WORDS)


@given(st.lists(words, max_size=12), st.lists(words, min_size=1, max_size=4))
def test_a_phrase_stands_where_its_pairs_do(document: list[str], phrase: list[str]) -> None:
    written, asked = Phrase(tuple(phrase)), Phrase(tuple(in_pairs(phrase)))
    assert (place(asked, [*document, *pairs_of(document)]) is None) == (place(written, document) is None)


def test_what_has_a_rarer_word_is_asked_as_it_is() -> None:
    assert in_pairs(["let", "zebra"]) == ["let", "zebra"]
    assert in_pairs(["let"]) == ["let"]
