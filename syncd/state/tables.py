"""The tables, as SQLAlchemy Core metadata. migrations/ holds how they came to be; a test keeps both equal.

All times are Unix seconds, UTC. The columns of a Record stand first, because SQLite decodes a row only
up to the last column that a query asks for, and loading all records is what every run does.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    false,
    text,
)

metadata = MetaData()

# Rows of which it is not sure what Intercom shows, and tombstones: few, and asked for by every run.
IN_DOUBT = "ambiguous_at IS NOT NULL OR state = 'tombstone'"

HAS_LAG = "lag_s IS NOT NULL"

# Without rowid, the rows of one source lie together in the order of their key: loading 100,000 records
# takes half the time (129 ms against 258 ms for a bare fetchall).
records = Table(
    "records",
    metadata,
    Column("source", Text, primary_key=True),
    Column("external_id", Text, primary_key=True),
    Column("version", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("content_hash", Text),
    Column("page_id", Text),
    Column("rules", Text, nullable=False),
    Column("absences", Integer, nullable=False),
    Column("absent_since", Double),
    Column("ambiguous_at", Double),
    Column("part_of", Text),
    Column("retry_at", Double),
    Column("remote_digest", Text),
    Column("source_hash", Text),
    Column("intent_hash", Text),
    Column("url", Text),
    Column("title", Text),
    Column("warnings", Text),
    Column("text_chars", Integer),
    Column("attempts", Integer, nullable=False),
    Column("attempted_at", Double),
    Column("in_flight", Boolean, nullable=False),
    Column("error", Text),
    Column("retry", Boolean, nullable=False),
    Column("created", Double, nullable=False),
    Column("updated", Double, nullable=False),
    Column("epoch", BigInteger, nullable=False, server_default="0"),
    Index("records_in_doubt", "source", sqlite_where=text(IN_DOUBT)),
    sqlite_with_rowid=False,
)

links = Table(
    "links",
    metadata,
    Column("source", Text, primary_key=True),
    Column("external_id", Text, primary_key=True),
    Column("target", Text, primary_key=True),
    Column("url", Text),
    Index("links_by_target", "source", "target"),
    sqlite_with_rowid=False,
)

# Other paths on the site under which links name a page.
aliases = Table(
    "aliases",
    metadata,
    Column("source", Text, primary_key=True),
    Column("external_id", Text, primary_key=True),
    Column("alias", Text, primary_key=True),
    sqlite_with_rowid=False,
)

# A number is never given twice, so that the audit trail stays true when old runs are pruned.
runs = Table(
    "runs",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("source", Text, nullable=False),
    Column("trigger", Text, nullable=False),
    Column("started", Double, nullable=False),
    Column("finished", Double),
    Column("result", Text),
    Column("error", Text),
    Column("error_kind", Text),
    Column("revision", Text),
    Column("listed", Integer, nullable=False, server_default="0"),
    Column("created", Integer, nullable=False, server_default="0"),
    Column("updated", Integer, nullable=False, server_default="0"),
    Column("unchanged", Integer, nullable=False, server_default="0"),
    Column("deleted", Integer, nullable=False, server_default="0"),
    Column("held", Integer, nullable=False, server_default="0"),
    Column("failed", Integer, nullable=False, server_default="0"),
    Column("skipped", Integer, nullable=False, server_default="0"),
    Column("missing", Integer, nullable=False, server_default="0"),
    Column("requests", Integer, nullable=False, server_default="0"),
    Index("runs_by_source", "source", "number"),
    sqlite_autoincrement=True,
)

# The audit trail: rows are added and never changed. There is no foreign key to runs, because the trail
# outlives them.
outcomes = Table(
    "outcomes",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("run", Integer, nullable=False),
    Column("source", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("action", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("hash_before", Text),
    Column("hash_after", Text),
    Column("page_id", Text),
    Column("evidence", Text),
    Column("by", Text),
    Column("lag_s", Double),
    Index("outcomes_by_run", "run"),
    Index("outcomes_by_page", "source", "external_id"),
    # For how fresh a source is: of a first sync, which is most of the trail, it holds nothing.
    Index("outcomes_with_lag", "source", "id", sqlite_where=text(HAS_LAG)),
)

holds = Table(
    "holds",
    metadata,
    Column("source", Text, primary_key=True),
    Column("question", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("count", Integer, nullable=False),
    Column("digest", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("since", Double, nullable=False),
    Column("approved", Integer),
    Column("approved_until", Double),
    Column("approved_by", Text),
    Column("approved_at", Double),
)

# Pages that a run is at; those of a dead run are found by the next one.
marks = Table(
    "marks",
    metadata,
    Column("source", Text, primary_key=True),
    Column("external_id", Text, primary_key=True),
    Column("alone", Boolean, nullable=False),
    sqlite_with_rowid=False,
)

# Sources that a person stopped.
freezes = Table(
    "freezes",
    metadata,
    Column("source", Text, primary_key=True),
    Column("since", Double, nullable=False),
    Column("by", Text, nullable=False),
    Column("why", Text, nullable=False),
)

# Pages that a person keeps out, whatever their origin says.
takedowns = Table(
    "takedowns",
    metadata,
    Column("source", Text, primary_key=True),
    Column("external_id", Text, primary_key=True),
    Column("since", Double, nullable=False),
    Column("by", Text, nullable=False),
    Column("why", Text, nullable=False),
    sqlite_with_rowid=False,
)

sources = Table(
    "sources",
    metadata,
    Column("source", Text, primary_key=True),
    Column("import_source_id", BigInteger),
    Column("import_source_url", Text),
    Column("revision", Text),
    Column("origin_revision", Text),
    Column("identity", Text),
    Column("fingerprint", Text),
    Column("rules", Text),
    Column("listed", Integer),
    Column("unlisted", Text),
    Column("completed_at", Double),
    Column("verified_at", Double),
    Column("drifted", Integer, nullable=False, server_default="0"),
    Column("strangers", Integer, nullable=False, server_default="0"),
    Column("contested", Boolean, nullable=False, server_default=false()),
    Column("decisions", Integer, nullable=False, server_default="0"),
    Column("unchanged", Integer, nullable=False, server_default="0"),
    Column("skipped", Integer, nullable=False, server_default="0"),
    Column("notices", Text),
)

# What the last listing left out on purpose or could not see.
unlisted = Table(
    "unlisted",
    metadata,
    Column("source", Text, primary_key=True),
    Column("scope", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("skipped", Boolean, nullable=False),
    sqlite_with_rowid=False,
)

# What people were told of, and what is still open; see syncd.notify.ledger.
notices = Table(
    "notices",
    metadata,
    Column("source", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("since", Double, nullable=False),
    Column("count", Integer, nullable=False),
    Column("alarm", Boolean, nullable=False),
    Column("told_at", Double),
    Column("told_count", Integer, nullable=False),
    Column("tried_at", Double),
)

# How soon Intercom read in what was sent, of a few pages; see syncd.ingestion.
ingestions = Table(
    "ingestions",
    metadata,
    Column("source", Text, primary_key=True),
    Column("external_id", Text, primary_key=True),
    Column("page_id", Text, nullable=False),
    Column("written_at", Double, nullable=False),
    Column("ingested_at", Double),
    Column("asked_at", Double, nullable=False),
    sqlite_with_rowid=False,
)

# On SQLite an operating-system lock does this work; the rows are for stores that several machines share.
leases = Table(
    "leases",
    metadata,
    Column("source", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("since", Double, nullable=False),
    Column("until", Double, nullable=False),
    Column("epoch", BigInteger, nullable=False),
)
