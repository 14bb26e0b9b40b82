"""Several servers of one archive, each in its own process: totals stay exact, and other keys are noticed."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import delete, func, select

from earwitness.archive.accounts.accounts import Accounts, Archive
from earwitness.archive.integrity.counts import check_counts
from earwitness.archive.recordings.counts import recount, start_of
from earwitness.archive.schema.recordings import recordings
from earwitness.kernel.settings import Settings
from earwitness.media.keys.key_ring import KEYS_FILE
from tests.cli.running import running
from tests.firm import CLIENT_ID, call
from tests.servers import change_keys, flip_a_bit, other_server
from tests.serving import Server, administrator, server
from tests.waiting import until


@pytest.mark.parametrize("command", [("serve", "--port", "0"), ("worker",)])
@pytest.mark.parametrize("settings", ["postgresql"], indirect=True)
def test_with_a_flipped_bit_in_its_key_no_server_and_no_worker_starts(
    settings: Settings, tmp_path: Path, command: tuple[str, ...]
) -> None:
    administrator(settings)
    other = other_server(settings, tmp_path)
    kek_id = change_keys(other, flip_a_bit)
    with running(other, *command, "--json") as process:
        assert process.wait(60) == 1
        assert process.stdout is not None
        assert kek_id in json.loads(process.stdout.read())["error"]


@pytest.mark.parametrize("settings", ["postgresql"], indirect=True)
def test_a_running_server_notices_when_its_key_becomes_another(settings: Settings, tmp_path: Path) -> None:
    credentials = administrator(settings)
    other = other_server(settings, tmp_path)
    right = (other.keys_folder / KEYS_FILE).read_text()
    with server(settings, credentials) as one, server(other, credentials) as two:
        kek_id = change_keys(other, flip_a_bit)
        answer = readyz(two)
        assert (answer.status_code, answer.json()["missing"]) == (503, ["keys"])
        assert kek_id in answer.json()["detail"]
        assert readyz(one).status_code == 200
        (other.keys_folder / KEYS_FILE).write_text(right)
        assert readyz(two).status_code == 200


OF_EACH = 12
TYPES = ("phone", "teams")


@pytest.mark.parametrize("settings", ["postgresql"], indirect=True)
def test_totals_stay_exact_while_two_servers_add_recordings_and_others_are_removed(
    settings: Settings, tmp_path: Path
) -> None:
    """All start on few days, so that the same counts are changed by all at the same time."""
    credentials = administrator(settings)
    accounts = Accounts(settings)
    archive = accounts.open(CLIENT_ID)
    other = other_server(settings, tmp_path)
    with server(settings, credentials) as one, server(other, credentials) as two:
        with ThreadPoolExecutor() as threads:
            senders = [
                threads.submit(send, to, f"{name}-{part}")
                for name, to in enumerate((one, two))
                for part in TYPES
            ]
            until(lambda: [remove_the_first(archive) for _ in range(3)][-1], "some arrived, and are removed")
            for sender in senders:
                sender.result()
        with archive.read() as connection:
            left = connection.scalar(select(func.count()).select_from(recordings)) or 0
        assert 0 < left < 2 * len(TYPES) * OF_EACH
        for asked in (one, two):
            assert total(asked) == left
            of_types = [total(asked, communicationTypes={"include": [type_]}) for type_ in TYPES]
            assert sum(of_types) == left
    assert list(check_counts(archive)) == []
    accounts.close()


def send(to: Server, name: str) -> None:
    """Ingest calls, of days in turn."""
    for number in range(OF_EACH):
        metadata = call(
            thirdPartyId=f"{name}-{number}",
            type=TYPES[number % len(TYPES)],
            startDatetimeUTC=f"2026-05-1{number % 3}T10:30:00Z",
        )
        files = {"metadata": (None, json.dumps(metadata), "application/json")}
        assert to.client.post("/ingest/recording", files=files).is_success


def remove_the_first(archive: Archive) -> bool:
    """Remove a recording and count its day anew, as whatever removes one has to. False if there is none."""
    with archive.write() as connection:
        first = select(recordings.c.position, recordings.c.started_at).order_by(recordings.c.interaction_id)
        row = connection.execute(first.limit(1)).one_or_none()
        if row is None:
            return False
        connection.execute(delete(recordings).where(recordings.c.position == row.position))
        recount(connection, start_of(1, row.started_at))
        return True


def total(asked: Server, **filters: object) -> int:
    answer = asked.client.post("/client/recording.search", json={"pageSize": 1, **filters})
    assert answer.is_success, answer.text
    return int(answer.json()["total"])


def readyz(server: Server) -> httpx2.Response:
    return server.client.get(server.client.base_url.copy_with(path="/readyz"))
