"""Runs migrations on the connection, and in the transaction, that `engine.py` hands over."""

from alembic import context

from assay.adapters.sql.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
