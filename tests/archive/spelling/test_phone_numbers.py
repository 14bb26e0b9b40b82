"""A phone number is found in any spelling, of its source and of the query."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earwitness.archive.spelling.phone_numbers import phone_numbers
from earwitness.archive.spelling.tokens import document_tokens
from earwitness.archive.text.parsing import parse
from earwitness.archive.text.snippets import snippet
from tests.archive.plain_reading import matches
from tests.firm import Firm, endpoint, transcript

WRITTEN = [
    "+44 7700 900123",
    "+447700900123",
    "447700900123",
    "44 7700 900123",
    "44-7700-900123",
    "0044 7700 900-123",
    "00447700900123",
    "+44\u00a07700\u202f900123",
    "tel:+44-7700-900123",
    "sip:+447700900123@sbc.example.com;user=phone",
    "<sip:+447700900123@sbc.example.com>",
    "+44\u20137700\u2013900123",
    "+44\u22127700\u2212900123",
    "+44\u20117700\u2011900123",
    "+44.7700.900123",
    "+44/7700/900123",
    "+44  7700   900123",
    "+44 7700-900123",
    "+44 (7700) 900123",
    "(+44) 7700 900123",
    "(+44 7700 900123)",
    "+44 (0)7700 900123",
    "+44(0)7700900123",
    "\uff0b44 7700 900123",
    "(\uff0b44) 7700 900123",
    "+٤٤ ٧٧٠٠ ٩٠٠١٢٣",
    "\u202a+44 7700 900123\u202c",
    "+44 7700 900123,",
    "+44 7700 900123.",
]
ASKED = [*WRITTEN, '"+44 7700 900123"', '"44 7700 900123"', "+44 7700*", "+44 7700 900*", "44 7700 900*"]


def finds(asked: str, *fields: str) -> bool:
    node = parse(asked)
    assert node is not None
    return matches(node, document_tokens(fields))


@pytest.mark.parametrize("written", WRITTEN)
def test_a_number_is_found_by_any_spelling(written: str) -> None:
    said = f"Please call {written} tonight, before 10."
    assert [asked for asked in ASKED if not finds(asked, said)] == []


@pytest.mark.parametrize(
    ("asked", "written"),
    [
        ("+44 7700", "+44 7700 900123"),
        ("+447700*", "+44 7700 900123"),
        ("+4477*", "+44 7700 900123"),
        ("07700900123", "(07700) 900-123"),
        ("0123456789", "01.23.45.67.89"),
        ("+447700900123", "電話+44-7700-900123まで"),
        ("447700900123", "+44 7700 900123 2 times"),
        ("07700 900123", "at 10 30 07700900123"),
        ("07700900123", "at 10 30 07700 900123"),
        ("00493012345", "+49 30 1234567"),
        ("0049 30 1234567", "49301234567"),
        ("7700900123 tonight", "tonight: 7700 900123"),
        ("44 7700 900123 OR nothing", "+447700900123"),
        ("5000 12000 buy", "buy 12000 not 5000"),
        ("447896423595 447700900111", "447700900111 or 447896423595"),
        ("+447896423595 +447700900111", "447700900111 or 447896423595"),
        ("-2025 1234567", "1234567"),
        ("20260512", "on 2026-05-12 at 10"),
        ("+1 212 555 0123 2026", "call +1 212 555 0123 in 2026"),
        ("+1 212 555 0123 2026", "call 12125550123 in 2026"),
        ("212 555 0123 2026", "call 2125550123 in 2026"),
        ("+49 30 1234567 99.50", "paid 99.50 to +49 30 1234567"),
        ("+44 99.50", "+44 99.50"),
        ('"+44 (0)7700 900123"', "+44 7700 900123"),
        ('"+44 (0)7700 900123"', "447700900123"),
        ("+44（0）7700 900123", "+44 7700 900123"),
        ("-+500 shares", "sold 50000 shares"),
        ("-(+44) 7700 900123", "7700 then 900123"),
        ("1234567 (0)", "1234567 and 0"),
        ("07700900123", "10 30 (07700) 900123"),
        ("07700900123", "01 02 07700 900123"),
        ("tel:+44-7700-900123", "+44 7700 900123"),
        ("sip:+447700900123@sbc.example.com;user=phone", "+44 7700 900123"),
        ("<sip:+447700900123@192.0.2.1>;tag=1", "447700900123"),
        ("+44 7700 900123 x12", "447700900123;ext=12"),
        ("+44 7700 900123x12", "447700900123;ext=12"),
        ("447700900123#12", "447700900123;ext=12"),
        ("tel:+44-7700-900123;ext=12", "on +44 7700 900123 x12"),
        ("+44 (0)7700 900123 ext. 12", "447700900123;ext=12"),
        ("+44\u30fc7700\u30fc900123", "+44\u20127700\u2012900123"),
        ("+44 7700 900123", "+44·7700·900123"),
        ("+1 212 (0)55 50123", "121205550123"),
        ("447700900123", "(+44)(0) 7700 900123"),
    ],
)
def test_these_texts_have_a_number(asked: str, written: str) -> None:
    assert finds(asked, written)


@pytest.mark.parametrize(
    ("asked", "written"),
    [
        ("447700900123", "447700900124"),
        ("447700900123", "4477009001234"),
        ("44 7700 900123", "4477009001234"),
        ("447700900123", "+44 7700 9001234"),
        ("447700900123", "44, 7700, 900123"),
        ("447700900123", "44 7700\n900123"),
        ("447700900123", "44 7700 900123rd"),
        ("123456", "123 456"),
        ("+44", "4477"),
        ("-+44 7700 900123", "447700900123"),
        ('-"44 7700 900123"', "447700900123"),
        ("-44-7700-900123", "447700900123"),
        ("-2025 1234567", "2025 1234567"),
        ('"447700900123 10"', "10 44 7700 900123 10"),
        ("+447700", "+44 7700 900123"),
        ("+500", "sold 50000 shares"),
        ("-+1 212 555 0123 2026", "call +1 212 555 0123 in 2026"),
        ("-(+44) 7700 900123", "+44 7700 900123"),
        ("-(+44) 7700 900123", "plain talk"),
        ("1234567 (0)", "1234567"),
        ("1747045800100", "1747045800.100"),
        ("447700900123x12", "447700900123"),
        ("-447700900123 x12", "447700900123;ext=12"),
        ("44 -7700900123 x12", "44 7700900123 x12"),
        ("-447700900123x12", "447700900123;ext=12"),
        ("-tel:+447700900123", "447700900123"),
        ("+44 7700 900123 x12", "447700900123;ext=13"),
        ("12125550123", "+1 212 (0)555 0123"),
    ],
)
def test_these_texts_have_no_number(asked: str, written: str) -> None:
    assert not finds(asked, written)


def test_a_number_ends_with_its_field() -> None:
    assert not finds("447700900123", "44 7700", "900123")


groups = st.lists(st.text("0123456789", min_size=1, max_size=5), min_size=1, max_size=5)
numbers = groups.filter(lambda these: these[0][0] != "0" and 7 <= len("".join(these)) <= 15)
openings = st.sampled_from(["", "+", "00"])
separators = st.sampled_from([" ", "-", ".", "/", "  ", "\u00a0", "\u2011"])


@given(numbers, openings, separators, openings, separators)
def test_any_number_is_found_in_any_grouping(
    number: list[str], opening: str, separator: str, other: str, others: str
) -> None:
    digits = "".join(number)
    half = len(digits) // 2
    written = opening + separator.join(number)
    for asked in (digits[:half] + others + digits[half:], digits):
        assert finds(other + asked, f"call {written}, please")
    before = "1" if digits[0] != "1" else "2"  # after a plus, what follows the digits does not matter
    assert not finds(other + digits, f"call {before}{digits}, please")


@given(st.text(st.sampled_from("0123 -.(),+a"), max_size=30), st.text("0123", min_size=7, max_size=9))
def test_a_found_number_is_in_the_text(text: str, digits: str) -> None:
    """Digits are found as one number only if there is nothing but separators between them."""
    if finds(digits, text):
        assert re.search(r"(?:[-.() ]|\(0\))*".join(digits), text)


@given(st.lists(st.from_regex(r"[0-9]{1,4}", fullmatch=True), max_size=200), st.sampled_from(" .-"))
def test_a_list_of_figures_is_no_list_of_numbers(figures: list[str], separator: str) -> None:
    numbers = [number for number, _, _ in phone_numbers(separator.join(figures))]
    assert len(numbers) == len({*numbers}) <= 2 * len(figures)


# What is shown


@pytest.mark.parametrize("opening", ["We met. ", "Grüße. "])
@pytest.mark.parametrize(
    "asked", ["447700900123", "+447700900123", "44 7700 900 123", "+447700*", "00447700900123"]
)
def test_the_passage_with_the_number_is_shown(asked: str, opening: str) -> None:
    said = opening * 60 + "Please call (+44) 7700-900123 tonight. " + "Thank you. " * 60
    assert "call (+44) 7700-900123 tonight" in snippet(said, parse(asked))


# From the source to the search

SAID = {
    "spaced": "+44 7700 900123",
    "plain": "+447700900123",
    "abroad": "0044 (0)7700 900-123",
    "other": "+44 7700 900124",
}


@pytest.mark.parametrize("asked", ["+44 7700 900123", "+447700900123", "447700900123", "44 7700 900123"])
def test_what_was_said_and_what_was_written_is_found(firm: Firm, asked: str) -> None:
    for third_party_id, number in SAID.items():
        firm.ingest(thirdPartyId=third_party_id, transcript=transcript(f"Please call {number} tonight"))
    firm.ingest(thirdPartyId="message", type="sms", message="Call 44-7700-900123.")
    firm.ingest(thirdPartyId="endpoint", endpoints=[endpoint("00447700900123", subject=True)])
    assert set(firm.search(freeText=asked)) == {"spaced", "plain", "abroad", "message", "endpoint"}
    assert set(firm.search(freeText=f"{asked} -endpoint")) == {"spaced", "plain", "abroad", "message"}
    assert set(firm.search(freeText=f"{asked}*")) >= set(firm.search(freeText=asked))


@pytest.mark.parametrize("written", ["+49 30 1234567", "0049 30 1234567", "493012345 67", "+49(0)30-1234567"])
def test_an_endpoint_is_found_as_its_source_wrote_it(firm: Firm, written: str) -> None:
    firm.ingest(thirdPartyId="endpoint", endpoints=[endpoint(written, subject=True)])
    firm.ingest(thirdPartyId="other")
    assert firm.search(freeText=written) == ["endpoint"]
    if "(0)" not in written:
        for asked in ("49 30 1234567", "00493012345", "+49 30*", "+49 30", "+49301234567", "49301234567*"):
            assert firm.search(freeText=asked) == ["endpoint"]


@pytest.mark.parametrize("asked", ["+447700900123 500", "500 +447700900123", "447700900123 500"])
def test_an_ungrouped_number_and_another_word_of_digits_are_two_words(asked: str) -> None:
    assert finds(asked, "447700900123", "We agreed to sell 500 of them.")
    assert not finds(asked, "447700900123", "We agreed to sell 50 of them.")
