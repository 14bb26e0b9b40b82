"""Trust policies are read as C2SP's tlog-policy defines them, and say whether a checkpoint has a quorum."""

import pytest

from earwitness.archive.ledger.notes.keys import Kind, SignerKey
from earwitness.archive.ledger.notes.policy import Policy, PolicyRefused
from earwitness.archive.ledger.notes.signed_note import NoteRefused, SignedNote

LOG = SignerKey("log.example/7", Kind.LOG, b"l" * 32)
NAMES = ("X1", "X2", "X3", "Y1", "Y2")
SIGNERS = {
    name: SignerKey(f"{name}.example", Kind.WITNESS, bytes([number]) * 32)
    for number, name in enumerate(NAMES, 1)
}
KEYS = {name: signer.verifier.text for name, signer in SIGNERS.items()}
TEXT = "log.example/7\n1\n" + "A" * 43 + "=\n"

# The example of the standard, with all that it allows between words and lines.
POLICY = (
    f"# Zeugen f\xfcr 7\nlog {LOG.verifier.text} https://log.example/7/\n\n"
    + "".join(f" \twitness {name}\t{key}  \n" for name, key in KEYS.items())
    + "group X-witnesses 2 X1 X2 X3\ngroup Y-witnesses any Y1 Y2\n"
    + "group X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n"
).encode("latin-1")  # a comment may be no UTF-8


def note(*names: str) -> SignedNote:
    return SignedNote(TEXT, (LOG.sign(TEXT), *(SIGNERS[name].cosign(TEXT, 7) for name in names)))


@pytest.mark.parametrize(
    ("names", "is_quorum"),
    [
        (("X1", "X3", "Y2"), True),
        (("X1", "X2", "X3", "Y1", "Y2"), True),
        (("X1", "X2", "X3"), False),
        (("X1", "Y1", "Y2"), False),
        ((), False),
    ],
)
def test_a_checkpoint_needs_its_log_and_the_quorum(names: tuple[str, ...], is_quorum: bool) -> None:
    policy = Policy.read(POLICY)
    if is_quorum:
        policy.check(note(*names), LOG.name)
    else:
        with pytest.raises(NoteRefused, match="too few witnesses"):
            policy.check(note(*names), LOG.name)
    without_log = SignedNote(TEXT, note("X1", "X2", "Y1").signatures[1:])
    with pytest.raises(NoteRefused, match="not signed by a log"):
        policy.check(without_log, LOG.name)
    with pytest.raises(NoteRefused, match="not signed by a log"):
        policy.check(note("X1", "X2", "Y1"), "another.example")


def test_a_policy_without_witnesses_needs_the_log_alone() -> None:
    policy = Policy.read(f"log {LOG.verifier.text}\nquorum none".encode())
    policy.check(note(), LOG.name)


def test_what_is_written_is_read_again_as_the_same() -> None:
    policy = Policy.read(POLICY + b"group \xe4 1 X-and-Y\n")
    assert Policy.read(policy.content) == policy
    assert b"\ngroup \xe4 1 X-and-Y\nquorum X-and-Y\n" in policy.content


WITNESS = f"witness X1 {KEYS['X1']}\n"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "has a line `quorum`"),
        (WITNESS, "has a line `quorum`"),
        ("quorum X1\n" + WITNESS, "line 1: there is no X1"),
        ("quorum none\nquorum none\n", "line 2: there is a `quorum`"),
        (WITNESS + WITNESS, "line 2: the key X1.example stands in a line before"),
        (WITNESS + f"witness X1 {KEYS['X2']}\n", "line 2: the name X1 is taken"),
        (f"witness none {KEYS['X1']}\n", "line 1: the name none is taken"),
        (WITNESS + "group G 2 X1\n", "line 2: a group needs"),
        (WITNESS + "group G 0 X1\n", "line 2: a group needs"),
        (WITNESS + "group G 01 X1\n", "line 2: a group needs"),
        (WITNESS + "group G any\n", "line 2: a line begins with"),
        (WITNESS + "group G any X1 X1\n", "line 2: X1 is a member already"),
        (WITNESS + "group G any X1\ngroup H any X1\n", "line 3: X1 is a member already"),
        (WITNESS + "group G any none\n", "line 2: there is no none"),
        (WITNESS + "group G any G\n", "line 2: there is no G"),
        (f"witness X1 {LOG.verifier.text}\n", "line 1: .* the key of a log, not of a witness"),
        (f"log {KEYS['X1']}\n", "line 1: .* the key of a witness, not of a log"),
        (f"log {LOG.verifier.text.replace('log', 'lag')}\n", "line 1: the id of the key .* does not belong"),
        ("trust everybody\n", "line 1: a line begins with"),
        ("quorum none\r\n", "line 1 has a control character"),
        ("quorum\u00a0none\n", "line 1: a line begins with"),
    ],
)
def test_a_policy_that_breaks_a_rule_is_refused_and_the_line_named(text: str, why: str) -> None:
    with pytest.raises(PolicyRefused, match=why):
        Policy.read(text.encode())
