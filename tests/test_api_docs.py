"""The pages of docs/api are made from the code, and are those that the code makes now."""

import re
from pathlib import Path

from docs.generate import FOLDER, anchor, pages
from litestar.routes import HTTPRoute

from earwitness.app import build
from earwitness.kernel.settings import Settings


def test_the_pages_are_current() -> None:
    on_disk = {file.name: file.read_text(encoding="utf-8") for file in FOLDER.iterdir()}
    written = pages()
    assert sorted(on_disk) == sorted(written), "run `make docs`"
    for name, text in written.items():
        assert on_disk[name] == text, f"docs/api/{name} is not current: run `make docs`"


def test_every_route_has_its_place_on_a_page_and_every_place_is_a_route(tmp_path: Path) -> None:
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
        for call in re.findall(r"^`([A-Z]+ /\S+)`$", file.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert told == routes


def test_links_lead_to_headings() -> None:
    texts = {file.name: file.read_text(encoding="utf-8") for file in FOLDER.iterdir()}
    for name, text in texts.items():
        for page, place in re.findall(r"\]\(([\w.]*)#([^)]+)\)", text):
            headings = re.findall(r"^#+ (.+)$", texts[page or name], re.MULTILINE)
            assert place in map(anchor, headings), f"{name} leads to {page}#{place}"
