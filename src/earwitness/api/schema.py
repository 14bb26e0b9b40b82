"""The documentation of the API, made from the API: an OpenAPI document, and a page to browse it."""

import base64
import hashlib
import json
import re
import tomllib
from collections import defaultdict
from functools import cache
from importlib import resources
from typing import Any

import msgspec
from anyio import to_thread
from litestar import Litestar, Request, Response

from earwitness.http.openapi.document import DocumentText, Example, document
from earwitness.http.openapi.operations import Describes, operations
from earwitness.http.routes import public
from earwitness.kernel.version import program_version

_HERE = resources.files("earwitness.api")

DESCRIPTION = """\
The archive of recorded communications. Paths are below the base URL, `http://host:8080/api` by default.
Every call except sign-in sends `Authorization: Bearer TOKEN`.

Times are RFC 3339 in UTC. Ids are whole numbers from 1. An unknown field or query parameter is refused, with
the nearest known one; `null` counts as absent unless a field gives it a meaning. What the viewer may not see
is answered like what does not exist. Problems are answered as `application/problem+json` (RFC 9457).
A body is JSON in UTF-8, of at most 1 MiB."""

# In the order of the documentation, then what is ours.
CHAPTERS = {
    "authentication": (
        "Authentication",
        "Exchange an API key, or a refresh token, for a short-lived bearer token.",
    ),
    "recordings": (
        "Recordings",
        "One recording is one communication: a phone call, a meeting, an SMS. `interactionId` is the "
        "archive's id of it, `thirdPartyId` the source's.",
    ),
    "people_and_endpoints": (
        "People & Endpoints",
        "A person is an individual the account knows; an endpoint is a phone number, an email address or a "
        "Teams user id of a person. Recordings are linked to endpoints.",
    ),
    "users": ("Users", "Who signs in: people and integrations."),
    "retention_groups": ("Retention Groups", "For how many days the recordings of people are kept."),
    "comments": ("Comments", "What users noted on recordings."),
    "media": ("Media", "Media for players: byte ranges, and links that need no header."),
    "ingest": ("Ingest", "Adding recordings, and what belongs to them, to the archive."),
    "jobs": ("Jobs", "How far changes of many recordings have come. `X-Pending` of an answer is a job."),
    "ledger": (
        "Ledger",
        "One log of all actions of the account, which nobody can change unnoticed: its checkpoints, proofs "
        "that an action is in it, who did what, and what each change replaced.",
    ),
    "changes": (
        "Changes",
        "For a copy of the archive: a feed that tells every change, and a hash of each day to compare. "
        "`docs/changes.md` says how a copy is kept.",
    ),
    "calls": ("Calls", "Calls in progress."),
    "administration": ("Administration", "People, endpoints, users, keys, policies, holds, playlists, tags."),
    "health": (
        "Operations",
        "Whether the server is alive and ready. These paths are at the root, outside `/api`.",
    ),
    "schema": ("Schema", "This documentation."),
}


@public("/schema/openapi.json", describes=Describes(gives=dict[str, Any]))
async def get_openapi_document(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The OpenAPI 3.1 document of this server."""
    state = request.app.state
    if "openapi" not in state:
        # It takes half a second. In a thread, the process answers other calls meanwhile.
        state.openapi = await to_thread.run_sync(lambda: msgspec.json.encode(document_of(request.app)))
    return Response(state.openapi, media_type="application/json")


@public("/schema", describes=Describes(gives=str, answered_as=("text/html",)))
async def browse_schema() -> Response[str]:
    """A page to browse the document, and to try calls. It loads nothing from elsewhere."""
    return _html("schema.html")


@public("/", describes=Describes(gives=str, answered_as=("text/html",)))
async def welcome() -> Response[str]:
    """A page that says where everything is, for people who open the server's address in a browser."""
    return _html("welcome.html")


ROUTES = [get_openapi_document, browse_schema]
AT_ROOT = [welcome]


def document_of(app: Litestar) -> dict[str, Any]:
    """Write the OpenAPI document of an application."""
    examples = _examples()
    texts = DocumentText(
        title="Earwitness",
        version=program_version(),
        description=DESCRIPTION,
        chapters=CHAPTERS,
        describe=describe,
        examples=lambda call: examples.get(call, []),
    )
    return document(list(operations(app)), texts)


def describe(struct: str, field: str) -> str:
    """The description of a struct's field: its own, or that of every field of this name."""
    texts = _descriptions()
    return texts.get(struct, {}).get(field) or texts["every"].get(field, "")


@cache
def _descriptions() -> dict[str, dict[str, str]]:
    texts: dict[str, dict[str, str]] = tomllib.loads((_HERE / "descriptions.toml").read_text("utf-8"))
    return texts


@cache
def _examples() -> dict[str, list[Example]]:
    """The examples of each call; those of the endpoint reference come before those of the overview."""
    found: dict[str, list[Example]] = defaultdict(list)
    files = sorted((_HERE / "examples").iterdir(), key=lambda file: (file.name == "overview.json", file.name))
    for file in files:
        for one in json.loads(file.read_text("utf-8")):
            example = Example(one["title"], one.get("request"), one.get("query"), one.get("response"))
            found[one["call"]].append(example)
    return dict(found)


def _html(file: str) -> Response[str]:
    page, policy = _page(file)
    headers = {"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer"}
    return Response(page, media_type="text/html", headers=headers)


@cache
def _page(file: str) -> tuple[str, str]:
    """A page, and the policy that lets its own script and style run, and nothing else."""
    page = (_HERE / file).read_text("utf-8")
    script, style = (_digest(page, tag) for tag in ("script", "style"))
    return page, (
        f"default-src 'none'; script-src {script}; style-src {style}; connect-src 'self'; media-src blob:; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _digest(page: str, tag: str) -> str:
    content = next(iter(re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)), None)
    if content is None:
        return "'none'"
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
