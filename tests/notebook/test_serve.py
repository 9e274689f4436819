"""serve: what it takes, what it refuses, and what happens when the cell runs again."""
# ruff: noqa: ANN001, ANN201, ANN202  (authors' code is written as authors write it)

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.running import Browser, Rejected, serving
from uproot_nb import Page, live, serve
from uproot_nb.errors import BadPage, SessionTaken, UprootError
from uproot_nb.log.paths import notebook_file, notebook_folder


class Market(Page):
    """A market."""

    @live
    def echo(page, player, x):
        return x

    @live
    def add(page, player):
        player.count = player.get("count", 0) + 1
        return player.count

    @live
    def speak(page, player, text: str):
        print(text)


class Survey(Page):
    """Questions."""


class Thanks(Page):
    """Thank you."""


OPTIONS: dict[str, Any] = {"db": ":memory:", "embedded": True, "port": 0}


# ---- where the notebook is ----


@pytest.mark.long
@pytest.mark.parametrize("jupyter", ["", "/nowhere/study-jvsc-5f2a.ipynb"])
def test_vs_code_tells_where_the_notebook_is(
    shell: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jupyter: str
) -> None:
    """The database stands beside it, the session is named after it, exports hold its source.

    A Jupyter server that VS Code asks for kernels knows a name that is no file's.
    """
    monkeypatch.delenv("UPROOT_NB_DATABASE")
    monkeypatch.setenv("JPY_SESSION_NAME", jupyter)
    notebook = tmp_path / "spring study.ipynb"
    notebook.write_text("{}", "utf-8")
    shell.user_ns["__vsc_ipynb_file__"] = str(notebook)
    shell.run_cell("class Ask(Page): 'Hello.'", store_history=True)
    shell.run_cell("run = serve([Ask], embedded=True, port=0)", store_history=True)
    run = shell.user_ns["run"]
    assert run.path == str(tmp_path / "uproot_nb.sqlite3")
    assert run.name.startswith("spring_study-")
    events = run._log.read(run.name, kinds={"code"})
    assert "spring_study.ipynb" in run._sources(events, notebook=True)


@pytest.mark.long
def test_jupyters_word_for_the_notebook_counts_first(
    shell: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("jupyters.ipynb", "others.ipynb"):
        (tmp_path / name).write_text("{}", "utf-8")
    shell.user_ns["__vsc_ipynb_file__"] = str(tmp_path / "others.ipynb")
    monkeypatch.setenv("JPY_SESSION_NAME", str(tmp_path / "jupyters.ipynb"))
    assert notebook_file() == tmp_path / "jupyters.ipynb"
    monkeypatch.delenv("JPY_SESSION_NAME")
    assert notebook_file() == tmp_path / "others.ipynb"
    del shell.user_ns["__vsc_ipynb_file__"]
    assert notebook_file() is None
    assert notebook_folder() == Path.cwd()


# ---- wrong inputs ----


@pytest.mark.parametrize(
    "order", [[], None, Market, "Market", [Page], ["Market"], [Market, 5], [[]], {"a": Market}, 7],
)  # fmt: skip
def test_a_page_order_that_is_none_is_refused(order: Any) -> None:
    """It names what is wrong, and nothing is served."""
    with pytest.raises(BadPage):
        serve(order, namespace={}, **OPTIONS)


WRONG: list[dict[str, Any]] = [
    {"players": -1}, {"players": 1.5}, {"players": "4"}, {"players": True}, {"players": None},
    {"name": ""}, {"name": 5}, {"name": "a/b"}, {"name": "a b"}, {"name": "x" * 101},
    {"name": b"x"}, {"name": "a\n"}, {"name": "\ud800"}, {"code": "Live"}, {"code": ""},
    {"code": True},
    {"settings": 5}, {"settings": [1]}, {"settings": "ab"}, {"settings": {1: 2}},
    {"settings": {"a": object()}}, {"port": -1}, {"port": "8600"}, {"port": 70000},
    {"address": "not an address"}, {"address": 5}, {"public_url": 5}, {"public_url": "ftp://x"},
    {"public_url": "https://"},
    {"db": 5}, {"embedded": "yes"}, {"bridge": 5},
]  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: repr(wrong).partition(" at 0x")[0])
def test_a_wrong_argument_is_refused_by_name_and_leaves_nothing_behind(
    wrong: dict[str, Any], tmp_path: Path
) -> None:
    """The same name can be served right afterwards, in the same notebook."""
    (name,) = wrong
    names: dict[str, Any] = {}
    options = {**OPTIONS, "name": "market", "db": tmp_path / "log.sqlite3", "namespace": names}
    before = sys.getswitchinterval(), sys.stdout
    with pytest.raises(UprootError, match=name):
        serve([Market], **{**options, **wrong}).close()
    assert (sys.getswitchinterval(), sys.stdout) == before
    with serve([Market], players=1, **options) as run:
        assert len(run.players) == 1


def test_an_unknown_argument_is_refused() -> None:
    """A slip of the pen is not ignored."""
    with pytest.raises(TypeError, match="player"):
        serve([Market], player=4, namespace={}, **OPTIONS)  # type: ignore[call-arg]


def test_callbacks_that_cannot_be_called_are_refused() -> None:
    """new_session = 5 is no callback."""
    for name in ("new_session", "new_player", "restart"):
        with pytest.raises(BadPage, match=name):
            serve([Market], namespace={name: 5}, **OPTIONS)


def test_a_database_in_a_folder_that_is_not_there_is_refused_by_the_folders_name() -> None:
    """No folder is made by mistake."""
    with pytest.raises(OSError, match="nowhere"):
        serve([Market], name="m", namespace={}, **{**OPTIONS, "db": "/nowhere/at/all.sqlite3"})


def test_a_file_that_is_no_log_is_refused_and_left_alone(tmp_path: Path) -> None:
    """Somebody's notes stay as they are."""
    path = tmp_path / "notes.txt"
    path.write_text("my notes " * 1000)
    with pytest.raises(UprootError, match=r"notes\.txt"):
        serve([Market], name="m", namespace={}, **{**OPTIONS, "db": path})
    assert path.read_text() == "my notes " * 1000


# ---- the namespace ----


def test_without_arguments_serve_takes_the_namespace_it_is_called_from(tmp_path: Path) -> None:
    """page_order, callbacks and C of the calling module; the database of the environment."""
    names: dict[str, Any] = {"__name__": "notebook", "serve": serve, "Market": Market}
    seen: list[Any] = []
    names.update(
        page_order=[Market, [Survey]],
        new_session=lambda session: seen.append("session"),
        new_player=lambda player: seen.append(player.id),
    )
    exec(f"run = serve(players=2, db={str(tmp_path / 'x')!r}, embedded=True, port=0)", names)
    run = names["run"]
    assert seen == ["session", 0, 1]
    assert [page.__name__ for page in run._runtime.flow.pages] == ["Market", "Survey"]
    run.close()


async def test_constants_reach_pages_and_scripts_without_what_is_private() -> None:
    """C is public, names with an underscore and what no script could read are not."""

    class C:
        ENDOWMENT = 10
        _secret = 5
        rule = object()

    with serving(Market, names={"C": C}) as run:
        ann = await Browser.open(run)
        assert ann.page["C"] == {"ENDOWMENT": 10}


async def test_settings_are_read_by_attribute_and_survive_a_restart(tmp_path: Path) -> None:
    """session.settings.endowment; what was served with goes on if nothing new is given."""
    path = tmp_path / "log.sqlite3"
    with serving(Market, settings={"endowment": 10, "name": "x"}, db=path) as run:
        assert run.session.settings.endowment == 10
        assert run.session.settings["name"] == "x"
        with pytest.raises(AttributeError):
            run.session.settings.nothing  # noqa: B018
        with pytest.raises(UprootError, match="read-only"):
            run.session.settings.endowment = 5
        assert run.session.settings.endowment == 10
    with serving(Market, db=path) as run:
        assert run.session.settings.endowment == 10


# ---- callbacks ----


async def test_new_session_and_new_player_run_once_each_and_restart_at_each_resume(
    tmp_path: Path,
) -> None:
    """Sync or async; their changes name them."""
    seen: list[str] = []

    async def new_session(session):
        await asyncio.sleep(0)
        session.pot = 0
        seen.append("new_session")

    def new_player(player):
        player.cash = 10
        seen.append(f"new_player {player.id}")

    def restart():
        seen.append("restart")

    names = {"new_session": new_session, "new_player": new_player, "restart": restart}
    path = tmp_path / "log.sqlite3"
    with serving(Market, names=names, db=path) as run:
        assert seen == ["new_session", "new_player 0", "new_player 1"]
        causes = run.events.query("kind == 'set'")
        assert causes["cause"].tolist() == ["new_session", "new_player", "new_player"]
        assert causes["actor"].tolist() == ["researcher", *(p.name for p in run.players)]
    with serving(Market, names=dict(names), db=path, players=3) as run:
        assert seen[3:] == ["new_player 2", "restart"]
        assert run.players.each("cash") == [10, 10, 10]


@pytest.mark.parametrize("failing", ["new_session", "new_player"])
def test_a_callback_that_failed_runs_again_when_the_cell_is_mended(
    failing: str, tmp_path: Path
) -> None:
    """The mistake shows under the cell; the mended cell starts the session properly."""
    broken = [True]

    def new_session(session):
        if failing == "new_session" and broken:
            raise KeyError("author's mistake")
        session.ready = True

    def new_player(player):
        if failing == "new_player" and broken and player.id == 1:
            raise KeyError("author's mistake")
        player.ready = player.get("ready", 0) + 1

    names = {"new_session": new_session, "new_player": new_player}
    options = {"db": tmp_path / "log.sqlite3", "players": 3, "names": names}
    with pytest.raises(KeyError, match="author's mistake"), serving(Market, **options):
        pass
    broken.clear()
    with serving(Market, **options) as run:
        assert run.session.ready is True
        assert run.players.each("ready") == [1, 1, 1]
        assert len(run.players) == 3


# ---- again ----


def test_the_same_cell_may_run_again() -> None:
    """The same run, the same players; more places if more are asked for, never fewer."""
    names: dict[str, Any] = {}
    with serving(Market, names=names, players=2) as run:
        before = [player.name for player in run.players]
        assert serve([Market], players=2, name="market", namespace=names, **OPTIONS) is run
        assert serve([Market], players=4, name="market", namespace=names, **OPTIONS) is run
        assert [player.name for player in run.players][:2] == before
        assert len(run.players) == 4
        assert serve([Market], players=1, name="market", namespace=names, **OPTIONS) is run
        assert len(run.players) == 4


async def test_places_that_come_later_can_be_used_at_once() -> None:
    """Their links work."""
    names: dict[str, Any] = {}
    with serving(Market, names=names, players=0) as run:
        assert run.links.empty
        serve([Market], players=1, name="market", namespace=names, **OPTIONS)
        ann = await Browser.open(run)
        assert await ann.call("echo", 1) == 1


def test_another_page_order_is_taken_while_nobody_is_on_it() -> None:
    """And its pages' source is in the log."""
    names: dict[str, Any] = {}
    with serving(Market, names=names) as run:
        serve([Survey, Market, Thanks], name="market", namespace=names, **OPTIONS)
        assert [p.__name__ for p in run._runtime.flow.pages] == ["Survey", "Market", "Thanks"]
        code = run.events.query("kind == 'code'")["field"].tolist()
        assert {"Survey", "Market", "Thanks"} <= set(code)


async def test_another_page_order_is_refused_while_players_are_on_it() -> None:
    """They go on where they are."""
    names: dict[str, Any] = {}
    with serving(Market, Survey, names=names) as run:
        ann = await Browser.open(run)
        with pytest.raises(UprootError, match="page order"):
            serve([Survey, Market], name="market", namespace=names, **OPTIONS)
        assert [p.__name__ for p in run._runtime.flow.pages] == ["Market", "Survey"]
        assert await ann.call("echo", 1) == 1


def test_after_close_the_name_can_be_served_again() -> None:
    """In the same notebook, by the same cell."""
    names: dict[str, Any] = {}
    with serving(Market, names=names) as run:
        run.close()
        again = serve([Market], name="market", players=2, namespace=names, **OPTIONS)
        assert again is not run
        assert not again.closed
        again.close()


@pytest.mark.long
async def test_a_name_in_the_log_resumes_that_session(tmp_path: Path) -> None:
    """Same players, links, pages and data; the page in a browser is still good."""
    path = tmp_path / "log.sqlite3"
    with serving(Market, Survey, db=path) as run:
        ann = await Browser.open(run)
        await ann.call("add")
        await ann.submit()
        names = [player.name for player in run.players]
        links, join = run.links["url"].str.partition("/p/")[2].tolist(), run.join_link
        run.session.book = {"a": [1, {2}]}
        run.players[0].friend = run.players[1]
    with serving(Market, Survey, db=path) as run:
        assert [player.name for player in run.players] == names
        assert run.links["url"].str.partition("/p/")[2].tolist() == links
        assert run.join_link.partition("/join/")[2] == join.partition("/join/")[2]
        assert run.players[0].page == "Survey"
        assert run.players[0].count == 1
        assert run.session.book == {"a": [1, {2}]}
        assert run.players[0].friend == run.players[1]
        assert not any(player.online for player in run.players)
        run.session.book["a"][1].add(3)
        assert run.session.book == {"a": [1, {2, 3}]}


# ---- taken ----

HOLDER = """
import sys
from uproot_nb import *
class Market(Page):
    "A market."
run = serve([Market], db=sys.argv[1], name="market", embedded=True, port=0)
print("serving", flush=True)
sys.stdin.read()
"""


def test_a_session_that_another_process_serves_is_taken_until_it_lets_go(tmp_path: Path) -> None:
    """One session has one writer; other names of the same file are free."""
    path = tmp_path / "log.sqlite3"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "serving\n"
        with pytest.raises(SessionTaken, match="market"), serving(Market, db=path):
            pass
        with serving(Market, db=path, name="another") as run:
            assert len(run.players) == 2
        holder.kill()
        holder.wait()
        with serving(Market, db=path) as run:
            assert len(run.players) == 2


def test_a_session_that_another_notebook_of_this_process_serves_is_taken(tmp_path: Path) -> None:
    """Another namespace is another notebook."""
    path = tmp_path / "log.sqlite3"
    with serving(Market, db=path) as run:
        with pytest.raises(SessionTaken), serving(Market, db=path):
            pass
        run.session.x = 1


# ---- two runs, ports ----


@pytest.mark.long
async def test_two_runs_in_one_process_do_not_mix(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each has its own players, data, port, output and errors."""
    path = tmp_path / "log.sqlite3"
    with serving(Market, db=path, name="a") as a, serving(Market, db=path, name="b") as b:
        ann, bob = await Browser.open(a), await Browser.open(b)
        assert await ann.call("add") == 1
        assert await bob.call("add") == 1
        assert await ann.call("add") == 2
        await ann.call("speak", "said in a")
        await bob.call("speak", "said in b")
        a.session.only_here = 1
        assert b.session.get("only_here") is None
        for run, text in ((a, "said in a"), (b, "said in b")):
            output = run.events.query("kind == 'output'")["value"]
            assert [value["text"].strip() for value in output] == [text]
        assert a.url != b.url
        b.close()
        assert await ann.call("add") == 3
    assert capsys.readouterr().out == "said in a\nsaid in b\n"


@pytest.mark.parametrize("first", [0, 1])
def test_when_the_last_run_has_closed_the_interpreter_is_as_it_was(first: int) -> None:
    """Switch interval and streams, in whatever order runs are closed."""
    before = sys.getswitchinterval(), sys.stdout, sys.stderr
    with serving(Market, name="a") as a, serving(Market, name="b") as b:
        assert sys.getswitchinterval() < before[0]
        runs = [a, b]
        runs.pop(first).close()
        assert sys.getswitchinterval() < before[0]
        runs.pop().close()
    assert sys.getswitchinterval() == before[0]
    print("still works")


async def test_a_taken_port_gives_the_next_free_one() -> None:
    """The links say which."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with serving(Market, port=port) as run:
            assert f":{port}/" not in run.url
            ann = await Browser.open(run)
            assert await ann.call("echo", 1) == 1


def test_a_public_url_is_what_links_say() -> None:
    """Behind a proxy participants know another address."""
    with serving(Market, public_url="https://lab.example.org/x") as run:
        assert run.join_link.startswith("https://lab.example.org/x/join/market/")
        assert run.links["url"].str.startswith("https://lab.example.org/x/p/").all()


# ---- names ----


def test_a_seed_makes_names_reproducible_and_not_links() -> None:
    """Names are for analysis, links are secrets."""
    with serving(Market, seed=7) as run, serving(Market, seed=7, name="b") as other:
        assert run.players.each("name") == other.players.each("name")
        assert set(run.links["url"].str[-33:]).isdisjoint(other.links["url"].str[-33:])
    with serving(Market, seed=8) as run:
        assert run.players.each("name") != other.players.each("name")


@pytest.mark.long
def test_without_a_name_each_serve_is_a_session_of_its_own(tmp_path: Path) -> None:
    """And the database may be named by the environment."""
    path = tmp_path / "log.sqlite3"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UPROOT_NB_DATABASE", str(path))
        with serving(Market, name=None, db=None) as a, serving(Market, name=None, db=None) as b:
            assert a.name != b.name
            assert a.path == b.path == str(path)
    assert path.exists()


def test_a_session_name_of_many_scripts_has_a_join_link() -> None:
    """Letters of any alphabet are letters."""
    with serving(Market, name="Märkte-市場.1") as run:
        assert run.join_link.isascii()


# ---- frozen ----


@pytest.mark.long
async def test_every_event_that_code_causes_carries_the_hash_of_source_in_the_log() -> None:
    """From hash to source, for pages' methods and hooks."""
    with serving(Market, Survey) as run:
        ann = await Browser.open(run)
        await ann.call("add")
        await ann.submit()
        sources = {v["hash"]: v["source"] for v in run.events.query("kind == 'code'")["value"]}
        change = run.events.query("field == 'count'").iloc[0]
        assert sources[change["code"]].startswith("class Market(Page):")
        call = run.events.query("kind == 'call'").iloc[0]
        assert call["code"] == change["code"] == Market.source.hash


async def test_frozen_goes_on_with_the_page_that_was_served() -> None:
    """A script (no shell) that serves again with other code is refused."""
    names: dict[str, Any] = {}

    class Other(Page):
        """Another."""

    with serving(Market, names=names, code="frozen") as run:
        with pytest.raises(UprootError, match="frozen"):
            serve([Other], name="market", code="frozen", namespace=names, **OPTIONS)
        with pytest.raises(UprootError):
            serve([Market, Other], name="market", code="frozen", namespace=names, **OPTIONS)
        ann = await Browser.open(run)
        assert await ann.call("echo", 1) == 1
        with pytest.raises(Rejected):
            await ann.call("other")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_can_end_without_touching_the_run() -> None:
    """multiprocessing in a cell neither closes sockets nor writes the parent's log."""
    with serving(Market) as run:
        child = os.fork()
        if child == 0:
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        run.session.x = 1
        assert run.session.x == 1
