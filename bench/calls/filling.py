"""Fills an account by `earwitness import`, so that everything that an import keeps in step is right."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.calls.by_hand import Hand
from bench.calls.site import CLIENT_ID
from bench.generating import word_of
from bench.media.servers import environment
from earwitness.archive.access.users import add_api_key, add_user
from earwitness.archive.accounts.accounts import Accounts, Archive
from earwitness.kernel.clock import MS_PER_DAY, format_ms, parse_ms
from earwitness.kernel.rights import Role
from earwitness.kernel.settings import Settings

_FIRST = parse_ms("2023-11-01")
_DAYS = 1000
_GIVEN_NAMES, _FIRST_GIVEN, _FIRST_FAMILY = 1500, 2000, 5000
_USERS_A_PERSON = 10


def fill(settings: Settings, recordings: int, people: int) -> float:
    """Create the account, import its recordings, and add its users. Returns how many seconds that took."""
    began = time.monotonic()
    accounts = Accounts(settings)
    accounts.create(CLIENT_ID, "Benchmark")
    manifest = settings.data.parent / "manifest.jsonl"
    with manifest.open("w") as file:
        file.writelines(f"{json.dumps(line)}\n" for line in _lines(recordings, people))
    _import(settings, manifest)
    _add_users(accounts.open(CLIENT_ID), people // _USERS_A_PERSON)
    accounts.close()
    return time.monotonic() - began


def credentials(archive: Archive) -> dict[str, Any]:
    """The body of the sign-in of a new administrator."""
    username = f"bench-{time.time_ns()}"
    with archive.write() as connection:
        _, api_key = add_api_key(connection, add_user(connection, username, [Role.ADMIN]))
    return {"clientId": archive.client_id, "username": username, "apiKey": api_key}


def analyse(hand: Hand) -> None:
    """Let PostgreSQL know what was loaded, as it would after a while."""
    if not hand.on_sqlite:
        hand.all("VACUUM ANALYZE")


def name_of(person: int) -> str:
    """The name of a person: two pronounceable words."""
    given = word_of(_FIRST_GIVEN + person % _GIVEN_NAMES)
    return f"{given} {word_of(_FIRST_FAMILY + person // 3)}".title()


def _import(settings: Settings, manifest: Path) -> None:
    command = [sys.executable, "-m", "earwitness", "import", str(CLIENT_ID), str(manifest), "--json"]
    variables = os.environ | environment(settings)
    subprocess.run(command, env=variables, check=True, stdout=subprocess.DEVNULL)
    manifest.unlink()


def _lines(recordings: int, people: int) -> Iterator[dict[str, Any]]:
    """Recordings between staff, who are half of the people, and external people. Everybody takes part."""
    staff = people // 2
    for number in range(recordings):
        subject, other = number % staff, staff + (number * 7 + number // staff) % (people - staff)
        started_at = _FIRST + number * _DAYS * MS_PER_DAY // recordings
        yield {
            "thirdPartyId": f"bench-{number:09d}",
            "type": "phone",
            "source": "sbc",
            "direction": "Out" if number % 3 else "In",
            "startDatetimeUTC": format_ms(started_at),
            "endDatetimeUTC": format_ms(started_at + 180_000),
            "dataGroups": {"Department": "Support"},
            "endpoints": [
                _endpoint(subject, number // staff % 2, is_subject=True),
                _endpoint(other, number // staff % 2, is_subject=False),
            ],
        }


def _endpoint(person: int, which: int, *, is_subject: bool) -> dict[str, Any]:
    """A phone number or the email address of a person."""
    name = name_of(person)
    address = f"{name.replace(' ', '.').lower()}.{person}@example.com"
    return {
        "type": "email" if which else "phone",
        "endpoint": address if which else f"4420{person:08d}",
        "isOriginator": is_subject,
        "isRecordingSubject": is_subject,
        "person": {
            "thirdPartyId": f"person-{person}",
            "fullName": name,
            "email": address,
            "personType": "staff" if is_subject else "external",
        },
    }


def _add_users(archive: Archive, count: int) -> None:
    with archive.write(patient=True) as connection:
        for number in range(count):
            add_user(
                connection,
                f"user.{number}@example.com",
                [Role.COMPLIANCE],
                full_name=name_of(number),
                email=f"user.{number}@example.com",
            )
