"""Settings: read once from the environment, then passed along as a value.

To add one, add a field to `Settings`, and run `make docs`.
"""

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from earwitness.kernel.formats import RENDERED
from earwitness.kernel.setting_readers import (
    Network,
    Reader,
    choice,
    database_url,
    log_origin,
    networks,
    origin,
    path,
    several,
    switch,
    text,
    url,
    whole_number,
    witness_list,
)

log = logging.getLogger(__name__)

T = TypeVar("T")


class SettingError(Exception):
    """A setting in the environment cannot be used."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting, as its field in `Settings` declares it."""

    variable: str
    reader: Reader[object]
    default: object
    meaning: str
    unit: str
    unset: str
    """What applies while it is not set, if the default does not show it."""


def _setting(
    variable: str, reader: Reader[T], default: T, meaning: str, *, unit: str = "", unset: str = ""
) -> T:
    """Declare a setting. mypy compares the types of the field, the reader and the default."""
    setting = Setting(f"EARWITNESS_{variable}", reader, default, meaning, unit, unset)
    declared: T = field(default=default, metadata={"setting": setting})
    return declared


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings. `docs/settings.md` is written from here."""

    data: Path = _setting("DATA", path(), Path("earwitness-data"), "The folder for databases and media.")
    keys: Path | None = _setting(
        "KEYS",
        path(),
        None,
        "The folder for keys. Back it up separately from the data folder.",
        unset="the data folder's name with `.keys`",
    )
    key_encryption_key: str = _setting(
        "KEY_ENCRYPTION_KEY",
        text("`id:base64` of 32 bytes, or several with commas"),
        "",
        "A 256-bit key-encryption key, instead of the key file; of several, the first is the current one.",
    )
    kms: str = _setting(
        "KMS",
        text("`module:function`"),
        "",
        "A function that returns a key management service, used instead of the key file.",
    )
    database_url: str = _setting(
        "DATABASE_URL",
        database_url(),
        "",
        "A PostgreSQL database with one schema for each account; needs the extra `postgres`. Unset: one "
        "SQLite file for each account, under the data folder.",
    )
    open_accounts: int = _setting(
        "OPEN_ACCOUNTS",
        whole_number(),
        100,
        "How many accounts, of those that nobody uses at the moment, each process keeps open: three files "
        "and about half a MiB each, more for large ones. On PostgreSQL it has no effect: all accounts share "
        "its connections.",
    )
    media_url: str = _setting(
        "MEDIA_URL",
        text("`s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`"),
        "",
        "The bucket for media; needs the extra `s3`. Credentials and addresses come from the provider's own "
        "variables (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL`, …; see "
        "[operations.md](operations.md)). Unset: on disk, under the data folder.",
    )
    token_minutes: int = _setting(
        "TOKEN_MINUTES", whole_number(), 60, "How long a bearer token is valid.", unit="minutes"
    )
    refresh_token_hours: int = _setting(
        "REFRESH_TOKEN_HOURS", whole_number(), 24, "How long a refresh token is valid.", unit="hours"
    )
    token_key: str = _setting(
        "TOKEN_KEY",
        text("at least 32 characters", shortest=32),
        "",
        "The secret that tokens are signed with; the same on all machines. Unset: a key made once, in the "
        "folder for keys.",
    )
    ledger_key: str = _setting(
        "LEDGER_KEY",
        text("the base64 of 32 bytes"),
        "",
        "The secret key (Ed25519) that signs the ledgers; the same on all machines. Unset: a key made once, "
        "in the folder for keys.",
    )
    ledger_origin: str = _setting(
        "ORIGIN",
        log_origin(),
        "earwitness.invalid",
        "What the names of the ledgers begin with: a host name of yours, perhaps with a path. The name of an "
        "account's ledger is fixed with its first checkpoint.",
    )
    witnesses: tuple[tuple[str, str], ...] = _setting(
        "WITNESSES",
        witness_list(),
        (),
        "The witnesses that cosign the ledgers: of each its verifier key, a space and its URL. See "
        "[witness.md](witness.md).",
    )
    tsa: str = _setting(
        "TSA",
        url(),
        "",
        "The URL of a timestamp authority (RFC 3161) that confirms when a ledger had its checkpoint.",
    )
    public_url: str = _setting(
        "PUBLIC_URL",
        origin(),
        "",
        "The URL that clients use, if it is not `localhost` or an address of this machine. Signed media URLs "
        "begin with it, and calls that name another host are refused.",
    )
    trusted_proxies: tuple[Network, ...] = _setting(
        "TRUSTED_PROXIES",
        networks(),
        (),
        "Reverse proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.",
    )
    request_seconds: int = _setting(
        "REQUEST_SECONDS",
        whole_number(),
        30,
        "How long a call may take, except uploads and downloads; after that the answer is 503.",
        unit="seconds",
    )
    connections: int = _setting(
        "CONNECTIONS",
        whole_number(),
        2000,
        "How many connections each server process holds at once. Beyond that, idle ones are closed for "
        "new ones; where none is idle, the answer is 503.",
    )
    max_upload_gib: int = _setting(
        "MAX_UPLOAD_GIB", whole_number(), 8, "The largest upload that is accepted.", unit="GiB"
    )
    jobs: bool = _setting(
        "JOBS",
        switch(),
        True,
        "`on`: the server does background jobs itself; `off`: `earwitness worker` does them.",
    )
    process_jobs: int = _setting(
        "PROCESS_JOBS",
        whole_number(),
        2,
        "How many recordings each server or worker process measures and encodes at once.",
    )
    transcribe_jobs: int = _setting(
        "TRANSCRIBE_JOBS",
        whole_number(),
        1,
        "How many recordings each server or worker process transcribes at once.",
    )
    kept_renditions: tuple[str, ...] = _setting(
        "KEPT_RENDITIONS",
        several(*RENDERED, kind="rendition"),
        (),
        "Renditions to keep once they have been made for playback. `mp3` is always kept.",
    )
    max_rendition_gib: int = _setting(
        "MAX_RENDITION_GIB",
        whole_number(),
        16,
        "The largest rendition that is made for playback: the wav of 4 hours with 8 channels at 48 kHz has "
        "10.3 GiB. For a larger one the answer is 422, with the formats that are available.",
        unit="GiB",
    )
    renditions_gib: int = _setting(
        "RENDITIONS_GIB",
        whole_number(),
        64,
        "How much renditions that are being made, or held for five minutes after playback, take in each "
        "server process; one account has at most three quarters of it. Beyond that the answer is 503.",
        unit="GiB",
    )
    decoder_seconds: int = _setting(
        "DECODER_SECONDS", whole_number(), 3600, "How long one decoding may take.", unit="seconds"
    )
    decoder_memory_mib: int = _setting(
        "DECODER_MEMORY_MIB", whole_number(), 1024, "How much memory one decoding may use.", unit="MiB"
    )
    whisper_model: str = _setting(
        "WHISPER_MODEL",
        text("a folder in CTranslate2's format, or `tiny.en`"),
        "",
        "The model for `faster-whisper`. The extra `whisper-tiny-en` brings `tiny.en`.",
    )
    transcription_seconds: int = _setting(
        "TRANSCRIPTION_SECONDS",
        whole_number(),
        14400,
        "How long the transcription of one channel may take.",
        unit="seconds",
    )
    transcription_memory_mib: int = _setting(
        "TRANSCRIPTION_MEMORY_MIB",
        whole_number(),
        8192,
        "How much memory one transcription may use.",
        unit="MiB",
    )
    min_free_mib: int = _setting(
        "MIN_FREE_MIB",
        whole_number(),
        512,
        "`/readyz` answers 503 when the disk of the data folder has less free space than this.",
        unit="MiB",
    )
    metrics_token: str = _setting(
        "METRICS_TOKEN",
        text(),
        "",
        "A token with which callers on other machines can read `/metrics`, and operators the causes in "
        "`/readyz`.",
    )
    log_level: str = _setting(
        "LOG_LEVEL",
        choice("DEBUG", "INFO", "WARNING", "ERROR"),
        "INFO",
        "The least severe lines that are logged.",
    )

    @property
    def keys_folder(self) -> Path:
        """The folder of keys: by default beside the data folder, not in it."""
        data = Path(os.path.abspath(self.data))  # noqa: PTH100 - a link keeps its own place; `.` gets a name
        return self.keys or data.with_name(data.name + ".keys")

    @classmethod
    def declared(cls) -> dict[str, Setting]:
        """Each setting, by the name of its field."""
        return DECLARED

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Read the settings. Raises SettingError naming the variable that cannot be used."""
        declared = cls.declared()
        known = {setting.variable for setting in declared.values()}
        for name in sorted(environment):
            if name.startswith("EARWITNESS_") and name not in known:
                log.warning("%s is not a setting; docs/settings.md lists them all", name)
        values: dict[str, Any] = {}
        for name, setting in declared.items():
            value = environment.get(setting.variable, "").strip()
            if not value:
                continue
            try:
                values[name] = setting.reader.read(value)
            except ValueError as error:
                raise SettingError(f"{setting.variable}: {error}") from None
        return cls(**values)


def declarations(fields_of: type[Any]) -> dict[str, Setting]:
    """The settings, by field. Raises TypeError unless each field declares a variable of its own."""
    by_field: dict[str, Setting] = {}
    for one in fields(fields_of):
        setting = one.metadata.get("setting")
        if setting is None:
            raise TypeError(f"the field {one.name} of {fields_of.__name__} is not declared by _setting(…)")
        if setting.variable in {other.variable for other in by_field.values()}:
            raise TypeError(f"{setting.variable} is the variable of more than one field")
        by_field[one.name] = setting
    return by_field


DECLARED = declarations(Settings)
