"""What is closed, or shown again, keeps nothing open and nothing in memory."""

from __future__ import annotations

import gc
import os
import weakref
from pathlib import Path
from typing import Any

import pytest

from uproot_nb import Page, serve
from uproot_nb.monitor import windows

FOLDER = Path("/proc/self/fd")


class Somewhere(Page):
    """Somewhere to be."""


def open_files(path: Path) -> list[str]:
    """Return which of the database's files are open in this process."""
    opened = []
    for number in os.listdir(FOLDER):
        try:
            opened.append(os.readlink(FOLDER / number))
        except OSError:  # that of the listing itself
            continue
    return [name for name in opened if name.startswith(str(path))]


@pytest.mark.long
@pytest.mark.skipif(not FOLDER.exists(), reason="needs /proc")
def test_closed_runs_keep_no_file_open_and_can_still_be_read(tmp_path: Path) -> None:
    """However many there were in this kernel."""
    path, names = tmp_path / "log.sqlite3", dict[str, Any]()
    options: dict[str, Any] = {"db": path, "embedded": True, "port": 0, "namespace": names}
    runs = []
    for number in range(5):
        run = serve([Somewhere], players=2, name=f"s{number}", **options)
        run.session.number = number
        run.close()
        runs.append(run)
    assert open_files(path) == []
    for number, run in enumerate(runs):
        assert run.session.history("number")[0].value == number
        assert "number" in run.events["field"].tolist()
        assert len(run.state) == 2
    assert open_files(path) == []
    again = serve([Somewhere], name="s3", **options)
    assert again.session.number == 3
    again.close()


@pytest.mark.long
def test_closed_runs_that_nobody_holds_are_gone() -> None:
    """With their state, engine and log; the interpreter may still hold the first and the last."""
    names: dict[str, Any] = {}
    options: dict[str, Any] = {
        "db": ":memory:", "embedded": True, "port": 0, "namespace": names, "players": 2,
    }  # fmt: skip
    gone = []
    for number in range(8):
        run = serve([Somewhere], name=f"s{number}", **options)
        gone.append(weakref.ref(run._runtime))
        run.close()
        del run
    gc.collect()
    assert sum(one() is not None for one in gone) <= 2
    assert names["_uproot_nb_open_runs"] == {}


class Widget:
    """What a cell shows."""

    closed = 0

    def close(self) -> None:
        Widget.closed += 1

    def send(self, message: Any) -> None:
        return


@pytest.mark.long
def test_a_cell_that_runs_again_shows_one_monitor_and_not_one_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of cells that do not say who they are, the latest monitors go on."""
    cell = ["a", "1"]
    monkeypatch.setattr(windows, "make_widget", lambda *_: Widget())
    monkeypatch.setattr(windows, "show", lambda _: None)
    monkeypatch.setattr(windows, "show_html", lambda *_, **__: None)
    monkeypatch.setattr(windows, "find_cell", lambda: tuple(cell))
    monkeypatch.setattr(windows, "MOST", 3)
    Widget.closed = 0
    run = serve(
        [Somewhere], players=2, db=":memory:", name="m", embedded=True, port=0, namespace={}
    )
    with run:
        shown = run._shown._shown
        run.monitor()
        run.monitor()
        assert len(shown) == 2
        for number in range(2, 6):
            cell[1] = str(number)
            run.monitor()
        assert (len(shown), Widget.closed) == (1, 5)
        cell[0] = ""
        for number in range(10):
            cell[1] = f"x{number}"
            run.monitor()
        gc.collect()
        assert len(shown) == len(run._runtime.windows) == 3
