"""The fields that a change sets, for the ledger."""

import msgspec

from earwitness.kernel.wire import Wire


def changed_fields(body: Wire) -> dict[str, object]:
    """The fields that were sent, by their documented names. A null counts only where it has a meaning."""
    # A word that clients send in any case, such as a direction, is read as a type of its own.
    values: dict[str, object] = msgspec.to_builtins(body, enc_hook=str)
    sent = {
        field.encode_name
        for field in msgspec.structs.fields(body)
        if field.default is msgspec.UNSET or getattr(body, field.name) is not None
    }
    return {name: value for name, value in values.items() if name in sent}
