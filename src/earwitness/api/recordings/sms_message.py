"""Get SMS message: POST /client/recording.sms-message.get."""

from earwitness.api.recordings.detail import InteractionIds
from earwitness.archive.access.visible_recordings import visible_rows
from earwitness.kernel.rights import Right
from earwitness.kernel.wire import Wire
from earwitness.operations import operations
from earwitness.operations.audit_subjects import by_interaction_ids
from earwitness.operations.operations import Audit, Call


class SmsMessage(Wire):
    """The text of an SMS, and its provider's own ids."""

    interaction_id: int
    message: str
    raw_sms_ids: list[str]


@operations.read(
    "/client/recording.sms-message.get",
    right=Right.RECORDING_VIEW,
    audit=Audit("Get SMS message", by_interaction_ids),
)
def get_sms_message(call: Call, body: InteractionIds) -> list[SmsMessage]:
    """Get the message bodies of SMS, in the order asked; ids of other types are left out."""
    rows = visible_rows(call.connection, call.viewer, body.interaction_ids)
    return [
        SmsMessage(
            interaction_id=row.interaction_id, message=row.message or "", raw_sms_ids=row.raw_sms_ids or []
        )
        for row in rows
        if row.type == "sms"
    ]
