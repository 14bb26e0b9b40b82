"""Connections to PostgreSQL: by what libpq reads from a URL, and limits that end what hangs, at both ends.

What the URL or libpq's own variables (`PGOPTIONS`, `PGCONNECT_TIMEOUT`) say wins over what stands here.
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
"""Of libpq: seconds, and milliseconds of data that the server does not acknowledge. See its documentation,
"Parameter Key Words"."""

OPTIONS = {
    "jit": "off",
    "tcp_keepalives_idle": "3",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "2",
    "tcp_user_timeout": "8000",
}
"""Of the server, for the session: so that it misses us as soon as we would miss it. See its documentation,
"Connections and Authentication"."""

_OF_VARIABLES = {"connect_timeout": "PGCONNECT_TIMEOUT", "application_name": "PGAPPNAME"}
_DRIVER = re.compile(r"postgres(ql)?(\+\w+)?://")
_UNKNOWN = re.compile(r'invalid URI query parameter: "(\w+)"')


def parameters_of(url: str, **options: object) -> dict[str, Any]:
    """What psycopg is to connect with: of the URL, with our own where it says nothing. Raises SettingError.

    `options` are further ones of the session.
    """
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    try:
        given = conninfo_to_dict(_DRIVER.sub("postgresql://", url, count=1))
    except ProgrammingError as error:
        # What libpq says may have all of the URL in it, the password too.
        unknown = _UNKNOWN.search(str(error))
        said = f"PostgreSQL knows no parameter {unknown[1]}" if unknown else "it cannot be read as a URL"
        raise SettingError(f"{_VARIABLE}: {said}") from None
    ours = {
        name: value for name, value in PARAMETERS.items() if not os.environ.get(_OF_VARIABLES.get(name, ""))
    }
    told = " ".join(f"-c {name}={value}" for name, value in (OPTIONS | options).items())
    theirs = given.pop("options", None) or os.environ.get("PGOPTIONS", "")
    return ours | given | {"options": f"{told} {theirs}".strip()}
