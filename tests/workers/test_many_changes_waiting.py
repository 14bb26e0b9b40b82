"""Many changes of the rules of retention may wait at once: answers cost what they cost for few."""

from bench.statements import statements_of

from earwitness.kernel.clock import MS_PER_DAY, parse_ms
from tests.firm import Firm
from tests.many_recordings import END_OF_FIRST, add_people, add_recordings

GROUP, SEARCH = "/admin/retentionGroup", "/client/recording.search"


def longest_statement(firm: Firm) -> int:
    """Of those of a search. SQLite refuses a condition of more than 1,000 parts."""
    with statements_of(firm.archive.engine) as asked:
        firm.post(SEARCH, {})
    return max(len(sql) for sql, _ in asked)


def first_kept_until(firm: Firm) -> int:
    page = firm.post(SEARCH, {"startTimeDirection": "ASC", "pageSize": 1})
    return parse_ms(page["recordings"][0]["retainUntil"])


def test_a_search_asks_no_more_where_many_changes_wait(firm: Firm) -> None:
    persons = add_people(firm, 2)
    add_recordings(firm, persons, 600, retain_until=END_OF_FIRST + MS_PER_DAY)
    assert firm.call("PUT", "/admin/account", {"mayShortenRetention": True}).is_success
    groups = [
        firm.post(GROUP, {"name": f"Group {one}", "retentionGroup": {"default": 1}, "peopleIds": [one]})["id"]
        for one in persons
    ]

    def change(days: int) -> None:
        for group in groups:
            changed = {"retentionGroup": {"default": days}}
            response = firm.call("PUT", f"{GROUP}/{group}", changed)
            assert response.is_success, response.text

    change(2)
    change(3)
    few = longest_statement(firm)
    for days in range(4, 8):
        change(days)
    assert longest_statement(firm) == few
    assert first_kept_until(firm) == END_OF_FIRST + 7 * MS_PER_DAY
    firm.work()
    assert first_kept_until(firm) == END_OF_FIRST + 7 * MS_PER_DAY
