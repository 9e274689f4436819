"""Scripts and descriptions: read.R under R, read.do, Frictionless, Psych-DS, codebook.csv."""

from __future__ import annotations

import datetime as dt
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import frictionless
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.analysis.export_formats.reading import FORMATS, codebook, exported
from tests.analysis.lives import Live
from uproot_nb import add_raw_entry, create_model
from uproot_nb.analysis.export_formats.described_tables import DescribedTables
from uproot_nb.analysis.export_formats.harmless_text import harmless, restored
from uproot_nb.analysis.export_formats.legal_names import SPSS, STATA, NameRules, legal_names
from uproot_nb.analysis.export_formats.stata_script import stata_script

RSCRIPT = shutil.which("Rscript")
WITH_R = pytest.mark.skipif(RSCRIPT is None, reason="there is no R: bash tools/prepare.sh r")
TEXTS = ["007", "NA", "=1+1", "'=1", 'a,"b"', "é☃😀", "two\nlines", "TRUE", "-5", "'", "nan"]
BORN = dt.date(2026, 3, 29)
MET = dt.datetime(2026, 3, 29, 2, 30, tzinfo=dt.timezone(dt.timedelta(hours=2)))
HOSTILE_NAME = 'x"); quit("no", 3); c("`$HOME\'\\'


@pytest.fixture
def live() -> Any:
    with Live() as live:
        session = live.world.session
        ann, bob = session.players[:2]
        ann.bid, bob.bid, ann.share, ann.is_fast, bob.is_fast = 3, 2**40, 0.25, True, False
        ann.born, ann.alarm, ann.met = BORN, dt.datetime(2026, 3, 29, 2, 30), MET
        ann.huge, ann.odd, bob.odd, ann.many = 2**60 + 1, float("-inf"), 1.5, [1, {"a": "ß"}]
        model = create_model(session, "notes")
        for text in TEXTS:
            add_raw_entry(model, {"text": text, HOSTILE_NAME: text})
        yield live


R_CHECK = """
source(file.path(commandArgs(TRUE)[1], "read.R"))
players <- tables[["latest/players"]]
notes <- tables[["models/notes"]]
stopifnot(
  is.integer(players$id), is.numeric(players$bid), identical(players$bid[1:2], c(3, 2^40)),
  is.na(players$bid[3]), identical(players$share[1], 0.25),
  identical(c(players$is_fast), c(TRUE, FALSE, NA)),
  identical(players$huge[1], "1152921504606846977"), identical(players$odd[1:2], c(-Inf, 1.5)),
  is.character(players$many), inherits(notes$timestamp, "POSIXct"),
  abs(as.numeric(notes$timestamp) - as.numeric(notes$time)) < 0.001,
  identical(attr(players$id, "label"), "number in the order of creation, from 0"),
  identical(c(format(players$born)[1], class(players$born)), c("2026-03-29", "Date")),
  format(players$alarm[1], "%Y-%m-%d %H:%M", tz = "UTC") == "2026-03-29 02:30",
  format(players$met[1], "%Y-%m-%d %H:%M", tz = "UTC") == "2026-03-29 00:30",
  nrow(tables$calls) == 0, is.character(notes$text),
  inherits(typed(as.POSIXct(NA), "time"), "POSIXct"))
for (column in list(notes$text, notes[[ncol(notes)]]))
  cat(paste(vapply(column, function(text) paste(utf8ToInt(enc2utf8(text)), collapse = " "), ""),
            collapse = "\\n"), "\\n", sep = "")
"""


@WITH_R
@pytest.mark.long
@pytest.mark.parametrize("options", [{}, {"excel": True}], ids=["plain", "excel"])
@pytest.mark.parametrize("language", ["C", "C.UTF-8"])
def test_r_loads_the_tables_with_the_types_of_the_codebook(
    live: Live, tmp_path: Path, options: Any, language: str
) -> None:
    folder = exported(live, tmp_path, **options)
    (tmp_path / "check.R").write_text(R_CHECK, "utf-8")
    done = _run_r(tmp_path / "check.R", folder, LC_ALL=language)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.split("\n") if line]
    texts = ["".join(chr(int(code)) for code in line.split()) for line in lines]
    assert texts == [*TEXTS, *TEXTS]


PACKAGES = {"jsonl": "jsonlite", "parquet": "arrow", "dta": "haven", "sav": "haven",
            "xlsx": "readxl"}  # fmt: skip
PACKAGE_CHECK = r"""
source(file.path(commandArgs(TRUE)[1], "read.R"))
players <- tables[["latest/players"]]
notes <- tables[["models/notes"]]
stopifnot(
  is.integer(players$id), identical(c(players$bid[1:2]), c(3, 2^40)), is.na(players$bid[3]),
  identical(c(players$is_fast), c(TRUE, FALSE, NA)), is.character(players$many),
  identical(c(players$huge)[1], "1152921504606846977"), nrow(tables$calls) == 0,
  abs(as.numeric(notes$timestamp) - as.numeric(notes$time)) < 0.01,
  identical(c(format(players$born)[1], class(players$born)), c("2026-03-29", "Date")),
  format(players$alarm[1], "%Y-%m-%d %H:%M", tz = "UTC") == "2026-03-29 02:30",
  format(players$met[1], "%Y-%m-%d %H:%M", tz = "UTC") == "2026-03-29 00:30",
  identical(attr(players$id, "label"), "number in the order of creation, from 0"),
  identical(as.vector(notes$text)[1:5], c("007", "NA", "=1+1", "'=1", "a,\"b\"")))
"""


@WITH_R
@pytest.mark.long
@pytest.mark.parametrize("format", PACKAGES)
@pytest.mark.sample(2)
def test_r_loads_other_formats_by_a_package(live: Live, tmp_path: Path, format: str) -> None:
    package = PACKAGES[format]
    (tmp_path / "there.R").write_text(f"quit(status = !requireNamespace('{package}'))")
    if _run_r(tmp_path / "there.R").returncode:
        pytest.skip(f"R has no package {package}")
    (tmp_path / "check.R").write_text(PACKAGE_CHECK, "utf-8")
    done = _run_r(tmp_path / "check.R", exported(live, tmp_path, format), LC_ALL="C.UTF-8")
    assert done.returncode == 0, done.stderr


@WITH_R
@pytest.mark.long
@pytest.mark.parametrize("format", PACKAGES)
@pytest.mark.sample(2)
def test_r_names_the_package_that_it_lacks(live: Live, tmp_path: Path, format: str) -> None:
    script = exported(live, tmp_path, format) / "read.R"
    text, package = script.read_text("utf-8"), PACKAGES[format]
    assert f'needed <- "{package}"' in text
    script.write_text(text.replace(f'needed <- "{package}"', 'needed <- "not.there"'), "utf-8")
    done = _run_r(script)
    assert done.returncode != 0
    assert 'R needs the package not.there for these files: install.packages("' in done.stderr


def _run_r(script: Path, *arguments: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    assert RSCRIPT is not None
    return subprocess.run(
        [RSCRIPT, "--vanilla", str(script), *map(str, arguments)],
        capture_output=True, text=True, timeout=120, cwd="/",
        env={"PATH": "/usr/bin:/bin", **environment},
    )  # fmt: skip


# ---- Stata --------------------------------------------------------------------------------------


def _stata(format: str, entries: dict[str, Any]) -> str:
    return stata_script(DescribedTables("s", "1", {"latest/players": entries}, format))


@pytest.mark.long
def test_stata_gets_a_frame_per_table_with_labels_and_types(live: Live, tmp_path: Path) -> None:
    text = (exported(live, tmp_path) / "read.do").read_text("utf-8")
    assert "frame create latest_players\n" in text
    assert 'import delimited using "latest/players.csv", clear varnames(nonames) ' in text
    assert "    as_truth is_fast\n" in text
    assert "    as_whole bid\n" in text
    assert "    as_time timestamp\n" in text
    assert re.search('capture label variable id "number in the order of creation', text)
    dta = (exported(live, tmp_path, "dta") / "read.do").read_text("utf-8")
    assert 'use "latest/players.dta", clear' in dta
    sav = (exported(live, tmp_path, "sav") / "read.do").read_text("utf-8")
    assert 'import spss using "latest/players.sav", clear' in sav


@pytest.mark.parametrize("format", ["jsonl", "parquet"])
def test_stata_says_what_it_cannot_read(format: str) -> None:
    assert "Export again as dta or csv" in _stata(format, {})


@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=10))
def test_no_label_or_name_runs_in_stata(meaning: str, choice: str, column: str) -> None:
    entry = {"meaning": meaning, "type": "integer", "unit": "", "choices": {"1": choice}}
    for line in _stata("csv", {column: entry}).split("frame create")[1].split("\n"):
        shown = re.findall(r'label (?:variable|define) \S+ (?:\d+ )?(".*")(?:, replace)?$', line)
        for quoted in shown:
            assert not set(quoted[1:-1]) & set('`"$\\\r\n'), line


@given(st.lists(st.text(max_size=70), unique=True), st.sampled_from([STATA, SPSS]))
def test_names_are_legal_and_distinct_and_the_legal_ones_stay(
    names: list[str], rules: NameRules
) -> None:
    made = legal_names(names, rules)
    assert list(made) == names
    assert len({rules.compared(name) for name in made.values()}) == len(names)
    for name in made.values():
        assert 0 < rules.length(name) <= rules.longest
        assert all(c == "_" or c.isalpha() or c in "0123456789" for c in name)
        assert rules.compared(name) not in rules.reserved
    assert legal_names(made.values(), rules) == {name: name for name in made.values()}


@given(st.text(max_size=5) | st.text("'=+-@\t\ra", max_size=5))
def test_a_harmless_text_is_no_formula_and_is_restored(text: str) -> None:
    made = harmless(text)
    assert made[:1] not in tuple("=+-@\t\r")
    assert restored(made) == text


# ---- descriptions -------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize("format", [*FORMATS, "excel"])
@pytest.mark.sample(2)
def test_frictionless_finds_nothing_wrong(live: Live, tmp_path: Path, format: str) -> None:
    options: Any = {"excel": True} if format == "excel" else {}
    folder = exported(live, tmp_path, "csv" if options else format, **options)
    report = frictionless.validate(str(folder / "datapackage.json"))
    assert report.valid, report.flatten(["name", "title", "message"])
    package = json.loads((folder / "datapackage.json").read_text("utf-8"))
    assert {one["title"] for one in package["resources"]} == set(codebook(folder))
    assert all(
        (folder / one["path"]).stat().st_size == one["bytes"] for one in package["resources"]
    )


@pytest.mark.long
def test_psych_ds_has_the_meaning_of_every_variable(live: Live, tmp_path: Path) -> None:
    folder = exported(live, tmp_path)
    about = json.loads((folder / "dataset_description.json").read_text("utf-8"))
    assert (about["@context"], about["@type"]) == ("https://schema.org/", "Dataset")
    assert about["name"] == "market"
    variables = {one["name"]: one for one in about["variableMeasured"]}
    assert set(variables) == {c for columns in codebook(folder).values() for c in columns}
    assert variables["online"]["description"]


@pytest.mark.long
def test_the_codebook_is_a_table_as_well(live: Live, tmp_path: Path) -> None:
    folder = exported(live, tmp_path)
    table = pandas.read_csv(folder / "codebook.csv", keep_default_na=False, dtype=str)
    rows = table[["table", "column", "type", "meaning"]].itertuples(index=False, name=None)
    assert list(rows) == [
        (name, column, about["type"], about["meaning"])
        for name, columns in codebook(folder).items() for column, about in columns.items()
    ]  # fmt: skip
