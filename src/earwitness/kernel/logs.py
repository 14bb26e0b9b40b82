"""Structured logs: one JSON object a line, on standard error, with the id of the request it belongs to.

No token, key, transcript, message, search word or path that was called is ever logged; where an
error's own text could hold one, its place in the code is logged instead.
"""

import logging
import traceback
from contextvars import ContextVar

import msgspec

from earwitness.kernel.clock import format_ms
from earwitness.kernel.outages import log as told
from earwitness.kernel.outages import outages

request_id: ContextVar[str] = ContextVar("request_id", default="")


class JsonLines(logging.Formatter):
    """Writes a record as one line of JSON."""

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
    tell_outages(True)


def tell_outages(is_wanted: bool) -> None:
    """Whether the log is to tell of outages: what they mean for a command, the command says itself.

    What is out when the log is told again is an outage that begins there.
    """
    if is_wanted and told.level:
        outages.forget()
    told.setLevel("NOTSET" if is_wanted else "CRITICAL")
