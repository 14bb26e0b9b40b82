"""The documents name every setting, command and option, and no others. Their examples and links work."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main
from docs import settings_page
from docs.generate import anchor

from earwitness.cli.main import app
from earwitness.cli.operator import action
from earwitness.ingest.metadata import (
    IngestEndpoint,
    IngestMetadata,
    IngestPerson,
    IngestSegment,
    IngestTranscript,
)
from earwitness.ingest.sources.manifest import import_line
from earwitness.kernel.settings import Settings
from tests.firm import Firm, tone

DOCS = Path(__file__).parents[1] / "docs"


def commands(command: Any, path: tuple[str, ...] = ("earwitness",)) -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield " ".join(path), command
        return
    for name, one in inner.items():
        yield from commands(one, (*path, name))


def test_every_setting_is_documented_and_every_documented_one_exists() -> None:
    documented = set(re.findall(r"^\| `(EARWITNESS_\w+)`", (DOCS / "settings.md").read_text(), re.MULTILINE))
    assert documented == {setting.variable for setting in Settings.declared().values()}


def test_the_page_of_settings_is_current() -> None:
    assert settings_page.FILE.read_text(encoding="utf-8") == settings_page.page(), "run `make docs`"


def test_every_command_is_documented_with_its_options_and_every_documented_one_exists() -> None:
    text = (DOCS / "cli.md").read_text()
    section = r"^## `(earwitness[a-z -]*?)(?: [A-Z\[][^\n]*)?`\n(.*?)(?=^## |\Z)"
    sections = dict(re.findall(section, text, re.MULTILINE | re.DOTALL))
    there = dict(commands(typer.main.get_command(app)))
    assert set(sections) == set(there)
    for name, command in there.items():
        options = {
            option
            for parameter in command.params
            if parameter.param_type_name == "option"
            for option in parameter.opts
        } - {"--help"}
        named = set(re.findall(r"`(--[a-z-]+)`", sections[name].partition("| option |")[2]))
        assert named == options, name
        told = [parameter.help for parameter in command.params if parameter.param_type_name == "option"]
        for text in [command.help.partition("\n")[0], *told]:
            assert text in sections[name], name


def test_every_field_of_the_metadata_is_documented() -> None:
    text = (DOCS / "ingest.md").read_text()
    table = text.partition("| field |")[2].partition("\n\n")[0]
    named = set(re.findall(r"\b[a-z]\w+", " ".join(re.findall(r"`([^`]+)`", table))))
    shapes = (IngestMetadata, IngestEndpoint, IngestPerson, IngestTranscript, IngestSegment)
    missing = [name for shape in shapes for name in shape.__struct_encode_fields__ if name not in named]
    assert missing == []


def test_a_documented_line_of_a_manifest_is_imported(firm: Firm, tmp_path: Path) -> None:
    line = re.findall(r"```json\n(.*?)\n```", (DOCS / "ingest.md").read_text(), re.DOTALL)[-1]
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "6414aa9f.wav").write_bytes(tone(0.1))
    assert import_line(firm.archive, line.encode(), tmp_path, action("import", "Import recording"))
    assert firm.search() == ["6414aa9f"]


def test_the_documented_metadata_is_accepted(firm: Firm) -> None:
    example = re.search(r"```json\n(.*?)```", (DOCS / "ingest.md").read_text(), re.DOTALL)
    assert example is not None
    response = firm.client.post(
        "/api/ingest/recording",
        files={"metadata": (None, example[1].encode())},
        headers=firm.headers(),
    )
    assert (response.status_code, response.json()["status"]) == (201, "processed")


def test_links_between_documents_work() -> None:
    for document in [*DOCS.parent.glob("*.md"), *DOCS.rglob("*.md")]:
        for target, place in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", document.read_text()):
            led_to = document.parent / target if target else document
            assert led_to.exists(), f"{document.name}: {target}"
            if place:
                headings = re.findall(r"^#+ (.+)$", led_to.read_text(), re.MULTILINE)
                assert place in map(anchor, headings), f"{document.name}: {target}#{place}"


def test_files_that_the_readme_sends_are_made_by_its_earlier_commands() -> None:
    commands = "\n".join(re.findall(r"```sh\n(.*?)```", (DOCS.parent / "README.md").read_text(), re.DOTALL))
    sent = list(re.finditer(r"=@([\w.-]+)", commands))
    assert sent
    for one in sent:
        assert f"--output {one[1]}" in commands[: one.start()]
