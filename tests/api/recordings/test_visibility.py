"""Each call answers a recording that the user may not see like one that does not exist."""

import base64
import re
from collections.abc import Iterator
from typing import Any

import pytest

from earwitness.api.schema import document_of
from earwitness.kernel.rights import Right, Role
from tests.api.hidden import NOBODY, UNKNOWN, VIEWER, Answer, Named, Sent, World, answered, as_if_asked, make
from tests.conftest import DATABASES, installation
from tests.firm import ADMIN, Firm

SEARCH, MEDIA = "/client/recording.search", "/client/recording/{}/media"
PLAY, COMMENT = "/client/recording.playBackByThirdPartyId", "/client/recording/comment"
HOLD, PLAYLIST = "/admin/legalHold", "/admin/playlist"
SELECTION = "/client/recording/selection"


def search(**wanted: Any) -> Sent:
    return Sent("POST", SEARCH, wanted)


def naming(world: World, one: Named) -> dict[str, Sent]:
    """Every call that can name a recording, or a comment on one."""
    recording, id_, third = {"recordingId": one.interaction_id}, one.interaction_id, one.third_party_id
    ids, both = {"interactionIds": [id_]}, {"interactionIds": [world.seen.interaction_id, id_]}
    raw = {"format": "raw", "comment": "checked"}
    return {
        "search by id": search(recordingIds={"include": [id_]}),
        "search by id and another": search(recordingIds={"include": both["interactionIds"]}),
        "search without an id": search(recordingIds={"exclude": [id_]}),
        "search by thirdPartyId": search(thirdPartyIds={"include": [third]}),
        "search without a thirdPartyId": search(thirdPartyIds={"exclude": [third]}),
        "search by the words of a thirdPartyId": search(freeText=f'"{third}"'),
        "detail": Sent("POST", "/client/recording.detail.get", ids),
        "detail of two": Sent("POST", "/client/recording.detail.get", both),
        "transcription": Sent("POST", "/client/recording.transcription.get", both),
        "message": Sent("POST", "/client/recording.sms-message.get", both),
        "audit": Sent("POST", "/client/recording/audit", recording),
        "audit past the end": Sent("POST", "/client/recording/audit", {**recording, "page": 1000}),
        "play": Sent("POST", PLAY, {"thirdPartyId": third, **raw}),
        "play without the comment": Sent("POST", PLAY, {"thirdPartyId": third, "format": "raw"}),
        "stream": Sent("POST", PLAY, {"thirdPartyId": third, **raw, "streamThrough": True}),
        "play as it cannot be": Sent("POST", PLAY, {"thirdPartyId": third, **raw, "format": "mp4"}),
        "media": Sent("GET", MEDIA.format(id_), params=raw),
        "media without the comment": Sent("GET", MEDIA.format(id_), params={"format": "raw"}),
        "media headers": Sent("HEAD", MEDIA.format(id_), params=raw),
        "media URL": Sent("POST", f"{MEDIA.format(id_)}-url", raw),
        "comments": Sent("GET", COMMENT, params=recording),
        "comments on a bookmark": Sent("GET", COMMENT, params={**recording, "bID": 7}),
        "commenting": Sent("POST", COMMENT, {**recording, "comment": "I was here."}),
        "withdrawing a comment": Sent("DELETE", COMMENT, params={**recording, "cIdf": one.comment_id}),
        "tagging": Sent("PUT", "/client/recording/tags", {**recording, "tags": ["Silver"]}),
        "holding": Sent("POST", HOLD, {"name": "Mine", **both}),
        "changing a hold": Sent("PUT", f"{HOLD}/{world.hold}", both),
        "listing to play": Sent("POST", PLAYLIST, {"name": "Mine", **both}),
        "changing a playlist": Sent("PUT", f"{PLAYLIST}/{world.playlist}", both),
        "adding to a hold": Sent(
            "PUT", f"{HOLD}/{world.hold}", {"addInteractionIds": both["interactionIds"]}
        ),
        "removing from a hold": Sent(
            "PUT", f"{HOLD}/{world.hold}", {"removeInteractionIds": both["interactionIds"]}
        ),
        "selecting": Sent("POST", SELECTION, {**both, "addTags": ["Silver"]}),
        "proof": Sent("POST", "/ledger/proof", recording),
        "history": Sent("POST", "/ledger/history", recording),
        "searching the ledger": Sent("POST", "/ledger/search", {"entityName": "Recording", "entityId": id_}),
    }


def misnaming(world: World, one: Named) -> dict[str, Sent]:
    """Calls that name a recording, or its comment, together with something of another recording."""
    url = f"{MEDIA.format(one.interaction_id)}-url"
    comment = {"recordingId": world.seen.interaction_id, "cIdf": one.comment_id}
    return {
        "media by the URL of another": Sent("GET", url, params={"token": world.url}),
        "headers by the URL of another": Sent("HEAD", url, params={"token": world.url}),
        "a comment of another": Sent("GET", COMMENT, params=comment),
        "withdrawing a comment of another": Sent("DELETE", COMMENT, params=comment),
    }


def counting(world: World) -> dict[str, Sent]:
    """Every call that lists or counts recordings without naming them."""
    people, endpoints = "/client/people.search", "/client/people/endpoint/search"
    first, second = {"endpointIds": [1]}, {"personIds": [2]}
    searches: dict[str, dict[str, Any]] = {
        "everything": {},
        "a page of one": {"pageSize": 1},
        "the last page": {"pageSize": 1, "page": 3},
        "oldest first": {"startTimeDirection": "ASC"},
        "an endpoint": {"endpointIds": {"include": [2]}},
        "without an endpoint": {"endpointIds": {"exclude": [4]}},
        "a person": {"personIds": {"include": [1]}},
        "without a person": {"personIds": {"exclude": [4]}},
        "a user": {"userIds": {"include": [4]}},
        "without a user": {"userIds": {"exclude": [1]}},
        "a tag": {"tagIds": {"include": [world.tag]}},
        "without a tag": {"tagIds": {"exclude": [world.unseen_tag]}},
        "a tag that is not seen": {"tagIds": {"include": [world.unseen_tag]}},
        "two sides": {"communicationsBetween": {"first": first, "second": second}},
        "a stretch of time": {"dateTimeRange": {"from": "2020-01-01T00:00:00Z"}},
        "times of day": {"timeRanges": {"include": [{"from": "00:00", "to": "23:59"}]}},
        "not at a time of day": {"timeRanges": {"exclude": [{"from": "12:00", "to": "12:01"}]}},
        "durations": {"durationRangeInSeconds": {"min": 0, "max": 10}},
        "types": {"communicationTypes": {"include": ["sms"]}},
        "without a type": {"communicationTypes": {"exclude": ["phone"]}},
        "a direction": {"direction": "In"},
        "private ones": {"isPrivate": True},
        "those that are not private": {"isPrivate": False},
        "commented ones": {"hasComments": True},
        "those without comments": {"hasComments": False},
        "a hold": {"legalHoldId": world.hold},
        "a playlist": {"playlistId": world.playlist},
        "a word": {"freeText": "bonds"},
        "a phrase": {"freeText": '"bonds quickly"'},
        "without a word": {"freeText": "-shares"},
        "a name": {"freeText": "Cole"},
        "a tag's name": {"freeText": "gold -plain"},
        "all of it at once": {"freeText": "bonds", "hasComments": True, "legalHoldId": world.hold},
    }
    return {
        **{f"search for {name}": search(**wanted) for name, wanted in searches.items()},
        "people": Sent("POST", people, {"includeInteractions": True}),
        "people by their endpoints": Sent("POST", people, {"freeText": "442000000002"}),
        "people by id": Sent("POST", "/client/people.get", [1, 2, 3, 4]),
        "endpoints": Sent("POST", endpoints, {}),
        "recorded endpoints": Sent("POST", endpoints, {"isRecorded": True}),
        "endpoints never recorded": Sent("POST", endpoints, {"isRecorded": False}),
        "endpoints in a call": Sent("POST", endpoints, {"isCurrentlyRecorded": True}),
        "endpoints in no call": Sent("POST", endpoints, {"isCurrentlyRecorded": False}),
        "endpoints by value": Sent(
            "POST", "/client/people/endpoint/get", [{"type": "phone", "endpoint": "442000000002"}]
        ),
        "all people": Sent("GET", "/admin/person"),
        "a changed person": Sent("PUT", "/admin/person/2", {}),
        "all endpoints": Sent("GET", "/admin/endpoint"),
        "a changed endpoint": Sent("PUT", "/admin/endpoint/2", {}),
        "holds": Sent("GET", HOLD),
        "a hold": Sent("GET", f"{HOLD}/{world.hold}"),
        "the recordings of a hold": Sent("GET", f"{HOLD}/{world.hold}/recording"),
        "the recordings of a playlist": Sent("GET", f"{PLAYLIST}/{world.playlist}/recording"),
        "a changed hold": Sent("PUT", f"{HOLD}/{world.hold}", {}),
        "playlists": Sent("GET", PLAYLIST),
        "a playlist": Sent("GET", f"{PLAYLIST}/{world.playlist}"),
        "a changed playlist": Sent("PUT", f"{PLAYLIST}/{world.playlist}", {}),
    }


def templated(path: str) -> str:
    return re.sub(r"/\d+", "/{id}", path)


def changes(sent: Sent) -> bool:
    """Whether a call changes anything, when it is not refused."""
    return sent.method in {"PUT", "DELETE"} or (
        sent.method == "POST" and sent.path in {COMMENT, HOLD, PLAYLIST, SELECTION}
    )


@pytest.fixture(scope="module", params=DATABASES)
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A firm to which hidden recordings were added after each counting call had been made once."""
    with installation(request, tmp_path_factory.mktemp("world")) as settings, Firm(settings) as firm:
        world = make(firm)
        world.before = {name: answered(world.ask(sent)) for name, sent in counting(world).items()}
        world.hide()
        yield world


EXAMPLE = World(Firm.__new__(Firm), UNKNOWN, 1, 1, 1, 1)
NAMING, COUNTING = naming(EXAMPLE, UNKNOWN), counting(EXAMPLE)
MISNAMING = misnaming(EXAMPLE, UNKNOWN)


@pytest.mark.parametrize("call", NAMING | MISNAMING)
def test_a_hidden_recording_is_answered_as_one_that_does_not_exist(world: World, call: str) -> None:
    def ask(one: Named) -> Answer:
        return answered(world.ask((naming(world, one) | misnaming(world, one))[call]))

    unknown = ask(UNKNOWN)
    for way, hidden in world.hidden.items():
        assert ask(hidden) == as_if_asked(unknown, hidden), way


@pytest.mark.parametrize("call", NAMING)
def test_without_the_right_the_answer_does_not_tell_whether_it_exists(world: World, call: str) -> None:
    unknown = answered(world.ask(naming(world, UNKNOWN)[call], NOBODY))
    assert unknown[0] == 403
    for one in (world.seen, world.hidden["private"]):
        assert answered(world.ask(naming(world, one)[call], NOBODY)) == as_if_asked(unknown, one)


@pytest.mark.parametrize("call", COUNTING)
def test_lists_totals_and_counts_leave_out_hidden_recordings(world: World, call: str) -> None:
    assert answered(world.ask(counting(world)[call])) == world.before[call]


@pytest.mark.parametrize("call", [name for name, sent in NAMING.items() if not changes(sent)])
def test_users_who_may_see_it_get_another_answer(world: World, call: str) -> None:
    """Otherwise the tests above would prove nothing."""
    unknown = answered(world.ask(naming(world, UNKNOWN)[call], ADMIN))
    for way, hidden in world.hidden.items():
        same = answered(world.ask(naming(world, hidden)[call], ADMIN)) == as_if_asked(unknown, hidden)
        assert same is (way == "another account's"), way


@pytest.mark.parametrize("call", COUNTING)
def test_users_who_may_see_it_have_it_in_their_counts(world: World, call: str) -> None:
    assert answered(world.ask(counting(world)[call], ADMIN)) != world.before[call]


@pytest.mark.parametrize("catalogue", ["tag", "endpoint"])
def test_a_refused_deletion_does_not_tell_whether_a_hidden_recording_uses_it(
    world: World, catalogue: str
) -> None:
    """A tag or an endpoint is not deleted, whether only hidden recordings have it or none has it."""
    used = {"tag": world.unseen_tag, "endpoint": 2}[catalogue]
    body = {"tag": {"tag": "Free"}, "endpoint": {"type": "phone", "endpoint": "449"}}[catalogue]
    free = world.firm.post(f"/admin/{catalogue}", body)["id"]
    answers = [
        world.firm.call("DELETE", f"/admin/{catalogue}/{one}", as_user=VIEWER)
        for one in (used, free, 900_001)
    ]
    told = {(answer.status_code, answer.json()["detail"]) for answer in answers}
    assert told == {(403, "This needs the right Recording.Private.View.")}
    assert world.firm.call("DELETE", f"/admin/{catalogue}/{used}").status_code == 409
    assert world.firm.call("DELETE", f"/admin/{catalogue}/{free}").status_code == 200


@pytest.mark.parametrize("catalogue", ["tag", "endpoint"])
def test_a_refused_deletion_names_the_right_or_the_access_policy(firm: Firm, catalogue: str) -> None:
    firm.add_user("editor", [Right.RECORDING_TAG_EDIT, Right.ENDPOINTS_EDIT])
    limited = firm.add_user("limited", [Role.ADMIN])
    firm.post("/admin/accessPolicy", {"name": "Phone", "communicationTypes": ["phone"]})
    assert firm.call("PUT", f"/admin/user/{limited}", {"policies": ["Phone"]}).is_success
    path = f"/admin/{catalogue}/9999"
    missing = firm.call("DELETE", path, as_user="editor")
    assert (missing.status_code, missing.json()["right"]) == (403, "Recording.Private.View")
    refused = firm.call("DELETE", path, as_user="limited")
    assert (refused.status_code, "access policy" in refused.json()["detail"]) == (403, True)
    assert firm.call("DELETE", path).status_code == 404


def test_a_search_token_does_not_tell_how_many_recordings_there_are(world: World) -> None:
    token = world.ask(search()).json()["recordingsSearchToken"].removeprefix("st_")
    sealed = base64.b32decode(token + "=" * (-len(token) % 8))
    there_are = world.ask(search(), ADMIN).json()["total"]
    assert there_are.to_bytes(8, "big") not in sealed


SAYS_NOTHING_OF_RECORDINGS = {
    # Keys, users, groups, days and settings do not depend on recordings.
    *(
        f"{method} /admin/{name}{one}"
        for name in ("accessPolicy", "user", "retentionGroup", "tag")
        for method, one in (("GET", ""), ("POST", ""), ("PUT", "/{id}"), ("DELETE", "/{id}"))
    ),
    "GET /admin/apiKey",
    "POST /admin/apiKey",
    "DELETE /admin/apiKey/{id}",
    "GET /admin/account",
    "PUT /admin/account",
    "PUT /admin/retentionGroup/accountDefault",
    "POST /admin/person",
    "POST /admin/endpoint",
    "DELETE /admin/person/{id}",
    "DELETE /admin/legalHold/{id}",
    "DELETE /admin/playlist/{id}",
    "GET /client/job/{id}",
    "POST /client/people.searchByName",
    "POST /client/user/search",
    "POST /authWithApiKey",
    "POST /authWithAPIKey",
    "POST /auth/refresh",
    "GET /",
    "GET /healthz",
    "GET /readyz",
    "GET /metrics",
    "GET /ledger/checkpoint",
    "GET /ledger/key",
    "GET /ledger/consistency",
    "GET /ledger/tile/{path}",  # leaves, for users without access policies alone
    "GET /ledger/verify.py",
    "GET /schema",
    "GET /schema/openapi.json",
}
TELLS_THE_SOURCE = {
    "POST /ingest/recording",
    "PUT /ingest/recording/{thirdPartyId}/codec",
    "PUT /ingest/recording/{thirdPartyId}/media",
    "PUT /ingest/recording/{thirdPartyId}/transcript",
    "POST /ingest/call/start",
    "POST /ingest/call/end",
}
"""A source learns the state of the ids that it gave itself, and nothing else."""
HAVE_THEIR_OWN_TEST = {"DELETE /admin/tag/{id}", "DELETE /admin/endpoint/{id}"}


def test_no_call_is_forgotten(world: World) -> None:
    document = document_of(world.firm.app)
    documented = {
        f"{method.upper()} {path}"
        for path, item in document["paths"].items()
        for method in item
        if method != "servers"
    }
    every = [*NAMING.values(), *MISNAMING.values(), *COUNTING.values()]
    asked = {f"{sent.method} {templated(sent.path)}" for sent in every}
    others = SAYS_NOTHING_OF_RECORDINGS | TELLS_THE_SOURCE | HAVE_THEIR_OWN_TEST
    assert documented - asked - others == set()
    assert others - documented == set()
