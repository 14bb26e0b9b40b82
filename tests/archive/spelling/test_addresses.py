"""All spellings of an address are one address, and different addresses stay different."""

import time
import unicodedata

import phonenumbers
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from earwitness.archive.spelling.addresses import WITHHELD, is_withheld, normalise, shown
from earwitness.archive.spelling.withheld import SPELT

SAME = [
    "442079460018",
    "+442079460018",
    "00442079460018",
    "+44 20 7946 0018",
    "+44 (0)20 7946 0018",
    "+44(0)2079460018",
    "(+44) (0) 20 7946-0018",
    "0044 (0)20/7946.0018",
    "44 (0)20 7946 0018",
    "+44\u201120\u20117946\u20110018",
    "+44\u201020\u20127946\u20130018",
    "+44\u00a020\u202f7946\u20090018",
    "+44\u30fc20\u30fc7946\u30fc0018",
    "+44·20·7946·0018",
    "\u202a+44 20 7946 0018\u202c",
    "\u200e+442079460018\u200f",
    "\ufeff+4420\u200b79460018",
    "+44\u00ad2079460018",
    "\uff0b\uff14\uff14\u3000\uff12\uff10\u3000\uff17\uff19\uff14\uff16\uff0d\uff10\uff10\uff11\uff18",
    "+٤٤ ٢٠ ٧٩٤٦ ٠٠١٨",
    "+४४ २० ७९४६ ००१८",
    "+44 20 7946 0018,",
    "+44 20 7946 0018;",
    "tel:+44-20-7946-0018",
    "tel:%2B442079460018",
    "%2B442079460018",
    "TEL:+442079460018",
    "tel:+442079460018;isub=1",
    "sip:+442079460018@sbc.example.com",
    "sip:+442079460018@sbc.example.com:5060;user=phone",
    "sips:+442079460018@192.0.2.1;transport=tls?subject=call",
    "sip:442079460018@192.0.2.1",
    "sip:%2B442079460018@192.0.2.1",
    "sip:+44-20-7946-0018;phone-context=example.com@192.0.2.1;user=phone",
    "<sip:+442079460018@sbc.example.com;user=phone>",
    "<sip:+442079460018@sbc.example.com>;tag=1928301774",
    '"Jane Smith" <sip:+442079460018@sbc.example.com>',
    "Jane Smith <442079460018>",
    "+442079460018@sbc.example.com",
]


@pytest.mark.parametrize("written", SAME)
def test_all_spellings_of_a_number_are_the_same(written: str) -> None:
    assert normalise("phone", written) == shown("phone", written) == "442079460018"


@pytest.mark.parametrize(
    "written",
    [
        "442079460018;ext=12",
        "tel:+44-20-7946-0018;ext=12",
        "sip:+442079460018;ext=12@sbc.example.com;user=phone",
        "+44 20 7946 0018 x12",
        "+442079460018x12",
        "+44 (0)20 7946 0018 X 12",
        "+44 20 7946 0018 ext. 12",
        "+44 20 7946 0018 ext 12",
        "+44 20 7946 0018, extn. 12",
        "+44 20 7946 0018 extension 12",
        "+44 20 7946 0018 #12",
        "442079460018#12",
    ],
)
def test_an_extension_is_a_part_of_a_full_number(written: str) -> None:
    assert normalise("phone", written) == shown("phone", written) == "442079460018;ext=12"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("+44 020 7946 0018", "4402079460018"),
        ("+44 (020) 7946 0018", "4402079460018"),
        ("020 7946 0018", "02079460018"),
        ("(0)20 7946 0018", "02079460018"),
        ("+1 212 (0)555 0123", "121205550123"),
        ("210 (0)55 0123", "2100550123"),
        ("000044", "000044"),
        ("*97", "*97"),
        ("*67 442079460018", "*67 442079460018"),
        ("201#", "201#"),
        ("201", "201"),
        ("201x5", "201x5"),
        ("000", "000"),
        ("1-800-FLOWERS", "1-800-flowers"),
        ("447700900111,447700900112", "447700900111,447700900112"),
        ("442079460018;447700900112", "442079460018;447700900112"),
        ("sip:alice@Example.com", "sip:alice@example.com"),
        ('"Alice" <sip:Alice@example.com;transport=udp>;tag=1', "sip:alice@example.com"),
        ("sip:1001@site-a.example", "sip:1001@site-a.example"),
        ("sip:1001@site-a.example;user=phone", "1001"),
        ("sip:192.0.2.1", "sip:192.0.2.1"),
        ("266696687", "266696687"),
    ],
)
def test_special_values_of_phones(written: str, expected: str) -> None:
    assert normalise("phone", written) == expected


@pytest.mark.parametrize("kind", ["email", "teamsUserId"])
@pytest.mark.parametrize(
    "written",
    ["josé@example.com", "JOSÉ@Example.com", "jose\u0301@example.com", "jo\u200bsé@example.com",
     "\ufeffjosé@example.com ", "ｊｏｓé@example.com"],
)  # fmt: skip
def test_other_addresses_are_identifiers(kind: str, written: str) -> None:
    assert normalise(kind, written) == "josé@example.com"
    assert normalise(kind, "jose@example.com") != "josé@example.com"


# Withheld


@pytest.mark.parametrize(
    "written",
    ["", " ", "\u200b", "+", "-", "anonymous", "Anonymous", "ANONYMOUS", "unknown", "<unknown>", "(Unknown)",
     "restricted", "Withheld", "number withheld", "unavailable", "Private", "PRIVATE NUMBER", "No Caller ID",
     "no_caller_id", "-1", "\u22121", "0", "0000000000", "000.000.0000", "+266696687", "00266696687",
     "tel:+266696687", "sip:+266696687@example.com", "sip:anonymous@anonymous.invalid",
     "anonymous@anonymous.invalid", '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=4', "sip:@192.0.2.1",
     "sip:anonymous@192.0.2.1:5060;user=phone", "sip:Unavailable@sbc.example.com",
     "sip:c8oqz84zk7z@anonymous.invalid",
     "anonymous;phone-context=example.com", "tel:unknown;isub=1", "Private;user=phone",
     '"Anonymous" <>', "P", "O", "null", "N/A", "unbekannt", "Unterdrückt", "UNTERDRUCKT", "privé",
     "masqué",
     "Numéro privé", "número privado", "numero privado", "desconocido", "sconosciuto", "privato", "nieznany",
     "zastrzeżony", "okänt nummer", "неизвестный", "非通知", "公衆電話", "不明", "未知", "匿名",
     "발신번호표시제한", "مجهول", "חסוי"],
)  # fmt: skip
def test_all_withheld_addresses_are_one(written: str) -> None:
    assert normalise("phone", written) == shown("phone", written) == WITHHELD
    assert normalise("phone", WITHHELD) == WITHHELD


@pytest.mark.parametrize("kind", ["email", "teamsUserId"])
def test_other_kinds_of_address_are_withheld_too(kind: str) -> None:
    for written in ("", "anonymous", "Unknown", "anonymous@anonymous.invalid", "-1", "0"):
        assert is_withheld(kind, written)
    for written in ("anonymous@example.com", "unknown@bank.example", "private@example.com",
                    "8:orgid:1f2c-00", "0@example.com", "266696687"):  # fmt: skip
        assert not is_withheld(kind, written)


@pytest.mark.parametrize(
    "written", ["sip:private@bank.example", "sip:alice@anonymous.example", "1", "10", "00", "*", "#",
                "Unknown Caller 7", "2562533", "privateer"]
)  # fmt: skip
def test_an_address_that_may_be_somebody_is_not_withheld(written: str) -> None:
    assert not is_withheld("phone", written)


@pytest.mark.parametrize("digits", sorted(SPELT))
def test_no_country_has_a_number_that_is_spelt_on_the_keys(digits: str) -> None:
    try:
        parsed = phonenumbers.parse(f"+{digits}")
    except phonenumbers.NumberParseException:
        return
    assert not phonenumbers.is_valid_number(parsed)


# Of any number

CODES = sorted(map(str, phonenumbers.COUNTRY_CODE_TO_REGION_CODE))
codes = st.sampled_from(CODES)
nationals = st.text("0123456789", min_size=6, max_size=11).filter(lambda digits: digits[0] != "0")
gaps = st.sampled_from(
    ["", " ", "-", ".", "/", "\u00a0", "\u2011", "\u2013", "\u2212", "\u200b", " - ", "\u30fc"]
)
zeros = st.sampled_from([ord("0"), 0x0660, 0x06F0, 0x0966, 0x0E50, 0xFF10, 0x1D7CE])
wraps = st.sampled_from(
    ["{}", " {} ", "\u202a{}\u202c", "{},", "tel:{}", "<tel:{}>", "sip:{}@example.com;user=phone",
     '"Jane" <sip:{}@192.0.2.1:5060>;tag=1']
)  # fmt: skip


@given(
    codes, nationals, st.sampled_from(["+", "00", "", "\uff0b"]), st.booleans(), gaps, zeros, wraps, st.data()
)
def test_every_spelling_of_a_number_is_one(
    code: str, national: str, opening: str, trunk: bool, gap: str, zero: int, wrap: str, data: st.DataObject
) -> None:
    assume(code + national not in SPELT)
    cut = data.draw(st.integers(0, len(national)))
    digits = code + ("(0)" if trunk else "") + national[:cut] + gap + national[cut:]
    other = "".join(chr(zero + int(one)) if one.isdecimal() and one.isascii() else one for one in digits)
    assert normalise("phone", wrap.format(opening + other)) == code + national


@given(codes, nationals, codes, nationals)
def test_numbers_with_different_digits_are_different(
    code: str, national: str, other: str, others: str
) -> None:
    assume(code + national != other + others)
    written = f"+{code} (0){national}", f"00{other}-{others}"
    assert len({normalise("phone", one) for one in written}) == 2


some = st.one_of(
    st.text(),
    st.text('0123456789+-() .;=x#*<>@:,"sipteluser phonext\u200b\u2011\u0660', max_size=40),
)


@given(st.sampled_from(["phone", "email", "teamsUserId"]), some)
def test_folding_again_changes_nothing(kind: str, value: str) -> None:
    folded = normalise(kind, value)
    assert normalise(kind, folded) == folded
    assert normalise(kind, shown(kind, value)) == folded


@given(some)
def test_digits_are_never_lost_nor_added(value: str) -> None:
    """A number that is read has the digits that were written, in their order."""
    assume("%" not in value)
    folded = normalise("phone", value)
    if folded.isdigit():
        plain = unicodedata.normalize("NFKC", value)  # a circled ten is a 1 and a 0
        written = "".join(str(unicodedata.digit(one, "")) for one in plain)
        digits = iter(written)
        assert all(digit in digits for digit in folded)


def test_a_number_with_two_extensions_equals_none_of_them() -> None:
    assert normalise("phone", "442079460018;ext=12;ext=13") not in {
        normalise("phone", "442079460018;ext=12"),
        normalise("phone", "442079460018;ext=13"),
    }


@pytest.mark.parametrize(
    "hostile",
    [
        "-" * 500_000,
        "1 " * 250_000,
        "12(0)" * 100_000,
        "sip:" + "%" * 500_000 + "@x",
        "a\u0301\u0323" * 100_000,
    ],
    ids=["dashes", "spaces", "brackets", "percent", "marks"],
)
def test_a_hostile_address_takes_no_longer_than_its_length(hostile: str) -> None:
    started = time.process_time()
    normalise("phone", hostile)
    assert time.process_time() - started < 2


def test_lines_of_dashes_take_no_longer_than_digits() -> None:
    started = time.process_time()
    for number in range(200):
        normalise("phone", "-" * 500 + f"x{number}")
    assert time.process_time() - started < 0.6
