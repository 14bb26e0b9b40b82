"""Addresses: which spellings are the same address, and which addresses are withheld.

A phone number is its digits, in any spelling: `+44 (0)20 7946 0018`, `0044-20-7946-0018`,
`tel:+44-20-7946-0018` and `<sip:+442079460018@sbc;user=phone>` are one. Numbers with different digits never
are. See `docs/decisions/0023-one-folding-of-addresses.md`.
"""

import re
import unicodedata
from functools import cache, lru_cache
from urllib.parse import unquote

from earwitness.archive.spelling.identifiers import folded_identifier, without_invisible
from earwitness.archive.spelling.letters import without_excess
from earwitness.archive.spelling.phone_numbers import (
    DASHES,
    FEWEST_DIGITS,
    SEPARATORS,
    groups_in,
    in_one,
    without_exit_code,
)
from earwitness.archive.spelling.tokens import fold
from earwitness.archive.spelling.withheld import SIP_USERS, SPELT, WORDS
from earwitness.kernel.wire import LONGEST_WORD

WITHHELD = "withheld"
"""The address, one for each type, that stands for all withheld addresses."""

EXTENSION = ";ext="
"""What is written before an extension (RFC 3966)."""

_FEWEST_ZEROS = 7

_BRACKETED = re.compile(r"<([^<>]*)>[^<>]*")
_URI = re.compile(r"(sips?|tel|callto):(?://)?(.*)", re.IGNORECASE | re.DOTALL)
_SIP = frozenset({"sip", "sips"})
_PARAMETER = re.compile(r"([a-z][a-z0-9-]*)=(.*)", re.IGNORECASE | re.DOTALL)
_EXTENDED = re.compile(
    r"(?P<number>.*?[0-9)])[\s,]*(?:x|ext(?:n|ension)?\.?|#)[\s:=]*(?P<extension>[0-9]{1,15})",
    re.IGNORECASE | re.DOTALL,
)
# There must be only one way to match a run of separators: with two, a line of dashes takes quadratic time.
_NUMBER = re.compile(rf"[\s{SEPARATORS}]*(?:\+[\s{SEPARATORS}]*)?[0-9][\s0-9{SEPARATORS}]*")
_ABROAD = re.compile(r"[\s(]*(?:\+|%2B|00)", re.IGNORECASE)
_MINUS_ONE = re.compile(f"[{DASHES}]1")
_NOT_IN_A_WORD = re.compile(r"[\W_]+")


def normalise(endpoint_type: str, value: str) -> str:
    """The form in which two spellings of one endpoint are equal. Normalising it again changes nothing.

    For a phone number, its digits as written: without `+`, a leading `00`, separators, and `(0)` after a
    calling code. An extension follows as `;ext=12`. All other values are folded as identifiers are.
    """
    if len(value) > LONGEST_WORD:  # no real address: it is not parsed, and not cached
        return folded_identifier(value)
    return _phone(value) if endpoint_type == "phone" else _identifier(value)


def is_withheld(endpoint_type: str, value: str) -> bool:
    """Whether an address names nobody: it is empty, or `anonymous`, `unknown`, `-1` and the like."""
    return normalise(endpoint_type, value) == WITHHELD


def shown(endpoint_type: str, value: str) -> str:
    """How an endpoint is shown: a phone number as its digits, anything else as it came."""
    normalised = normalise(endpoint_type, value)
    is_number = endpoint_type == "phone" and normalised.replace(EXTENSION, "").isdigit()
    return normalised if is_number or normalised == WITHHELD else without_invisible(value).strip()


def number_in(text: str) -> str | None:
    """The normalised phone number, if the whole text is one; else None."""
    return _number(_address(text))


def digits_of(text: str) -> str | None:
    """The digits of a phone number, or of a part of one; None if the text has anything else."""
    plain = _plain(text)
    return in_one(groups_in(_with_zero_tight(plain))) if _NUMBER.fullmatch(plain) else None


def beginning_of(text: str) -> str:
    """The beginning of the normalised values of phone numbers that begin with this text."""
    digits = digits_of(text)
    return folded_identifier(text) if digits is None else without_exit_code(digits)


@lru_cache(maxsize=4096)
def _identifier(value: str) -> str:
    folded = folded_identifier(value)
    return WITHHELD if _is_invalid(folded.rpartition("@")[2]) or _names_nobody(folded) else folded


@lru_cache(maxsize=8192)  # many recordings have few numbers
def _phone(value: str) -> str:
    if value.isascii() and value.isdigit() and value[0] != "0":  # how most sources write them
        return value
    address = _address(value)
    number = _number(address)
    if number is not None:
        return WITHHELD if _is_no_number(address, number) else number
    scheme, rest = _uri(address)
    if scheme in _SIP:
        rest = re.split("[;?]", rest, maxsplit=1)[0]
        address = f"{scheme}:{rest}"
    user, at, host = rest.rpartition("@")
    is_nobody = at and (not user or user.lower() in SIP_USERS or _MINUS_ONE.fullmatch(user))
    is_word = _bare(rest.partition(";")[0]) in _words()  # without its parameters
    if is_nobody or is_word or _is_invalid(host) or _names_nobody(rest):
        return WITHHELD
    folded = folded_identifier(address)
    return folded if folded == value else _phone(folded)  # what is left may be a number


def _is_no_number(address: str, number: str) -> bool:
    """Whether these digits are what systems send for an unknown number."""
    if _MINUS_ONE.fullmatch(address):
        return True
    if not number.strip("0"):
        return len(number) == 1 or len(number) >= _FEWEST_ZEROS
    return number in SPELT and _ABROAD.match(_uri(address)[1]) is not None


def _is_invalid(host: str) -> bool:
    name, dot, top = host.lower().partition(".")
    return (dot + top) == ".invalid" and name in SIP_USERS


def _names_nobody(text: str) -> bool:
    words = _bare(text)
    is_empty = not words and not re.search("[*#]", text)
    return is_empty or words in _words() or text == "0" or _MINUS_ONE.fullmatch(text) is not None


@cache  # most commands do not need them
def _words() -> frozenset[str]:
    return frozenset(map(_bare, WORDS))


def _bare(text: str) -> str:
    """The words of a text, without case, accents and punctuation."""
    return _NOT_IN_A_WORD.sub(" ", fold(text)).strip()


def _plain(text: str) -> str:
    """A text without compatibility forms and invisible marks, with digits of all scripts written as 0-9."""
    if text.isascii():
        return text.strip()
    composed = without_invisible(unicodedata.normalize("NFKC", without_excess(without_invisible(text))))
    return "".join(str(unicodedata.decimal(one, one)) for one in composed).strip()


def _address(text: str) -> str:
    """What stands between `<` and `>`, or the whole text without them; without a final comma or semicolon."""
    plain = _plain(text).rstrip(",; \t\r\n")
    bracketed = _BRACKETED.search(plain)
    return bracketed[1].strip().rstrip(",; ") if bracketed and bracketed.end() == len(plain) else plain


def _uri(address: str) -> tuple[str | None, str]:
    """The scheme, in lower case, and what follows it."""
    found = _URI.fullmatch(address)
    return (found[1].lower(), found[2]) if found else (None, address)


def _number(address: str) -> str | None:
    scheme, rest = _uri(address)
    user, at, host = rest.rpartition("@")
    if not at:
        is_a_host = scheme in _SIP and ("." in rest or ":" in rest)
        return None if is_a_host else _extended_digits(unquote(rest))
    number = _extended_digits(unquote(user.partition(":")[0]))
    is_global = user.startswith(("+", "%2B", "%2b")) or "user=phone" in host.lower().split(";")
    # A short number belongs to one system, which the host names: it is no phone number.
    return number if number and (is_global or len(number.split(";")[0]) >= FEWEST_DIGITS) else None


def _extended_digits(text: str) -> str | None:
    """The digits of a number, with its extension if it has one, as RFC 3966 or as people write it."""
    written, *parameters = text.split(";")
    extension: str | None = None
    for parameter in filter(None, map(str.strip, parameters)):
        found = _PARAMETER.fullmatch(parameter)
        if found is None:
            return None
        if found[1].lower() == "ext" and (extension or not (extension := digits_of(found[2]))):
            return None  # with two extensions it is unknown which one is meant
    digits = digits_of(written)
    if digits is None and extension is None and (extended := _EXTENDED.fullmatch(written)):
        digits, extension = digits_of(extended["number"]), extended["extension"]
        if digits is not None and len(digits) < FEWEST_DIGITS:
            return None
    if digits is None:
        return None
    number = without_exit_code(digits)
    return number if extension is None else f"{number}{EXTENSION}{extension}"


def _with_zero_tight(text: str) -> str:
    return re.sub(r"\(\s*0\s*\)", "(0)", text)
