"""How 0008 compares addresses and shows them: as the program did then.

A copy, and never changed: what a migration makes of an archive must not change when the program does. Only
Python's own tables of Unicode may be newer.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache
from urllib.parse import unquote

from earwitness.archive.migrations.account.frozen.folding import (
    LONGEST_WORD,
    fold,
    folded_identifier,
    without_excess,
    without_invisible,
)
from earwitness.archive.migrations.account.frozen.withheld import SIP_USERS, SPELT, WORDS

WITHHELD = "withheld"
"""The one address, of each type, that stands for all that name nobody."""

_EXTENSION = ";ext="
_FEWEST_DIGITS = 7
_FEWEST_ZEROS = 7
_DASHES = (
    r"\-\u058a\u05be\u1400\u1806\u2010-\u2015\u2043\u207b\u208b\u2212\u2e17\u2e1a\u2e3a\u2e3b\u2e40\u2e5d"
    r"\u301c\u3030\u30a0\u30fc\ufe31\ufe32\ufe58\ufe63\uff0d"
)
_SEPARATORS = rf"().{_DASHES}/\u2044\u2215\u00b7\u2022\u2027\u2219\u22c5"
_EXIT_CODE = re.compile("00(?=[1-9])")  # no calling code begins with 0
_WRITTEN_CODES = """
    1 7 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64
    65 66 81 82 84 86 90 91 92 93 94 95 98 211 212 213 216 218 220 221 222 223 224 225 226 227 228
    229 230 231 232 233 234 235 236 237 238 239 240 241 242 243 244 245 246 247 248 249 250 251 252
    253 254 255 256 257 258 260 261 262 263 264 265 266 267 268 269 290 291 297 298 299 350 351 352
    353 354 355 356 357 358 359 370 371 372 373 374 375 376 377 378 380 381 382 383 385 386 387 389
    420 421 423 500 501 502 503 504 505 506 507 508 509 590 591 592 593 594 595 596 597 598 599 670
    672 673 674 675 676 677 678 679 680 681 682 683 685 686 687 688 689 690 691 692 800 808 850 852
    853 855 856 870 878 880 881 882 883 886 888 960 961 962 963 964 965 966 967 968 970 971 972 973
    974 975 976 977 979 992 993 994 995 996 998
"""
_CALLING_CODES = frozenset(_WRITTEN_CODES.split())

_BRACKETED = re.compile(r"<([^<>]*)>[^<>]*")
_URI = re.compile(r"(sips?|tel|callto):(?://)?(.*)", re.IGNORECASE | re.DOTALL)
_SIP = frozenset({"sip", "sips"})
_PARAMETER = re.compile(r"([a-z][a-z0-9-]*)=(.*)", re.IGNORECASE | re.DOTALL)
_EXTENDED = re.compile(
    r"(?P<number>.*?[0-9)])[\s,]*(?:x|ext(?:n|ension)?\.?|#)[\s:=]*(?P<extension>[0-9]{1,15})",
    re.IGNORECASE | re.DOTALL,
)
# One way to read a run of separators: with two, a line of dashes takes the square of its length.
_NUMBER = re.compile(rf"[\s{_SEPARATORS}]*(?:\+[\s{_SEPARATORS}]*)?[0-9][\s0-9{_SEPARATORS}]*")
_ABROAD = re.compile(r"[\s(]*(?:\+|%2B|00)", re.IGNORECASE)
_MINUS_ONE = re.compile(f"[{_DASHES}]1")
_NOT_IN_A_WORD = re.compile(r"[\W_]+")


def normalise(endpoint_type: str, value: str) -> str:
    """What makes an endpoint the same; what it gives is its own.

    Of a phone number its digits as written: without `+`, a leading `00`, separators, and `(0)` after a
    calling code. An extension follows as `;ext=12`. All other values are folded as identifiers are.
    """
    if len(value) > LONGEST_WORD:  # nobody has so long an address: it is not read, and not remembered
        return folded_identifier(value)
    return _phone(value) if endpoint_type == "phone" else _identifier(value)


def shown(endpoint_type: str, value: str) -> str:
    """How an endpoint is written wherever it is shown: a phone number as its digits, else as it came."""
    normalised = normalise(endpoint_type, value)
    is_number = endpoint_type == "phone" and normalised.replace(_EXTENSION, "").isdigit()
    return normalised if is_number or normalised == WITHHELD else without_invisible(value).strip()


@lru_cache(maxsize=4096)
def _identifier(value: str) -> str:
    folded = folded_identifier(value)
    return WITHHELD if _is_invalid(folded.rpartition("@")[2]) or _names_nobody(folded) else folded


@lru_cache(maxsize=8192)  # many recordings are of few
def _phone(value: str) -> str:
    if value.isascii() and value.isdigit() and value[0] != "0":  # as most sources write them
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
    is_word = _bare(rest.partition(";")[0]) in _words()  # whatever parameters follow
    if is_nobody or is_word or _is_invalid(host) or _names_nobody(rest):
        return WITHHELD
    folded = folded_identifier(address)
    return folded if folded == value else _phone(folded)  # what is left may be an address of its own


def _is_no_number(address: str, number: str) -> bool:
    """Whether what is written in digits is sent for a number that is not known."""
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


@cache  # most commands never ask
def _words() -> frozenset[str]:
    return frozenset(map(_bare, WORDS))


def _bare(text: str) -> str:
    """The words of a text, without case, accents and punctuation."""
    return _NOT_IN_A_WORD.sub(" ", fold(text)).strip()


def _plain(text: str) -> str:
    """A text without compatibility forms, invisible marks and the digits of other scripts."""
    if text.isascii():
        return text.strip()
    composed = without_invisible(unicodedata.normalize("NFKC", without_excess(without_invisible(text))))
    return "".join(str(unicodedata.decimal(one, one)) for one in composed).strip()


def _address(text: str) -> str:
    """What stands between `<` and `>` where there are any, without a comma or semicolon that follows."""
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
    # A short number is that of one system, and its host says which.
    return number if number and (is_global or len(number.split(";")[0]) >= _FEWEST_DIGITS) else None


def _extended_digits(text: str) -> str | None:
    """The digits of a number, and those of its extension where it has one, by RFC 3966 or as people write."""
    written, *parameters = text.split(";")
    extension: str | None = None
    for parameter in filter(None, map(str.strip, parameters)):
        found = _PARAMETER.fullmatch(parameter)
        if found is None:
            return None
        if found[1].lower() == "ext" and (extension or not (extension := _digits_of(found[2]))):
            return None  # of two there is no telling which it is
    digits = _digits_of(written)
    if digits is None and extension is None and (extended := _EXTENDED.fullmatch(written)):
        digits, extension = _digits_of(extended["number"]), extended["extension"]
        if digits is not None and len(digits) < _FEWEST_DIGITS:
            return None
    if digits is None:
        return None
    number = _without_exit_code(digits)
    return number if extension is None else f"{number}{_EXTENSION}{extension}"


def _with_zero_tight(text: str) -> str:
    return re.sub(r"\(\s*0\s*\)", "(0)", text)


def _digits_of(text: str) -> str | None:
    """The digits of a phone number, or of a part of one; None for what is not written in digits."""
    plain = _plain(text)
    return _in_one(_groups_in(_with_zero_tight(plain))) if _NUMBER.fullmatch(plain) else None


def _groups_in(text: str) -> list[tuple[str, bool]]:
    """The groups of digits of a number or a part of one, which is written in the digits 0 to 9."""
    found = ((match[0], *match.span()) for match in re.finditer("[0-9]+", text))
    return [(digits, _is_bracketed(text, start, end)) for digits, start, end in found]


def _in_one(groups: Iterable[tuple[str, bool]]) -> str:
    """The digits of a number as they are written."""
    number = ""
    for group in groups:
        number = _longer(number, group)
    return number


def _without_exit_code(digits: str) -> str:
    """Without the `00` that is dialled to reach another country."""
    return _EXIT_CODE.sub("", digits, count=1) if _EXIT_CODE.match(digits) else digits


def _longer(number: str, group: tuple[str, bool]) -> str:
    """A number with a further group: `(0)` after a calling code is dialled within that country alone."""
    digits, is_bracketed = group
    is_trunk = is_bracketed and digits == "0" and _without_exit_code(number) in _CALLING_CODES
    return number if is_trunk else number + digits


def _is_bracketed(text: str, start: int, end: int) -> bool:
    return text[start - 1 : start] == "(" and text[end : end + 1] == ")"
