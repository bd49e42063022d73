"""What Alembic runs for every command; storage.migrate gives it the connection."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlmodel import AutoString, SQLModel

from storage import tables, types

__all__ = ["tables"]  # imported so that SQLModel knows every table


def render_type(kind: str, thing: Any, autogen_context: AutogenContext) -> str | Literal[False]:
    """Our own column types by their name, SQLModel's text as text, the rest as Alembic likes."""
    if kind != "type":
        return False
    if isinstance(thing, AutoString):
        return "sa.String()"
    if type(thing).__module__ != types.__name__:
        return False
    autogen_context.imports.add("from storage import types")
    return f"types.{type(thing).__name__}()"


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=SQLModel.metadata,
    render_item=render_type,
    render_as_batch=connection.dialect.name == "sqlite",  # SQLite alters a table by copying it
    transactional_ddl=True,  # also on SQLite: storage.sqlite begins its transactions itself
)
context.run_migrations()
