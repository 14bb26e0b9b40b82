"""Folded texts that are stored are compared with what this program folds, so each change needs a version."""

import hashlib
import unicodedata
from collections import namedtuple

from earwitness.archive.substrings import folded
from earwitness.archive.substrings.trigrams import covering, hashed, number_of

DIGESTS = {1: "b4af1005154c242a"}
"""What each version makes of the texts below. If it differs, give `VERSION` the next number."""

Person = namedtuple("Person", "id full_name full_name_folded email third_party_id metadata")
Endpoint = namedtuple("Endpoint", "id type endpoint normalised metadata")
User = namedtuple("User", "id username full_name email external_id")

# All assigned characters of the Basic Multilingual Plane that Python 3.11's Unicode has, and emoji.
CHARACTERS = [
    chr(code)
    for code in (*range(1, 0xD800), *range(0xE000, 0xFFFE), *range(0x1F000, 0x1FB00))
    if unicodedata.ucd_3_2_0.category(chr(code)) != "Cn" or code > 0xFFFF
]
NAMES = ["O’Neill-Smith Jr. (d'Or)", *("a" + one + "b" for one in CHARACTERS)]


def test_a_change_of_the_folding_has_a_new_version() -> None:
    digest = hashlib.sha256()
    for name in NAMES:
        person = Person(1, name, name, None, "AAD-1", {"a": name})
        endpoint = Endpoint(2, "phone", "+44 20", "4420", {"label": [name, 7, None]})
        for texts in (
            folded.person_texts(person, [name], ["4420"]),
            folded.endpoint_texts(endpoint, name),
            folded.endpoint_texts(endpoint._replace(type="email"), None),
            folded.user_texts(User(3, name, name, None, name)),
        ):
            digest.update(repr(sorted(texts.items())).encode())
    digest.update(repr(hashed(NAMES[:1])).encode())
    assert digest.hexdigest()[:16] == DIGESTS[folded.VERSION]


def test_a_text_has_all_trigrams_of_its_parts() -> None:
    for part in ("abc", "abcd", "abcdefgh", "x" * 500, "👍🏽ab"):
        asked = {number_of(one) for one in covering(part)}
        assert asked
        assert asked <= set(hashed([f"before{part}after"]))
    assert covering("ab") == []
