"""Endpoints: the addresses that people communicate from, one row for each however it is written."""

import re
from typing import Any

from sqlalchemy import Connection, insert, select

from earwitness.archive.schema.people import endpoints

_SEPARATORS = re.compile(r"[\s().\-/]")


def normalise(endpoint_type: str, value: str) -> str:
    """What makes an endpoint the same: digits alone for a phone number, case folded for the rest.

    `+`, a leading `00` and separators are dropped; what has letters, as a SIP address, is case-folded.
    """
    digits = digits_of(value) if endpoint_type == "phone" else None
    if digits is None:
        return value.strip().casefold()
    return digits.removeprefix("00") or digits


def digits_of(number: str) -> str | None:
    """The digits of a phone number, or of a part of one; None for what is not written in digits."""
    bare = _SEPARATORS.sub("", number).removeprefix("+")
    return bare if bare.isascii() and bare.isdigit() else None


def shown(endpoint_type: str, value: str) -> str:
    """How an endpoint is written wherever it is shown: a phone number as its digits, else as it came."""
    normalised = normalise(endpoint_type, value)
    return normalised if normalised.isdigit() else value.strip()


def find_endpoint(connection: Connection, endpoint_type: str, value: str) -> Any:
    """The row of an endpoint, however its value is written; None if there is none."""
    return connection.execute(
        select(endpoints).where(
            endpoints.c.type == endpoint_type, endpoints.c.normalised == normalise(endpoint_type, value)
        )
    ).one_or_none()


def find_or_add_endpoint(
    connection: Connection, endpoint_type: str, value: str
) -> tuple[int, int | None, bool]:
    """The endpoint's id, its owner's person id, and whether it is private; it is made as it appears."""
    known = find_endpoint(connection, endpoint_type, value)
    if known is not None:
        return known.id, known.owned_by_person_id, known.is_private
    added = connection.execute(
        insert(endpoints)
        .values(
            type=endpoint_type,
            endpoint=shown(endpoint_type, value),
            normalised=normalise(endpoint_type, value),
            metadata={},
        )
        .returning(endpoints.c.id)
    ).scalar_one()
    return added, None, False
