"""The document of a recording is the same whether its fields are read together or one by one."""

from hypothesis import given
from hypothesis import strategies as st

from earwitness.archive.spelling.tokens import document_tokens
from earwitness.archive.text.documents import FieldTokens
from earwitness.archive.text.query import Phrase, place

fields = st.lists(st.sampled_from(["", "let me know", "it's", "me", "zebra let", "…"]), max_size=4)


@given(fields, fields, st.sampled_from(["let me", "s it", "me let", "it s", "me know", "know it"]))
def test_fields_that_are_read_one_by_one_are_found_like_fields_read_together(
    first: list[str], second: list[str], phrase: str
) -> None:
    apart, at_once = (
        FieldTokens.together([FieldTokens.of(*first), FieldTokens.of(*second)]),
        FieldTokens.of(*first, *second),
    )
    assert apart.tokens == at_once.tokens == " ".join(document_tokens([*first, *second]))
    asked = Phrase(tuple(FieldTokens.of(phrase).pairs.split()))
    assert (place(asked, apart.whole.split(" ")) is None) == (place(asked, at_once.whole.split(" ")) is None)
