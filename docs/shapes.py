"""Compares the shape of an answer with a documented example: its keys both ways, and its JSON types."""

from collections.abc import Iterator, Sequence
from typing import Any

# Fields that may be null, though no example shows it.
NULLABLE = {
    "analysis",  # until there is a transcript
    "avatar",
    "default",  # null: kept for ever
    "email",
    "encryptionDetail",  # without media
    "externalId",
    "language",
    "lastLoginTime",
    "metadata",  # of an audit row
    "mostRecentCommAt",
    "ownedByPersonId",
    "peaks",  # before they are made
    "personId",
    "retainUntil",
    "retentionGroupId",
    "thirdPartyId",  # of a person
    "waveForm",
}
# Objects whose keys differ from account to account; and the keys that they always have.
OPEN = {"metadata", "dataGroups", "optional", "accountDefault", "retentionGroup", "sourceFileDetail"}
ALWAYS = {"accountGuid", "recorder", "region", "sourceFileDetail", "default"}
# The example shows only null, and so not what the field holds.
UNSHOWN = {"inflightCall"}
FRACTIONAL = {"startOffsetInSeconds", "endOffsetInSeconds"}


def differences(example: Any, answer: Any) -> list[str]:
    """Each place where the shape of an answer differs from an example, with its path.

    A key may be missing if some rows of the example do not have it. Every row of the answer is compared.
    """
    return list(_differences([example], answer, "", ""))


def _differences(examples: Sequence[Any], answer: Any, key: str, path: str) -> Iterator[str]:
    if key in UNSHOWN or (answer is None and key in NULLABLE):
        return
    kinds = {_kind(example) for example in examples}
    if not _fits(_kind(answer), kinds, key):
        yield f"{path or 'answer'}: {_kind(answer)} instead of {' or '.join(sorted(kinds))}"
        return
    if isinstance(answer, dict):
        yield from _in_object([one for one in examples if isinstance(one, dict)], answer, key, path)
    elif isinstance(answer, list):
        rows = [row for one in examples if isinstance(one, list) for row in one]
        for index, row in enumerate(answer if rows else ()):
            yield from _differences(rows, row, key, f"{path}[{index}]")


def _in_object(
    examples: Sequence[dict[str, Any]], answer: dict[str, Any], key: str, path: str
) -> Iterator[str]:
    known: set[str] = set().union(*examples)
    needed: set[str] = set.intersection(*map(set, examples))
    if key in OPEN:
        known, needed = known & ALWAYS, needed & ALWAYS
    else:
        for name in sorted(answer.keys() - known):
            yield f"{path}.{name}: not in the example".lstrip(".")
    for name in sorted(needed - answer.keys()):
        yield f"{path}.{name}: missing".lstrip(".")
    for name in sorted(answer.keys() & known):
        shown = [one[name] for one in examples if name in one]
        yield from _differences(shown, answer[name], name, f"{path}.{name}".lstrip("."))


def _fits(kind: str, kinds: set[str], key: str) -> bool:
    if kind in {"integer", "number"} and ("number" in kinds or key in FRACTIONAL):
        return bool(kinds & {"integer", "number"})
    return kind in kinds


def _kind(value: Any) -> str:
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return kinds.get(type(value), "null")
