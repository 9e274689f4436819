"""Full disks: an export that fails half-way leaves the earlier one, no debris, and a sentence."""

from __future__ import annotations

import errno
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas
import pytest

from tests.analysis.export_formats.reading import FORMATS, codebook, exported
from tests.analysis.lives import Live
from uproot_nb import UprootError, save_table
from uproot_nb.analysis.export_formats.full_disk import ExportFailed
from uproot_nb.analysis.recording import Tables

resource = pytest.importorskip("resource", reason="this system has no limits of sizes of files")


@contextmanager
def no_file_longer_than(count: int) -> Iterator[None]:
    """Let every write fail behind *count* bytes of a file, in C libraries as well."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (count, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.long
@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("count", [0, 700, 3_000])
@pytest.mark.sample(6)
def test_a_disk_that_fills_up_leaves_the_earlier_export_and_nothing_else(
    tmp_path: Path, format: str, count: int
) -> None:
    with Live() as live:
        live.go([("set", 0, "note", "x" * 100), ("entry", 0, "noon", 1)])
        exported(live, tmp_path, format)
        before = files_in(tmp_path)
        live.go([("set", 0, "note", os.urandom(5_000).hex())])
        with (
            pytest.raises(ExportFailed, match="was not written") as caught,
            no_file_longer_than(count),
        ):
            exported(live, tmp_path, format)
    assert "The earlier export there is unchanged" in str(caught.value)
    assert files_in(tmp_path) == before
    assert os.listdir(tmp_path) == [format]


@pytest.mark.long
def test_each_write_may_be_the_one_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever of its files has no space left, the export says so and leaves nothing."""
    with Live() as live:
        live.go([("set", 0, "bid", 1)])
        tables = Tables(live.worlds.log, "market")
        for path in _paths(tables, tmp_path):
            with monkeypatch.context() as patch:
                patch.setattr(Path, "open", _full(Path.open, path))
                patch.setattr(Path, "write_text", _full(Path.write_text, path))
                with pytest.raises(OSError, match=r"the disk is full .*\nThe new export"):
                    tables.export(tmp_path / "new.zip")
            assert os.listdir(tmp_path) == [], path


def _paths(tables: Tables, folder: Path) -> list[str]:
    whole = tables.export(folder / "whole")
    found = [str(path.relative_to(whole)) for path in whole.rglob("*") if path.is_file()]
    for path in sorted(whole.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    whole.rmdir()
    return found


def _full(method: Any, name: str) -> Any:
    def refused(path: Path, *args: Any, **options: Any) -> Any:
        if path.as_posix().endswith(f"/export/{name}"):
            raise OSError(errno.ENOSPC, "No space left on device")
        return method(path, *args, **options)

    return refused


@pytest.mark.long
@pytest.mark.parametrize("name", ["out", "out.zip"])
def test_an_earlier_export_comes_back_if_the_new_one_cannot_take_its_place(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = os.replace

    def refused(source: Any, target: Any) -> None:
        if Path(source).name in ("export", "export.zip"):
            raise OSError(errno.EDQUOT, "Disk quota exceeded")
        replace(source, target)

    with Live() as live:
        tables = Tables(live.worlds.log, "market")
        tables.export(tmp_path / name)
        before = files_in(tmp_path)
        monkeypatch.setattr(os, "replace", refused)
        with pytest.raises(ExportFailed, match="the disk is full"):
            tables.export(tmp_path / name)
    assert files_in(tmp_path) == before
    assert os.listdir(tmp_path) == [name]


def test_a_table_that_cannot_be_saved_leaves_the_file_that_was_there(tmp_path: Path) -> None:
    path = save_table(pandas.DataFrame({"a": [1]}), tmp_path / "a.csv")
    before = path.read_bytes()
    with pytest.raises(ExportFailed, match="too large"), no_file_longer_than(10):
        save_table(pandas.DataFrame({"a": range(1000)}), path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.csv"]


@pytest.mark.long
def test_a_zip_of_every_format_is_whole(tmp_path: Path) -> None:
    with Live() as live:
        live.go([("set", 0, "bid", 1)])
        tables = Tables(live.worlds.log, "market")
        for format in FORMATS:
            path = tables.export(tmp_path / f"{format}.zip", format)
            with zipfile.ZipFile(path) as archive:
                assert archive.testzip() is None
                names = {name.split("/", 1)[1] for name in archive.namelist()}
            folder = exported(live, tmp_path, format)
            assert names == set(files_in(folder))
            tables_in = {n for n in names if n.endswith(format)}
            assert {f"{table}.{format}" for table in codebook(folder)} <= tables_in


def test_errors_of_ours_pass_as_they_are(tmp_path: Path) -> None:
    with pytest.raises(UprootError, match=r"Choose one of \.csv"):
        save_table(pandas.DataFrame({"a": [1]}), tmp_path / "a.doc")
    with pytest.raises(FileNotFoundError, match="Make it first"):
        save_table(pandas.DataFrame({"a": [1]}), tmp_path / "nowhere" / "a.csv")
