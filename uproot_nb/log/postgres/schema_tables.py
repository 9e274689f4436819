"""SchemaTables: statements with the names of the tables of one schema."""

from __future__ import annotations

from psycopg.sql import SQL, Identifier

__all__ = ["SchemaTables"]


class SchemaTables:
    """Writes statements with the names of a schema's tables.

    SchemaTables("uproot_nb").query("SELECT name FROM {sessions}")
    """

    def __init__(self, schema: str) -> None:
        self.schema = schema
        names = ["sessions", "secrets", "events", "snapshots", "erasures", "layout", "quotas"]
        self._names = {name: Identifier(schema, name) for name in names}
        self._made: dict[str, bytes] = {}

    def query(self, text: str) -> bytes:
        """Return a statement in which {events} and the like are this schema's tables."""
        made = self._made.get(text)
        if made is None:
            # As bytes: psycopg would write a composed statement anew each time.
            made = self._made[text] = SQL(text).format(**self._names).as_bytes(None)
        return made
