"""Writes docs/settings.md: a table of every setting, made from `Settings`."""

from collections.abc import Iterator
from pathlib import Path

from earwitness.kernel.settings import Setting, Settings

FILE = Path(__file__).with_name("settings.md")

_HEAD = """\
# Settings

Settings are environment variables, read once when a command starts. A command warns of an `EARWITNESS_…`
variable that it does not know, and refuses to start with a value that it cannot use. An empty value counts as
unset.

`make docs` writes this page from `src/earwitness/kernel/settings.py`.

| variable | default | allowed | unit | meaning |
|---|---|---|---|---|
"""


def page() -> str:
    """The whole page."""
    return _HEAD + "".join(f"| {' | '.join(_row(one))} |\n" for one in Settings.declared().values())


def _row(setting: Setting) -> Iterator[str]:
    yield f"`{setting.variable}`"
    yield setting.unset or _default(setting.default)
    yield setting.reader.allowed
    yield setting.unit
    yield setting.meaning


def _default(value: object) -> str:
    match value:
        case bool():
            return "`on`" if value else "`off`"
        case Path():
            return f"`./{value}`"
        case "":
            return "unset"
        case ():
            return "none"
        case _:
            return f"`{value}`"
