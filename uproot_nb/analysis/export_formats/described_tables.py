"""DescribedTables: what the documents and scripts of an export say about its tables."""

from __future__ import annotations

from typing import NamedTuple

from uproot_nb.analysis.export_formats.codebook_entries import Entries

__all__ = ["DescribedTables"]


class DescribedTables(NamedTuple):
    """An export's tables and how they were written.

    Attributes:
        codebook: by table: column → its description.
        format: the end of the files' names.
        excel: whether CSV was made for Excel.
    """

    session: str
    version: str
    codebook: dict[str, Entries]
    format: str
    excel: bool = False

    def file(self, table: str) -> str:
        """Return the name of a table's file, from the export's folder on."""
        return f"{table}.{self.format}"
