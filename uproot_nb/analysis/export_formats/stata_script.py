"""The script read.do: it loads all tables of an export into frames of Stata."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from uproot_nb.analysis.export_formats.codebook_entries import Entries
from uproot_nb.analysis.export_formats.column_labels import (
    column_label,
    cut_letters,
    value_labels,
)
from uproot_nb.analysis.export_formats.described_tables import DescribedTables
from uproot_nb.analysis.export_formats.legal_names import STATA, legal_names

__all__ = ["stata_script"]

_LONGEST_LABEL = 80
_USUAL_COLUMNS, _SPARE_COLUMNS = 2_000, 10
"""Up to so many columns every Stata holds; and how many variables more the script needs."""
_HEAD = """\
* Load all tables of this export, each into a frame of its own (Stata 16 and later):
*
*     cd "the folder of this export"
*     do read.do
*     frame change latest_players
*
* Truth is 0 and 1, texts are strings ("007" and "NA" stay what they are), dates are %td, times are
* %tc in UTC; those without a time zone look as if they had it. Columns of JSON stay texts. What is
* in memory under the same names is replaced.

version 16
"""
_CANNOT = """
display as error "Stata does not read {format} files. Export again as dta or csv."
exit 198
"""
_OF_TEXTS = """
capture program drop as_number
program as_number  // texts to numbers; not-a-number and infinity become missing
    destring `1', replace force
end

capture program drop as_whole
program as_whole  // the same; numbers of more than 15 digits stay texts: Stata would round them
    quietly count if strlen(subinstr(`1', "-", "", 1)) > 15
    if r(N) == 0 {
        destring `1', replace force
    }
end

capture program drop as_truth
program as_truth  // TRUE and FALSE to 1 and 0
    tempvar truth
    generate byte `truth' = cond(`1' == "TRUE", 1, cond(`1' == "FALSE", 0, .))
    order `truth', after(`1')
    drop `1'
    rename `truth' `1'
end

capture program drop as_time
program as_time  // ISO texts to %tc; if one is before the year 100, all stay texts
    tempvar time
    generate double `time' = clock(subinstr(substr(`1', 1, 23), "T", " ", 1), "YMDhms")
    quietly count if missing(`time') & `1' != ""
    if r(N) == 0 {
        order `time', after(`1')
        drop `1'
        rename `time' `1'
        format `1' %tc
    }
end

capture program drop as_date
program as_date  // ISO texts to %td; if one is before the year 100, all stay texts
    tempvar day
    generate long `day' = date(`1', "YMD")
    quietly count if missing(`day') & `1' != ""
    if r(N) == 0 {
        order `day', after(`1')
        drop `1'
        rename `day' `1'
        format `1' %td
    }
end
"""
_RESTORE = r"""
capture program drop as_text
program as_text  // without the apostrophe before what looks like a formula
    replace `1' = substr(`1', 2, .) if ustrregexm(`1', "^'+[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]")
end
"""
_CONVERSIONS = {
    "boolean": "as_truth", "integer": "as_whole", "number": "as_number", "date": "as_date",
    "datetime": "as_time", "time": "as_time",
}  # fmt: skip
_AS_TYPED = str.maketrans({"`": "'", '"': "'", "$": "＄", "\\": "/"})
"""Characters that mean something to Stata inside of quotes, and what is shown instead."""
_COMMENT = re.compile("/(?=[/*])")
"""What may begin a comment, within quotes too."""


def stata_script(about: DescribedTables) -> str:
    """Return read.do for these tables."""
    if about.format in ("jsonl", "parquet"):
        return _HEAD + _CANNOT.format(format={"jsonl": "JSON lines"}.get(about.format, "Parquet"))
    lines = [_HEAD, *_room_for(max(map(len, about.codebook.values()), default=0))]
    if about.format == "csv":
        lines += [_OF_TEXTS, _RESTORE if about.excel else ""]
    frames = legal_names((name.replace("/", "_") for name in about.codebook), STATA)
    for frame, (name, entries) in zip(frames.values(), about.codebook.items(), strict=True):
        lines += [
            f"\ncapture frame drop {frame}", f"frame create {frame}", f"frame {frame} {{",
            *(f"    {line}" for line in _loaded(about, name, entries)), "}",
        ]  # fmt: skip
    return "\n".join([*lines, "\nframes dir", ""])


def _room_for(columns: int) -> Iterator[str]:
    """Yield what lets Stata hold more variables than it does at first."""
    if columns > _USUAL_COLUMNS:
        yield (
            f"* A table has {columns} columns: Stata/BE holds 2,048, others what maxvar says, and\n"
            "* maxvar can be set only while no data are in memory.\n"
            f"capture noisily set maxvar {columns + _SPARE_COLUMNS}"
        )


def _loaded(about: DescribedTables, name: str, entries: Entries) -> Iterator[str]:
    file = about.file(name)
    if about.format == "dta":
        yield f'use "{file}", clear'
    elif about.format == "sav":
        yield f'import spss using "{file}", clear'
    else:
        yield from _imported(about, file, entries)


def _imported(about: DescribedTables, file: str, entries: Entries) -> Iterator[str]:
    """Yield what a table needs whose file has no names and labels that Stata knows."""
    names = legal_names(entries, STATA)
    if about.format == "csv":
        yield (
            f'import delimited using "{file}", clear varnames(nonames) stringcols(_all) '
            'delimiters(",") bindquotes(strict) maxquotedrows(unlimited) encoding("utf-8")'
        )
        yield "drop in 1"
    else:
        yield f'capture noisily import excel using "{file}", sheet("data") cellrange(A2) clear'
    yield from _renamed(list(names.values()), is_csv=about.format == "csv")
    for column, entry in entries.items():
        yield from _described(names[column], column, entry, about)


def _renamed(names: Sequence[str], is_csv: bool) -> Iterator[str]:
    """Yield what gives the columns their names, in two steps: one may be called like another was.

    A workbook without rows has no columns, so there these lines may fail.
    """
    between = "column_"
    while any(name.startswith(between) for name in names):
        between = f"_{between}"
    rename = "rename" if is_csv else "capture rename"
    for place, _ in enumerate(names):
        yield f"{rename} {f'v{place + 1}' if is_csv else _letters(place)} {between}{place}"
    for place, name in enumerate(names):
        yield f"{rename} {between}{place} {name}"


def _described(
    name: str, column: str, entry: dict[str, object], about: DescribedTables
) -> Iterator[str]:
    kind = str(entry["type"])
    if about.format == "csv" and kind in _CONVERSIONS:
        yield f"{_CONVERSIONS[kind]} {name}"
    elif about.excel and kind == "text":
        yield f"as_text {name}"
    label = column_label(column, entry if name == column else {**entry, "name": name})
    if label:
        yield f'capture label variable {name} "{_shown(label, _LONGEST_LABEL)}"'
    if kind in ("boolean", "integer") and (labels := value_labels(entry)):
        pairs = " ".join(f'{value} "{_shown(text, 200)}"' for value, text in labels.items())
        yield f"capture label define {name} {pairs}, replace"
        yield f"capture label values {name} {name}"


def _shown(text: str, longest: int) -> str:
    plain = "".join(c if c.isprintable() else " " for c in text).translate(_AS_TYPED)
    return cut_letters(_COMMENT.sub("/ ", plain), longest)


def _letters(place: int) -> str:
    """Return what Excel calls a column: A, B … Z, AA."""
    found = ""
    place += 1
    while place:
        place, letter = divmod(place - 1, 26)
        found = chr(ord("A") + letter) + found
    return found
