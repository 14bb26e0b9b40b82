"""Settings: read from the environment, refused by name, and never guessed."""

import logging
from dataclasses import field, make_dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from earwitness.kernel.settings import SettingError, Settings, declarations


def read(**given: str) -> Settings:
    return Settings.from_environment({f"EARWITNESS_{name}": text for name, text in given.items()})


def test_by_default_data_and_keys_are_in_the_current_folder() -> None:
    settings = read()
    assert settings == Settings()
    assert settings.data == Path("earwitness-data")
    assert settings.keys_folder == Path("earwitness-data.keys").absolute()


@pytest.mark.parametrize("name", [name for name, one in Settings.declared().items() if one.default])
def test_a_default_is_read_as_the_same_value(name: str) -> None:
    setting = Settings.declared()[name]
    written = "on" if setting.default is True else str(setting.default)
    assert getattr(Settings.from_environment({setting.variable: written}), name) == setting.default


def test_the_origin_of_ledgers_is_the_beginning_of_a_url_without_its_scheme() -> None:
    assert read(ORIGIN="archive.example.com/log/").ledger_origin == "archive.example.com/log"
    for wrong in (
        "https://archive.example.com",
        "Archive.example.com",
        "a b",
        "a+b",
        "a//b",
        "-a",
        "a\nb",
        "/",
    ):
        with pytest.raises(SettingError, match="EARWITNESS_ORIGIN: expected a host name"):
            read(ORIGIN=wrong)


def test_the_url_of_a_timestamp_authority_is_not_repeated_when_it_is_refused() -> None:
    assert read(TSA="https://user:pw@tsa.example:8443/tsr?a=b").tsa.startswith("https://user:pw@")
    for wrong in (
        "tsa.example",
        "ftp://pw@tsa.example",
        "https://pw@",
        "http://u:pw@h:99999/",
        "http://pw\u2100@a/",
    ):
        with pytest.raises(SettingError, match="EARWITNESS_TSA: expected") as error:
            read(TSA=wrong)
        assert "pw" not in str(error.value)


def test_each_setting_has_a_variable_of_its_own() -> None:
    variables = [one.variable for one in Settings.declared().values()]
    assert len(variables) == len(set(variables))


def test_the_program_does_not_start_with_a_field_that_is_no_setting() -> None:
    wrong = make_dataclass("Wrong", [("tag_limit", int, 5)])
    with pytest.raises(TypeError, match="the field tag_limit of Wrong is not declared by _setting"):
        declarations(wrong)


def test_the_program_does_not_start_with_two_settings_of_one_variable() -> None:
    metadata = {"setting": Settings.declared()["token_minutes"]}
    both = [(name, int, field(default=60, metadata=metadata)) for name in ("minutes", "token_minutes")]
    with pytest.raises(TypeError, match="EARWITNESS_TOKEN_MINUTES is the variable of more than one field"):
        declarations(make_dataclass("Wrong", both))


@pytest.mark.parametrize("data", [".", "archive/..", "archive/", "/srv/archive"])
def test_keys_never_lie_inside_the_data_folder(
    data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "archive").mkdir()
    monkeypatch.chdir(tmp_path)
    settings = read(DATA=data)
    assert not settings.keys_folder.resolve().is_relative_to(settings.data.resolve())


def test_the_folder_of_keys_can_be_set() -> None:
    assert read(DATA="/srv/archive", KEYS="/etc/keys").keys_folder == Path("/etc/keys")


@pytest.mark.parametrize(
    ("variable", "text", "name", "expected"),
    [
        ("TOKEN_MINUTES", "5", "token_minutes", 5),
        ("JOBS", "off", "jobs", False),
        ("JOBS", "ON", "jobs", True),
        ("LOG_LEVEL", "debug", "log_level", "DEBUG"),
        (
            "TRUSTED_PROXIES",
            "10.0.0.1, 192.168.0.0/16,::1",
            "trusted_proxies",
            (ip_network("10.0.0.1"), ip_network("192.168.0.0/16"), ip_network("::1")),
        ),
        ("KEPT_RENDITIONS", "wav, mp4", "kept_renditions", ("wav", "mp4")),
        ("TOKEN_MINUTES", "  ", "token_minutes", 60),
    ],
)
def test_a_setting_is_read(variable: str, text: str, name: str, expected: Any) -> None:
    assert getattr(read(**{variable: text}), name) == expected


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("TOKEN_MINUTES", "0"),
        ("TOKEN_MINUTES", "-1"),
        ("TOKEN_MINUTES", "an hour"),
        ("TOKEN_MINUTES", "٣"),
        ("MAX_UPLOAD_GIB", "1.5"),
        ("JOBS", "maybe"),
        ("LOG_LEVEL", "LOUD"),
        ("TRUSTED_PROXIES", "proxy.example.com"),
        ("KEPT_RENDITIONS", "wav, flac"),
        ("TOKEN_KEY", "short"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(variable: str, text: str) -> None:
    with pytest.raises(SettingError, match=f"EARWITNESS_{variable}"):
        read(**{variable: text})


def test_an_unknown_setting_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        read(DATABSE_URL="postgresql://…")
    assert "EARWITNESS_DATABSE_URL" in caplog.text
    assert "postgresql" not in caplog.text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://archive.example.com", "https://archive.example.com"),
        ("https://Archive.Example.com:8443/", "https://archive.example.com:8443"),
        ("http://[2001:db8::5]:8080", "http://[2001:db8::5]:8080"),
    ],
)
def test_a_public_url_is_a_scheme_and_a_host(text: str, expected: str) -> None:
    assert read(PUBLIC_URL=text).public_url == expected


@pytest.mark.parametrize(
    "text",
    [
        "archive.example.com",
        "ftp://archive.example.com",
        "https://",
        "https://archive.example.com/api",
        "https://archive.example.com?x=1",
        "https://archive.example.com#x",
        "https://user:secret@archive.example.com",
        "https://archive.example.com:port",
        "https://archive.example.com:70000",
        "https://archive example.com",
    ],
)
def test_an_invalid_public_url_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match="EARWITNESS_PUBLIC_URL"):
        read(PUBLIC_URL=text)
