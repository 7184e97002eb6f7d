"""Alembic's entry: runs the migrations on the connection that `dtr.plumbing.db.migrate` hands in."""

from alembic import context

from dtr.plumbing.db.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
