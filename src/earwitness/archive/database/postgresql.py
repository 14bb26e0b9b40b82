"""Connections to PostgreSQL: their URL, as libpq reads it, and limits by which each end notices a dead peer.

The URL, and libpq's own variables (`PGOPTIONS`, `PGCONNECT_TIMEOUT`), override the values here.
"""

import os
import re
from typing import Any

from earwitness.kernel.settings import SettingError

_VARIABLE = "EARWITNESS_DATABASE_URL"

PARAMETERS = {
    "connect_timeout": "5",
    "keepalives": "1",
    "keepalives_idle": "3",
    "keepalives_interval": "2",
    "keepalives_count": "2",
    "tcp_user_timeout": "8000",
    "application_name": "earwitness",
}
"""For libpq, in seconds; `tcp_user_timeout`, for data that is not acknowledged, in milliseconds. See its
documentation, "Parameter Key Words"."""

OPTIONS = {
    "jit": "off",
    "tcp_keepalives_idle": "3",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "2",
    "tcp_user_timeout": "8000",
}
"""For the server, in this session: it notices a lost client as soon as the client would notice a lost server.
See its documentation, "Connections and Authentication"."""

_OF_VARIABLES = {"connect_timeout": "PGCONNECT_TIMEOUT", "application_name": "PGAPPNAME"}
_DRIVER = re.compile(r"postgres(ql)?(\+\w+)?://")
_UNKNOWN = re.compile(r'invalid URI query parameter: "(\w+)"')


def parameters_of(url: str, **options: object) -> dict[str, Any]:
    """The parameters for psycopg: those of the URL, and ours where it says nothing. Raises SettingError.

    `options` are more options for the session.
    """
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    try:
        in_url = conninfo_to_dict(_DRIVER.sub("postgresql://", url, count=1))
    except ProgrammingError as error:
        # libpq's message may hold the whole URL with its password.
        unknown = _UNKNOWN.search(str(error))
        reason = f"PostgreSQL knows no parameter {unknown[1]}" if unknown else "it cannot be read as a URL"
        raise SettingError(f"{_VARIABLE}: {reason}") from None
    ours = {
        name: value for name, value in PARAMETERS.items() if not os.environ.get(_OF_VARIABLES.get(name, ""))
    }
    our_options = " ".join(f"-c {name}={value}" for name, value in (OPTIONS | options).items())
    theirs = in_url.pop("options", None) or os.environ.get("PGOPTIONS", "")
    return ours | in_url | {"options": f"{our_options} {theirs}".strip()}
