"""All checks of databases: an account's own, and the directory of accounts."""

from collections.abc import Iterator

from sqlalchemy import Engine

from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.integrity.contents import check_contents
from earwitness.archive.integrity.counts import check_counts
from earwitness.archive.integrity.findings import Finding
from earwitness.archive.integrity.folded_texts import check_folded_texts
from earwitness.archive.integrity.postgresql import check_postgresql
from earwitness.archive.integrity.sqlite import check_sqlite
from earwitness.archive.integrity.words import check_words


def check_databases(archive: Archive) -> Iterator[Finding]:
    """Run all checks. They only read, so that writers go on meanwhile."""
    yield from check_structure(archive.engine)
    if archive.engine.dialect.name == "sqlite":
        yield from check_words(archive.engine)
    yield from check_contents(archive)
    yield from check_counts(archive)
    yield from check_folded_texts(archive)
    yield from check_structure(archive.directory)


def check_structure(engine: Engine) -> Iterator[Finding]:
    """Check the pages, indexes and references of one database."""
    if engine.dialect.name == "sqlite":
        yield from check_sqlite(engine)
        return
    translated = engine.get_execution_options().get("schema_translate_map", {})
    yield from check_postgresql(engine, translated.get(None) or "public")
