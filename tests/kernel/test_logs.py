"""Logs: one JSON object a line, and never a part of the data."""

import json
import logging

from earwitness.kernel.logs import JsonLines, request_id


def line_of(record: logging.LogRecord) -> dict[str, object]:
    text = JsonLines().format(record)
    assert "\n" not in text
    line: dict[str, object] = json.loads(text)
    return line


def record(message: str, **given: object) -> logging.LogRecord:
    made = logging.LogRecord("earwitness.test", logging.WARNING, __file__, 1, message, (), None)
    made.__dict__.update(given)
    return made


def test_a_line_has_its_time_level_and_message() -> None:
    line = line_of(record("a job\nfailed", fields={"status": 503}))
    assert line["level"] == "WARNING"
    assert line["message"] == "a job\nfailed"
    assert line["status"] == 503
    assert str(line["time"]).endswith("Z")


def test_a_line_carries_the_id_of_its_request() -> None:
    token = request_id.set("abc")
    try:
        assert line_of(record("x"))["requestId"] == "abc"
    finally:
        request_id.reset(token)
    assert "requestId" not in line_of(record("x"))


def test_an_error_is_logged_by_its_place_without_its_text() -> None:
    try:
        raise ValueError("what the client said")
    except ValueError as error:
        line = line_of(record("unexpected ValueError", exc_info=(ValueError, error, error.__traceback__)))
    assert "what the client said" not in json.dumps(line)
    assert str(line["at"]).startswith("['test_an_error_is_logged_by_its_place")
