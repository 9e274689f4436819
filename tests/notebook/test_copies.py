"""A copied database takes participants away from the original only if it is asked to."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.notebook.test_connecting import Beside
from tests.running import Browser, until
from uproot_nb import Page, Run, live, serve
from uproot_nb.errors import CopiedLog, SessionElsewhere, UprootError
from uproot_nb.log.origins import Origin


class Market(Page):
    """A market."""

    @live
    def answer(page, player: Any, text: str) -> str:
        player.answer = text
        return text


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no Jupyter server of this machine be found."""
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.delenv("UPROOT_NB_BRIDGE_FILE", raising=False)


@pytest.fixture
def beside(tmp_path: Path) -> Iterator[Beside]:
    """A Jupyter server's extension."""
    made = Beside(tmp_path / "runtime")
    made.start()
    yield made
    made.end()


@pytest.fixture
def open_run() -> Iterator[Any]:
    """Serve as another notebook would: `open_run(folder, copy=True)`."""
    runs: list[Run] = []

    def open_one(folder: Path, **options: Any) -> Run:
        told = {"players": 2, "name": "monday", "port": 0, **options}
        runs.append(serve([Market], db=folder / "log.sqlite3", namespace={}, **told))
        return runs[-1]

    yield open_one
    for run in runs:
        run.close()


def _copy_while_served(run: Run, folder: Path, copy: Path) -> None:
    """Copy between two commits: one in the middle would make a copy that lacks its last events."""
    with run.lock:
        shutil.copytree(folder, copy)


def _links(run: Run) -> list[str]:
    return [run.join_link, *(run.link(player) for player in run.players)]


def _folder(tmp_path: Path, name: str = "exp") -> Path:
    made = tmp_path / name
    made.mkdir()
    return made


@pytest.mark.long
async def test_a_copy_beside_the_living_original_is_refused_and_disturbs_nobody(
    beside: Beside, tmp_path: Path, open_run: Any
) -> None:
    run = open_run(original := _folder(tmp_path))
    ann = await Browser.open(run)
    _copy_while_served(run, original, tmp_path / "copy")
    with pytest.raises(CopiedLog, match=r"(?s)copy of .*exp.*copy=True.*take_over=True") as refused:
        open_run(tmp_path / "copy")
    assert refused.value.original == str(original / "log.sqlite3")
    assert await ann.call("answer", "mine") == "mine"
    assert run.players[0].answer == "mine"


@pytest.mark.long
async def test_a_copy_may_have_links_of_its_own(
    beside: Beside, tmp_path: Path, open_run: Any
) -> None:
    """Same players and data, other links; and the same again whenever its cell runs."""
    run = open_run(original := _folder(tmp_path))
    ann = await Browser.open(run)
    assert await ann.call("answer", "before") == "before"
    _copy_while_served(run, original, tmp_path / "copy")
    copy = open_run(tmp_path / "copy", copy=True)
    links = _links(copy)
    assert copy.players[0].answer == "before"
    assert not set(links) & set(_links(run))
    bob = await Browser.open(copy)
    assert await ann.call("answer", "one") == "one"
    assert await bob.call("answer", "two") == "two"
    assert (run.players[0].answer, copy.players[0].answer) == ("one", "two")
    copy.close()
    for options in ({"copy": True}, {}):
        again = open_run(tmp_path / "copy", **options)
        assert _links(again) == links
        again.close()
    assert run.errors.query("field != 'Warning'").empty


@pytest.mark.long
async def test_the_original_is_warned_when_a_copy_takes_over(
    beside: Beside, tmp_path: Path, open_run: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    run = open_run(original := _folder(tmp_path))
    ann = await Browser.open(run)
    _copy_while_served(run, original, tmp_path / "copy")
    copy = open_run(tmp_path / "copy", take_over=True)
    assert _links(copy) == _links(run)
    await until(lambda: not run.errors.empty)
    assert "Another kernel serves the session 'monday' now" in run.errors.message.iloc[0]
    assert str(tmp_path / "copy") in run.errors.message.iloc[0]
    assert await ann.call("answer", "here") == "here"
    assert copy.players[0].answer == "here"


@pytest.mark.long
def test_a_copy_whose_original_sleeps_is_refused_too(tmp_path: Path, open_run: Any) -> None:
    """Its links were handed out for the other file."""
    open_run(original := _folder(tmp_path)).close()
    shutil.copytree(original, tmp_path / "copy")
    with pytest.raises(CopiedLog):
        open_run(tmp_path / "copy")
    open_run(tmp_path / "copy", name="tuesday").close()
    open_run(original).close()


@pytest.mark.long
def test_a_log_that_was_moved_renamed_or_put_back_goes_on(tmp_path: Path, open_run: Any) -> None:
    run = open_run(first := _folder(tmp_path))
    links = _tokens(run)
    run.close()
    shutil.move(first, tmp_path / "moved")
    run = open_run(tmp_path / "moved")
    assert _tokens(run) == links
    run.close()
    shutil.copytree(tmp_path / "moved", tmp_path / "backup")
    shutil.rmtree(tmp_path / "moved")
    shutil.copytree(tmp_path / "backup", tmp_path / "moved")
    run = open_run(tmp_path / "moved")
    assert _tokens(run) == links
    run.close()
    shutil.rmtree(tmp_path / "moved")
    assert _tokens(open_run(tmp_path / "backup")) == links


@pytest.mark.long
def test_a_second_living_kernel_is_refused_also_where_the_original_is_out_of_sight(
    beside: Beside, tmp_path: Path, open_run: Any
) -> None:
    """It was renamed while it was served: the server knows that the session is taken."""
    run = open_run(original := _folder(tmp_path))
    _copy_while_served(run, original, tmp_path / "copy")
    key = run._runtime.world.key
    copy = tmp_path / "copy"
    other = Origin.of(copy / "log.sqlite3")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Origin, "is_copied_by", lambda known, now: False)
        with pytest.raises(SessionElsewhere, match=r"(?s)exp.*run\.close\(\).*take_over=True"):
            open_run(copy)
    assert beside.server.sessions.get(key).link is not None  # type: ignore[union-attr]
    assert other.path != os.path.realpath(original / "log.sqlite3")


@pytest.mark.parametrize("option", ["copy", "take_over"])
def test_what_is_neither_true_nor_false_is_refused(option: str, open_run: Any) -> None:
    with pytest.raises(UprootError, match=f"{option}='yes'"):
        open_run(Path(), **{option: "yes"})


def _tokens(run: Run) -> list[str]:
    return [link.partition("//")[2].partition("/")[2] for link in _links(run)]
