"""Writes docs/rights.md: every right and what it opens, every role, and who may see which recording."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from earwitness.archive.access.visibility import POLICY_CONDITIONS, USES, VISIBILITY_RULES
from earwitness.kernel.rights import ROLE_RIGHTS, Right

PAGE = Path(__file__).with_name("rights.md")

_INTRODUCTION = """\
# Rights

What a user may do is a list of rights, and of roles, which are named sets of rights. Every operation of
the API states the right that it needs. Without it the answer is 403, which names the right. Rights are read
on each request, so a change counts at once. They are assigned by `earwitness user create` and `earwitness
user set`, and by `POST` and `PUT /admin/user`, where nobody can give a right that they lack.

`earwitness access rights` lists the rights and roles. `earwitness access explain CLIENT_ID USERNAME
INTERACTION_ID` says what a user may do with one recording, and which rule keeps them out. This page is
written from the code by `make docs`.
"""
_SIGNING_IN = """\
Only a user who is active, not locked and has an active API key can sign in. A user sees a recording if
all of these rules hold:
"""
_AFTERWARDS = """\
A recording that a user may not see is answered like one that does not exist: it is missing in lists, totals
and counts, and 404 by its id. These rules are the same for every operation. What a user can do with a
recording that they see depends on their rights, none of which includes another:
"""
_RETENTION = """\
Retention does not decide who sees a recording. A recording can be seen until it is deleted, and nothing is
deleted by retention yet.
"""


def page(document: dict[str, Any]) -> str:
    """The page, from the rights and the OpenAPI document."""
    return "\n".join(_lines(_operations(document))).rstrip() + "\n"


def _operations(document: dict[str, Any]) -> dict[str, list[str]]:
    """The operations that each right opens, each with the other rights that open it too."""
    found: dict[str, list[str]] = defaultdict(list)
    for path, item in document["paths"].items():
        for method, operation in item.items():
            rights = operation.get("x-required-right", "").split(" or ") if method != "servers" else []
            for right in filter(None, rights):
                found[right].append(f"`{method.upper()} {path}`")
    return found


def _lines(operations: dict[str, list[str]]) -> Iterator[str]:
    yield _INTRODUCTION
    yield "## Roles\n"
    yield "| role | rights |"
    yield "|---|---|"
    for role, held in ROLE_RIGHTS.items():
        names = ", ".join(f"`{right}`" for right in Right if right in held)
        yield f"| `{role}` | {'every right' if held == frozenset(Right) else names} |"
    yield "\n## What each right opens\n"
    yield "An operation that is named at two rights needs one of them.\n"
    yield "| right | what it is for | operations |"
    yield "|---|---|---|"
    for right in Right:
        yield f"| `{right}` | {right.opens} | {', '.join(operations[right]) or 'none of its own'} |"
    yield "\n## Who may see a recording\n"
    yield _SIGNING_IN
    for rule in VISIBILITY_RULES:
        yield f"- {rule.sentence}"
    yield "\nThe conditions of an access policy:\n"
    for condition in POLICY_CONDITIONS:
        yield f"- {condition.sentence}"
    yield f"\n{_AFTERWARDS}"
    yield "| to | right | the recording must have |"
    yield "|---|---|---|"
    for use in USES:
        yield f"| {use.words} | `{use.right}` | {use.needs or '–'} |"
    yield f"\n{_RETENTION}"
