"""Commands that are imported when they are run: `earwitness --help` starts without them."""

from collections import UserDict
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup


@dataclass(frozen=True, slots=True)
class Lazy:
    """A command or group of commands: where it is declared, and its line in `--help`."""

    name: str
    place: str
    """Its module in this package, and its name there: `serving:worker`."""
    help: str

    def load(self) -> Any:
        """Import the command, and build it as Typer does."""
        module, _, name = self.place.partition(":")
        declared = getattr(import_module(f"earwitness.cli.{module}"), name)
        around = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)
        around.callback()(lambda: None)  # the callback makes it a group, even with a single command
        if isinstance(declared, typer.Typer):
            around.add_typer(declared, name=self.name)
        else:
            around.command(self.name)(declared)
        group: Any = typer.main.get_command(around)
        return group.commands[self.name]


class _Commands(UserDict[str, Any]):
    """Commands by name. Each is imported when it is first looked up."""

    def __getitem__(self, name: str) -> Any:
        command = super().__getitem__(name)
        if isinstance(command, Lazy):
            command = self.data[name] = command.load()
        return command


class LazyGroup(TyperGroup):
    """A group of commands that are listed and completed without being imported."""

    rows: tuple[Lazy, ...] = ()

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._listed = {row.name: TyperCommand(row.name, help=row.help) for row in self.rows}
        self.commands = _Commands({row.name: row for row in self.rows})

    def list_commands(self, _ctx: Any) -> list[str]:
        return list(self._listed)

    def get_command(self, _ctx: Any, cmd_name: str) -> TyperCommand | None:
        """The command for lists and completion. `resolve_command` returns the one that is run."""
        return self._listed.get(cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, listed, rest = super().resolve_command(ctx, args)
        return name, self.commands[listed.name] if listed and listed.name else None, rest
