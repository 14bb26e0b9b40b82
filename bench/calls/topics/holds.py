"""Legal holds and playlists with a thousand recordings, and with all: placed, listed, renamed, ended."""

import time
from collections.abc import Callable, Iterator
from typing import Any

from bench.calls.by_hand import HEADER
from bench.calls.measuring import MOST_WAITED, processor, processor_of_change, wait_beside
from bench.calls.rows import NotOffered, Row, Work
from bench.calls.site import Site

_FEW = 1000
_SELECTION = "/client/recording/selection"
_INTO_LEDGER = (
    "INSERT INTO bench.audit_rows (audit_header_id, entity_name, entity_id, parent_entity_name,"
    " parent_entity_id, metadata, response_code)"
    " SELECT (SELECT max(id) FROM bench.audit_headers), 'Recording', r.interaction_id, 'Recording',"
    """ r.interaction_id, '{"legalHold": {"id": 1, "name": "All"}}', 200"""
    " FROM recordings r JOIN bench.members m ON m.position = r.position WHERE m.list_id = 1"
)
_MEMBERS = "INSERT INTO bench.members SELECT 1, position FROM recordings ORDER BY position LIMIT ?"
_EMPTIED = ("DELETE FROM bench.members",)
_ITS_ROWS = "its rows and a row for each recording in the ledger, in one transaction"


class Kind:
    """Legal holds, or playlists."""

    def __init__(self, name: str, path: str, table: str, key: str, selected: str) -> None:
        self.name, self.path, self.selected = name, path, selected
        self._table, self._key = table, key

    def rows(self) -> Iterator[Row]:
        named = f"a {self.name} of all"
        by_hand = _placed_by_hand(_FEW)
        yield self._quick(f"a {self.name} of 1,000: placed", _ITS_ROWS, self.place_few, by_hand)
        yield from self._both(f"{named}: placed", self.place_all, _placed_by_hand(0), 5, self.end)
        yield Row(
            f"{named}: renamed",
            "ms of processor",
            f"the same call for a {self.name} of one recording",
            1.5,
            processor(self.rename, self.rename_small, self.fill, floor_is_call=True),
        )
        yield self._wait(f"{named}: renamed", self.rename, self.fill)
        page = "the page and the total by hand"
        yield self._quick(f"{named}: its first 100 members", page, self.list_members, self._members_by_hand)
        yield self._quick(f"the list with {named}", "the totals by hand", self.list_all, self._totals_by_hand)
        yield from self._both(f"{named}: ended", self.end, _ended_by_hand, 5, self._ready_to_end)

    def _both(self, name: str, ours: Work, floor: Work, most: float, before: Work) -> Iterator[Row]:
        """A change of all members: its processor time, and how long others wait."""
        yield Row(name, "ms of processor", _ITS_ROWS, most, processor_of_change(ours, floor, before))
        yield self._wait(name, ours, before)

    def _quick(self, name: str, floor: str, ours: Work, by_hand: Work) -> Row:
        return Row(name, "ms of processor", floor, 5, processor(ours, by_hand, self.fill))

    def _wait(self, name: str, ours: Work, before: Work) -> Row:
        without = "a writer's median wait without it"
        return Row(
            f"{name}: another writer's longest wait",
            "ms waited",
            without,
            MOST_WAITED,
            wait_beside(ours, before),
        )

    def place_few(self, site: Site) -> None:
        ids = list(range(1, min(_FEW, _recordings(site)) + 1))
        site.caller.call("POST", self.path, {"name": "Few", "interactionIds": ids})

    def place_all(self, site: Site) -> None:
        if site.caller.send("POST", _SELECTION, {}).status in {404, 405}:
            raise NotOffered(f"POST {_SELECTION}")
        site.kept[self.name] = self._add(site)
        site.caller.call("POST", _SELECTION, {"filters": {}, self.selected: site.kept[self.name]})

    def fill(self, site: Site) -> None:
        """Have one with all recordings. Where this version has no call for it, they are put in by hand."""
        if self.name in site.kept:
            return
        try:
            self.place_all(site)
        except NotOffered:
            site.kept[self.name] = self._add(site)
            into = f"INSERT INTO {self._table} ({self._key}, position)"
            which = f"SELECT {int(site.kept[self.name])}, position FROM recordings ORDER BY position"
            site.hand.write((f"{into} {which}",))

    def _ready_to_end(self, site: Site) -> None:
        self.fill(site)
        _fill_by_hand(site)

    def rename(self, site: Site) -> None:
        site.caller.call("PUT", f"{self.path}/{site.kept[self.name]}", {"name": f"All {time.time_ns()}"})

    def rename_small(self, site: Site) -> None:
        """The floor of renaming, which is a call too."""
        small = f"small {self.name}"
        if small not in site.kept:
            body = {"name": "Small", "interactionIds": [1]}
            site.kept[small] = site.caller.call("POST", self.path, body).json()["id"]
        site.caller.call("PUT", f"{self.path}/{site.kept[small]}", {"name": f"One {time.time_ns()}"})

    def list_members(self, site: Site) -> None:
        this = f"{self.path}/{site.kept[self.name]}"
        if site.kept.get("pages members", True):
            paged = site.caller.send("GET", f"{this}/recording?page=1&pageSize=100")
            site.kept["pages members"] = paged.status == 200
        if not site.kept["pages members"]:
            site.caller.call("GET", this)

    def list_all(self, site: Site) -> None:
        site.caller.call("GET", self.path)

    def end(self, site: Site) -> None:
        if self.name in site.kept:
            site.caller.call("DELETE", f"{self.path}/{site.kept.pop(self.name)}")

    def _add(self, site: Site) -> Any:
        return site.caller.call("POST", self.path, {"name": "All"}).json()["id"]

    def _members_by_hand(self, site: Site) -> None:
        hold_id = site.kept[self.name]
        held = (
            f"FROM {self._table} m JOIN recordings r ON r.position = m.position"
            f" WHERE m.{self._key} = {hold_id}"
        )
        site.hand.all(f"SELECT count(*) {held}")
        site.hand.all(f"SELECT r.interaction_id {held} ORDER BY m.position LIMIT 100")

    def _totals_by_hand(self, site: Site) -> None:
        site.hand.all(
            f"SELECT m.{self._key}, count(*) FROM {self._table} m"
            f" JOIN recordings r ON r.position = m.position GROUP BY m.{self._key}"
        )


def _recordings(site: Site) -> int:
    return int(site.hand.one("SELECT count(*) FROM recordings"))


def _placed_by_hand(most: int) -> Callable[[Site], None]:
    """Put the first recordings under a hold, or all."""

    def place(site: Site) -> None:
        members = (_MEMBERS, most or _recordings(site))
        site.hand.write(_EMPTIED, (HEADER,), members, (_INTO_LEDGER,))

    return place


def _fill_by_hand(site: Site) -> None:
    site.hand.write(_EMPTIED, (_MEMBERS, _recordings(site)))


def _ended_by_hand(site: Site) -> None:
    site.hand.write((HEADER,), (_INTO_LEDGER,), _EMPTIED)


HOLDS = Kind("legal hold", "/admin/legalHold", "legal_hold_recordings", "legal_hold_id", "legalHoldId")
PLAYLISTS = Kind("playlist", "/admin/playlist", "playlist_recordings", "playlist_id", "playlistId")

ROWS = (*HOLDS.rows(), *PLAYLISTS.rows())
