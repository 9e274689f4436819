"""Companions: the files beside an export's tables that describe and read them."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path

import orjson

from uproot_nb.analysis.export_formats.codebook_entries import CODEBOOK_COLUMNS, codebook_row
from uproot_nb.analysis.export_formats.data_package import data_package, dataset_description
from uproot_nb.analysis.export_formats.described_tables import DescribedTables
from uproot_nb.analysis.export_formats.r_script import r_script
from uproot_nb.analysis.export_formats.stata_script import stata_script
from uproot_nb.analysis.table_writers import open_writer

__all__ = ["write_companions"]


def write_companions(folder: Path, about: DescribedTables) -> None:
    """Write the codebook, the machines' descriptions, and read.py, read.R and read.do."""
    _write_json(folder / "codebook.json", about.codebook)
    _write_codebook_table(folder, about)
    _write_json(folder / "datapackage.json", data_package(about, folder))
    _write_json(folder / "dataset_description.json", dataset_description(about))
    (folder / "read.py").write_text(_python_script(about), "utf-8")
    (folder / "read.R").write_text(r_script(about), "utf-8")
    (folder / "read.do").write_text(stata_script(about), "utf-8")


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")


def _write_codebook_table(folder: Path, about: DescribedTables) -> None:
    """Write codebook.csv, for people; what is in it are texts, so Excel may open it as well."""
    columns = ("table", *CODEBOOK_COLUMNS)
    with open_writer(
        folder / "codebook", "csv", dict.fromkeys(columns, "text"), excel=about.excel
    ) as file:
        for table, entries in about.codebook.items():
            rows = (codebook_row(column, entry) for column, entry in entries.items())
            file.write([orjson.dumps(text).decode() for text in (table, *row)] for row in rows)


def _python_script(about: DescribedTables) -> str:
    script = files(__package__).joinpath("read.py").read_text("utf-8")
    script = re.sub(r'^FORMAT = ".*"$', f'FORMAT = "{about.format}"', script, flags=re.MULTILINE)
    return re.sub("^EXCEL = .*$", f"EXCEL = {about.excel}", script, flags=re.MULTILINE)
