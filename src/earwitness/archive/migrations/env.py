"""Alembic's entry: `archive/database/upgrades.py` gives it the connection.

It is not given the tables as the program declares them: what a migration does to an archive must not change
when the program does.
"""

from alembic import context

context.configure(connection=context.config.attributes["connection"], render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
