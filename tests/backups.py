"""Older copies of the databases of an installation, and bringing them back as an operator would."""

import shutil
import uuid
from pathlib import Path

from sqlalchemy import make_url

from earwitness.kernel.settings import Settings
from tests.postgres import run_in_postgres


class Backup:
    """A copy of all databases, made while nobody uses them."""

    def __init__(self, settings: Settings, folder: Path, postgres_url: str) -> None:
        self._settings = settings
        self._folder = folder / uuid.uuid4().hex
        self._postgres_url = postgres_url
        self._name = f"backup_{uuid.uuid4().hex}"
        if settings.database_url:
            self._copy(self._used, self._name)
        else:
            for file in _databases(settings.data):
                kept = self._folder / file.relative_to(settings.data)
                kept.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(file, kept)

    def bring_back(self) -> None:
        """Put the copy in place of the databases. It stays, to be brought back again."""
        if self._settings.database_url:
            run_in_postgres(self._postgres_url, f"DROP DATABASE {self._used} WITH (FORCE)")
            self._copy(self._name, self._used)
            return
        for file in _databases(self._settings.data):
            file.unlink()
        shutil.copytree(self._folder, self._settings.data, dirs_exist_ok=True)

    @property
    def _used(self) -> str:
        return str(make_url(self._settings.database_url).database)

    def _copy(self, one: str, other: str) -> None:
        run_in_postgres(
            self._postgres_url,
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{one}'",
            f"CREATE DATABASE {other} TEMPLATE {one} STRATEGY FILE_COPY",
        )


def _databases(data: Path) -> list[Path]:
    return [file for file in data.rglob("*.db*") if file.is_file()]
