"""Endpoints: the addresses that people communicate from, one row for each however it is written."""

import re

from sqlalchemy import Connection, insert, select

from earwitness.archive.schema.people import endpoints

_SEPARATORS = re.compile(r"[\s().\-/]")


def normalise(endpoint_type: str, value: str) -> str:
    """What makes an endpoint the same: digits alone for a phone number, case folded for the rest.

    `+`, a leading `00` and separators are dropped; what has letters, as a SIP address, is case-folded.
    """
    value = value.strip()
    if endpoint_type != "phone":
        return value.casefold()
    bare = _SEPARATORS.sub("", value).removeprefix("+")
    if not bare.isascii() or not bare.isdigit():
        return value.casefold()
    return bare.removeprefix("00") or bare


def find_or_add_endpoint(
    connection: Connection, endpoint_type: str, value: str
) -> tuple[int, int | None, bool]:
    """The endpoint's id, its owner's person id, and whether it is private; it is made as it appears."""
    normalised = normalise(endpoint_type, value)
    known = connection.execute(
        select(endpoints.c.id, endpoints.c.owned_by_person_id, endpoints.c.is_private).where(
            endpoints.c.type == endpoint_type, endpoints.c.normalised == normalised
        )
    ).one_or_none()
    if known is not None:
        return known.id, known.owned_by_person_id, known.is_private
    shown = normalised if normalised.isdigit() else value.strip()
    added = connection.execute(
        insert(endpoints)
        .values(type=endpoint_type, endpoint=shown, normalised=normalised, metadata={})
        .returning(endpoints.c.id)
    ).scalar_one()
    return added, None, False
