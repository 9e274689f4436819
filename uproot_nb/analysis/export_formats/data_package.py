"""Data package: an export described for machines, by Frictionless' standard and Psych-DS'."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from uproot_nb.analysis.export_formats.codebook_entries import Entries
from uproot_nb.analysis.export_formats.column_labels import column_label
from uproot_nb.analysis.export_formats.described_tables import DescribedTables
from uproot_nb.analysis.export_formats.harmless_text import harmless

__all__ = ["data_package", "dataset_description"]

_TYPES = {
    "boolean": "boolean", "integer": "integer", "number": "number", "text": "string",
    "date": "date", "datetime": "datetime", "time": "datetime",
}  # fmt: skip
"""The codebook's types as Table Schema has them; all others are "any"."""
_MEDIA_TYPES = {
    "csv": "text/csv", "jsonl": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet", "dta": "application/x-stata-dta",
    "sav": "application/x-spss-sav",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}  # fmt: skip
_NO_NAME = re.compile(r"[^a-z0-9._-]+")


def data_package(about: DescribedTables, folder: Path) -> dict[str, Any]:
    """Return the content of datapackage.json: each table with its file, size and schema."""
    names = _resource_names(list(about.codebook))
    return {
        "profile": "data-package",
        "name": _resource_names([about.session])[0],
        "title": f"Session '{about.session}'",
        "description": f"Exported by uproot_nb {about.version}.",
        "resources": [
            _resource(name, about, table, (folder / about.file(table)).stat().st_size)
            for name, table in zip(names, about.codebook, strict=True)
        ],
    }  # fmt: skip


def _resource(name: str, about: DescribedTables, table: str, size: int) -> dict[str, Any]:
    is_csv = about.format == "csv"
    encoding = "utf-8-sig" if about.excel else "utf-8"
    return {
        "name": name, "path": about.file(table), "title": table,
        "profile": "tabular-data-resource" if is_csv else "data-resource",
        "format": about.format, "mediatype": _MEDIA_TYPES[about.format], "bytes": size,
        **({"type": "table", "encoding": encoding, "dialect": {"delimiter": ","}}
           if is_csv else {"type": "file"}),
        "schema": {"fields": list(_fields(about, about.codebook[table])), "missingValues": [""]},
    }  # fmt: skip


def _fields(about: DescribedTables, entries: Entries) -> Iterator[dict[str, Any]]:
    for column, entry in entries.items():
        kind = str(entry["type"])
        shown = harmless(column) if about.excel else column
        field: dict[str, Any] = {
            "name": entry.get("name", shown), "type": _TYPES.get(kind, "any"),
        }  # fmt: skip
        if label := column_label(column, entry):
            field["title"] = label
        if kind == "boolean":
            field |= {"trueValues": ["TRUE"], "falseValues": ["FALSE"]}
        if kind in ("datetime", "time"):
            field["format"] = "any"
        yield field


def _resource_names(texts: list[str]) -> list[str]:
    """Return a name for each text: small letters, digits, dots and dashes, no two the same."""
    found: list[str] = []
    for text in texts:
        name = _NO_NAME.sub("-", text.casefold()).strip("-") or "data"
        made, count = name, 1
        while made in found:
            count += 1
            made = f"{name}-{count}"
        found.append(made)
    return found


def dataset_description(about: DescribedTables) -> dict[str, Any]:
    """Return the content of dataset_description.json, the metadata of Psych-DS (schema.org)."""
    variables: dict[str, dict[str, Any]] = {}
    for entries in about.codebook.values():
        for column, entry in entries.items():
            variables.setdefault(column, _variable(column, entry))
    return {
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "name": about.session,
        "description": f"Data of the session '{about.session}', exported by uproot_nb "
        f"{about.version}. codebook.json says what each column means.",
        "variableMeasured": list(variables.values()),
    }


def _variable(column: str, entry: dict[str, Any]) -> dict[str, Any]:
    found = {"@type": "PropertyValue", "name": column}
    if meaning := entry["meaning"]:
        found["description"] = str(meaning)
    if unit := entry["unit"]:
        found["unitText"] = str(unit)
    return found
