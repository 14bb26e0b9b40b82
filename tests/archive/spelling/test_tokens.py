"""Words give the same tokens in any spelling and encoding."""

import re
import sqlite3
import sys
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earwitness.archive.spelling.phone_numbers import phone_numbers
from earwitness.archive.spelling.tokens import (
    LONGEST_TOKEN,
    SEPARATOR,
    Reading,
    document_tokens,
    fold,
    query_tokens,
    span,
    spans,
    tokens,
)

anything = st.text(st.characters())  # lone surrogates and NUL too
many_scripts = st.text(
    st.sampled_from("aZé0 .-'’½ﬁ。，\u0301\u200d\u3099かｶﾞ東京ก\u0e34\u0e48ำहि\u094dعَـىة각ㅎㅏ\u11a8İſß\n")
    | st.sampled_from("👍👩⚕♀🏽\ufe0f\u20e3\u200d\ue002🇬🇧🏴\U000e0067\U000e0031\U000e007f™㊗")
)


@pytest.mark.parametrize(
    ("written", "typed"),
    [
        ("Café", "cafe"),
        ("Cafe\u0301", "café"),
        ("STRASSE", "Straße"),
        ("Łódź Ørsted Đorđe Æsir Œuvre Þór", "lodz orsted dorde aesir oeuvre thor"),
        ("İSTANBUL Diyarbakır", "istanbul diyarbakir"),
        ("ΟΔΥΣΣΕΎΣ", "οδυσσευς"),
        ("Алёна", "алена"),
        ("ﬁnance Ａ１", "finance a1"),
        ("ｶﾞｰﾙ", "ガール"),
        ("か\u3099", "が"),
        ("\u1112\u1161\u11ab국", "한국"),
        ("שָׁלוֹם", "שלום"),
        ("مُحَمَّد مـحـمـد", "محمد محمد"),
        ("٠١٢ ๓", "012 3"),
        ("in\u00advest\u200bment ❤\ufe0f", "investment ❤"),
    ],
)
def test_case_accents_and_forms_are_ignored(written: str, typed: str) -> None:
    assert fold(written) == fold(typed)


@pytest.mark.parametrize(
    ("one", "other"), [("が", "か"), ("กิน", "กน"), ("ความ", "ความ\u0e48"), ("हिन्दी", "हनद"), ("ا", "ب")]
)
def test_marks_that_spell_a_word_are_kept(one: str, other: str) -> None:
    assert fold(one) != fold(other)


@given(anything | many_scripts)
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


def test_folding_any_character_twice_changes_nothing() -> None:
    characters = map(chr, range(0x20000))
    assert [hex(ord(one)) for one in characters if fold(fold(one)) != fold(one)] == []


def test_every_mark_of_this_unicode_is_known() -> None:
    """A word in Devanagari is cut at a mark that is not."""
    marks = (one for one in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(one) in {"Mn", "Mc"})
    letters = [mark for mark in marks if fold(mark)]
    assert [hex(ord(mark)) for mark in letters if len(tokens(f"ह{mark}ह")) > 1 and tokens(mark) == []] == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        (" … & — ", []),
        ("The trade-desk, please.", ["the", "trade", "desk", "please"]),
        ("jane.smith@example.com", ["jane", "smith", "example", "com"]),
        ("+44 7896 423595", ["44", "7896", "423595"]),
        ("AAD-1f2c_9", ["aad", "1f2c", "9"]),
        ("I don't", ["i", "don", "t"]),
        ("I don’t", ["i", "don", "t"]),
        ("Hawaiʻi", ["hawai", "i"]),
        ("at 99½ m²", ["at", "99", "1", "2", "m2"]),
        ("a\0b\ud800c\ue000d", ["a", "b", "c", "d"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("ok👍👍 ✅", ["ok", "👍", "👍", "✅"]),
        ("© 2026 ™ ®", ["2026", "tm"]),
        ("1️⃣ Ⓜ️ #️⃣ ‼️", ["1", "m"]),
    ],
)
def test_words_are_runs_of_letters_and_digits(text: str, words: list[str]) -> None:
    assert tokens(text) == words


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("京", ["京"]),
        ("東京", ["東京", "京"]),
        ("東京タワー", ["東京", "京タ", "タワ", "ワー", "ー"]),
        ("東京。大阪", ["東京", "京", "大阪", "阪"]),
        ("Tokyo東京tower", ["tokyo", "東京", "京", "tower"]),
        ("กิน", ["กิ", "ิน", "น"]),
        ("ລາວ", ["ລາ", "າວ", "ວ"]),
        ("ខ្មែរ", ["ខ្", "្ម", "មែ", "ែរ", "រ"]),
        ("မြန်မာ", ["မြ", "ြန", "န်", "်မ", "မာ", "ာ"]),
        ("𠮷野", ["𠮷野", "野"]),
        ("한국어 회의", ["한국", "국어", "어", "회의", "의"]),
        ("\u1112\u1161\u11ab국", ["한국", "국"]),
        ("AI회의", ["ai", "회의", "의"]),
    ],
)
def test_scripts_without_spaces_are_read_in_pairs(text: str, pairs: list[str]) -> None:
    assert tokens(text) == pairs


def test_a_long_word_is_cut() -> None:
    assert [len(token) for token in tokens("x" * 150)] == [64, 64, 22]
    assert [len(token) for token in tokens("é" + "я" * 149)] == [64, 64, 22]


@given(anything | many_scripts)
def test_fts5_reads_back_exactly_the_tokens(text: str) -> None:
    database = sqlite3.connect(":memory:")
    database.execute("CREATE VIRTUAL TABLE kept USING fts5 (tokens, tokenize = 'ascii')")
    database.execute("CREATE VIRTUAL TABLE terms USING fts5vocab (kept, instance)")
    given = document_tokens([text, text])
    database.execute("INSERT INTO kept VALUES (?)", [" ".join(given)])
    read = [term for (term,) in database.execute("SELECT term FROM terms ORDER BY offset")]
    database.close()
    assert read == given
    assert all(0 < len(token) <= LONGEST_TOKEN for token in given)


@given(anything | many_scripts)
def test_a_span_is_where_its_token_was_written(text: str) -> None:
    found = list(spans(text))
    assert [token for token, _, _ in found] == tokens(text) == tokens(fold(text))
    assert all(token in fold(text[start:end]) for token, start, end in found)
    assert [start for _, start, _ in found] == sorted(start for _, start, _ in found)


@given(many_scripts, st.data())
def test_where_a_phrase_stands_is_from_its_first_token_to_its_last(text: str, data: st.DataObject) -> None:
    found = list(spans(text))
    first = data.draw(st.integers(0, max(0, len(found) - 1)))
    for count in range(1, len(found) - first + 1):
        assert span(text, first, count) == (found[first][1], found[first + count - 1][2])


@pytest.mark.parametrize("joined", ["👩" + "\u200d👩" * 300, "🏴" + "\U000e0067" * 300, "🇬" * 301])
def test_no_emoji_is_longer_than_a_token(joined: str) -> None:
    assert max(map(len, tokens(joined))) <= 20


def test_a_span_leaves_out_what_surrounds_the_word() -> None:
    text = "“Cafe\u0301” — 東京tower"
    assert [text[start:end] for _, start, end in spans(text)] == ["Cafe\u0301", "東京", "京", "tower"]


@given(st.lists(anything | many_scripts))
def test_fields_stay_apart(fields: list[str]) -> None:
    read = " ".join(document_tokens(fields)).split(SEPARATOR)
    in_one = [number for field in fields for number, _, _ in phone_numbers(fold(field))]
    assert sorted([*filter(None, map(tokens, fields)), *([number] for number in in_one)]) == sorted(
        found.split() for found in read if found
    )


@given(anything | many_scripts)
def test_no_query_has_the_separator(text: str) -> None:
    assert not any(SEPARATOR in token for token in query_tokens(text)[0])


@pytest.mark.parametrize(
    "hostile",
    ["a" + "\u0e48\u0e38" * 250_000, "\uff9e\u094d" * 250_000, "\u0301\u0323" * 250_000, "ㅋ" * 500_000],
    ids=["thai", "half-width", "accents", "jamo"],
)
def test_piled_up_marks_take_no_longer_than_letters(hostile: str) -> None:
    started = time.process_time()
    assert [token for token, _, _ in spans(hostile)] == tokens(hostile)
    assert time.process_time() - started < 5  # in order of their squares it would be minutes


def test_tokens_hold_no_space() -> None:
    assert not any(re.search(r"\s", token) for token in tokens("a\u00a0b\u3000c\u2028d\x1fe"))


FIRST_READ = [
    ("The trade-desk, please. It’s £500 — OK?", "the trade desk please it s 500 ok"),
    (
        "Café STRASSE Łódź Æsir ﬁnance Ａ１ ｶﾞｰﾙ m² 99½",
        "cafe strasse lodz aesir finance a1 ガー ール ル m2 99 1 2",
    ),
    ("👍🏽 ok 🇬🇧👩‍👩‍👧 1️⃣ ✔️ done👍", "ok 1 done"),
    (
        "شركة إلى مُحَمَّد علی کتاب می\u200cخواهم ہوا ۀ ٠١٢",
        "شركة الى محمد علی کتاب میخواهم ہوا \u06d5 012",
    ),
    ("한국어 회의 AI회의를 ㅋㅋㅋ \u1112\u1161\u11ab국", "한국어 회의 ai회의를 \u110f\u110f\u110f 한국"),
    ("東京タワーtokyo。大阪", "東京 京タ タワ ワー ー tokyo 大阪 阪"),
    ("हिन्दी में กินข้าว", "हिन्दी में กิ ิน นข ข้ ้า าว ว"),
    ("O’Neill Mary\u2011Jane Hawaiʻi jane@example.com", "o neill mary jane hawai i jane example com"),
    (
        "+44 (0)20 7946\u20110018, 0044 7896 423595",
        "44 0 20 7946 0018 0044 7896 423595 \ue000 44207946 \ue000 442079460018 \ue000 447896423595",
    ),
    ("x" * 70 + " é" + "я" * 70, f"{'x' * 64} xxxxxx e{'я' * 63} яяяяяяя"),
    ("a\0b\ud800c\ue000d\ue002e 👍\ue002👍", "a b c d e"),
    ("Ⓜ ™ ㊗ 🈂 ℹ ‼", "m tm 祝 サ i"),
]


@pytest.mark.parametrize(("text", "read"), FIRST_READ)
def test_the_first_reading_of_a_text_never_changes(text: str, read: str) -> None:
    """An index that was written by it is asked by it until each document is read anew."""
    assert " ".join(document_tokens([text], Reading.FIRST)) == read


@given(st.text(st.characters(max_codepoint=0x05FF) | st.sampled_from("東京กิन्दी。ｶﾞ")))
def test_most_texts_are_read_alike_in_both_readings(text: str) -> None:
    assert document_tokens([text], Reading.FIRST) == document_tokens([text], Reading.SECOND)
