"""The first tables"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "access_policies",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False),
            nullable=False,
        ),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("conditions", sa.JSON(none_as_null=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("access_policies_pkey")),
        sa.UniqueConstraint("name", name=op.f("access_policies_unique_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "account",
        sa.Column("client_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("account_guid", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("forced_comments", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("transcription", sa.Text(), nullable=False),
        sa.Column("may_shorten_retention", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("default_retention", sa.JSON(none_as_null=True), nullable=False),
        sa.PrimaryKeyConstraint("client_id", name=op.f("account_pkey")),
    )
    op.create_table(
        "audit_headers",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False),
            nullable=False,
        ),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("inserted_at", sa.BigInteger(), nullable=False),
        sa.Column("ip_address", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("audit_headers_pkey")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "counters",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("counters_pkey")),
    )
    op.create_table(
        "group_names",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False),
            nullable=False,
        ),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("group_names_pkey")),
        sa.UniqueConstraint("name", name=op.f("group_names_unique_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "legal_holds",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False),
            nullable=False,
        ),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("legal_holds_pkey")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "playlists",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False),
            nullable=False,
        ),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("playlists_pkey")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "recordings",
        sa.Column(
            "position",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("interaction_id", sa.BigInteger(), nullable=False),
        sa.Column("third_party_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=False),
        sa.Column("duration_ms", sa.BigInteger(), nullable=False),
        sa.Column("is_private", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("is_private_reason", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("has_media", sa.Boolean(), nullable=False),
        sa.Column("has_sender_times", sa.Boolean(), nullable=False),
        sa.Column("transcript_snippet", sa.Text(), nullable=False),
        sa.Column("analysis", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("conversation_phases", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("data_groups", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("optional", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("metadata", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("raw_sms_ids", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("measurement", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("retention_group_id", sa.BigInteger(), nullable=True),
        sa.Column("retain_until", sa.BigInteger(), nullable=True),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("received_digest", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("position", name=op.f("recordings_pkey")),
        sa.UniqueConstraint("interaction_id", name=op.f("recordings_unique_interaction_id")),
        sa.UniqueConstraint("third_party_id", name=op.f("recordings_unique_third_party_id")),
    )
    with op.batch_alter_table("recordings", schema=None) as batch_op:
        batch_op.create_index(
            "recordings_facts",
            ["started_at", "is_private", "type", "direction", "duration_ms", "interaction_id"],
            unique=False,
        )

    op.create_table(
        "retention_groups",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False),
            nullable=False,
        ),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("retention_group", sa.JSON(none_as_null=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("retention_groups_pkey")),
        sa.UniqueConstraint("name", name=op.f("retention_groups_unique_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "tags",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False),
            nullable=False,
        ),
        sa.Column("tag", sa.Text(), nullable=False),
        sa.Column("tag_folded", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("tags_pkey")),
        sa.UniqueConstraint("tag_folded", name=op.f("tags_unique_tag_folded")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "audit_rows",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False),
            nullable=False,
        ),
        sa.Column("audit_header_id", sa.BigInteger(), nullable=False),
        sa.Column("entity_name", sa.Text(), nullable=False),
        sa.Column("entity_id", sa.BigInteger(), nullable=False),
        sa.Column("parent_entity_name", sa.Text(), nullable=False),
        sa.Column("parent_entity_id", sa.BigInteger(), nullable=False),
        sa.Column("metadata", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("response_code", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["audit_header_id"], ["audit_headers.id"], name=op.f("audit_rows_audit_header_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("audit_rows_pkey")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("audit_rows", schema=None) as batch_op:
        batch_op.create_index(
            "audit_rows_by_parent", ["parent_entity_name", "parent_entity_id", "id"], unique=False
        )

    op.create_table(
        "group_values",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False),
            nullable=False,
        ),
        sa.Column("group_name_id", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_name_id"], ["group_names.id"], name=op.f("group_values_group_name_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("group_values_pkey")),
        sa.UniqueConstraint("group_name_id", "value", name=op.f("group_values_unique_group_name_id_value")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "jobs",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False),
            nullable=False,
        ),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("queued_at", sa.BigInteger(), nullable=False),
        sa.Column("run_at", sa.BigInteger(), nullable=False),
        sa.Column("leased_by", sa.Text(), nullable=True),
        sa.Column("leased_until", sa.BigInteger(), nullable=True),
        sa.Column("log", sa.JSON(none_as_null=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["position"], ["recordings.position"], name=op.f("jobs_position_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("jobs_pkey")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.create_index("jobs_by_position", ["position"], unique=False)
        batch_op.create_index("jobs_by_state", ["state", "kind", "run_at"], unique=False)

    op.create_table(
        "legal_hold_recordings",
        sa.Column("legal_hold_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["legal_hold_id"], ["legal_holds.id"], name=op.f("legal_hold_recordings_legal_hold_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["position"], ["recordings.position"], name=op.f("legal_hold_recordings_position_fkey")
        ),
        sa.PrimaryKeyConstraint("legal_hold_id", "position", name=op.f("legal_hold_recordings_pkey")),
    )
    with op.batch_alter_table("legal_hold_recordings", schema=None) as batch_op:
        batch_op.create_index("legal_hold_recordings_by_position", ["position"], unique=False)

    op.create_table(
        "media_objects",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False),
            nullable=False,
        ),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("stored_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["position"],
            ["recordings.position"],
            name=op.f("media_objects_position_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("media_objects_pkey")),
        sa.UniqueConstraint("name", name=op.f("media_objects_unique_name")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("media_objects", schema=None) as batch_op:
        batch_op.create_index("media_objects_by_kind", ["position", "kind"], unique=True)

    op.create_table(
        "people",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False),
            nullable=False,
        ),
        sa.Column("full_name", sa.Text(), nullable=False),
        sa.Column("full_name_folded", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("email_folded", sa.Text(), nullable=True),
        sa.Column("third_party_id", sa.Text(), nullable=True),
        sa.Column("person_type", sa.Text(), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("avatar", sa.Text(), nullable=True),
        sa.Column("retention_group_id", sa.BigInteger(), nullable=True),
        sa.Column("byo_storage_account_id", sa.BigInteger(), nullable=True),
        sa.Column("metadata", sa.JSON(none_as_null=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["retention_group_id"], ["retention_groups.id"], name=op.f("people_retention_group_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("people_pkey")),
        sa.UniqueConstraint("third_party_id", name=op.f("people_unique_third_party_id")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("people", schema=None) as batch_op:
        batch_op.create_index("people_by_email", ["email_folded"], unique=False)
        batch_op.create_index(
            batch_op.f("people_by_retention_group_id"), ["retention_group_id"], unique=False
        )
        batch_op.create_index("people_in_order", ["full_name_folded", "id"], unique=False)

    op.create_table(
        "playlist_recordings",
        sa.Column("playlist_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["playlist_id"], ["playlists.id"], name=op.f("playlist_recordings_playlist_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["position"],
            ["recordings.position"],
            name=op.f("playlist_recordings_position_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("playlist_id", "position", name=op.f("playlist_recordings_pkey")),
    )
    with op.batch_alter_table("playlist_recordings", schema=None) as batch_op:
        batch_op.create_index("playlist_recordings_by_position", ["position"], unique=False)

    op.create_table(
        "recording_data_groups",
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["position"],
            ["recordings.position"],
            name=op.f("recording_data_groups_position_fkey"),
            ondelete="CASCADE",
        ),
    )
    with op.batch_alter_table("recording_data_groups", schema=None) as batch_op:
        batch_op.create_index("recording_data_groups_by_value", ["name", "value", "position"], unique=False)
        batch_op.create_index("recording_data_groups_pk", ["position", "name"], unique=True)

    op.create_table(
        "recording_keys",
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("vault_id", sa.LargeBinary(), nullable=False),
        sa.Column("kek_id", sa.Text(), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["position"],
            ["recordings.position"],
            name=op.f("recording_keys_position_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("position", name=op.f("recording_keys_pkey")),
    )
    with op.batch_alter_table("recording_keys", schema=None) as batch_op:
        batch_op.create_index("recording_keys_by_kek", ["kek_id"], unique=False)

    op.create_table(
        "recording_tags",
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("ordinal", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("tag_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["position"],
            ["recordings.position"],
            name=op.f("recording_tags_position_fkey"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["tag_id"], ["tags.id"], name=op.f("recording_tags_tag_id_fkey")),
    )
    with op.batch_alter_table("recording_tags", schema=None) as batch_op:
        batch_op.create_index("recording_tags_by_tag", ["tag_id", "position"], unique=False)
        batch_op.create_index("recording_tags_pk", ["position", "tag_id"], unique=True)

    op.create_table(
        "transcripts",
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("segments", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("engine", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["position"], ["recordings.position"], name=op.f("transcripts_position_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("position", name=op.f("transcripts_pkey")),
    )
    op.create_table(
        "waveforms",
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("peaks", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["position"], ["recordings.position"], name=op.f("waveforms_position_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("position", name=op.f("waveforms_pkey")),
    )
    op.create_table(
        "endpoints",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False),
            nullable=False,
        ),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("normalised", sa.Text(), nullable=False),
        sa.Column("metadata", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("owned_by_person_id", sa.BigInteger(), nullable=True),
        sa.Column("is_private", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.ForeignKeyConstraint(
            ["owned_by_person_id"], ["people.id"], name=op.f("endpoints_owned_by_person_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("endpoints_pkey")),
        sa.UniqueConstraint("type", "normalised", name=op.f("endpoints_unique_type_normalised")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("endpoints", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("endpoints_by_owned_by_person_id"), ["owned_by_person_id"], unique=False
        )

    op.create_table(
        "group_assignments",
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("group_value_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_value_id"], ["group_values.id"], name=op.f("group_assignments_group_value_id_fkey")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("group_assignments_person_id_fkey")),
        sa.PrimaryKeyConstraint("person_id", "group_value_id", name=op.f("group_assignments_pkey")),
    )
    with op.batch_alter_table("group_assignments", schema=None) as batch_op:
        batch_op.create_index("group_assignments_by_value", ["group_value_id", "person_id"], unique=False)

    op.create_table(
        "users",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False),
            nullable=False,
        ),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("username_folded", sa.Text(), nullable=False),
        sa.Column("full_name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("person_id", sa.BigInteger(), nullable=True),
        sa.Column("is_active", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("is_locked", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("sso", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("last_login_at", sa.BigInteger(), nullable=True),
        sa.Column("audio_playback", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("users_person_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("users_pkey")),
        sa.UniqueConstraint("username_folded", name=op.f("users_unique_username_folded")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("users_by_person_id"), ["person_id"], unique=False)

    op.create_table(
        "api_keys",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False),
            nullable=False,
        ),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("api_keys_user_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("api_keys_pkey")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("api_keys", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("api_keys_by_user_id"), ["user_id"], unique=False)

    op.create_table(
        "comments",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False),
            nullable=False,
        ),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("start_offset_in_seconds", sa.Float(), nullable=True),
        sa.Column("end_offset_in_seconds", sa.Float(), nullable=True),
        sa.Column("tag_id", sa.BigInteger(), nullable=True),
        sa.Column("bookmark_id", sa.BigInteger(), nullable=True),
        sa.Column("inserted_at", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["position"], ["recordings.position"], name=op.f("comments_position_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["tag_id"], ["tags.id"], name=op.f("comments_tag_id_fkey")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("comments_user_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("comments_pkey")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("comments", schema=None) as batch_op:
        batch_op.create_index("comments_by_position", ["position", "withdrawn_at"], unique=False)

    op.create_table(
        "inflight_calls",
        sa.Column("third_party_id", sa.Text(), nullable=False),
        sa.Column("endpoint_id", sa.BigInteger(), nullable=False),
        sa.Column("other_endpoint", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("direction", sa.Text(), nullable=True),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["endpoint_id"], ["endpoints.id"], name=op.f("inflight_calls_endpoint_id_fkey")
        ),
        sa.PrimaryKeyConstraint("third_party_id", name=op.f("inflight_calls_pkey")),
    )
    with op.batch_alter_table("inflight_calls", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("inflight_calls_by_endpoint_id"), ["endpoint_id"], unique=False)

    op.create_table(
        "recording_endpoints",
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("ordinal", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("endpoint_id", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=True),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("user_folded", sa.Text(), nullable=False),
        sa.Column("is_originator", sa.Boolean(), nullable=False),
        sa.Column("is_recording_subject", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["endpoint_id"], ["endpoints.id"], name=op.f("recording_endpoints_endpoint_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("recording_endpoints_person_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["position"],
            ["recordings.position"],
            name=op.f("recording_endpoints_position_fkey"),
            ondelete="CASCADE",
        ),
    )
    with op.batch_alter_table("recording_endpoints", schema=None) as batch_op:
        batch_op.create_index("recording_endpoints_by_endpoint", ["endpoint_id", "position"], unique=False)
        batch_op.create_index("recording_endpoints_by_person", ["person_id", "position"], unique=False)
        batch_op.create_index("recording_endpoints_by_user", ["user_folded", "position"], unique=False)
        batch_op.create_index("recording_endpoints_pk", ["position", "ordinal"], unique=True)

    op.create_table(
        "user_policies",
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("access_policy_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["access_policy_id"], ["access_policies.id"], name=op.f("user_policies_access_policy_id_fkey")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("user_policies_user_id_fkey")),
        sa.PrimaryKeyConstraint("user_id", "access_policy_id", name=op.f("user_policies_pkey")),
    )
    op.create_table(
        "user_roles_and_rights",
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("ordinal", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("user_roles_and_rights_user_id_fkey")),
        sa.PrimaryKeyConstraint("user_id", "ordinal", name=op.f("user_roles_and_rights_pkey")),
    )
    op.create_table(
        "refresh_tokens",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("api_key_id", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["api_key_id"], ["api_keys.id"], name=op.f("refresh_tokens_api_key_id_fkey")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("refresh_tokens_pkey")),
    )
    with op.batch_alter_table("refresh_tokens", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("refresh_tokens_by_family"), ["family"], unique=False)
    _create_text_index()


def _create_text_index() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("CREATE VIRTUAL TABLE recording_text USING fts5(tokens, tokenize = 'ascii')")
        return
    op.execute(
        "CREATE TABLE recording_text ("
        "position bigint NOT NULL REFERENCES recordings (position) ON DELETE CASCADE,"
        " part integer NOT NULL, document tsvector NOT NULL, PRIMARY KEY (position, part))"
    )
    op.execute("CREATE INDEX recording_text_by_document ON recording_text USING gin (document)")
