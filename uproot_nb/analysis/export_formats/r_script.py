"""The script read.R: it loads all tables of an export into R, with the codebook's types."""

from __future__ import annotations

from collections.abc import Iterable

from uproot_nb.analysis.export_formats.codebook_entries import Entries
from uproot_nb.analysis.export_formats.column_labels import column_label, value_labels
from uproot_nb.analysis.export_formats.described_tables import DescribedTables

__all__ = ["r_script"]

_PACKAGES = {
    "dta": "haven", "jsonl": "jsonlite", "parquet": "arrow", "sav": "haven", "xlsx": "readxl",
}  # fmt: skip
"""What R needs to read a format; for CSV it needs nothing."""

_HEAD = """\
# Load all tables of this export, each column with the type that the codebook says:
#
#     source("read.R", chdir = TRUE)
#     tables[["latest/players"]]
#
# Numbers are integer or numeric, truth is logical, texts are character ("007" and "NA" stay what
# they are), dates are Date, times are POSIXct in UTC; those without a time zone look as if they had
# it. Columns of JSON stay texts; jsonlite::fromJSON() reads one.
# The attribute "label" of a column says what it means, "labels" what its values are called.
"""

_BODY = r"""
folder <- local({
  of_source <- Filter(Negate(is.null), lapply(sys.frames(), function(frame) frame$ofile))
  of_rscript <- sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE))
  paths <- c(unlist(of_source), of_rscript)
  there <- Filter(function(path) file.exists(file.path(path, "codebook.json")),
                  c(dirname(rev(paths)), "."))
  if (length(there) == 0) stop("Set the working directory to the folder of this export.")
  there[[1]]
})

if (nchar(needed) > 0 && !requireNamespace(needed, quietly = TRUE)) {
  stop("R needs the package ", needed, " for these files: install.packages(\"", needed, "\"). ",
       "An export with format=\"csv\" needs none.")
}

read_file <- function(table) {
  path <- file.path(folder, table$file)
  switch(format,
    csv = read.table(
      path, header = TRUE, sep = ",", quote = "\"", comment.char = "", colClasses = "character",
      na.strings = "", check.names = FALSE, fill = FALSE, blank.lines.skip = FALSE,
      encoding = "UTF-8"),
    jsonl = read_json_lines(path, table),
    parquet = as.data.frame(arrow::read_parquet(path)),
    dta = as.data.frame(haven::zap_labels(haven::read_dta(path))),
    sav = as.data.frame(haven::zap_labels(haven::read_sav(path))),
    xlsx = read_sheets(path))
}

read_json_lines <- function(path, table) {
  rows <- lapply(readLines(path, encoding = "UTF-8"), jsonlite::fromJSON,
                 simplifyVector = FALSE, bigint_as_char = TRUE)
  value <- function(cell, type) {
    if (is.null(cell)) return(NA_character_)
    if (type == "JSON") return(as.character(jsonlite::toJSON(cell, auto_unbox = TRUE, digits = NA)))
    if (is.numeric(cell)) return(format(cell, digits = 17, trim = TRUE))
    as.character(cell)
  }
  found <- Map(function(name, type) vapply(rows, function(row) value(row[[name]], type), ""),
               table$columns, table$types)
  as.data.frame(found, check.names = FALSE, stringsAsFactors = FALSE)
}

read_sheets <- function(path) {
  sheets <- setdiff(readxl::excel_sheets(path), "codebook")
  read <- function(sheet) as.data.frame(readxl::read_excel(path, sheet, col_types = "list"))
  lists <- do.call(rbind, lapply(sheets, read))
  text <- function(cell) {
    if (is.null(cell) || is.na(cell)) return(NA_character_)
    if (inherits(cell, "POSIXct")) return(format(cell, "%Y-%m-%dT%H:%M:%OS3", tz = "UTC"))
    if (is.numeric(cell)) return(format(cell, digits = 17, trim = TRUE))
    as.character(cell)
  }
  as.data.frame(lapply(lists, function(column) vapply(column, text, "")), check.names = FALSE)
}

is_missing <- function(x) if (is.character(x)) is.na(x) | x == "" else is.na(x)

typed <- function(x, type) {
  x[is_missing(x)] <- NA
  switch(type,
    boolean = if (is.character(x)) toupper(x) %in% "TRUE" & !is.na(x) | as.logical(x)
              else as.logical(x),
    integer = whole(x),
    number = as.numeric(x),
    date = if (inherits(x, "POSIXct")) as.Date(x, tz = "UTC") else as.Date(substr(x, 1, 10)),
    time = ,
    datetime = if (inherits(x, "POSIXct")) x
           else as.POSIXct(sub("Z$", "", x), format = "%Y-%m-%dT%H:%M:%OS", tz = "UTC"),
    text = restored(as.character(x)),
    JSON = as.character(x),
    x)
}

# Whole numbers of more than 15 digits stay texts: R would round them.
whole <- function(x) {
  numbers <- suppressWarnings(as.numeric(x))
  if (any(abs(numbers) > 2^53, na.rm = TRUE)) return(as.character(x))
  if (any(abs(numbers) > .Machine$integer.max, na.rm = TRUE)) return(numbers)
  as.integer(numbers)
}

# For Excel, an apostrophe stands before texts that look like formulas.
restored <- function(x) {
  if (!excel) return(x)
  sub("^'(?='*[=+\\-@\t\r\uff1d\uff0b\uff0d\uff20])", "", x, perl = TRUE)
}

load_table <- function(table) {
  frame <- read_file(table)
  names(frame) <- table$columns
  for (i in seq_along(table$columns)) {
    column <- typed(frame[[i]], table$types[[i]])
    if (nzchar(table$meanings[[i]])) attr(column, "label") <- table$meanings[[i]]
    attr(column, "labels") <- table$labels[[table$columns[[i]]]]
    frame[[i]] <- column
  }
  frame
}

tables <- lapply(described, load_table)
"""


def r_script(about: DescribedTables) -> str:
    """Return read.R for these tables."""
    tables = ",\n".join(
        f"  {_quoted(name)} = {_table(about.file(name), entries)}"
        for name, entries in about.codebook.items()
    )
    return (
        f"{_HEAD}\nformat <- {_quoted(about.format)}\n"
        f"excel <- {'TRUE' if about.excel else 'FALSE'}\n"
        f"needed <- {_quoted(_PACKAGES.get(about.format, ''))}\n\n"
        f"described <- list(\n{tables}\n)\n{_BODY}"
    )


def _table(file: str, entries: Entries) -> str:
    labels = {column: value_labels(entry) for column, entry in entries.items()}
    listed = ",\n".join(
        f"      {_quoted(column)} = {_labels(found)}"
        for column, found in labels.items() if found and entries[column]["type"] == "integer"
    )  # fmt: skip
    meanings = (column_label(column, entry) for column, entry in entries.items())
    return (
        f"list(\n    file = {_quoted(file)},\n    columns = {_vector(entries)},\n"
        f"    types = {_vector(str(entry['type']) for entry in entries.values())},\n"
        f"    meanings = {_vector(meanings)},\n    labels = list({listed})\n  )"
    )


def _labels(labels: dict[int, str]) -> str:
    return f"c({', '.join(f'{_quoted(text)} = {value}L' for value, text in labels.items())})"


def _vector(texts: Iterable[str]) -> str:
    return "c(" + ",\n      ".join(map(_quoted, texts)) + ")"


def _quoted(text: str) -> str:
    """Return a text as R writes it, in ASCII: the script is the same in every locale."""
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if " " <= character <= "~":
        return character
    return f"\\U{{{ord(character) or 0xFFFD:x}}}"
