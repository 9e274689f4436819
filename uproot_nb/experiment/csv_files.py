"""Tables of an experiment in CSV files: stimuli to read, lines to append."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from uproot_nb.errors import UprootError

__all__ = ["append_to_csv", "read_csv"]

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


def read_csv(path: str | os.PathLike[str]) -> list[dict[str, str]]:
    """Read a table: a dict per row, by the names in the first line; everything is text.

        for trial in read_csv("stimuli.csv"):
            print(trial["word"])

    Raises:
        UprootError: there is no such file, or a row does not fit the first line.
    """
    file = Path(path)
    try:
        text = file.read_bytes().decode("utf-8-sig")  # every line end as it is
    except FileNotFoundError:
        raise UprootError(
            f"There is no file {str(path)!r} in {Path.cwd()}.\n"
            "Give its path from there, or a whole path."
        ) from None
    except UnicodeDecodeError as error:
        raise UprootError(f"{path} is no UTF-8 text ({error}).\nSave it as UTF-8.") from None
    reader = csv.DictReader(io.StringIO(text, newline=""), restval=None)
    return [_row(path, reader.line_num, row) for row in reader]


def _row(path: str | os.PathLike[str], line: int, row: Mapping[Any, Any]) -> dict[str, str]:
    if None in row or None in row.values():
        raise UprootError(
            f"{path}, line {line}: it has {'more' if None in row else 'fewer'} values than the "
            "first line has names.\nMend the line; a value with a comma stands in quotes."
        )
    return dict(row)


def append_to_csv(path: str | os.PathLike[str], row: Mapping[str, Any]) -> None:
    """Append one row to a table, whose first line has the names; the file is made if need be.

        append_to_csv("payments.csv", {"player": player.name, "payoff": player.payoff})

    Rows that threads and programs append at the same time do not mix. Values are written as text,
    None as nothing.

    Raises:
        UprootError: the names are not those of the first line.
    """
    if not isinstance(row, Mapping) or not row:
        raise UprootError(
            f"append_to_csv() takes a dict with the row's values, not {row!r}.\n"
            'Write append_to_csv("payments.csv", {"player": player.name}).'
        )
    texts = {str(name): "" if value is None else str(value) for name, value in row.items()}
    with Path(path).open("ab+") as file, _locked(file):
        known = _names_in(file)
        names = known or list(texts)
        if set(names) != set(texts):
            raise UprootError(
                f"{path} has the columns {', '.join(names)}; the row has {', '.join(texts)}.\n"
                "Give exactly these columns, or another file."
            )
        lines = [[texts[name] for name in names]]
        _append(file, lines if known else [names, *lines])


def _names_in(file: IO[bytes]) -> list[str]:
    """Return the names in the first line; none in an empty file."""
    file.seek(0)
    text = (line.decode("utf-8", "replace").removeprefix("\ufeff") for line in file)
    return next(csv.reader(text), [])


def _append(file: IO[bytes], lines: list[list[str]]) -> None:
    """Write whole lines in one stroke, after a last one that may lack its end."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(lines)  # as RFC 4180 has it: what holds a lone "\r" is quoted, too
    written = text.getvalue().encode("utf-8", "backslashreplace")
    if file.seek(0, os.SEEK_END):
        file.seek(-1, os.SEEK_END)
        written = (b"" if file.read(1) in b"\r\n" else b"\n") + written
    file.write(written)


@contextmanager
def _locked(file: IO[bytes]) -> Iterator[None]:
    """Be the only one, among threads and programs, who writes an open file."""
    if fcntl is None:
        yield  # Windows: what is written in one stroke does not mix
        return
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
        file.flush()
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)
