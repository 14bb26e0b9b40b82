"""Structured logs: one JSON object a line, on standard error, with the id of the request it belongs to.

No token, key, transcript, message, search word or path of a request is ever logged. The text of an error
could hold one, so the places in the code are logged instead.
"""

import logging
import traceback
from contextvars import ContextVar

import msgspec

from earwitness.kernel.clock import format_ms
from earwitness.kernel.outages import log as outage_log
from earwitness.kernel.outages import outages

request_id: ContextVar[str] = ContextVar("request_id", default="")


class JsonLines(logging.Formatter):
    """Formats a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": format_ms(int(record.created * 1000)),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if current := request_id.get():
            line["requestId"] = current
        if extra := getattr(record, "fields", None):
            line |= extra
        if record.exc_info and record.exc_info[2] is not None:
            frames = traceback.extract_tb(record.exc_info[2])
            line["at"] = [f"{frame.name}:{frame.lineno}" for frame in frames]
        return msgspec.json.encode(line).decode()


def log_to_stderr(level: str) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for chatty in ("alembic", "uvicorn.access", "sqlalchemy.engine"):
        logging.getLogger(chatty).setLevel("WARNING")
    log_outages(True)


def log_outages(is_on: bool) -> None:
    """Log outages, or do not: a command says in its own message what an outage means for it.

    If an outage still lasts when this is switched on again, it is logged as one that begins.
    """
    if is_on and outage_log.level:
        outages.forget()
    outage_log.setLevel("NOTSET" if is_on else "CRITICAL")
