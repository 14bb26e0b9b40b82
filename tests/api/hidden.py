"""A firm with recordings that one of its users may not see, one for each reason."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from httpx2 import Response
from sqlalchemy import func, select

from earwitness.archive.access.users import add_user
from earwitness.archive.accounts.accounts import Accounts
from earwitness.archive.recordings.comments import add_comment
from earwitness.archive.schema.recordings import recordings
from earwitness.cli.operator import action
from earwitness.ingest.sources.manifest import import_line
from earwitness.kernel.clock import MS_PER_DAY, format_ms, now_ms
from earwitness.kernel.rights import Right
from tests.firm import Firm, call, endpoint, person, tone, transcript

VIEWER = "viewer@example.com"
"""Holds every right but Recording.Private.View, and is limited to the recordings of one desk."""

NOBODY = "nobody@example.com"

DESK, ELSEWHERE = {"Desk": "FX"}, {"Desk": "Rates"}


Answer = tuple[int, dict[str, str], str]


@dataclass(frozen=True, slots=True)
class Named:
    """A recording by both of its ids, and a comment on it."""

    interaction_id: int
    third_party_id: str
    comment_id: int


UNKNOWN = Named(900_001, "no-such-call", 900_002)


@dataclass(frozen=True, slots=True)
class Sent:
    """A call: what it is, and what goes with it."""

    method: str
    path: str
    body: Any = None
    params: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class World:
    """The firm, the answers before the hidden recordings were added, and these recordings."""

    firm: Firm
    seen: Named
    hold: int
    playlist: int
    tag: int
    unseen_tag: int
    """A tag that hidden recordings alone will have."""
    url: str = ""
    """A signed URL of the recording that is seen."""
    before: dict[str, Answer] = field(default_factory=dict)
    hidden: dict[str, Named] = field(default_factory=dict)

    def ask(self, sent: Sent, as_user: str = VIEWER) -> Response:
        given = {"params": sent.params} if sent.params else {}
        return self.firm.call(sent.method, sent.path, sent.body, as_user=as_user, **given)

    def hide(self) -> None:
        """Add the recordings that may not be seen, with everything that recordings can have."""
        self.hidden = {
            "private": self._add(3, "private-call", dataGroups=DESK, isPrivate=True),
            "outside the policy": self._add(4, "call-elsewhere", dataGroups=ELSEWHERE),
            "another account's": _another_accounts(self.firm),
        }
        ours = [self.hidden["private"].interaction_id, self.hidden["outside the policy"].interaction_id]
        members = {"interactionIds": [self.seen.interaction_id, *ours]}
        for path in (f"/admin/legalHold/{self.hold}", f"/admin/playlist/{self.playlist}"):
            assert self.firm.call("PUT", path, members).json()["total"] == 3
        self._add(5, "private-call-2", dataGroups=DESK, isPrivate=True, tags=["Unseen"], commented=False)
        live = {"type": "phone", "endpoint": "442000000003"}
        self.firm.post("/ingest/call/start", {"thirdPartyId": "live", "endpoint": live})

    def _add(self, hours: int, third_party_id: str, **metadata: Any) -> Named:
        return add(self.firm, hours, third_party_id, endpoints=HIDDEN_SIDES, **metadata)


JANE = endpoint("442000000001", subject=True, user="jane", person=person("Jane Smith"))
HIDDEN_SIDES = [JANE, endpoint("442000000002", subject=True, person=person("Bob Cole"))]
SEEN_SIDES = [JANE, endpoint("442000000004", originator=True, person=person("Ann Bell"))]


def make(firm: Firm) -> World:
    """A firm with a viewer who sees everything in it, and people and endpoints that took part in nothing."""
    rights: list[Right] = [right for right in Right if right is not Right.RECORDING_PRIVATE_VIEW]
    viewer = firm.add_user(VIEWER, rights)
    firm.add_user(NOBODY, [])
    policy = {"name": "FX", "dataGroups": {"Desk": ["FX"]}}
    firm.post("/admin/accessPolicy", policy)
    firm.call("PUT", f"/admin/user/{viewer}", {"policies": ["FX"]})
    for number, name in enumerate(("Jane Smith", "Bob Cole", "Live Larry", "Ann Bell"), start=1):
        owned = [{"type": "phone", "endpoint": f"44200000000{number}"}]
        firm.post("/admin/person", {"fullName": name, "email": person(name)["email"], "endpoints": owned})
    firm.call("PUT", "/admin/endpoint/3", {"isPrivate": True})
    firm.add_user("jane", [], person_id=1)
    firm.call("PUT", "/admin/account", {"forcedComments": True})
    tag, unseen = (firm.post("/admin/tag", {"tag": name})["id"] for name in ("Gold", "Unseen"))
    add(firm, 1, "plain-call", endpoints=SEEN_SIDES, dataGroups=DESK, tags=[], commented=False)
    seen = add(firm, 2, "call-seen", endpoints=SEEN_SIDES, dataGroups=DESK)
    members = {"name": "Enquiry 14", "interactionIds": [seen.interaction_id]}
    world = World(
        firm,
        seen,
        hold=firm.post("/admin/legalHold", members)["id"],
        playlist=firm.post("/admin/playlist", members)["id"],
        tag=tag,
        unseen_tag=unseen,
    )
    played = {"format": "raw", "comment": "checked"}
    path = f"/client/recording/{seen.interaction_id}/media-url"
    world.url = firm.post(path, played, as_user=VIEWER)["url"].partition("?token=")[2]
    return world


def add(firm: Firm, hours: int, third_party_id: str, *, commented: bool = True, **metadata: Any) -> Named:
    """A message of today with media, a transcript, a tag and, unless told otherwise, a comment."""
    metadata = {"tags": ["Gold"], **message(hours, third_party_id), **metadata}
    interaction_id = firm.ingest(tone(0.1), **metadata)
    if not commented:
        return Named(interaction_id, third_party_id, 0)
    comment = {"recordingId": interaction_id, "comment": "Looked at.", "tag": "Gold", "bookmarkId": 7}
    return Named(interaction_id, third_party_id, firm.post("/client/recording/comment", comment)["commentId"])


def message(hours: int, third_party_id: str) -> dict[str, Any]:
    """Metadata of an SMS of the last day, `hours` after its beginning."""
    start = format_ms(now_ms() - MS_PER_DAY + hours * 3_600_000)
    said = transcript("Sell the bonds quickly.")
    text = {"type": "sms", "message": "Sell the bonds.", "transcript": said}
    return {"thirdPartyId": third_party_id, "startDatetimeUTC": start, "endDatetimeUTC": start, **text}


def _another_accounts(firm: Firm) -> Named:
    """A recording of another firm, with ids that nothing has in ours."""
    accounts: Accounts = firm.app.state.installation.accounts
    accounts.create(7_654_321, "Another firm")
    archive = accounts.open(7_654_321)
    for number in range(6):
        line = call(**message(number, f"other-{number}"), endpoints=HIDDEN_SIDES, dataGroups=DESK)
        import_line(archive, json.dumps(line).encode(), Path(), action("import", "Import recording"))
    with archive.write() as connection:
        user_id = add_user(connection, VIEWER, [])
        position = connection.scalar(select(func.max(recordings.c.position))) or 0
        comment_ids = [add_comment(connection, position, user_id, "Looked at.") for _ in range(5)]
    return Named(6, "other-5", comment_ids[-1])


def answered(response: Response) -> Answer:
    """An answer without the parts that differ from call to call."""
    text = re.sub(r'"recordingsSearchToken":"\w+"', "", response.text)
    passing = {"date", "x-request-id", "content-length"}
    headers = {name: value for name, value in response.headers.items() if name not in passing}
    return response.status_code, headers, text


def as_if_asked(answer: Answer, named: Named) -> Answer:
    """The answer to a call that named an unknown recording, with the ids of this one in their place."""
    status, headers, text = answer
    for unknown, one in (
        (UNKNOWN.interaction_id, named.interaction_id),
        (UNKNOWN.comment_id, named.comment_id),
        (UNKNOWN.third_party_id, named.third_party_id),
    ):
        text = text.replace(str(unknown), str(one))
    return status, headers, text
