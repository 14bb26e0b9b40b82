"""Runs the examples of the API's documentation against a running server, and compares the answers.

Each curl line runs as it is printed, with the server's URL and credentials; where the documentation prints
only a body, a curl line is made for it. Every answer is shown beside the documented one, with each key or
type that differs. The exit code is 1 if any answer differs. On the demo archive (`earwitness demo`) none
differs:

    make examples API_KEY=…

Values are not compared: ids, names and totals are those of the archive.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from docs.shapes import differences

CHAPTERS = ("authentication", "recordings", "people_and_endpoints", "users", "retention_groups", "comments")
_SIGN_IN = re.compile(r"/authWithApiKey$", re.IGNORECASE)
_SHOWN_LINES = 24

Example = dict[str, Any]


@dataclass(frozen=True)
class Answered:
    """An answer, as curl received it: the status, the headers in lower case, the body."""

    status: int
    headers: dict[str, str]
    body: bytes


def examples() -> list[Example]:
    """The documentation's examples: those of the endpoint reference by chapter, then the overview's."""
    folder = resources.files("earwitness.api") / "examples"
    return [
        one
        for chapter in (*CHAPTERS, "overview")
        for one in json.loads((folder / f"{chapter}.json").read_text("utf-8"))
    ]


def curl_of(example: Example) -> str:
    """The documentation's curl line, or one made for the body that it prints."""
    if "curl" in example:
        return "\n".join(example["curl"])
    method, path = example["call"].split()
    query = "&".join(f"{name}={value}" for name, value in example.get("query", {}).items())
    line = f'curl -X {method} "$BASE_URL{path}{"?" if query else ""}{query}"'
    if not _SIGN_IN.search(path):
        line += ' \\\n-H "Authorization: Bearer $TOKEN"'
    if "request" in example:
        line += ' \\\n-H "Content-Type: application/json"'
        line += f" \\\n-d '{json.dumps(example['request'])}'"
    return line


def perform(line: str, base_url: str, token: str) -> Answered:
    """Run a curl line in a shell, in a folder of its own. A `.curlrc` makes curl save the headers."""
    line = line.replace("{{baseUrl}}", "$BASE_URL").replace("YOUR.BEARER.TOKEN", "$TOKEN")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / ".curlrc").write_text('silent\nshow-error\ndump-header = "headers"\nmax-time = 120\n')
        environment = os.environ | {"BASE_URL": base_url, "TOKEN": token, "CURL_HOME": folder}
        ran = subprocess.run(  # noqa: S602 (the line is the documentation's)
            line, shell=True, cwd=place, env=environment, capture_output=True, check=False
        )
        if ran.returncode:
            raise SystemExit(f"curl failed: {ran.stderr.decode(errors='replace').strip()}")
        saved = re.search(r"--output (\S+)", line)
        body = (place / saved[1]).read_bytes() if saved else ran.stdout
        first, *others = (place / "headers").read_text("latin-1").strip().splitlines()
    headers = {
        name.strip().lower(): value.strip() for name, _, value in (one.partition(":") for one in others)
    }
    return Answered(int(first.split()[1]), headers, body)


def compare(example: Example, documented: Any, answered: Answered) -> list[str]:
    """The differences from the documented answer."""
    if answered.status != example.get("status", 200):
        return [f"status {answered.status}: {answered.body[:300].decode(errors='replace')}"]
    if answered.status >= 400:
        return []
    if "responseHeaders" in example:
        return list(_of_media(example["responseHeaders"], answered))
    return differences(documented, json.loads(answered.body))


def _of_media(documented: dict[str, str], answered: Answered) -> Iterator[str]:
    for name, value in documented.items():
        got = answered.headers.get(name.lower(), "nothing")
        expected = {
            "Content-Length": str(len(answered.body)),
            "Content-Disposition": got if re.fullmatch(r'attachment; filename="[^"]+\.mp3"', got) else value,
        }.get(name, value)
        if got != expected:
            yield f"{name}: {got} instead of {expected}"
    if not answered.body:
        yield "no bytes"


def _shown(value: Any) -> Text:
    lines = json.dumps(value, indent=2, ensure_ascii=False).splitlines()
    more = [f"… {len(lines) - _SHOWN_LINES} lines more"] if len(lines) > _SHOWN_LINES else []
    return Text("\n".join(lines[:_SHOWN_LINES] + more))


def _show(console: Console, example: Example, line: str, documented: Any, answered: Answered) -> None:
    console.rule(example["title"])
    console.print(line, style="bold", markup=False, highlight=False)
    table = Table("documented", f"answered: {answered.status}", expand=True)
    if "responseHeaders" in example:
        kept = {name: answered.headers.get(name.lower()) for name in example["responseHeaders"]}
        table.add_row(_shown(example["responseHeaders"]), _shown(kept))
    else:
        table.add_row(_shown(documented), _shown(_without_tokens(json.loads(answered.body))))
    console.print(table)


def _without_tokens(answer: Any) -> Any:
    if isinstance(answer, dict) and "refreshToken" in answer:
        return {name: f"{value[:10]}…" for name, value in answer.items()}
    return answer


def run(base_url: str, credentials: dict[str, Any], console: Console) -> int:
    """Run every example. Returns how many differ."""
    full = {one["call"]: one["response"] for one in reversed(examples()) if "response" in one}
    token, differing = "", 0
    for example in examples():
        if _SIGN_IN.search(example["call"]):
            example["request"] = credentials
        line = curl_of(example)
        documented = full.get(example["call"])
        answered = perform(line, base_url, token)
        shown = line.replace(credentials["apiKey"], "YOUR-API-KEY-XYZ")
        _show(console, example, shown, documented, answered)
        found = compare(example, documented, answered)
        differing += bool(found)
        for one in found or ["no difference"]:
            console.print(one, style="red" if found else "green", markup=False, highlight=False)
        if _SIGN_IN.search(example["call"]) and answered.status == 200:
            token = json.loads(answered.body)["token"]
    return differing


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--base-url", default="http://127.0.0.1:8080/api")
    parser.add_argument("--client-id", type=int, default=1234567)
    parser.add_argument("--username", default="alice@example.com")
    parser.add_argument("--api-key", default="")
    given = parser.parse_args(arguments)
    if not given.api_key:
        parser.error("give an API key: `earwitness demo` prints one, `earwitness apikey create` makes one")
    console = Console(soft_wrap=False)
    if shutil.which("curl") is None:
        console.print("curl is not installed here; these examples are curl lines.", style="red")
        return 1
    credentials = {"clientId": given.client_id, "apiKey": given.api_key, "username": given.username}
    differing = run(given.base_url, credentials, console)
    console.rule()
    console.print(f"{len(examples())} examples run; {differing or 'none'} differ.")
    return 1 if differing else 0


if __name__ == "__main__":
    raise SystemExit(main())
