"""Export: a session as a folder or ZIP of tables, with a codebook and checksums."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uproot_nb.analysis.arrow_columns import places_of
from uproot_nb.analysis.arrow_writers import open_arrow_writer
from uproot_nb.analysis.changes import (
    LONG,
    SUBJECTS,
    Changed,
    Changes,
    FieldFilter,
    head_of,
    long_columns,
)
from uproot_nb.analysis.codebook import FORMATS as FORMAT_NOTES
from uproot_nb.analysis.codebook import README, DescribedTable, FieldDescriptions, codebook_of
from uproot_nb.analysis.exported_tables import ExportedTable
from uproot_nb.analysis.garbage_collection import without_collecting
from uproot_nb.analysis.json_cells import Cell, Kind, common, kind_of, plain
from uproot_nb.analysis.table_writers import FORMATS, TableWriter, open_writer
from uproot_nb.analysis.typed_columns import beside
from uproot_nb.analysis.wide_rows import SparseRows, Spool, WideRows
from uproot_nb.errors import UprootError
from uproot_nb.log.arrow_pages import EventArrays
from uproot_nb.log.codec import Codec
from uproot_nb.log.events import EventColumns
from uproot_nb.version import VERSION

if TYPE_CHECKING:
    import pandas

__all__ = [
    "LONG_EXPORT", "Export", "Progress", "all_but_bookkeeping", "everything", "progress_bar",
]  # fmt: skip

Progress = Callable[[float], None]
"""Called with the share of the work that is done, from 0 to 1."""

LONG_EXPORT = 50_000
"""Exports of more events than this show a progress bar."""

_OURS = frozenset({"entries", "types", "tag"})
"""The fields of a model that its own table is made from."""
_SUMS, _README, _SIGN = "SHA256SUMS", "README.txt", "exported by uproot_nb "
_LONGEST_README = 100_000
_ZIP = ".zip"
_BOOKKEEPING = frozenset({"between_showed", "round_nested"})


def all_but_bookkeeping(kind: str, name: str) -> bool:
    """Include every field but those in which the page flow stores a player's place."""
    return kind != "player" or name not in _BOOKKEEPING


def everything(kind: str, name: str) -> bool:
    """Include every field."""
    return True


@dataclass
class Export:
    """One export: its tables, and the fields that it includes.

        Export("market", codec, changes, tables, last=1200).write(Path("market.zip"))

    Attributes:
        changes: the changes up to *last*, oldest first, some at a time; arrays only if *is_long*.
        is_long: whether Arrow writes the tables of changes.
        tables: by name: all tables but those of changes.
        includes: (kind of subject, field) → whether to export the field. It is called for fields
            of authors only, never for columns of ours, and not for the tables of markets.
        sources: by file name: code to store with the data.
    """

    session: str
    codec: Codec
    changes: Iterable[EventColumns | EventArrays]
    tables: Mapping[str, ExportedTable]
    last: int
    format: str = "csv"
    includes: FieldFilter = all_but_bookkeeping
    descriptions: FieldDescriptions = field(default_factory=dict)
    sources: Mapping[str, bytes] = field(default_factory=dict)
    progress: Progress | None = None
    is_long: bool = False

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise UprootError(
                f"There is no format {self.format!r}.\nChoose one of {', '.join(FORMATS)}."
            )
        self._described: dict[str, DescribedTable] = {}

    def write(self, target: Path) -> Path:
        """Write the export, whole or not at all; return where it is.

        A name that ends in ".zip" (or ".ZIP") makes a ZIP, any other a folder. An export that is
        there already is replaced.

        Raises:
            UprootError: there is something else of that name.
            OSError: it cannot be written.
        """
        target = target.absolute()
        _check_target(target)
        with tempfile.TemporaryDirectory(
            prefix=f".{target.stem}.", suffix=".unfinished", dir=target.parent
        ) as made:
            folder = Path(made) / "export"
            folder.mkdir()
            self._fill(folder)
            if _is_zip(target):
                packed = Path(made) / "export.zip"
                _pack(folder, packed, target.stem)
                os.replace(packed, target)
            else:
                _put(folder, target)
        return target

    def _fill(self, folder: Path) -> None:
        with without_collecting():
            self._write_changes(folder)
        for name, table in self.tables.items():
            self._write_table(folder, name, table)
        codebook = codebook_of(self._described, self.descriptions)
        text = json.dumps(codebook, indent=1, ensure_ascii=False)
        (folder / "codebook.json").write_text(text + "\n", "utf-8")
        (folder / _README).write_text(self._readme(), "utf-8")
        for name, code in self.sources.items():
            path = folder / "source" / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(code)
        _write_sums(folder)

    def _readme(self) -> str:
        return README.format(
            session=self.session, version=VERSION, last=self.last,
            now=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            format=FORMAT_NOTES[self.format],
        )  # fmt: skip

    # ---- tables of changes ----

    def _includes_change(self, kind: str, name: str) -> bool:
        if kind == "model" and name in _OURS:
            return False
        return self.includes(kind, name)

    def _write_changes(self, folder: Path) -> None:
        """Read the changes once: the wide tables' rows wait aside until their columns are known."""
        changes = Changes(self.codec, self._includes_change)
        tables: dict[str, _OfOneKind] = {}
        with ExitStack() as open_files:
            for page in self.changes:
                for some in changes.by_kind(page):
                    if some.kind not in tables:
                        tables[some.kind] = self._begin(folder, some.kind, open_files)
                    tables[some.kind].take(some)
                self._report(float(page.seq[-1]) / self.last / 2)
            for those in tables.values():
                those.aside.put_all(those.wide.rest())
            fields = changes.fields
            self._write_wide(folder, {k: (fields[k], those.aside) for k, those in tables.items()})

    def _begin(self, folder: Path, kind: str, open_files: ExitStack) -> _OfOneKind:
        name = f"ultralong/{SUBJECTS[kind]}"
        long = self._open(folder, name, _long(kind), self.is_long)
        aside = Spool[SparseRows](folder.with_name(f"{kind}.aside"))
        return _OfOneKind(
            open_files.enter_context(long),
            WideRows(kind, self.codec),
            open_files.enter_context(aside),
        )

    def _write_wide(
        self, folder: Path, tables: Mapping[str, tuple[Mapping[str, Kind], Spool[SparseRows]]]
    ) -> None:
        done, pieces = 0, sum(len(aside) for _, aside in tables.values())
        for kind, (fields, aside) in tables.items():
            places = {name: place for place, name in enumerate(fields)}
            name = f"sparse/{SUBJECTS[kind]}"
            with self._open(folder, name, _wide(kind, fields), self.is_long) as file:
                for head, names, cells in aside:
                    file.write_sparse(head, places_of(names, places), cells)
                    done += 1
                    self._report((1 + done / pieces) / 2)

    def _report(self, done: float) -> None:
        if self.progress is not None:
            self.progress(done)

    # ---- other tables ----

    def _write_table(self, folder: Path, name: str, table: ExportedTable) -> None:
        frame, fields = table.make()
        included = [
            column for column in map(str, frame.columns)
            if column not in fields or self.includes(table.kind, fields[column])
        ]  # fmt: skip
        cells = [_cells(frame[column]) for column in included]
        kinds = {
            column: _kind_in(frame[column], values)
            for column, values in zip(included, cells, strict=True)
        }
        keys = (table.key, *_types_in(frame), "model") if table.key else (table.kind,)
        described = DescribedTable(
            kinds, table.ours, {n: fields[n] for n in included if n in fields}, keys
        )
        with self._open(folder, name, described) as writer:
            writer.write(zip(*cells, strict=True))

    def _open(
        self, folder: Path, name: str, described: DescribedTable, is_long: bool = False
    ) -> TableWriter:
        self._described[name] = described
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        opened = open_arrow_writer if is_long else open_writer
        return opened(path, self.format, described.kinds)


@dataclass
class _OfOneKind:
    """The tables of changes of one kind of subjects, and the rows that wait for the wide one."""

    long: TableWriter
    wide: WideRows
    aside: Spool[SparseRows]

    def take(self, some: Changed) -> None:
        some = some._replace(head=self.long.made(some.head))
        self.long.write_columns(long_columns(some))
        self.aside.put_all(self.wide.of(some))


def _long(kind: str) -> DescribedTable:
    when = dict(islice(LONG.items(), 3))
    kinds = when | ({} if kind == "session" else {kind: "text"}) | LONG
    return DescribedTable(kinds, f"ultralong/{SUBJECTS[kind]}")


def _wide(kind: str, fields: Mapping[str, Kind]) -> DescribedTable:
    head = head_of(kind)
    columns = beside(head, fields)
    kinds = head | {columns[name]: kind_of_field for name, kind_of_field in fields.items()}
    held = {columns[name]: name for name in fields}
    return DescribedTable(kinds, f"sparse/{SUBJECTS[kind]}", held, (kind,))


def _types_in(frame: pandas.DataFrame) -> list[str]:
    """Return the types of a model's entries, as their descriptions name them."""
    return [f"entry/{name}" for name in frame["type"].cat.categories]


_KINDS: dict[str, Kind] = {
    "bool": "boolean", "boolean": "boolean", "int64": "integer", "Int64": "integer",
    "float64": "number", "Float64": "number", "category": "text", "string": "text",
    "datetime64[us, UTC]": "text",
}  # fmt: skip


def _kind_in(column: pandas.Series[Any], cells: Iterable[Cell]) -> Kind:
    """Return the kind of a column: that of its dtype, else the one of what is in it."""
    return _KINDS.get(str(column.dtype)) or common(map(kind_of, cells))


def _cells(column: pandas.Series[Any]) -> list[Cell]:
    """Return a column as JSON; NaN is a number in Float64 and among objects, else missing."""
    if str(column.dtype) in ("Float64", "object"):
        return [_cell(value) for value in column.tolist()]
    gaps = column.isna().tolist()
    return [None if g else _cell(v) for v, g in zip(column.tolist(), gaps, strict=True)]


def _cell(value: Any) -> Cell:
    """Return a value in a DataFrame as JSON."""
    import pandas  # lazy: `import uproot_nb` is to be quick

    if value is None or value is pandas.NA or value is pandas.NaT:
        return None
    if isinstance(value, pandas.Timestamp):
        zoned = value.tz_convert("UTC").tz_localize(None) if value.tzinfo else value
        return f'"{zoned.isoformat(timespec="microseconds")}{"Z" if value.tzinfo else ""}"'
    return plain(value)


@contextmanager
def progress_bar(shown: bool, title: str) -> Iterator[Progress | None]:
    """Show a progress bar while the block runs, and yield the function that moves it."""
    if not shown:
        yield None
        return
    from tqdm.auto import tqdm  # lazy: it takes a moment, and only long exports need it

    with tqdm(total=1.0, desc=title, bar_format="{l_bar}{bar}| {elapsed}") as drawn:

        def move(done: float) -> None:
            drawn.update(done - drawn.n)

        yield move
        drawn.update(1.0 - drawn.n)


# ---- files --------------------------------------------------------------------------------------


def _is_zip(target: Path) -> bool:
    return target.suffix.lower() == _ZIP


def _check_target(target: Path) -> None:
    if not target.parent.is_dir():
        raise FileNotFoundError(f"There is no folder {target.parent}. Make it first.")
    if not target.exists():
        return
    if _is_zip(target) and target.is_dir():
        raise UprootError(f"{target} is a folder.\nGive another name for the ZIP.")
    if not (_is_packed_export(target) if _is_zip(target) else _is_export(target)):
        raise UprootError(
            f"{target} is there already, and is no export.\nGive another name, or remove it first."
        )


def _is_export(folder: Path) -> bool:
    readme = folder / _README
    if not (readme.is_file() and (folder / _SUMS).is_file()):
        return False
    with readme.open(encoding="utf-8", errors="replace") as file:
        return _SIGN in file.read(_LONGEST_README)


def _is_packed_export(packed: Path) -> bool:
    try:
        with zipfile.ZipFile(packed) as archive:
            names = set(archive.namelist())
            [root] = {name.partition("/")[0] for name in names}
            if not {f"{root}/{_README}", f"{root}/{_SUMS}"} <= names:
                return False
            with archive.open(f"{root}/{_README}") as file:
                return _SIGN.encode() in file.read(_LONGEST_README)
    except (OSError, ValueError, zipfile.BadZipFile):
        return False


def _put(folder: Path, target: Path) -> None:
    """Move a folder into place; an older export goes out of the way first."""
    if target.exists():
        older = folder.with_name("older")
        os.replace(target, older)
    shutil.move(folder, target)


def _pack(folder: Path, packed: Path, name: str) -> None:
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path in _files(folder):
            archive.write(path, f"{name}/{path.relative_to(folder).as_posix()}")


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _write_sums(folder: Path) -> None:
    lines = []
    for path in _files(folder):
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        lines.append(f"{digest}  {path.relative_to(folder).as_posix()}\n")
    (folder / _SUMS).write_text("".join(lines), "utf-8")
