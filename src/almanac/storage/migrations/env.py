"""What Alembic runs: the steps, on the connection and in the transaction that it was given."""

from __future__ import annotations

from alembic import context

from almanac.storage.tables import metadata

# The metadata only names the constraints.
context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
