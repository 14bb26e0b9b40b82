"""An S3 server that can be made slow or made to fail: moto's, which keeps its objects in memory.

    python -m bench.faults.object_store HOST PORT FILE

FILE is read for each request. `{"delay": 3.0}` delays each answer by so many seconds, `{"status": 503}`
answers every request with that status. Without the file, the server works as usual.
"""

import json
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

_REFUSAL = b"<Error><Code>SlowDown</Code><Message>Told to fail.</Message></Error>"

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def misbehaving(application: Application, told: Path) -> Application:
    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        try:
            behaviour = json.loads(told.read_bytes())
        except FileNotFoundError:
            behaviour = {}
        time.sleep(behaviour.get("delay", 0))
        if status := behaviour.get("status"):
            start_response(f"{status} Told so", [("Content-Type", "application/xml")])
            return [_REFUSAL]
        return application(environ, start_response)

    return answer


def main(host: str, port: str, told: str) -> None:
    application = DomainDispatcherApplication(create_backend_app)
    run_simple(host, int(port), misbehaving(application, Path(told)), threaded=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
