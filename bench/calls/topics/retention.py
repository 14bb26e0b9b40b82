"""Retention groups: their days and their people, where that changes most of the archive, or nothing."""

from collections.abc import Iterator

from bench.calls.measuring import MOST_WAITED, processor_of_change, wait_beside
from bench.calls.rows import Row, Work
from bench.calls.site import Site

_PATH = "/admin/retentionGroup"
_MOST_PEOPLE = 10_000
"""As many as one call takes."""

_GROUPS = ("One", "Other")
_ALL_SUBJECTS = "SELECT position FROM recording_endpoints WHERE is_recording_subject"
_SAME = "retain_until = retain_until, retention_group_id = retention_group_id"
_UPDATE = f"UPDATE recordings SET {_SAME} WHERE position IN ({_ALL_SUBJECTS} AND person_id IN ({{}}))"
_IN_GROUP = "SELECT id FROM people WHERE retention_group_id IS NOT NULL"
_CHECK = (
    "SELECT count(*) FROM recordings r LEFT JOIN recording_endpoints e ON e.position = r.position"
    " AND e.is_recording_subject LEFT JOIN people p ON p.id = e.person_id"
    " WHERE {} AND (r.retain_until IS NULL OR r.retain_until <> r.ended_at + 86400000"
    " OR r.retention_group_id <> p.retention_group_id)"
)


def _rows() -> Iterator[Row]:
    update, check = "an UPDATE of the same recordings", "a SELECT that compares the same recordings"
    yield from _both("days of a group lengthened", update, _lengthen, _update_by_hand, _have_group)
    yield from _both("group set for its people", update, _move, _move_by_hand, _have_empty_group)
    yield from _both("account default lengthened", update, _default, _update_others_by_hand, _have_default)
    yield from _both("days of a group set as they are", check, _repeat, _check_by_hand, _have_group)


def _both(name: str, floor: str, ours: Work, by_hand: Work, before: Work) -> Iterator[Row]:
    yield Row(f"retention: {name}", "ms of processor", floor, 5, processor_of_change(ours, by_hand, before))
    yield Row(
        f"retention: {name}: another writer's longest wait",
        "ms waited",
        "a writer's median wait without it",
        MOST_WAITED,
        wait_beside(ours, before),
    )


def _days(site: Site) -> dict[str, int]:
    """More days than ever before: an account does not let anybody shorten them."""
    site.kept["days"] += 1
    return {"default": site.kept["days"]}


def _have_default(site: Site) -> None:
    """Let recordings be kept for some days. A new account keeps them for ever."""
    if "days" not in site.kept:
        site.kept["days"] = 3000
        for may in (True, False):
            site.caller.call("PUT", "/admin/account", {"mayShortenRetention": may})
            _default(site)


def _have_group(site: Site) -> None:
    """Two groups, of which one has as many of the staff as one call takes."""
    _have_default(site)
    if "groups" in site.kept:
        return
    staff = "SELECT id FROM people WHERE person_type = 'staff' ORDER BY id LIMIT ?"
    site.kept["people"] = [row[0] for row in site.hand.all(staff, _MOST_PEOPLE)]
    added = (
        site.caller.call("POST", _PATH, {"name": name, "retentionGroup": _days(site)}) for name in _GROUPS
    )
    site.kept["groups"] = [answer.json()["id"] for answer in added]
    _lengthen(site)
    _move(site)


def _have_empty_group(site: Site) -> None:
    """The group without people comes first, and keeps longer than the other."""
    _have_group(site)
    site.kept["groups"].reverse()
    _lengthen(site)


def _change(site: Site, body: dict[str, object]) -> None:
    site.caller.call("PUT", f"{_PATH}/{site.kept['groups'][0]}", body)


def _lengthen(site: Site) -> None:
    site.kept["group's days"] = _days(site)
    _repeat(site)


def _repeat(site: Site) -> None:
    _change(site, {"retentionGroup": site.kept["group's days"]})


def _move(site: Site) -> None:
    _change(site, {"peopleIds": site.kept["people"]})


def _default(site: Site) -> None:
    site.caller.call("PUT", f"{_PATH}/accountDefault", _days(site))


def _update_by_hand(site: Site) -> None:
    site.hand.write((_UPDATE.format(_IN_GROUP),))


def _move_by_hand(site: Site) -> None:
    moved = f"UPDATE people SET retention_group_id = retention_group_id WHERE id IN ({_IN_GROUP})"
    site.hand.write((moved,), (_UPDATE.format(_IN_GROUP),))


def _update_others_by_hand(site: Site) -> None:
    site.hand.write((_UPDATE.format(_IN_GROUP.replace("IS NOT NULL", "IS NULL")),))


def _check_by_hand(site: Site) -> None:
    site.hand.all(_CHECK.format("p.retention_group_id IS NOT NULL"))


ROWS = tuple(_rows())
