"""Witnesses are asked to cosign a checkpoint; what they answer is verified before it is kept."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness.archive.ledger.attestation.configured import Witness, witnesses_of
from earwitness.archive.ledger.attestation.witnesses import cosign
from earwitness.archive.ledger.notes.keys import Kind, SignerKey, verified
from earwitness.archive.ledger.notes.signed_note import SignedNote
from earwitness.kernel.settings import SettingError, Settings
from earwitness.witness.refused import Refused
from earwitness.witness.witness import Witness as Server
from tests.archive.ledger.attestation.answering import Answer, answering, silent
from tests.witness.plain_log import PlainLog

LOG = PlainLog()
KEY = SignerKey("audit.example/w", Kind.WITNESS, b"w" * 32)


class Witnesses:
    """Witnesses that are served by the tests, and what they were asked."""

    def __init__(self, folder: Path, leaving: ExitStack) -> None:
        self.servers: list[Server] = []
        self.asked: list[bytes] = []
        self.all: list[Witness] = []
        for number in range(2):
            server = Server.create(folder / str(number), f"audit.example/w{number}")
            server.state.add_key(LOG.key.verifier)
            url = leaving.enter_context(answering(self._answering_for(server)))
            self.servers.append(server)
            self.all.append(Witness(server.key.verifier, f"{url}/prefix"))

    def _answering_for(self, server: Server) -> Callable[[str, bytes], Answer]:
        def answer(path: str, body: bytes) -> Answer:
            assert path == "/prefix/add-checkpoint"
            self.asked.append(body)
            try:
                return 200, "text/plain", server.add_checkpoint(body).line.encode()
            except Refused as error:
                return error.status, error.content_type, error.body.encode()

        return answer


@pytest.fixture
def witnesses(tmp_path: Path) -> Iterator[Witnesses]:
    with ExitStack() as leaving:
        yield Witnesses(tmp_path, leaving)


def test_each_witness_cosigns_a_log_that_grows(witnesses: Witnesses) -> None:
    sizes: dict[str, int] = {}
    for size in (5, 9, 9, 64):
        outcomes = cosign(witnesses.all, LOG.note(size), partial(LOG.proof, size=size), sizes)
        note = LOG.note(size).signed_also_by(*(one.cosignature for one in outcomes if one.cosignature))
        assert len(verified(note, [one.key for one in witnesses.all])) == 2
        sizes = {one.witness.key.text: one.size for one in outcomes if one.size}
        assert set(sizes.values()) == {size}
    assert len(witnesses.asked) == 8


def test_a_witness_whose_size_is_not_known_names_it_and_is_asked_again(witnesses: Witnesses) -> None:
    witnesses.servers[0].add_checkpoint(LOG.request(0, 3))
    known = {witnesses.all[1].key.text: 2}
    outcomes = cosign(witnesses.all, LOG.note(8), lambda old: LOG.proof(old, 8), known)
    assert all(one.cosignature for one in outcomes)
    assert len(witnesses.asked) == 4


def test_a_ledger_that_was_set_back_or_has_forked_is_told_so(witnesses: Witnesses) -> None:
    witnesses.servers[0].add_checkpoint(LOG.request(0, 9))
    fork = PlainLog(fork_at=3)
    witnesses.servers[1].add_checkpoint(fork.request(0, 5))
    known = {witnesses.all[0].key.text: 9}
    set_back, forked = cosign(witnesses.all, LOG.note(8), lambda old: LOG.proof(old, 8), known)
    assert (set_back.cosignature, set_back.size) == (None, 9)
    assert "it has cosigned 9 actions, and this ledger has 8" in set_back.trouble
    assert forked.cosignature is None
    assert "does not go on from what the witness has cosigned" in forked.trouble


def right() -> str:
    return KEY.cosign(LOG.note(5).text, 7).line


ANSWERS: dict[str, tuple[Answer | None, str]] = {
    "nothing": ((200, "text/plain", b""), "no cosignature"),
    "bytes": ((200, "text/plain", b"\xff" * 100), "not UTF-8"),
    "of another key": (
        (200, "text/plain", SignerKey("other", Kind.WITNESS, b"o" * 32).cosign("x\n", 7).line.encode()),
        "no signature of a known key",
    ),
    "over another text": ((200, "text/plain", KEY.cosign("x\n", 7).line.encode()), "is wrong"),
    "without a time": ((200, "text/plain", KEY.cosign(LOG.note(5).text, 0).line.encode()), "states no time"),
    "too much": ((200, "text/plain", right().encode() * 100_000), "an answer of more than"),
    "too many": ((200, "text/plain", right().encode() * 100), "too many signatures"),
    "a redirection": ((307, "text/plain", b""), "it answered 307"),
    "409 without a size": ((409, "text/x.tlog.size", b"many\n"), "409 without a size"),
    "409 of another type": ((409, "text/plain", b"3\n"), "it answered 409"),
    "the same size each time": ((409, "text/x.tlog.size", b"3\n"), "another size each time"),
    "an unlisted log": ((404, "text/plain", b""), "does not list this ledger"),
    "an error": ((503, "text/plain", b"secret"), "it answered 503"),
    "a broken connection": (None, "no answer"),
}


@pytest.mark.parametrize(("answer", "trouble"), ANSWERS.values(), ids=ANSWERS)
def test_what_is_no_cosignature_is_not_kept_and_harms_no_other(
    witnesses: Witnesses, answer: Answer | None, trouble: str
) -> None:
    with answering(lambda path, body: answer) as url:
        asked = [Witness(KEY.verifier, url), witnesses.all[0]]
        wrong, good = cosign(asked, LOG.note(5), lambda old: LOG.proof(old, 5))
    assert wrong.cosignature is None
    assert trouble in wrong.trouble
    assert "secret" not in wrong.trouble
    assert good.cosignature


@settings(deadline=None, max_examples=50)
@given(st.sampled_from([200, 409]), st.binary(max_size=60), st.integers(0, 200), st.integers(0, 60))
def test_any_bytes_are_an_outcome_and_only_the_right_ones_a_cosignature(
    status: int, new: bytes, start: int, cut: int
) -> None:
    body = right().encode()[:start] + new + right().encode()[start + cut :]
    with answering(lambda path, asked: (status, "text/x.tlog.size", body)) as url:
        [outcome] = cosign([Witness(KEY.verifier, url)], LOG.note(5), lambda old: LOG.proof(old, 5))
    assert bool(outcome.cosignature) != bool(outcome.trouble)
    if outcome.cosignature:
        assert KEY.verifier.verifies(LOG.note(5).text, outcome.cosignature)


def test_signatures_of_others_in_an_answer_are_ignored() -> None:
    other = SignerKey("other", Kind.WITNESS, b"o" * 32).cosign("x\n", 7).line
    with answering(lambda path, body: (200, "text/plain", (other + right()).encode())) as url:
        [outcome] = cosign([Witness(KEY.verifier, url)], LOG.note(5), lambda old: LOG.proof(old, 5))
    assert outcome.cosignature == KEY.cosign(LOG.note(5).text, 7)


def test_a_witness_that_hangs_or_is_gone_keeps_no_other_from_cosigning(witnesses: Witnesses) -> None:
    with answering(lambda path, body: None) as closed:
        pass
    with silent() as hanging:
        asked = [Witness(KEY.verifier, hanging), Witness(KEY.verifier, closed), witnesses.all[0]]
        outcomes = cosign(asked, LOG.note(5), lambda old: LOG.proof(old, 5), seconds=2)
    assert outcomes[0].trouble == "no answer within 2 seconds"
    assert outcomes[1].trouble.startswith("no answer (")
    assert outcomes[2].cosignature


def test_the_witnesses_of_the_settings() -> None:
    text = KEY.verifier.text
    given = {
        "EARWITNESS_WITNESSES": f"{text} https://user:pw@audit.example/w/ , {LOG.key.verifier.text} http://x"
    }
    with pytest.raises(SettingError, match="is the key of a log"):
        witnesses_of(Settings.from_environment(given))
    [one] = witnesses_of(Settings(witnesses=((text, "https://audit.example"),)))
    assert one == Witness(KEY.verifier, "https://audit.example")
    with pytest.raises(SettingError, match="is there twice"):
        witnesses_of(Settings(witnesses=((text, "https://a.example"), (text, "https://b.example"))))
    other = SignerKey(KEY.name, Kind.WITNESS, bytes(32)).verifier.text
    with pytest.raises(SettingError, match="two keys have the name"):
        witnesses_of(Settings(witnesses=((text, "https://a.example"), (other, "https://b.example"))))
    for wrong in (
        text,
        f"{text} ftp://audit.example",
        f"{text} https://a?b",
        f"{text} https://a b",
        "key https://a",
        f"{text} https://p:w@",
    ):
        with pytest.raises(SettingError, match="EARWITNESS_WITNESSES: expected") as error:
            Settings.from_environment({"EARWITNESS_WITNESSES": wrong})
        assert "p:w" not in str(error.value)


def test_a_cosigned_note_is_read_by_whoever_has_the_keys(witnesses: Witnesses) -> None:
    outcomes = cosign(witnesses.all, LOG.note(5), lambda old: LOG.proof(old, 5))
    note = LOG.note(5).signed_also_by(*(one.cosignature for one in outcomes if one.cosignature))
    keys = [LOG.key.verifier, *(one.key for one in witnesses.all)]
    assert list(verified(SignedNote.read(note.encode()), keys)) == keys
