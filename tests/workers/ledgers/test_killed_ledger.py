"""Workers and servers that add to one log at once, and are killed: no leaf twice, none lost, no fork."""

import itertools
import json
import math
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from sqlalchemy import func, select, update

from earwitness.archive.ledger import ledger
from earwitness.archive.ledger.ledger import Action, Entry
from earwitness.archive.ledger.notes.checkpoint import Checkpoint
from earwitness.archive.ledger.notes.signed_note import SignedNote
from earwitness.archive.ledger.proving import leaves_of, tree_of
from earwitness.archive.ledger.tree.hashing import leaf_hash, root_of
from earwitness.archive.ledger.tree.verification import verify_consistency
from earwitness.archive.schema.ledger import ledger_checkpoints, ledger_leaves
from earwitness.archive.schema.work import audit_headers
from earwitness.archive.upkeep.ledgers.ledger_heads import show
from earwitness.archive.upkeep.ledgers.ledger_log import bring_up_to_date
from earwitness.archive.upkeep.ledgers.ledger_thinning import thin
from earwitness.kernel.settings import Settings
from tests.cli.running import running
from tests.firm import Firm
from tests.servers import other_server
from tests.serving import administrator, server
from tests.waiting import until

ACTION = Action("GET", "/client/recording", "Get recording", "ada", "192.0.2.1", user_id=1)
AT_ONCE = 3_000
SIZE = ledger_checkpoints.c.size


def add_actions(firm: Firm, count: int) -> None:
    with firm.archive.write() as connection:
        ledger.append_all(connection, [(ACTION, [Entry(number)]) for number in range(count)])


def size(firm: Firm) -> int:
    with firm.archive.read() as connection:
        return connection.scalar(select(func.count()).select_from(ledger_leaves)) or 0


def signed(firm: Firm) -> dict[int, bytes]:
    with firm.archive.read() as connection:
        rows = connection.execute(select(ledger_checkpoints.c.size, ledger_checkpoints.c.root))
        return {row.size: bytes(row.root) for row in rows}


def check_whole_log(firm: Firm, seen: dict[int, bytes]) -> None:
    """Each action is one leaf, and all checkpoints that were ever signed are the beginning of the next."""
    with firm.archive.read() as connection:
        headers = sorted(connection.scalars(select(audit_headers.c.id)))
        leaves = leaves_of(connection, 0, len(headers) + 1)
        assert sorted(json.loads(one)["header"] for one in leaves) == headers
        hashes = [leaf_hash(one) for one in leaves]
        for size, root in seen.items():
            assert root_of(hashes[:size]) == root
        for one, other in itertools.pairwise(sorted(seen)):
            proof = tree_of(connection, other).consistency(one)
            verify_consistency(one, seen[one], other, seen[other], proof)


def test_checkpoints_that_nobody_was_given_go_after_an_hour(firm: Firm) -> None:
    accounts = firm.app.state.installation.accounts
    for turn in range(4):
        add_actions(firm, 1)
        bring_up_to_date(firm.archive, accounts)
        if turn == 1:
            show(firm.archive, accounts)
    seen = signed(firm)
    thin(firm.archive)
    assert signed(firm) == seen, "they are new"
    with firm.archive.write() as connection:
        connection.execute(
            update(ledger_checkpoints).values(signed_at=ledger_checkpoints.c.signed_at - 4_000_000)
        )
        given = set(connection.scalars(select(SIZE).where(ledger_checkpoints.c.given_at.is_not(None))))
    firm.archive.log.thinned_at = -math.inf
    thin(firm.archive)
    assert set(signed(firm)) == given | {max(seen)}
    add_actions(firm, 1)
    firm.work()
    check_whole_log(firm, seen | signed(firm))


def kill_workers_amid(firm: Firm) -> None:
    before = size(firm)
    add_actions(firm, AT_ONCE)
    with running(firm.settings, "worker"), running(firm.settings, "worker"):
        until(lambda: size(firm) > before, "some are added", 120)


def test_a_log_is_whole_although_each_worker_that_adds_to_it_is_killed(firm: Firm) -> None:
    seen: dict[int, bytes] = {}
    for _ in range(3):
        kill_workers_amid(firm)
        seen |= signed(firm)
    firm.work()
    seen |= signed(firm)
    assert len(seen) > 6
    check_whole_log(firm, seen)


def test_two_servers_give_checkpoints_of_one_log(settings: Settings, tmp_path: Path) -> None:
    """Each has what was done just before, whoever of them did it."""
    credentials = administrator(settings)
    other = other_server(settings, tmp_path)
    seen: dict[int, bytes] = {}
    with ExitStack() as stack:
        servers = [stack.enter_context(server(one, credentials)) for one in (settings, other)]

        def use(number: int) -> list[Checkpoint]:
            here, there = servers[number], servers[1 - number]
            given = []
            for turn in range(15):
                made = here.client.post("/admin/tag", json={"tag": f"{number} {turn}"})
                assert made.status_code == 201, made.text
                for one in (there, here):
                    answer = one.client.get("/ledger/checkpoint")
                    assert answer.status_code == 200, answer.text
                    given.append(Checkpoint.read(SignedNote.read(answer.content).text))
            return given

        with ThreadPoolExecutor(2) as threads:
            both = list(threads.map(use, (0, 1)))
    for given in both:
        sizes = [one.size for one in given]
        assert sizes == sorted(sizes)
        assert all(later.size > one.size for one, later in itertools.pairwise(given[::2]))
    for one in itertools.chain(*both):
        assert seen.setdefault(one.size, one.root) == one.root
    with Firm(settings, keys={credentials["username"]: credentials["apiKey"]}) as firm:
        firm.work()
        check_whole_log(firm, seen | signed(firm))
