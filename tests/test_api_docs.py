"""The pages of docs/api are generated from the code, and are up to date."""

import re
from pathlib import Path

from docs.generate import FOLDER, anchor, pages
from litestar.routes import HTTPRoute

from earwitness.app import build
from earwitness.archive.text.parsing import DEEPEST, MOST_TERMS
from earwitness.kernel.settings import Settings


def test_the_pages_are_current() -> None:
    on_disk = {file.name: file.read_text(encoding="utf-8") for file in FOLDER.iterdir()}
    written = pages()
    assert sorted(on_disk) == sorted(written), "run `make docs`"
    for name, text in written.items():
        assert on_disk[name] == text, f"docs/api/{name} is not current: run `make docs`"


def test_every_route_is_on_a_page_and_every_entry_of_a_page_is_a_route(tmp_path: Path) -> None:
    app = build(Settings(data=tmp_path / "data", keys=tmp_path / "keys", jobs=False))
    routes = {
        f"{method} {route.path_format.removeprefix('/api')}"
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        for method in handler.http_methods - {"OPTIONS"}
    }
    told = {
        call
        for file in FOLDER.iterdir()
        for call in re.findall(r"^`([A-Z]+ /\S*)`$", file.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert told == routes


PAGE_SIZES = {
    "POST /client/recording.search": 100,
    "POST /client/recording/audit": 100,
    "POST /client/people.search": 25,
    "POST /client/people.searchByName": 25,
    "POST /client/people/endpoint/search": 100,
    "POST /client/user/search": 1000,
    "GET /admin/person": 25,
    "GET /admin/endpoint": 100,
    "GET /admin/legalHold/{id}/recording": 100,
    "GET /admin/playlist/{id}/recording": 100,
    "POST /ledger/proof": 25,
    "POST /ledger/search": 100,
    "POST /ledger/history": 100,
}


def test_every_call_that_pages_says_how_large_its_pages_are() -> None:
    told = {}
    for file in FOLDER.iterdir():
        for part in file.read_text(encoding="utf-8").split("\n## ")[1:]:
            call = re.findall(r"^`([A-Z]+ /\S*)`$", part, re.MULTILINE)
            sizes = re.findall(r"^\| `pageSize` .* 1 to 1,000; ([\d,]+) by default\. \|$", part, re.MULTILINE)
            if call and "| `pageSize` |" in part.partition("Answers ")[0]:
                told[call[0]] = [int(size.replace(",", "")) for size in sizes]
    assert told == {call: [size] for call, size in PAGE_SIZES.items()}


def test_the_pages_say_how_much_is_taken_at_most() -> None:
    told = (FOLDER / "recordings.md").read_text(encoding="utf-8")
    assert f"At most {MOST_TERMS} words and phrases, and {DEEPEST} nested parentheses" in told
    assert "| `include` | array (≤ 100) of [TimeRange](#timerange) |" in told
    people = (FOLDER / "people_and_endpoints.md").read_text(encoding="utf-8")
    assert "| `groupAssignment` | array (≤ 100) of [GroupFilter](#groupfilter) |" in people
    assert people.count("| `freeText` | string (≤ 1,000 characters) |") == 2


def test_links_lead_to_headings() -> None:
    texts = {file.name: file.read_text(encoding="utf-8") for file in FOLDER.iterdir()}
    for name, text in texts.items():
        for page, place in re.findall(r"\]\(([\w.]*)#([^)]+)\)", text):
            headings = re.findall(r"^#+ (.+)$", texts[page or name], re.MULTILINE)
            assert place in map(anchor, headings), f"{name} leads to {page}#{place}"
