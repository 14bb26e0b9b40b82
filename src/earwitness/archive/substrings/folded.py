"""The texts of people, endpoints and users, folded as freeText and prefixes compare them.

A search finds a part of a stored text exactly where the plain reading in `words.py` finds it. Where only a
beginning counts, two marks stand before each beginning. Folding leaves out invisible characters, so no text
has a mark of its own. There are two, so that a beginning of one character is three characters long, too.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

from earwitness.archive.spelling.names import fold_name, without_apostrophes
from earwitness.archive.substrings.words import values_in

VERSION = 1
"""Of this folding. Whatever changes the texts needs the next number: then all are folded anew."""

BEGINS = "\u200b" * 2
"""Before a phone number, and before each word of a name as it is written."""

BEGINS_BARE = "\u2060" * 2
"""Before each word of a name without its apostrophes."""


def person_texts(person: Any, addresses: Sequence[str], numbers: Iterable[str]) -> dict[str, Any]:
    """The columns of `folded_people` for a row of `people`; `numbers` are its normalised phone numbers."""
    texts = (person.full_name, person.email, person.third_party_id, *addresses, *values_in(person.metadata))
    return {
        "id": person.id,
        "text": folded(texts),
        "numbers": "\n".join(BEGINS + number for number in numbers),
        "names": beginnings_in(person.full_name_folded),
    }


def endpoint_texts(endpoint: Any, owner: str | None) -> dict[str, Any]:
    """The columns of `folded_endpoints` for a row of `endpoints`, and the full name of its owner."""
    is_phone = endpoint.type == "phone"
    return {
        "id": endpoint.id,
        "text": folded((endpoint.endpoint, owner, *values_in(endpoint.metadata))),
        "number": BEGINS + endpoint.normalised if is_phone else "",
        "address": "" if is_phone else endpoint.normalised,
    }


def user_texts(user: Any) -> dict[str, Any]:
    """The columns of `folded_users` for a row of `users`."""
    return {
        "id": user.id,
        "text": folded((user.username, user.full_name, user.email, user.external_id)),
        "username": fold_name(user.username),
        "full_name": fold_name(user.full_name),
        "email": None if user.email is None else fold_name(user.email),
    }


def folded(texts: Iterable[str | None]) -> str:
    """Texts as one, as words of a freeText are compared with them."""
    return without_apostrophes(fold_name("\n".join(text for text in texts if text)))


def beginnings_in(full_name_folded: str) -> str:
    """A name with marks at the beginnings of its words: as it is written, and without its apostrophes."""
    name = in_words(full_name_folded)
    bare = without_apostrophes(name)
    marked = _marked(bare, BEGINS_BARE)
    return marked if name == bare else f"{marked}\n{_marked(name, BEGINS)}"


def beginnings_asked(prefix: str) -> tuple[str, str]:
    """What `beginnings_in` a name has if the name has a word that begins with this folded text."""
    return _marked(prefix, BEGINS), _marked(without_apostrophes(prefix), BEGINS_BARE)


def in_words(folded_name: str) -> str:
    """A folded name with spaces for hyphens: `mary jane` finds Mary-Jane, too."""
    return " ".join(folded_name.replace("-", " ").split())


def _marked(name: str, mark: str) -> str:
    """A text with a mark at its start, and after each character that is no letter, mark or digit."""
    return "".join(
        character if at and unicodedata.category(name[at - 1])[0] in "LMN" else mark + character
        for at, character in enumerate(name)
    )
