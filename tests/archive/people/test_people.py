"""People that a source names: a batch finds the same people as one name after another."""

from itertools import count

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from earwitness.archive.people.people import (
    DescribedPerson,
    KnownPerson,
    Name,
    find_or_add_people,
)
from earwitness.archive.schema.people import people
from tests.firm import Firm

names = st.lists(
    st.tuples(st.sampled_from([None, "p-1", "p-2"]), st.sampled_from([None, "a@x", "A@X", "b@x"])),
    max_size=7,
    unique=True,
)
_examples = count()


def _of(namespace: str, name: Name) -> Name:
    third_party_id, email = name
    return third_party_id and f"{third_party_id}{namespace}", email and f"{email}{namespace}"


def _kept(connection: Connection, found: dict[Name, KnownPerson], namespace: str) -> list[object]:
    """Who each name is, by whom was named first, and what is kept of them."""
    order = {id_: place for place, id_ in enumerate(dict.fromkeys(one.id for one in found.values()))}
    columns = people.c.third_party_id, people.c.full_name, people.c.email, people.c.person_type
    rows = [
        [value and value.removesuffix(namespace) for value in row]
        for row in connection.execute(select(*columns).where(people.c.id.in_(order)).order_by(people.c.id))
    ]
    return [[order[one.id] for one in found.values()], rows]


@given(known=names, named=names)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_people_found_in_one_batch_are_those_found_one_by_one(
    firm: Firm, known: list[Name], named: list[Name]
) -> None:
    kept = []
    with firm.archive.write() as connection:
        for together in (True, False):
            namespace = f"~{next(_examples)}"
            described = {_of(namespace, one): DescribedPerson(None, "staff") for one in named}
            for one in known:
                find_or_add_people(connection, {_of(namespace, one): DescribedPerson(None, "external")})
            if together:
                found = find_or_add_people(connection, described)
            else:
                each = [find_or_add_people(connection, {name: one}) for name, one in described.items()]
                found = {name: person for answered in each for name, person in answered.items()}
            assert set(found) == set(described) - {(None, None)}
            for name, person in found.items():
                again = find_or_add_people(connection, {name: DescribedPerson(None, "staff")})
                assert again[name].id == person.id
            kept.append(_kept(connection, found, namespace))
    assert kept[0] == kept[1]
