"""z-Tree: the tables in the files that it writes."""

from __future__ import annotations

from pathlib import Path

__all__ = ["ztree_table"]

_FIRST = 3
"""Columns of a line before those of its table: session, treatment, name of the table."""


def ztree_table(path: Path, name: str) -> list[dict[str, str]]:
    """Return the rows of a table in a file of z-Tree, by the names of its columns, as text.

        ztree_table(Path("191003_1245.xls"), "contracts")[0]["Period"]

    Such a file ends in .xls, but is text with tabs (Fischbacher 2007, "z-Tree: Zurich toolbox for
    ready-made economic experiments", Experimental Economics 10). Each period writes the table anew,
    with the names of its columns in the first line.
    """
    rows: list[dict[str, str]] = []
    header: list[str] = []
    for line in path.read_text("latin-1").splitlines():
        cells = line.split("\t")
        if len(cells) <= _FIRST or cells[2] != name:
            continue
        if not header or cells[_FIRST] == header[0]:
            header = cells[_FIRST:]
            continue
        rows.append({key: cell for key, cell in zip(header, cells[_FIRST:], strict=False) if key})
    return rows
