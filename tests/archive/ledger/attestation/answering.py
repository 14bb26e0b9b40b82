"""A server on this machine that answers each POST as a test says."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = tuple[int, str, bytes]
"""Status, content type and body."""


@contextmanager
def answering(answer: Callable[[str, bytes], Answer | None]) -> Iterator[str]:
    """Give its URL. `answer` gets the path and the body of a request; None breaks the connection."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            given = answer(self.path, body)
            if given is None:
                self.close_connection = True
                return
            status, content_type, content = given
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(content)))
            if status == 307:
                self.send_header("Location", self.path)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with _served(Handler) as url:
        yield url


@contextmanager
def _served(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def silent() -> Iterator[str]:
    """The URL of a server that never answers, until the block ends."""
    ended = threading.Event()

    def wait(path: str, body: bytes) -> None:
        ended.wait(60)

    with answering(wait) as url:
        try:
            yield url
        finally:
            ended.set()


@contextmanager
def dripping() -> Iterator[str]:
    """The URL of a server whose answer has a byte now and then, and no end before the block has."""
    ended = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            with suppress(OSError):
                while not ended.wait(0.05):
                    self.wfile.write(b"x")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with _served(Handler) as url:
        try:
            yield url
        finally:
            ended.set()
