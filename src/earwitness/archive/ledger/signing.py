"""Who signs the ledger of an account: the origin that its checkpoints begin with, and the key."""

import re

from earwitness.archive.ledger.notes.checkpoint import Checkpoint
from earwitness.archive.ledger.notes.keys import Kind, SignerKey
from earwitness.archive.ledger.notes.signed_note import SignedNote
from earwitness.kernel.settings import Settings


def new_origin(settings: Settings, account_guid: str) -> str:
    """The origin for the first checkpoint of an account's ledger. It is kept with that, and never changes."""
    return f"{settings.ledger_origin}/{account_guid}"


def account_of(origin: str) -> str:
    """The guid of the account whose ledger it is."""
    return _NUMBER.sub("", origin).rpartition("/")[2]


def generation_of(origin: str) -> int:
    """Which log of its account this is: 1, or the number that a log has that replaced another one."""
    number = _NUMBER.search(origin)
    return int(number[1]) if number else 1


def next_origin(origin: str) -> str:
    """The origin of the log that replaces this one: `<origin>/<accountGuid>/2` and so on."""
    return f"{_NUMBER.sub('', origin)}/{generation_of(origin) + 1}"


_NUMBER = re.compile(r"/([1-9][0-9]{0,8})$", re.ASCII)


def signer_of(origin: str, ledger_key: bytes) -> SignerKey:
    """The key of a ledger: one secret for all ledgers of the archive, under the name of each."""
    return SignerKey(origin, Kind.LOG, ledger_key)


def signed_checkpoint(signer: SignerKey, size: int, root: bytes) -> SignedNote:
    """A checkpoint of the signer's ledger, with its signature alone."""
    text = Checkpoint(signer.name, size, root).text
    return SignedNote(text, (signer.sign(text),))
