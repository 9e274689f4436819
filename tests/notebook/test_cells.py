"""Cells: what a cell changes carries its name, and what it redefines takes effect."""

from __future__ import annotations

import asyncio
import io
import sys
import threading
from typing import Any

import pytest

from tests.running import Browser, Rejected, until

MARKET = """
class Market(Page):
    '''A market.'''

    @live
    def post(page, player, price):
        player.price = price
        return ["old", price]

    @live
    async def post_later(page, player):
        player.begun = True
        import asyncio
        while not player.session.get("go_on"):
            await asyncio.sleep(0.001)
        player.ended = True
        return "old"
"""

NEW_MARKET = MARKET.replace('["old", price]', '["new", price]')

SERVE = 'run = serve([Market], players=2, name="m", embedded=True, port=0)'


def cell(shell: Any, text: str) -> Any:
    """Run one cell, which must succeed, and return its value."""
    result = shell.run_cell(text, store_history=True)
    result.raise_error()
    return result.result


def start(shell: Any, page: str = MARKET, serve: str = SERVE) -> Any:
    """Define the page, serve it, return the run."""
    cell(shell, page)
    cell(shell, serve)
    return shell.user_ns["run"]


def changed(run: Any, field: str) -> Any:
    """Return the last change of a field."""
    events = run.events
    return events[(events["field"] == field) & (events["kind"] == "set")].iloc[-1]


@pytest.mark.long
def test_what_a_cell_changes_names_the_cell_and_its_code(shell: Any) -> None:
    """Cause 'cell 4', actor researcher, the hash of the cell's text."""
    run = start(shell)
    number = shell.execution_count
    cell(shell, "run.session.x = 1; run.players[0].y = 2")
    for field in ("x", "y"):
        change = changed(run, field)
        assert change["cause"] == f"cell {number}"
        assert change["actor"] == "researcher"
        assert len(change["code"]) == 12
    cell(shell, "run.session.x = 2")
    again = changed(run, "x")
    assert again["cause"] == f"cell {number + 1}"
    assert again["code"] != change["code"]


@pytest.mark.long
def test_what_the_serving_cell_itself_changes_names_it_too(shell: Any) -> None:
    """The first cell is no exception."""
    cell(shell, MARKET)
    number = shell.execution_count
    cell(shell, SERVE + "\nrun.session.x = 1")
    change = changed(shell.user_ns["run"], "x")
    assert (change["cause"], bool(change["code"])) == (f"cell {number}", True)


@pytest.mark.long
async def test_what_a_live_method_changes_names_the_method_also_while_a_cell_runs(
    shell: Any,
) -> None:
    """Cells and methods are distinguished, whatever runs at the same time."""
    run = start(shell)
    ann = await Browser.open(run)
    shell.user_ns["hold"] = run.lock
    number = shell.execution_count
    running = asyncio.create_task(
        asyncio.to_thread(
            shell.run_cell, "for n in range(200):\n    run.session.n = n", store_history=True
        )
    )
    for price in range(30):
        await ann.call("post", price)
    await running
    events = run.events
    sets = events[events["kind"] == "set"]
    assert set(sets[sets["field"] == "price"]["cause"]) == {"Market.post"}
    assert set(sets[sets["field"] == "n"]["cause"]) == {f"cell {number}"}


@pytest.mark.long
def test_the_end_of_a_cell_means_committed(shell: Any) -> None:
    """A cell's changes are on disk before Jupyter shows that it has ended."""
    run = start(shell)
    begun, go_on = threading.Event(), threading.Event()
    run._runtime.loop.call_soon_threadsafe(lambda: (begun.set(), go_on.wait(30.0)))
    begun.wait(30.0)
    try:
        cell(shell, "for n in range(100):\n    run.session.n = n")
        journal = run._runtime.world.journal
        assert journal.committed == journal.seq == run._runtime.world.log.last_seq(run.name)
    finally:
        go_on.set()


@pytest.mark.long
def test_the_lock_is_free_when_its_cell_has_ended(
    shell: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whatever the cell did with it; cells that it runs itself do not count."""
    run = start(shell)
    shell.user_ns["run"] = run
    cell(shell, "with run.lock:\n    get_ipython().run_cell('1')\n    held = run.lock.owned()")
    assert shell.user_ns["held"]
    cell(shell, "run.lock.__enter__()")
    assert not run.lock.owned()
    run._runtime.wait_for(change(run))  # the experiment's thread takes it


async def change(run: Any) -> None:
    """Change something, on the run's loop."""
    run.session.changed = True


@pytest.mark.long
async def test_a_redefined_live_method_takes_effect_at_the_next_call(shell: Any) -> None:
    """No reload, no reconnect: the browser that is on the page calls the new code."""
    run = start(shell)
    ann = await Browser.open(run)
    assert await ann.call("post", 1) == ["old", 1]
    old = changed(run, "price")["code"]
    cell(shell, NEW_MARKET)
    assert await ann.call("post", 2) == ["new", 2]
    change = changed(run, "price")
    assert change["code"] != old
    await ann.settle()
    assert not [frame for frame in ann._waiting if frame["op"] == "action"]
    sources = {v["hash"]: v["source"] for v in run.events.query("kind == 'code'")["value"]}
    assert '["new", price]' in sources[change["code"]]
    assert '["old", price]' in sources[old]


@pytest.mark.long
async def test_a_call_that_has_begun_ends_in_the_code_in_which_it_began(shell: Any) -> None:
    """Its events keep the old hash."""
    run = start(shell)
    ann = await Browser.open(run)
    asked = await ann.ask("post_later")
    await until(lambda: run.players[0].get("begun"))
    cell(shell, NEW_MARKET)
    cell(shell, "run.session.go_on = True")
    assert await ann.answer(asked) == "old"
    assert changed(run, "ended")["code"] == changed(run, "begun")["code"]


@pytest.mark.long
async def test_a_method_that_is_new_or_gone_is_so_at_once(shell: Any) -> None:
    """What a cell adds can be called, what it leaves out cannot."""
    run = start(shell)
    ann = await Browser.open(run)
    cell(shell, "class Market(Page):\n    @live\n    def added(page, player):\n        return 1")
    assert await ann.call("added") == 1
    with pytest.raises(Rejected, match="NotLive"):
        await ann.call("post", 1)


@pytest.mark.long
async def test_a_page_with_another_view_reloads_those_who_are_on_it(shell: Any) -> None:
    """Docstring, template or template variables: the browser loads the new page."""
    run = start(shell)
    ann = await Browser.open(run)
    assert "A market." in ann.html
    cell(shell, MARKET.replace("A market.", "Another market."))
    assert (await ann.action())["action"] == "reload"
    assert "Another market." in await ann.load()


@pytest.mark.long
def test_a_cell_with_a_mistake_leaves_the_old_page_in_place(shell: Any) -> None:
    """The mistake is shown under the cell; participants go on."""
    run = start(shell)
    result = shell.run_cell("class Market(Page):\n    show = 5", store_history=True)
    assert type(result.error_in_exec).__name__ == "BadPage"
    assert list(run._runtime.flow.pages[0].live_methods) == ["post", "post_later"]


@pytest.mark.long
def test_a_cell_that_does_not_touch_the_pages_writes_no_code(shell: Any) -> None:
    """Code events come with code."""
    run = start(shell)
    before = (run.events["kind"] == "code").sum()
    cell(shell, "x = 1")
    cell(shell, "class Unrelated(Page):\n    'Not in the order.'")
    assert (run.events["kind"] == "code").sum() == before


@pytest.mark.long
@pytest.mark.watchdog
def test_the_watchdog_names_the_cell(shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """'cell 4 has held up every participant'."""
    shown = io.StringIO()
    monkeypatch.setattr(sys, "stderr", shown)
    run = start(shell)
    number = shell.execution_count
    warning = f"cell {number} has held up every participant"
    shell.user_ns["warned"] = lambda: warning in shown.getvalue()
    cell(
        shell,
        "import time\nend = time.monotonic() + 30\n"
        "with run.lock:\n    while not warned() and time.monotonic() < end: pass",
    )
    assert warning in shown.getvalue()
    assert run.session.name == "m"


@pytest.mark.long
def test_a_closed_run_watches_no_cells(shell: Any) -> None:
    """Its callbacks are gone; a redefinition afterwards disturbs nobody."""
    events = {name: list(found) for name, found in shell.events.callbacks.items()}
    run = start(shell)
    run.close()
    assert {name: list(found) for name, found in shell.events.callbacks.items()} == events
    cell(shell, NEW_MARKET)


# ---- frozen ----

FROZEN = SERVE.replace(")", ', code="frozen")')


@pytest.mark.long
async def test_frozen_code_refuses_a_redefinition_and_goes_on(
    shell: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """The cell shows FrozenCode; participants keep the code that was hashed."""
    run = start(shell, serve=FROZEN)
    ann = await Browser.open(run)
    shell.run_cell(NEW_MARKET, store_history=True)
    captured = capsys.readouterr()
    assert "FrozenCode" in captured.out + captured.err
    assert await ann.call("post", 1) == ["old", 1]
    result = shell.run_cell(FROZEN, store_history=True)
    assert type(result.error_in_exec).__name__ == "FrozenCode"
    assert await ann.call("post", 2) == ["old", 2]


@pytest.mark.long
def test_frozen_code_lets_the_same_cells_run_again(shell: Any) -> None:
    """The same text has the same hash."""
    run = start(shell, serve=FROZEN)
    cell(shell, MARKET)
    cell(shell, FROZEN.replace("players=2", "players=3"))
    assert shell.user_ns["run"] is run
    assert len(run.players) == 3


@pytest.mark.long
@pytest.mark.parametrize("order", ["[Market, Market]", "[Market, Other]", "[Other]"])
def test_frozen_code_refuses_another_page_order(shell: Any, order: str) -> None:
    """Longer, or other pages: that is other code."""
    run = start(shell, serve=FROZEN)
    cell(shell, "class Other(Page):\n    'Another page.'")
    result = shell.run_cell(FROZEN.replace("[Market]", order), store_history=True)
    assert type(result.error_in_exec).__name__ == "FrozenCode"
    assert [page.__name__ for page in run._runtime.flow.pages] == ["Market"]
