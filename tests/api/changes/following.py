"""A copy of an archive that follows the feed, as a client keeps one."""

from hashlib import sha256
from typing import Any

from tests.firm import ADMIN, Firm

Told = list[tuple[str, int]]


def ask(firm: Firm, as_user: str = ADMIN, **query: Any) -> dict[str, Any]:
    answer: dict[str, Any] = firm.get("/client/changes", as_user=as_user, **query)
    return answer


def kinds(answer: dict[str, Any]) -> Told:
    """The kinds and the ids of an answer's changes."""
    return [(one["kind"], one["interactionId"]) for one in answer["changes"]]


class Copy:
    """A copy that one user keeps: the ids that it has, and the place that it has come to."""

    def __init__(self, firm: Firm, user: str = ADMIN, *, since: int = 0, limit: int = 1000) -> None:
        self.firm, self.user, self.since, self.limit = firm, user, since, limit
        self.ids: set[int] = set()

    def catch_up(self) -> Told:
        """Read the feed to its end, and return what it told."""
        told: Told = []
        while True:
            answer = ask(self.firm, self.user, since=self.since, limit=self.limit)
            assert len(answer["changes"]) <= self.limit
            for kind, interaction_id in kinds(answer):
                if kind in {"hidden", "destroyed"}:
                    self.ids.discard(interaction_id)
                else:
                    self.ids.add(interaction_id)
            told += kinds(answer)
            self.since = answer["next"]
            if answer["complete"]:
                return told

    def has(self) -> set[int]:
        """The ids that it has when it has caught up."""
        self.catch_up()
        return self.ids

    def status(self) -> int:
        """The status of its next call."""
        params = {"since": self.since, "limit": self.limit}
        return self.firm.call("GET", "/client/changes", as_user=self.user, params=params).status_code

    def begin_anew(self) -> set[int]:
        """Begin from nothing, and return what it has then."""
        self.ids, self.since = set(), 0
        return self.has()

    def visible(self) -> set[int]:
        """The ids that its user finds by a search."""
        page = self.firm.post("/client/recording.search", {"pageSize": 1000}, as_user=self.user)
        return {one["interactionId"] for one in page["recordings"]}

    def versions(self) -> dict[int, str]:
        """The version of each recording that its user may see, as the detail has it."""
        wanted = {"interactionIds": sorted(self.visible())}
        found = self.firm.post("/client/recording.detail.get", wanted, as_user=self.user)
        return {one["interactionId"]: one["metadata"]["recordVersion"] for one in found}


def hash_of(versions: dict[int, str]) -> str:
    """The hash of a day, as `docs/changes.md` defines it."""
    lines = "".join(f"{interaction_id}:{versions[interaction_id]}\n" for interaction_id in sorted(versions))
    return sha256(lines.encode()).hexdigest()
