"""What a change asked for, as the ledger keeps it."""

import msgspec

from earwitness.kernel.wire import Wire


def changed_fields(wanted: Wire) -> dict[str, object]:
    """The fields that were sent, by their documented names; null only where it means something."""
    sent: dict[str, object] = msgspec.to_builtins(wanted)
    told = {
        field.encode_name
        for field in msgspec.structs.fields(wanted)
        if field.default is msgspec.UNSET or getattr(wanted, field.name) is not None
    }
    return {name: value for name, value in sent.items() if name in told}
