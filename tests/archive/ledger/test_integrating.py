"""Actions become leaves of the log, once each, and every checkpoint is the beginning of the next one."""

import json

from sqlalchemy import Connection, func, select

from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.ledger import integrating, ledger
from earwitness.archive.ledger.ledger import Action, Entry
from earwitness.archive.ledger.tree.hashing import leaf_hash, root_of
from earwitness.archive.schema.ledger import ledger_checkpoints, ledger_leaves
from earwitness.archive.schema.work import audit_headers
from tests.firm import Firm

ACTION = Action("GET", "/client/recording", "Get recording", "ada", "192.0.2.1", user_id=1)


def integrate(archive: Archive) -> None:
    with archive.read() as connection:
        turn = integrating.prepare(connection)
    with archive.write(locked=False) as connection:
        integrating.add(connection, turn, lambda size, root: f"{size} {root.hex()}")


def leaves(connection: Connection) -> list[bytes]:
    return list(connection.scalars(select(ledger_leaves.c.leaf).order_by(ledger_leaves.c.leaf_index)))


def test_each_action_becomes_one_leaf(firm: Firm) -> None:
    archive = firm.archive
    with archive.write() as connection:
        for number in range(3):
            ledger.append(connection, ACTION, [Entry(number), Entry(number + 1)])
    integrate(archive)
    integrate(archive)
    with archive.read() as connection:
        logged = leaves(connection)
        headers = connection.scalar(select(func.count()).select_from(audit_headers))
        newest = connection.execute(
            select(ledger_checkpoints).order_by(ledger_checkpoints.c.size.desc()).limit(1)
        ).one()
        assert not integrating.is_pending(connection)
    assert len(logged) == headers == newest.size
    assert newest.root == root_of([leaf_hash(one) for one in logged])


def test_a_leaf_that_was_prepared_twice_is_added_once(firm: Firm) -> None:
    archive = firm.archive
    with archive.write() as connection:
        ledger.append(connection, ACTION, [Entry(1)])
    with archive.read() as connection:
        turn = integrating.prepare(connection)
    integrate(archive)
    with archive.write(locked=False) as connection:
        integrating.add(connection, turn, lambda size, root: "again")
    with archive.read() as connection:
        logged = leaves(connection)
    assert len(logged) == len(set(logged)) == connection_size(archive)


def connection_size(archive: Archive) -> int:
    with archive.read() as connection:
        return connection.scalar(select(func.max(ledger_checkpoints.c.size))) or 0


def test_what_is_done_in_batches_is_a_leaf_when_it_is_through(firm: Firm) -> None:
    archive = firm.archive
    with archive.write() as connection:
        order = ledger.add_header(connection, ACTION)
        batches = ledger.begin_batches(connection, ACTION, order)
        ledger.append_under(connection, order, [Entry(1, "Selection")])
    for number in range(3):
        with archive.write() as connection:
            ledger.append_under(connection, batches, [Entry(number)])
        integrate(archive)
    before = connection_size(archive)
    with archive.write() as connection:
        ledger.end_batches(connection, batches)
    integrate(archive)
    with archive.read() as connection:
        logged = leaves(connection)
    assert connection_size(archive) == before + 1
    order_leaf, end_leaf = map(json.loads, logged[-2:])
    assert (order_leaf["type"], order_leaf["rows"]) == ("order", 1)
    assert (end_leaf["type"], end_leaf["rows"], end_leaf["order"]) == ("end", 3, order)
