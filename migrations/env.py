"""Run the migrations on the connection, and in the transaction, that syncd hands over."""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=context.config.attributes.get("metadata"),
    version_table="syncd_version",
    # SQLite alters a table by building it anew.
    render_as_batch=True,
)

with context.begin_transaction():
    context.run_migrations()
