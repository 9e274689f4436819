"""CSV files of an experiment: read tables of stimuli, append rows."""

from __future__ import annotations

import csv
import io
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from uproot_nb.errors import UprootError
from uproot_nb.experiment.csv_rows import append_lines, line_of, names_in, open_locked
from uproot_nb.experiment.execution import outside_here
from uproot_nb.experiment.waiting_rows import WaitingRows

__all__ = ["append_to_csv", "read_csv"]


def read_csv(path: str | os.PathLike[str]) -> list[dict[str, str]]:
    """Read a CSV file as a list of dicts of text, one per row, with the names of the first line.

        for trial in read_csv("stimuli.csv"):
            print(trial["word"])

    Raises:
        UprootError: the file does not exist, or a row does not match the first line.
    """
    file = Path(path)
    try:
        text = file.read_bytes().decode("utf-8-sig")  # every line end as it is
    except FileNotFoundError:
        raise UprootError(
            f"There is no file {str(path)!r} in {Path.cwd()}.\n"
            "Pass its path relative to that folder, or an absolute path."
        ) from None
    except UnicodeDecodeError as error:
        raise UprootError(f"{path} is not UTF-8 text ({error}).\nSave it as UTF-8.") from None
    reader = csv.DictReader(io.StringIO(text, newline=""), restval=None)
    return [_row(path, reader.line_num, row) for row in reader]


def _row(path: str | os.PathLike[str], line: int, row: Mapping[Any, Any]) -> dict[str, str]:
    if None in row or None in row.values():
        raise UprootError(
            f"{path}, line {line}: it has {'more' if None in row else 'fewer'} values than the "
            "first line.\nCorrect the line; put quotes around values with a comma."
        )
    return dict(row)


def append_to_csv(
    path: str | os.PathLike[str],
    row: Mapping[str, Any],
    *,
    key: str | None = None,
    private: bool = False,
) -> None:
    """Append one row to a CSV file with the names in its first line; create the file if needed.

        append_to_csv("payments.csv", {"player": player.name, "payoff": player.payoff})

    In a hook or live method, the row is written after the code's changes have been committed:
    exactly once, even if the kernel is killed, and not at all if the hook fails. `rerun`
    and `rehearse` write nothing. In a cell, the row is written at once.

    Threads and programs may append at the same time. Values are written as text, None as an empty
    cell.

    Args:
        key: replaces an earlier row with the same key. In `handle_stealth_fields`, use one that
            stays the same when a participant goes back and sends the form again.
        private: only you can read the file (mode 600), as for account numbers.

    Raises:
        UprootError: the names are not those of the first line.
    """
    if not isinstance(row, Mapping) or not row:
        raise UprootError(
            f"append_to_csv() takes a dict with the row's values, not {row!r}.\n"
            'Write append_to_csv("payments.csv", {"player": player.name}).'
        )
    texts = {str(name): "" if value is None else str(value) for name, value in row.items()}
    file = Path(path).absolute()
    outside = outside_here()
    if outside is not None:
        if file.exists():
            with file.open("rb") as known:
                _check_names(path, names_in(known), texts)
        elif not file.parent.is_dir():
            raise UprootError(
                f"There is no folder {file.parent}.\nCreate it, or pass another path."
            )
        outside.append_row(file, texts, "" if key is None else f"key/{key}", private)
        return
    if key is not None:
        rows, token = WaitingRows(file, private=private), secrets.token_hex(8)
        rows.put(token, f"key/{key}", texts)
        rows.write(token)
        return
    with open_locked(file, private) as opened:
        names = names_in(opened) or list(texts)
        _check_names(path, names, texts)
        append_lines(opened, line_of([texts[name] for name in names]), names)


def _check_names(path: str | os.PathLike[str], names: list[str], texts: Mapping[str, str]) -> None:
    if names and set(names) != set(texts):
        raise UprootError(
            f"{path} has the columns {', '.join(names)}; the row has {', '.join(texts)}.\n"
            "Pass exactly these columns, or write to another file."
        )
