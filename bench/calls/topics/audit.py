"""The audit log of a recording, and of the whole account."""

from bench.calls.by_hand import HEADER
from bench.calls.measuring import processor
from bench.calls.rows import NotOffered, Row
from bench.calls.site import Site

_ROWS_OF_ONE, _RECORDINGS_OF_MANY, _CALLS_OF_MANY = 300, 1000, 20
_PAGE = 100
_ACCOUNT = "/ledger/search"
_ROW = (
    "INSERT INTO bench.audit_rows (audit_header_id, entity_name, entity_id, parent_entity_name,"
    " parent_entity_id, response_code) VALUES (1, 'Recording', 1, 'Recording', 1, 200)"
)
_JOINED = "SELECT * FROM audit_rows r JOIN audit_headers h ON h.id = r.audit_header_id"


def _fill(site: Site) -> None:
    """Read one recording often, and many together, so that the log has rows of both."""
    if "audited" in site.kept:
        return
    detail = "/client/recording.detail.get"
    for _ in range(_ROWS_OF_ONE):
        site.caller.call("POST", detail, {"interactionIds": [1]})
    many = int(site.hand.one("SELECT count(*) FROM recordings"))
    for _ in range(_CALLS_OF_MANY):
        ids = list(range(1, min(_RECORDINGS_OF_MANY, many) + 1))
        site.caller.call("POST", detail, {"interactionIds": ids})
    site.kept["audited"] = True


def _of_recording(site: Site) -> None:
    _fill(site)
    site.caller.call("POST", "/client/recording/audit", {"recordingId": 1, "pageSize": _PAGE})


def _of_recording_by_hand(site: Site) -> None:
    which = "parent_entity_name = 'Recording' AND parent_entity_id = 1"
    site.hand.all(f"SELECT count(*) FROM audit_rows WHERE {which}")
    site.hand.all(f"{_JOINED} WHERE {which} ORDER BY r.id LIMIT {_PAGE}")
    site.hand.write((HEADER,), (_ROW,))


def _of_account(site: Site) -> None:
    _fill(site)
    answer = site.caller.send("POST", _ACCOUNT, {"page": 1, "pageSize": _PAGE})
    if answer.status == 404:
        raise NotOffered(f"POST {_ACCOUNT}")
    if answer.status != 200:
        raise RuntimeError(f"{_ACCOUNT}: {answer.status}")


def _of_account_by_hand(site: Site) -> None:
    site.hand.all("SELECT count(*) FROM audit_rows")
    site.hand.all(f"{_JOINED} ORDER BY r.id LIMIT {_PAGE}")


ROWS = (
    Row(
        "audit log of a recording: the first 100 of its rows",
        "ms of processor",
        "the page and the total by hand, and the row of this access",
        20,  # nearly all of it is the call itself
        processor(_of_recording, _of_recording_by_hand),
    ),
    Row(
        "audit log of the account: the first 100 rows",
        "ms of processor",
        "the page and the total by hand",
        5,
        processor(_of_account, _of_account_by_hand),
    ),
)
