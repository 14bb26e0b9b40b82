"""earwitness demo: an archive for trying things, with calls of yesterday."""

import json
from datetime import UTC, datetime, timedelta

from earwitness.archive.access.users import add_api_key, user_id_of
from earwitness.archive.accounts.accounts import Accounts
from earwitness.archive.ledger import ledger
from earwitness.cli.demo.filling import CLIENT_ID, add_yesterday, fill
from earwitness.cli.listening import listening
from earwitness.cli.operator import action
from earwitness.cli.output import opened, say
from earwitness.cli.serving import Host, Port, serve_at
from earwitness.workers.loop import JobLoop

USERNAME = "alice@example.com"


def demo(host: Host = "127.0.0.1", port: Port = 8080) -> None:
    """Make a demo archive if there is none, add calls of yesterday, and serve it."""
    with listening(host, port) as address:
        with opened() as accounts:
            api_key = _prepare(accounts)
            settings = accounts.settings
        _introduce(address.base_url, api_key)
        serve_at(address, settings)


def _prepare(accounts: Accounts) -> str:
    if not any(account.client_id == CLIENT_ID for account in accounts.all()):
        say("Making the demo archive …")
        accounts.create(CLIENT_ID, "Earwitness demo", action("demo", ledger.CREATE_ACCOUNT))
    archive = accounts.open(CLIENT_ID)
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    fill(archive)
    add_yesterday(archive, yesterday)
    JobLoop(accounts, accounts.settings).run_until_idle()
    with archive.write() as connection:
        _, api_key = add_api_key(connection, user_id_of(connection, USERNAME))
    return api_key


def _introduce(base_url: str, api_key: str) -> None:
    today = datetime.now(UTC).date()
    credentials = {"clientId": CLIENT_ID, "username": USERNAME, "apiKey": api_key}
    yesterday = {"dateTimeRange": {"from": str(today - timedelta(days=1)), "to": str(today)}}
    play = {"thirdPartyId": "abc-123-call-id", "format": "mp3"}
    post = f"curl -s -X POST {base_url}"
    content = "-H 'Content-Type: application/json' -d"
    signed_in = f'-H "Authorization: Bearer $TOKEN" {content}'
    read = "python3 -c 'import json, sys; print(json.load(sys.stdin)[\"token\"])'"
    say(f"""
The demo archive is ready; docs/demo.md says what it holds.

  base URL   {base_url}
  clientId   {CLIENT_ID}
  username   {USERNAME}
  apiKey     {api_key}

Try it in another terminal. Sign in, search yesterday's calls, listen to one:

TOKEN=$({post}/authWithApiKey {content} '{json.dumps(credentials)}' | {read})
{post}/client/recording.search {signed_in} '{json.dumps(yesterday)}'
{post}/client/recording.playBackByThirdPartyId {signed_in} '{json.dumps(play)}' --output recording.mp3

Ctrl-C ends the server; the same command starts it again, with the same archive.
""")
