"""What the text index is given of a recording, read at once or in two."""

from hypothesis import given
from hypothesis import strategies as st

from earwitness.archive.spelling.tokens import document_tokens
from earwitness.archive.text.documents import FieldTokens
from earwitness.archive.text.query import Phrase, place

fields = st.lists(st.sampled_from(["", "let me know", "it's", "me", "zebra let", "…"]), max_size=4)


@given(fields, fields, st.sampled_from(["let me", "s it", "me let", "it s", "me know", "know it"]))
def test_words_that_were_read_apart_are_found_as_if_they_had_been_read_at_once(
    first: list[str], second: list[str], phrase: str
) -> None:
    apart, at_once = (
        FieldTokens.together([FieldTokens.of(*first), FieldTokens.of(*second)]),
        FieldTokens.of(*first, *second),
    )
    assert apart.tokens == at_once.tokens == " ".join(document_tokens([*first, *second]))
    asked = Phrase(tuple(FieldTokens.of(phrase).pairs.split()))
    assert (place(asked, apart.whole.split(" ")) is None) == (place(asked, at_once.whole.split(" ")) is None)
