"""The monitor in JupyterLab and in Notebook 7, with a kernel, a participant and a long log."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from axe import violations
from live_jupyter import LiveJupyter
from playwright.sync_api import Browser, expect

from tests.driving.desk import IDLE, SIZE, Desk, is_of_jupyter
from tests.driving.participant import Participant
from uproot_nb.log.events import Event
from uproot_nb.log.sqlite.sqlite_log import SqliteLog

MARKET = """\
from uproot_nb import *
import json, threading, time

busy = threading.Event()


class Market(Page):
    "Bid."

    @live
    def bid(page, player, price: int):
        player.bid = price

    @live
    def fail(page, player):
        raise KeyError("<img src=x onerror=alert(1)>")


class Thanks(Page):
    "Thank you."


run = serve([Market, Thanks], players=3, name="market")
with open("links.json", "w") as file:
    json.dump(list(run.links["url"]), file)
run.monitor(fields=["bid"])
"""
STILL = (
    MARKET.replace('"market"', '"still"')
    + """
import os
with open("pid", "w") as file:
    file.write(str(os.getpid()))
"""
)
EVIL = r"$\href{https://example.org}{\text{Claim}}$"
TABLES = f"""\
from IPython.display import HTML, display
import pandas
from uproot_nb import *


class Market(Page):
    "Bid."


run = serve([Market], players=2, db=":memory:")
run.set(run.players[0], firm=r"{EVIL}")
run.monitor(fields=["firm"])
state = run.state
display(state, state[~state["online"]][["firm"]], pandas.DataFrame({{"x": state["firm"]}}))
display(state.style, run.events, run)
display(HTML("<p class='control'>$x^2$</p>"))
"""
BUSY = "while not run.players[0].get('bid', 0) > 100: pass"
KILL = "import os; os.kill(os.getpid(), 9)"
VIEW = "run.view(*run.players[:2])"
LONG = """\
from uproot_nb import *


class Market(Page):
    "Bid."


run = serve([Market], players=1, name="long", db="long.sqlite3")
run
"""
MILLION = 1_000_000
BOXES = """element => {
    const boxes = [];
    for (let one = element; one && !one.matches(".jp-Notebook"); one = one.parentElement) {
        const scrolls = ["auto", "scroll"].includes(getComputedStyle(one).overflowY);
        const outer = one.matches(".jp-WindowedPanel-outer");    // the notebook itself
        if (scrolls && !outer && one.scrollHeight > one.clientHeight) boxes.push(one.className);
    }
    return boxes;
}"""
"""What has to be scrolled to see all of an element, within the notebook."""


@pytest.mark.parametrize(
    ("message", "stack", "whose"),
    [
        ("Canceled future for create_subshell_request message before replies were done", "", True),
        ("Canceled future for comm_msg message before replies were done", "", False),
        ("x is undefined", "at http://h/static/notebook/notebook_core.4f2.js?v=4f2:1:1", True),
        ("x is undefined", "at http://h/static/lab/jlab_core.4f2.js?v=4f2:1:1", False),
        ("x is undefined", "at blob:http://h/6b1:1:1", False),
    ],
)
def test_errors_of_jupyters_own_are_known_from_ours(message: str, stack: str, whose: bool) -> None:
    assert is_of_jupyter(message, stack) is whose


@pytest.mark.slow
def test_what_participants_have_written_is_no_formula(desk: Callable[..., Desk], app: str) -> None:
    """In no table, monitor or snapshot; a formula of the researcher's is typeset beside them."""
    room = desk(f"tables_{app}", TABLES)
    room.run_cell(0)
    outputs = room.page.locator(".jp-OutputArea")
    expect(outputs.locator(".control mjx-container")).to_be_visible(timeout=60_000)
    expect(room.page.locator(".unb td", has_text="Claim")).to_be_visible(timeout=15_000)
    assert outputs.locator("td", has_text="Claim").count() >= 5
    assert outputs.locator("mjx-container").count() == 1
    assert outputs.locator("a[href*='example.org']").count() == 0


def test_a_session_is_watched_and_steered_while_a_cell_is_busy(
    desk: Callable[..., Desk], person: Callable[[str], Participant], app: str
) -> None:
    """Players, an action that moves a real browser, a message, errors, and what is saved."""
    room = desk(f"market_{app}", MARKET, BUSY, VIEW)
    room.run_cell(0)
    page = room.page
    expect(page.locator(".unb tr[data-player]")).to_have_count(3, timeout=60_000)
    links = json.loads((room.jupyter.folder / "links.json").read_text("utf-8"))
    ann = person(links[0]).arrive()
    room.run_cell(1)
    line = page.locator(".unb tr[data-player]").first
    expect(line.locator("[data-status=online]")).to_be_visible(timeout=15_000)
    for price in (17, 58, 35, 42):
        ann.call("bid", price)
    expect(line).to_contain_text("42", timeout=15_000)
    assert "KeyError" not in str(ann.refused("fail"))
    expect(page.get_by_role("tab", name="Errors (1)")).to_be_visible(timeout=15_000)
    line.get_by_role("checkbox").check()
    room.act("message", "Five <b>minutes</b>")
    ann.sees(".uproot-toast", "Five <b>minutes</b>")
    room.keep_picture("players")
    room.act("advance")
    ann.sees("body", "Thank you.")
    expect(line).to_contain_text("Thanks", timeout=15_000)
    for name in ("Events", "Errors (1)", "Presence", "Links"):
        room.tab(name)
        room.keep_picture(name.split(" ")[0].lower())
    room.tab("Chart")
    page.get_by_label("Fields to draw").fill("bid")
    page.get_by_label("Fields to draw").press("Enter")
    expect(page.locator(".uplot canvas")).to_be_visible(timeout=15_000)
    room.keep_picture("chart")
    for name in page.get_by_role("tablist", name="What to see").get_by_role("tab").all():
        name.click()
        assert violations(page, ".unb") == [], name.inner_text()
    room.tab("Players")
    page.set_viewport_size({"width": 520, "height": 900})
    expect(line.get_by_role("checkbox")).to_be_visible()
    room.keep_picture("narrow")
    page.set_viewport_size(SIZE)
    expect(page.locator(".jp-InputPrompt").nth(1)).to_have_text("[*]:")  # it was busy all the time
    room.act("set", "bid = 101")
    expect(page.locator(".jp-InputPrompt").nth(1)).to_have_text("[2]:", timeout=15_000)
    room.run_cell(2)
    expect(page.locator("iframe[title^='The page of']")).to_have_count(2, timeout=15_000)
    frame = page.frame_locator("iframe[title^='The page of']").nth(1)
    expect(frame.locator("body")).to_contain_text("Bid.", timeout=15_000)
    room.keep_picture("view", ".unb-frames")
    assert room.errors == []
    assert not [link for link in links if link.rstrip("/").rpartition("/")[2] in str(room.save())]


@pytest.mark.slow
def test_a_kernel_that_was_ended_is_spoken_of(desk: Callable[..., Desk], app: str) -> None:
    """Nobody takes the last picture of a lab for the lab; its 40 rows need no box that scrolls."""
    room = desk(
        f"ended_{app}", MARKET.replace('players=3, name="market"', 'players=40, name="ended"'), KILL
    )
    room.run_cell(0)
    page = room.page
    expect(page.locator(".unb tr[data-player]")).to_have_count(40, timeout=60_000)
    assert page.locator(".unb .unb-players .unb-table").evaluate(BOXES) == []
    room.keep_picture("forty")
    expect(page.locator(".unb header")).to_contain_text("running")
    room.run_cell(1)
    expect(page.locator(".unb header")).to_contain_text("no kernel", timeout=30_000)
    expect(page.get_by_role("button", name="Pause")).to_be_disabled()


@pytest.mark.slow
def test_a_kernel_that_another_program_restarts_is_spoken_of(
    desk: Callable[..., Desk], app: str
) -> None:
    """Jupyter tells the page nothing of it. What the monitor says to do then helps."""
    cell = MARKET.replace('"market"', '"restarted"')
    room = desk(f"restarted_{app}", cell, cell)
    room.run_cell(0)
    page = room.page
    expect(page.locator(".unb tr[data-player]")).to_have_count(3, timeout=60_000)
    header = page.locator(".unb header")
    expect(header).to_contain_text("running")
    (session,) = room.jupyter.request("GET", "api/sessions")
    room.jupyter.request("POST", f"api/kernels/{session['kernel']['id']}/restart")
    expect(header).to_contain_text(re.compile("no answer since|no kernel"), timeout=60_000)
    room.keep_picture("no_answer")
    room.save()
    page.goto(room.url)
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
    page.wait_for_selector(IDLE, timeout=60_000)
    room.run_cell(1)
    expect(header).to_contain_text("running", timeout=60_000)
    assert room.errors == []


@pytest.mark.slow
def test_a_kernel_that_stood_still_is_spoken_of_till_it_goes_on(
    desk: Callable[..., Desk], app: str
) -> None:
    """The same monitor is fed again, with what has happened meanwhile."""
    room = desk(f"still_{app}", STILL)
    room.run_cell(0)
    page = room.page
    expect(page.locator(".unb tr[data-player]")).to_have_count(3, timeout=60_000)
    pid = int((room.jupyter.folder / "pid").read_text("utf-8"))
    header = page.locator(".unb header")
    os.kill(pid, signal.SIGSTOP)
    try:
        expect(header).to_contain_text("no answer since", timeout=60_000)
    finally:
        os.kill(pid, signal.SIGCONT)
    expect(header).to_contain_text("running", timeout=60_000)
    page.locator(".unb tr[data-player] input").first.check()
    room.act("advance")
    expect(page.locator(".unb tr[data-player]").first).to_contain_text("Market", timeout=30_000)
    assert room.errors == []


@pytest.mark.slow
def test_below_jupyters_own_address_pages_load_and_calls_work(
    app: str, tmp_path: Path, browser: Browser
) -> None:
    """Whatever page of Jupyter's opens first: the mount is beside it."""
    with LiveJupyter(tmp_path, app=app, mount=True) as jupyter:
        context = browser.new_context(viewport=SIZE)
        room = Desk(jupyter, context.new_page(), app, f"mounted_{app}", MARKET, VIEW)
        room.run_cell(0)
        expect(room.page.locator(".unb tr[data-player]")).to_have_count(3, timeout=60_000)
        links = json.loads((tmp_path / "links.json").read_text("utf-8"))
        assert links[0].startswith(f"{jupyter.url}uproot_nb/participant/")
        room.run_cell(1)
        inside = room.page.frame_locator("iframe[title^='The page of']").first
        expect(inside.locator("body")).to_contain_text("Bid.", timeout=30_000)
        frame = next(frame for frame in room.page.frames if frame.url.startswith(links[0]))
        frame.evaluate("uproot.invoke('bid', 58)")
        line = room.page.locator(".unb tr[data-player]").first
        expect(line).to_contain_text("58", timeout=15_000)
        assert room.errors == []
        context.close()


@pytest.mark.slow
def test_a_saved_notebook_opens_again_with_its_snapshot(
    desk: Callable[..., Desk], app: str
) -> None:
    """Also without a kernel; while the monitor lives the snapshot hides."""
    ended = "run.players[0].bid = '<i>last</i>'\nrun.close()"
    room = desk(f"saved_{app}", MARKET.replace('"market"', '"saved"'), ended)
    room.run_cell(0)
    page = room.page
    expect(page.locator(".unb tr[data-player]")).to_have_count(3, timeout=60_000)
    old = page.locator("[class^=uproot-nb-]")
    expect(old).to_be_hidden()
    room.run_cell(1)
    expect(page.locator(".unb")).to_contain_text("closed", timeout=15_000)
    saved = room.save()
    html = str(saved["cells"][0]["outputs"])
    assert "&lt;i&gt;last&lt;/i&gt;" in html
    assert "http" not in html
    for session in room.jupyter.request("GET", "api/sessions"):
        room.jupyter.request("DELETE", f"api/sessions/{session['id']}")
    page.goto(room.url)
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
    table = page.locator(".jp-OutputArea table")
    expect(table).to_be_visible(timeout=30_000)
    expect(table).to_contain_text("<i>last</i>")


@pytest.mark.slow
def test_a_million_events_scroll(desk: Callable[..., Desk], app: str) -> None:
    """To both ends, through the middle, and filtered; the page has few rows at any time."""
    if app != "lab":
        pytest.skip("a million events once are enough")
    room = desk("long", LONG)
    write_million(room.jupyter.folder / "long.sqlite3")
    room.run_cell(0)
    page = room.page
    expect(page.locator(".unb tr[data-player]")).to_have_count(1, timeout=90_000)
    room.tab("Events")
    rows = page.locator(".unb-window tbody tr")
    page.locator(".unb-window").press("Home")
    expect(rows.first.locator("td").first).to_have_text("1", timeout=15_000)
    page.locator(".unb-window").press("PageDown")
    expect(rows.first.locator("td").first).not_to_have_text("1", timeout=15_000)
    page.evaluate(
        "(() => { const w = document.querySelector('.unb-window');"
        " w.scrollTop = (w.scrollHeight - w.clientHeight) / 2; })()"
    )
    middle = re.compile("^[45][0-9]{5}$")
    expect(rows.first.locator("td").first).to_have_text(middle, timeout=15_000)
    page.get_by_label("Only this field").fill("rare")
    page.get_by_label("Only this field").press("Enter")
    expect(page.locator(".unb")).to_contain_text("10 events", timeout=30_000)
    assert rows.count() <= 30
    room.keep_picture("filtered")
    assert room.errors == []


def write_million(path: Path) -> None:
    """Write a session of a million changes of prices, ten of which are rare ones."""
    log = SqliteLog(path)
    log.claim("long")
    for first in range(1, MILLION + 1, 20_000):
        log.append([
            Event(seq, 1.7e9 + seq / 100, "long", "set", "session",
                  "price" if seq % 100_000 else "rare", str(seq % 997), "", "", "", "")
            for seq in range(first, first + 20_000)
        ])  # fmt: skip
    log.release("long")
    log.close()
