"""A query means what the grammar says, and a matching passage is shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earwitness.archive.spelling.tokens import document_tokens
from earwitness.archive.text.parsing import DEEPEST, LONGEST_PHRASE, MOST_TERMS, parse
from earwitness.archive.text.query import MOST_TOKENS, All, Either, Node, Not, Phrase
from earwitness.archive.text.snippets import snippet
from earwitness.archive.text.sqlite import fts5
from earwitness.kernel.errors import BadRequest
from tests.archive.plain_reading import matches


def word(*tokens: str, prefix: bool = False) -> Phrase:
    return Phrase(tokens, prefix)


def finds(query: str, *fields: str) -> bool:
    node = parse(query)
    assert node is not None
    return matches(node, document_tokens(fields))


# The grammar


@pytest.mark.parametrize(
    ("query", "tree"),
    [
        ("word", word("word")),
        ("Two WORDS", All((word("two"), word("words")))),
        ('"a phrase"', word("a", "phrase")),
        ('a"b c"d', All((word("a"), word("b", "c"), word("d")))),
        ("a OR b c", Either((word("a"), All((word("b"), word("c")))))),
        ("a b OR c", Either((All((word("a"), word("b"))), word("c")))),
        ("(a OR b) c", All((Either((word("a"), word("b"))), word("c")))),
        ("(a)(b)", All((word("a"), word("b")))),
        ('"a"OR(b)', Either((word("a"), word("b")))),
        ("a or b", All((word("a"), word("or"), word("b")))),
        ("a AND b", All((word("a"), word("and"), word("b")))),
        ('"OR" ORDER', All((word("or"), word("order")))),
        ("-a", Not(word("a"))),
        ('-"a b"', Not(word("a", "b"))),
        ("-(a OR b)", Not(Either((word("a"), word("b"))))),
        ("-(-a)", Not(Not(word("a")))),
        ("-OR", Not(word("or"))),
        ("pre*", word("pre", prefix=True)),
        ("-pre* more", All((Not(word("pre", prefix=True)), word("more")))),
        ("pre** OR*", All((word("pre", prefix=True), word("or", prefix=True)))),
        ('"pre*" *p r*e', All((word("pre"), word("p"), word("r", "e")))),
        ("trade-desk", word("trade", "desk")),
        ("AAD-1f*", word("aad", "1f", prefix=True)),
        ("jane@*", word("jane")),
        ("jane@example.com", word("jane", "example", "com")),
        ("+44 7896", Either((word("44", "7896"), word("447896", prefix=True)))),
        ('-"+44 7896"', Not(Either((word("44", "7896"), word("447896", prefix=True))))),
        ("44 7896", All((word("44"), word("7896")))),
        ("don't", word("don", "t")),
        ("हिन्दी* cafe\u0301*", All((word("हिन्दी", prefix=True), word("cafe", prefix=True)))),
        ("京", word("京", prefix=True)),
        ("東京都 東京tower", All((word("東京", "京都"), word("東京", "京", "tower")))),
        ("(((a)))", word("a")),
        ("((a OR b) OR (c)) OR d", Either((word("a"), word("b"), word("c"), word("d")))),
        ("a (b (c -(d e)))", All((word("a"), word("b"), word("c"), Not(All((word("d"), word("e"))))))),
        ("a & b", All((word("a"), word("b")))),
        ("👍🏽", word("👍")),
        ("-👍 👍* ok👍", All((Not(word("👍")), word("👍", prefix=True), word("ok", "👍")))),
        ('"ok 👍👍"', word("ok", "👍", "👍")),
        ("❤️*", word("❤", prefix=True)),
        ('a OR "" OR …', word("a")),
        ("a -& (…) -(!)", word("a")),
    ],
)
def test_a_query_is_parsed(query: str, tree: Node) -> None:
    assert parse(query) == tree


@pytest.mark.parametrize("query", ["", " \t\n\u3000"])
def test_a_blank_query_is_none(query: str) -> None:
    assert parse(query) is None


@pytest.mark.parametrize(
    ("query", "position", "expected"),
    [
        ('say "a phrase', 4, "closing quote"),
        ('"', 0, "closing quote"),
        ('-"a', 1, "closing quote"),
        ("a (b", 2, "closing parenthesis"),
        ("-(b (c)", 1, "closing parenthesis"),
        ("a) b", 1, "opening parenthesis"),
        ("a ()", 2, "a word inside"),
        ("-( )", 1, "a word inside"),
        ("a - b", 2, "right after -"),
        ("a -", 2, "right after -"),
        ("(a -)", 3, "right after -"),
        ("--a", 0, "right after -"),
        ('a --"b"', 2, "right after -"),
        ("a *", 2, "beginning of a word"),
        ("-** a", 1, "beginning of a word"),
        ('"a"*', 3, "beginning of a word"),
        ("OR", 0, "before OR"),
        (" OR a", 1, "before OR"),
        ("a OR OR b", 5, "before OR"),
        ("(OR a)", 1, "before OR"),
        ("a OR", 2, "after OR"),
        ("x (a OR) b", 5, "after OR"),
        ("東京 é (", 5, "closing parenthesis"),
        ("(" * (DEEPEST + 1) + "a", DEEPEST, f"at most {DEEPEST} parentheses"),
        ("(" * 500_000, DEEPEST, "parentheses"),
        ("-(" * 300_000, 2 * DEEPEST + 1, "parentheses"),
        ("-(" + "a (b OR " * 17 + "c" + ")" * 18, 4, f"at most {DEEPEST} ANDs and ORs"),
        ("&", 0, "a word or a number"),
        (' ""', 1, "a word or a number"),
        ("© …", 0, "a word or a number"),
        ('-""', 0, "a word or a number"),
        ("(%_)", 0, "a word or a number"),
        ('?! OR ""', 0, "a word or a number"),
        ("&*", 0, "a word or a number"),
        ("\0", 0, "a word or a number"),
        ("a " * (MOST_TERMS + 1), 2 * MOST_TERMS, f"at most {MOST_TERMS} words"),
        ("& " * 300_000, 2 * MOST_TERMS, "words and phrases"),
        ('b "' + "a " * (LONGEST_PHRASE + 1) + '"', 2, f"at most {LONGEST_PHRASE} words"),
        (f"{'東' * 400} " * 30, 401 * 21, f"at most {MOST_TERMS} words"),
        ("-" + "東" * 300_000, 1, "at most"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else None,
)
def test_a_query_that_cannot_be_parsed_is_refused_with_the_place(
    query: str, position: int, expected: str
) -> None:
    with pytest.raises(BadRequest) as refused:
        parse(query)
    [fault] = refused.value.faults
    assert (fault.path, fault.position) == ("freeText", position)
    assert expected in fault.message


def test_a_query_at_the_limits_is_accepted() -> None:
    assert parse("(" * DEEPEST + "a" + ")" * DEEPEST) == word("a")
    assert parse("-(a " * DEEPEST + ")" * DEEPEST) is not None
    assert parse("a " * MOST_TERMS) == All((word("a"),) * MOST_TERMS)
    assert parse(f'"{"a " * MOST_TOKENS}"') == word(*["a"] * MOST_TOKENS)
    assert parse("東" * LONGEST_PHRASE) is not None


@given(st.text(st.characters()) | st.text(st.sampled_from('ab-*"()& ORé東')))
def test_any_text_is_parsed_or_refused(query: str) -> None:
    try:
        node = parse(query)
    except BadRequest as refused:
        position = refused.faults[0].position
        assert position is not None
        assert 0 <= position < len(query)
    else:
        assert node is None or fts5(node).found


# What is found


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("call jane", ["Please call", "Jane Smith"]),
        ("trade-desk", ["the Trade Desk"]),
        ('"trade desk"', ["the trade-desk."]),
        ("jane@example.com", ["Jane jane@example.com"]),
        ("+44 7896", ["447896 then 44 7896"]),
        ("+44 7896 423595", ["Jane +44 7896 423595"]),
        ("+44 7896 423595", ["Jane 447896423595"]),
        ('"+44 7896 423595"', ["Jane 447896423595"]),
        ("+44-7896-423595", ["Jane 447896423595"]),
        ("+447896423595", ["Jane 447896423595"]),
        ("+44 7896", ["Jane 447896423595"]),
        ("cafe", ["CAFÉ"]),
        ("don't", ["I don’t"]),
        ("compl*", ["our compliance"]),
        ("-refund", ["nothing of the kind"]),
        ("-refund", []),
        ("a OR b -c", ["a c"]),
        ("京", ["東京"]),
        ("東", ["東京"]),
        ("京", ["会議は東京で"]),
        ("東京", ["新東京都"]),
        ('"京 tower"', ["東京 tower"]),
        ('"tokyo 東京"', ["tokyo 東京都"]),
        ('"東京 tower hall"', ["東京 tower hall"]),
        ("東京tow*", ["東京tower"]),
        ("กิน", ["ฉันกินข้าว"]),
        ("x" * 150, ["x" * 150]),
        ("👍", ["Approved👍🏽"]),
        ("👍🏿", ["👍"]),
        ("❤", ["❤️"]),
        ('"go ahead 👍"', ["OK, go ahead 👍🏻!"]),
        ("👍*", ["👍🏽"]),
        ("🏃‍♀️", ["🏃🏽‍♂️"]),
        ("👩‍⚕️", ["👨🏾‍⚕️"]),
        ("👨‍👩‍👧", ["👨‍👩‍👧"]),
        ("🇬🇧", ["🇫🇷🇬🇧🇩🇪"]),
        ("🏴󠁧󠁢󠁷󠁬󠁳󠁿", ["in 🏴󠁧󠁢󠁷󠁬󠁳󠁿"]),
        ("3", ["3️⃣"]),
        ("✓", ["✓ done"]),
        ("شركه", ["شركة"]),
        ("علي", ["علی"]),
        ("كتاب", ["کتاب"]),
        ("احمد", ["أحمد"]),
        ("الى", ["إلي"]),
        ("ہوا", ["هوا"]),
        ("می\u200cخواهم", ["میخواهم"]),
        ("회의", ["주간회의를 했습니다"]),
        ("의", ["회의"]),
        ("3분기", ["올해 3분기에"]),
        ("ㅋㅋ", ["네ㅋㅋㅋ"]),
        ("\u1112\u116c\u110b\u1174", ["회의"]),
    ],
)
def test_a_query_finds(query: str, fields: list[str]) -> None:
    assert finds(query, *fields)


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ('"call jane"', ["Please call", "Jane Smith"]),
        ("a b", ["a"]),
        ("+44 7896", ["44 then 7896"]),
        ("44 7896", ["Jane 447896423595"]),
        ("pre", ["prefix"]),
        ("a -b", ["a", "b"]),
        ("京 -東", ["東京"]),
        ('"京 tower"', ["京都 tower"]),
        ("東京", ["東大 京都"]),
        ("が", ["か"]),
        ("x" * 150, ["x" * 149]),
        ("👍", ["👎🏽"]),
        ("-👍", ["ok 👍🏽"]),
        ("👧", ["👨‍👩‍👧"]),
        ("👨‍👩‍👧", ["👩‍👩‍👧"]),
        ("🇧🇫", ["🇬🇧🇫🇷"]),
        ("🏴󠁧󠁢󠁷󠁬󠁳󠁿", ["🏴󠁧󠁢󠁥󠁮󠁧󠁿"]),
        ("회의", ["회사 의사"]),
    ],
)
def test_a_query_does_not_find(query: str, fields: list[str]) -> None:
    assert not finds(query, *fields)


@given(st.text("東京都がガกิน", min_size=1), st.text("東京都がガกิน a"))
def test_in_a_script_without_spaces_any_run_of_characters_is_found(run: str, text: str) -> None:
    assert finds(f'"{run}"', text) == (run in text)


THAI = (
    "สวัสดีครับผมต้องการขายหุ้นทั้งหมดเพราะราคาจะลงก่อนเที่ยงวันนี้อย่างแน่นอน"
    "กรุณายืนยันคำสั่งทางโทรศัพท์แล้วส่งเอกสารให้ลูกค้าภายในสามวันทำการ"
)
ENGLISH = " ".join(f"w{number}" for number in range(150))


@pytest.mark.parametrize("sentence", [THAI, ENGLISH])
def test_a_long_pasted_sentence_is_found(sentence: str) -> None:
    assert finds(f'"{sentence}"', f"before {sentence} after")
    assert not finds(f'-"{sentence}"', f"before {sentence} after")
    for at in range(0, len(sentence), 30):
        assert not finds(f'"{sentence}"', f"before {sentence[:at]}, {sentence[at + 2 :]} after")


# Snippets

CALL = (
    "Good morning, trading desk. " * 20 + "Please cancel the Gilt order, Jane. " + "Thank you, goodbye. " * 20
)


def shown(text: str, query: str, limit: int = 200) -> str:
    return snippet(text, parse(query), limit)


def test_a_short_text_is_shown_whole() -> None:
    assert shown("  Hello,\n\n Jane. ", "jane") == "Hello, Jane."
    assert snippet("", None) == ""


def test_the_opening_is_shown_without_a_query_or_a_match() -> None:
    opening = snippet(CALL, None)
    assert opening.startswith("Good morning, trading desk. Good")
    assert opening.endswith("…")
    assert 180 <= len(opening) <= 200
    assert shown(CALL, "smith") == shown(CALL, "-gilt") == opening


@pytest.mark.parametrize("query", ["gilt", "GÍLT", '"gilt order"', "gil*", "smith OR gilt", "thank -(-gilt)"])
@pytest.mark.parametrize("opening", ["", "For £500, "])
def test_the_passage_that_matched_is_shown(query: str, opening: str) -> None:
    passage = shown(opening + CALL, query)
    assert "Please cancel the Gilt order, Jane." in passage
    assert passage[0] == passage[-1] == "…"
    assert 180 <= len(passage) <= 200
    assert set(passage.strip("…").split()) <= set(CALL.split())


def test_the_first_passage_is_shown() -> None:
    assert shown(CALL, "goodbye gilt") == shown(CALL, "gilt goodbye")
    assert "Gilt" in shown(CALL, "goodbye gilt")


def test_the_end_of_a_text_is_shown_whole() -> None:
    passage = shown(CALL + "Farewell.", "farewell")
    assert passage.endswith("goodbye. Farewell.")
    assert 180 <= len(passage) <= 200


def test_a_text_without_spaces_is_cut_between_characters() -> None:
    passage = shown("会議は東京で行います。" * 30 + "大阪" + "ありがとうございました。" * 30, "大")
    assert "大阪" in passage
    assert len(passage) == 200


@pytest.mark.parametrize("query", ["👍", "회의", "شركه", "👩‍⚕️"])
@pytest.mark.parametrize("passage", ["Yes 👍🏽 to 주간회의를, says شركة and 👨🏾‍⚕️."])
def test_the_passage_with_a_sign_is_shown(query: str, passage: str) -> None:
    assert passage in shown(CALL + passage + CALL, query)


@pytest.mark.parametrize("character", ["👍🏽", "🇬🇧", "👩‍👩‍👧", "e\u0301"])
def test_no_character_is_cut_in_two(character: str) -> None:
    for ahead in ("", "a", "ab"):
        inside = shown(ahead + character * 201, "nothing").removesuffix("…")
        assert len(inside) > 150
        assert inside == ahead + character * inside.count(character)


words = st.builds(str.__add__, st.sampled_from("abé東ก"), st.text("abé東ก\u0301\u0e34.", max_size=40))


@given(
    st.lists(words, max_size=40).map(" ".join),
    st.sampled_from(["a*", "b", "東", "ก", '"a b"', "aé*"]),
    st.integers(20, 200),
)
def test_a_snippet_is_a_passage_of_the_text(text: str, query: str, limit: int) -> None:
    node = parse(query)
    assert node is not None
    passage = snippet(text, node, limit)
    flat = " ".join(text.split())
    inside = passage.removeprefix("…").removesuffix("…")
    assert len(passage) <= limit
    assert inside in flat
    assert matches(node, document_tokens([text])) <= matches(node, document_tokens([passage]))
    if passage[:1] == "…":
        assert inside[:1] not in {"\u0301", "\u0e34"}
