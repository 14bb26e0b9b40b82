"""With a key management service there is no key file, and everything else works as usual."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from earwitness.archive.accounts.accounts import Accounts
from earwitness.kernel.settings import Settings
from earwitness.media.keys.key_ring import KEYS_FILE
from tests.cli.running import run_json
from tests.firm import CLIENT_ID, Firm, tone
from tests.media import kms
from tests.media.kms import SERVICE, Service

PLAY = "/client/recording.playBackByThirdPartyId"


@pytest.fixture
def firm(tmp_path: Path) -> Iterator[Firm]:
    settings = Settings(data=tmp_path / "data", kms="tests.media.kms:open_service", jobs=False)
    accounts = Accounts(settings)
    accounts.create(CLIENT_ID, "A firm")
    accounts.close()
    with Firm(settings) as firm:
        yield firm


def played(firm: Firm) -> tuple[int, bytes]:
    answer = firm.call("POST", PLAY, {"thirdPartyId": "call-1", "format": "raw"})
    return answer.status_code, answer.content


def key_id(firm: Firm, recording_id: int) -> str:
    [detail] = firm.post("/client/recording.detail.get", {"interactionIds": [recording_id]})
    named: str = detail["encryptionDetail"]["keyId"]
    return named


def test_recordings_are_wrapped_by_the_service_and_by_its_next_key_after_a_rotation(firm: Firm) -> None:
    recording_id = firm.ingest(tone())
    first = key_id(firm, recording_id)
    assert first == SERVICE.current
    assert not (firm.settings.keys_folder / KEYS_FILE).exists()
    assert run_json(firm.settings, "key", "rotate")["rewrapped"] == 1
    assert key_id(firm, recording_id) == SERVICE.current != first
    assert played(firm) == (200, tone())


def test_recordings_wait_while_the_key_service_does_not_answer_and_none_is_lost(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    firm.ingest(tone())
    with monkeypatch.context() as patch:
        patch.setattr(SERVICE, "answers", False)
        assert played(firm)[0] == 503
        assert firm.client.get("/readyz").json()["missing"] == ["keys"]
    assert firm.client.get("/readyz").status_code == 200
    assert played(firm) == (200, tone())


@pytest.mark.parametrize("kms", ["nothing", "no_such_module:open", "tests.media.kms:no_such_function", ":"])
def test_a_missing_key_management_service_is_reported_at_once(firm: Firm, kms: str) -> None:
    settings = replace(firm.settings, kms=kms)
    assert "EARWITNESS_KMS" in run_json(settings, "key", "list", exit_code=1)["error"]


def test_another_service_with_keys_of_the_same_ids_is_refused(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    firm.ingest(tone())
    assert run_json(firm.settings, "key", "list")["missing"] == {}
    another = Service()
    while another.current != SERVICE.current:
        another.rotate()
    with monkeypatch.context() as patch:
        patch.setattr(kms, "SERVICE", another)
        assert "is not the key of that id" in run_json(firm.settings, "key", "list", exit_code=1)["error"]
    assert run_json(firm.settings, "key", "list")["missing"] == {}


def test_a_service_that_does_not_answer_at_the_start_is_not_another(
    firm: Firm, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    recording_id = firm.ingest(tone())
    with monkeypatch.context() as patch:
        patch.setattr(SERVICE, "answers", False)
        assert run_json(firm.settings, "key", "list")["keys"] != []
    assert key_id(firm, recording_id) == SERVICE.current


def test_a_key_that_the_service_does_not_have_is_missing(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    firm.ingest(tone())
    monkeypatch.setattr(SERVICE, "keys", {"hsm-99": Service().keys["hsm-1"]})
    assert played(firm)[0] == 503
    assert firm.client.get("/readyz").json()["missing"] == ["keys"]
