"""The first schema: records, links, runs, outcomes, holds, sources, leases."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make all tables."""
    op.create_table(
        "records",
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("external_id", sa.Text, primary_key=True),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("content_hash", sa.Text),
        sa.Column("page_id", sa.Text),
        sa.Column("rules", sa.Text, nullable=False),
        sa.Column("absences", sa.Integer, nullable=False),
        sa.Column("absent_since", sa.Double),
        sa.Column("ambiguous_at", sa.Double),
        sa.Column("part_of", sa.Text),
        sa.Column("retry_at", sa.Double),
        sa.Column("remote_digest", sa.Text),
        sa.Column("source_hash", sa.Text),
        sa.Column("intent_hash", sa.Text),
        sa.Column("url", sa.Text),
        sa.Column("title", sa.Text),
        sa.Column("warnings", sa.Text),
        sa.Column("text_chars", sa.Integer),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("attempted_at", sa.Double),
        sa.Column("in_flight", sa.Boolean, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("retry", sa.Boolean, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("updated", sa.Double, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False, server_default="0"),
        sqlite_with_rowid=False,
    )
    in_doubt = sa.text("ambiguous_at IS NOT NULL OR state = 'tombstone'")
    op.create_index(
        "records_in_doubt", "records", ["source"], sqlite_where=in_doubt, postgresql_where=in_doubt
    )
    op.create_table(
        "links",
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("external_id", sa.Text, primary_key=True),
        sa.Column("target", sa.Text, primary_key=True),
        sa.Column("url", sa.Text),
        sqlite_with_rowid=False,
    )
    op.create_index("links_by_target", "links", ["source", "target"])
    op.create_table(
        "aliases",
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("external_id", sa.Text, primary_key=True),
        sa.Column("alias", sa.Text, primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "runs",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("trigger", sa.Text, nullable=False),
        sa.Column("started", sa.Double, nullable=False),
        sa.Column("finished", sa.Double),
        sa.Column("result", sa.Text),
        sa.Column("error", sa.Text),
        sa.Column("error_kind", sa.Text),
        sa.Column("revision", sa.Text),
        sa.Column("listed", sa.Integer, nullable=False, server_default="0"),
        sa.Column("created", sa.Integer, nullable=False, server_default="0"),
        sa.Column("updated", sa.Integer, nullable=False, server_default="0"),
        sa.Column("unchanged", sa.Integer, nullable=False, server_default="0"),
        sa.Column("deleted", sa.Integer, nullable=False, server_default="0"),
        sa.Column("held", sa.Integer, nullable=False, server_default="0"),
        sa.Column("failed", sa.Integer, nullable=False, server_default="0"),
        sa.Column("skipped", sa.Integer, nullable=False, server_default="0"),
        sa.Column("missing", sa.Integer, nullable=False, server_default="0"),
        sa.Column("requests", sa.Integer, nullable=False, server_default="0"),
        sqlite_autoincrement=True,
    )
    op.create_index("runs_by_source", "runs", ["source", "number"])
    op.create_table(
        "outcomes",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("run", sa.Integer, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("external_id", sa.Text, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("hash_before", sa.Text),
        sa.Column("hash_after", sa.Text),
        sa.Column("page_id", sa.Text),
        sa.Column("evidence", sa.Text),
        sa.Column("by", sa.Text),
        sa.Column("lag_s", sa.Double),
    )
    op.create_index("outcomes_by_run", "outcomes", ["run"])
    op.create_index("outcomes_by_page", "outcomes", ["source", "external_id"])
    op.create_index(
        "outcomes_with_lag",
        "outcomes",
        ["source", "id"],
        sqlite_where=sa.text("lag_s IS NOT NULL"),
        postgresql_where=sa.text("lag_s IS NOT NULL"),
    )
    op.create_table(
        "holds",
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("question", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("since", sa.Double, nullable=False),
        sa.Column("approved", sa.Integer),
        sa.Column("approved_until", sa.Double),
        sa.Column("approved_by", sa.Text),
        sa.Column("approved_at", sa.Double),
    )
    op.create_table(
        "marks",
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("external_id", sa.Text, primary_key=True),
        sa.Column("alone", sa.Boolean, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "freezes",
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("since", sa.Double, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
    )
    op.create_table(
        "takedowns",
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("external_id", sa.Text, primary_key=True),
        sa.Column("since", sa.Double, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "sources",
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("import_source_id", sa.BigInteger),
        sa.Column("import_source_url", sa.Text),
        sa.Column("revision", sa.Text),
        sa.Column("origin_revision", sa.Text),
        sa.Column("identity", sa.Text),
        sa.Column("fingerprint", sa.Text),
        sa.Column("rules", sa.Text),
        sa.Column("listed", sa.Integer),
        sa.Column("unlisted", sa.Text),
        sa.Column("completed_at", sa.Double),
        sa.Column("verified_at", sa.Double),
        sa.Column("drifted", sa.Integer, nullable=False, server_default="0"),
        sa.Column("strangers", sa.Integer, nullable=False, server_default="0"),
        sa.Column("contested", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("decisions", sa.Integer, nullable=False, server_default="0"),
        sa.Column("unchanged", sa.Integer, nullable=False, server_default="0"),
        sa.Column("skipped", sa.Integer, nullable=False, server_default="0"),
        sa.Column("notices", sa.Text),
    )
    op.create_table(
        "unlisted",
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("scope", sa.Text, primary_key=True),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("skipped", sa.Boolean, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "notices",
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("since", sa.Double, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("alarm", sa.Boolean, nullable=False),
        sa.Column("told_at", sa.Double),
        sa.Column("told_count", sa.Integer, nullable=False),
        sa.Column("tried_at", sa.Double),
    )
    op.create_table(
        "ingestions",
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("external_id", sa.Text, primary_key=True),
        sa.Column("page_id", sa.Text, nullable=False),
        sa.Column("written_at", sa.Double, nullable=False),
        sa.Column("ingested_at", sa.Double),
        sa.Column("asked_at", sa.Double, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "leases",
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("since", sa.Double, nullable=False),
        sa.Column("until", sa.Double, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
    )
