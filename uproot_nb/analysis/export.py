"""Export: a session as a folder or ZIP of tables, with a codebook and checksums."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

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
from uproot_nb.analysis.export_formats.codebook_entries import Entries
from uproot_nb.analysis.export_formats.column_cells import cells_of, kind_in
from uproot_nb.analysis.export_formats.companions import write_companions
from uproot_nb.analysis.export_formats.described_tables import DescribedTables
from uproot_nb.analysis.export_formats.full_disk import explained
from uproot_nb.analysis.exported_tables import ExportedTable
from uproot_nb.analysis.garbage_collection import without_collecting
from uproot_nb.analysis.json_cells import CLOCKS, Kind
from uproot_nb.analysis.participation.scrubbing import COLUMNS, Scrub
from uproot_nb.analysis.provenance.fingerprints import Ran
from uproot_nb.analysis.rounds.exported_rounds import ExportedRounds, StreamedTable
from uproot_nb.analysis.rounds.people import People
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
_RAN = "fingerprints.json"
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

        Export(people, codec, changes, tables, last=1200).write(Path("market.zip"))

    Attributes:
        people: the session's name, and who and where its players are.
        changes: the changes up to *last*, oldest first, some at a time; arrays only if *is_long*.
        is_long: whether Arrow writes the tables of changes.
        tables: by name: all tables but those of changes.
        rounds: makes the tables of rounds in a folder for files that wait; None without rounds.
        includes: (kind of subject, field) → whether to export the field. It is called for fields
            of authors only, never for columns of ours, and not for the tables of markets.
        sources: by file name: code to store with the data.
        scrub: what to leave out because it identifies a person.
        excel: whether CSV is made for Excel: with a byte order mark, and no text is a formula.
        ran: which code, settings and versions ran, one after the other.
    """

    people: People
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
    scrub: Scrub | None = None
    rounds: Callable[[Path], AbstractContextManager[ExportedRounds]] | None = None
    excel: bool = False
    ran: Sequence[Ran] = ()

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise UprootError(
                f"There is no format {self.format!r}.\nChoose one of {', '.join(FORMATS)}."
            )
        if self.excel and self.format != "csv":
            raise UprootError('excel=True is for format="csv".\nLeave it out: it changes CSV only.')
        self._codebook: dict[str, Entries] = {}

    def write(self, target: Path) -> Path:
        """Write the export, whole or not at all; return where it is.

        A name that ends in ".zip" (or ".ZIP") makes a ZIP, any other a folder. An export that is
        there already is replaced.

        Raises:
            UprootError: there is something else of that name.
            ExportFailed: it cannot be written, as on a full disk; it is an OSError, too.
        """
        target = target.absolute()
        _check_target(target)
        with (
            explained(target),
            tempfile.TemporaryDirectory(
                prefix=f".{target.stem}.", suffix=".unfinished", dir=target.parent
            ) as made,
        ):
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
        with ExitStack() as open_files:
            rounds = self.rounds and open_files.enter_context(self.rounds(folder.parent))
            changes = rounds.watch(self.changes) if rounds else self.changes
            with without_collecting():
                self._write_changes(folder, changes)
            for name, table in self.tables.items():
                self._write_table(folder, name, table)
            for name, streamed in (rounds.tables() if rounds else {}).items():
                self._write_streamed(folder, name, streamed)
        write_companions(
            folder,
            DescribedTables(self.people.session, VERSION, self._codebook, self.format, self.excel),
        )
        (folder / _README).write_text(self._readme(), "utf-8")
        ran = json.dumps([one.as_dict() for one in self.ran], indent=1)
        (folder / _RAN).write_text(ran + "\n", "utf-8")
        for name, code in self.sources.items():
            path = folder / "source" / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(code)
        _write_sums(folder)

    def _readme(self) -> str:
        return README.format(
            session=self.people.session, version=VERSION, last=self.last,
            now=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            format=FORMAT_NOTES["excel" if self.excel else self.format],
            ran=_lines_of_code_that_ran(self.ran),
            scrubbed="" if self.scrub is None else f"{self.scrub}\n",
        )  # fmt: skip

    # ---- tables of changes ----

    def _includes_change(self, kind: str, name: str) -> bool:
        if kind == "model" and name in _OURS:
            return False
        return self._includes(kind, name)

    def _includes(self, kind: str, name: str) -> bool:
        is_clean = self.scrub is None or self.scrub.includes(kind, name)
        return is_clean and self.includes(kind, name)

    def _includes_column(self, table: ExportedTable, column: str, field: str | None) -> bool:
        if field is not None:
            return self._includes(table.kind, field)
        return self.scrub is None or column not in COLUMNS

    def _write_changes(self, folder: Path, pages: Iterable[EventColumns | EventArrays]) -> None:
        """Read the changes once: the wide tables' rows wait aside until their columns are known."""
        changes = Changes(self.codec, self._includes_change, self.people)
        tables: dict[str, _OfOneKind] = {}
        with ExitStack() as open_files:
            for page in map(self._cleaned, pages):
                for some in changes.by_kind(page):
                    if some.kind not in tables:
                        tables[some.kind] = self._begin(folder, some.kind, open_files)
                    tables[some.kind].take(some)
                self._report(float(page.seq[-1]) / self.last / 2)
            for those in tables.values():
                those.aside.put_all(those.wide.rest())
            fields = changes.fields
            self._write_wide(folder, {k: (fields[k], those.aside) for k, those in tables.items()})

    def _cleaned(self, page: EventColumns | EventArrays) -> EventColumns | EventArrays:
        if self.scrub is None:
            return page
        return self.scrub.page(page if isinstance(page, EventColumns) else page.columns())

    def _begin(self, folder: Path, kind: str, open_files: ExitStack) -> _OfOneKind:
        name = f"ultralong/{SUBJECTS[kind]}"
        long = self._open(folder, name, _long(kind, self.people), self.is_long)
        aside = Spool[SparseRows](folder.with_name(f"{kind}.aside"))
        return _OfOneKind(
            open_files.enter_context(long),
            WideRows(kind, self.codec, self.people),
            open_files.enter_context(aside),
        )

    def _write_wide(
        self, folder: Path, tables: Mapping[str, tuple[Mapping[str, Kind], Spool[SparseRows]]]
    ) -> None:
        done, pieces = 0, sum(len(aside) for _, aside in tables.values())
        for kind, (fields, aside) in tables.items():
            places = {name: place for place, name in enumerate(fields)}
            name = f"sparse/{SUBJECTS[kind]}"
            described = _wide(kind, fields, self.people)
            with self._open(folder, name, described, self.is_long) as file:
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
            if self._includes_column(table, column, fields.get(column))
        ]  # fmt: skip
        cells = [cells_of(frame[column]) for column in included]
        kinds = {
            column: kind_in(frame[column], values)
            for column, values in zip(included, cells, strict=True)
        }
        if self.scrub is not None:
            cells = [
                values if kinds[column] in CLOCKS else list(map(self.scrub.clean, values))
                for column, values in zip(included, cells, strict=True)
            ]
        keys = (table.key, *_types_in(frame), "model") if table.key else (table.kind,)
        described = DescribedTable(
            kinds, table.ours, {n: fields[n] for n in included if n in fields}, keys
        )
        with self._open(folder, name, described) as writer:
            writer.write(zip(*cells, strict=True))

    def _write_streamed(self, folder: Path, name: str, table: StreamedTable) -> None:
        head = {
            n: kind for n, kind in table.head.items() if self.scrub is None or n not in COLUMNS
        }  # fmt: skip
        fields = {c: n for c, n in table.fields.items() if self._includes("player", n)}
        kinds = head | table.kinds(fields, self.codec)
        clean = (lambda cell: cell) if self.scrub is None else self.scrub.clean
        described = DescribedTable(kinds, name, fields, ("player",), table.rounds)
        with self._open(folder, name, described) as writer:
            rows = table.cells(kinds, self.codec)
            writer.write([clean(cell) for cell in row] for row in rows)

    def _open(
        self, folder: Path, name: str, described: DescribedTable, is_long: bool = False
    ) -> TableWriter:
        entries = self._codebook[name] = codebook_of({name: described}, self.descriptions)[name]
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if is_long:
            return open_arrow_writer(path, self.format, described.kinds)
        return open_writer(path, self.format, described.kinds, entries, self.excel)


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


def _lines_of_code_that_ran(ran: Sequence[Ran]) -> str:
    """Return a line for each fingerprint under which something came from participants."""
    if not ran:
        return "None: nothing was served, or these are a viewer's data, which have no code.\n"
    lines = [
        f"{one.fingerprint} ran from event {one.first} to {one.last} ({one.inputs} calls and forms)"
        for one in ran
        if one.inputs or len(ran) == 1
    ]
    return "\n".join(["Compare with the fingerprint that was registered:", *lines, ""])


def _long(kind: str, people: People) -> DescribedTable:
    return DescribedTable(head_of(kind, people) | LONG, f"ultralong/{SUBJECTS[kind]}")


def _wide(kind: str, fields: Mapping[str, Kind], people: People) -> DescribedTable:
    head = head_of(kind, people)
    columns = beside(head, fields)
    kinds = head | {columns[name]: kind_of_field for name, kind_of_field in fields.items()}
    held = {columns[name]: name for name in fields}
    return DescribedTable(kinds, f"sparse/{SUBJECTS[kind]}", held, (kind,))


def _types_in(frame: pandas.DataFrame) -> list[str]:
    """Return the types of a model's entries, as their descriptions name them."""
    return [f"entry/{name}" for name in frame["type"].cat.categories]


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
            f"{target} exists already, and is no export.\nGive another name, or remove it first."
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
    if not target.exists():
        os.replace(folder, target)
        return
    older = folder.with_name("older")
    os.replace(target, older)
    try:
        os.replace(folder, target)
    except BaseException:
        os.replace(older, target)
        raise


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
