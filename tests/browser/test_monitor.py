"""The monitor's panel in a browser, with a kernel that a test plays. Jupyter: tests/notebooks."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from axe import violations
from monitor_panel import NEWS, ROWS, Panel, keep_picture
from playwright.sync_api import BrowserContext, Page, expect


@pytest.fixture
def page(context: BrowserContext) -> Page:
    context.set_default_timeout(5_000)
    page = context.new_page()
    page.clock.install()
    return page


@pytest.mark.parametrize("width", [360, 900])
@pytest.mark.sample(1)
def test_no_row_of_the_events_is_half_covered(page: Page, width: int) -> None:
    """Each is as high as the script thinks, and the last one ends above the edge."""
    panel = Panel(page, width)
    panel.open_events()
    rows = page.locator(".unb-window tbody tr")
    boxes = [row.bounding_box() for row in rows.all()]
    assert {box["height"] for box in boxes if box} == {24}
    window = page.locator(".unb-window").bounding_box()
    assert window is not None
    assert boxes[-1] is not None
    assert boxes[-1]["y"] + boxes[-1]["height"] <= window["y"] + window["height"]
    expect(rows.last).to_contain_text("2800")
    keep_picture(page, f"events_{width}")
    assert panel.errors == []


@pytest.mark.slow
def test_a_scroll_counts_also_right_after_rows_have_come(page: Page) -> None:
    """What the panel itself has scrolled is told from what a person scrolls by where it is."""
    panel = Panel(page)
    panel.open_events()
    asked = {**panel.said("rows")[-1], "rows": ROWS[-13:], "total": len(ROWS), "found": False}
    page.evaluate(
        """(message) => {
            hears['msg:custom'](message);
            const port = document.querySelector('.unb-window');
            port.scrollTop = (port.scrollHeight - port.clientHeight) / 2;
        }""",
        asked,
    )
    expect(page.get_by_label("follow")).not_to_be_checked()
    assert 180 < panel.said("rows")[-1]["a"] < 210


def test_events_have_what_players_are_called_behind_their_names(page: Page) -> None:
    """A label of their own, else what tables of markets call them."""
    rest = [None, "online", None, [], "", 7, "", 0, False, "", "", "", "", False, 0, "", "Buyer 8"]
    players = [*NEWS["players"], ["jkl78", "", "Market", *rest]]
    panel = Panel(page, news={**NEWS, "players": players})
    expect(page.locator("[data-player=jkl78] [data-cell=trader]")).to_have_text("Buyer 8")
    panel.open_events()
    order = '{"command":"limit","player":"jkl78","price":60}'
    row = [401, 1764000401.5, "append", "player/def34", "entries", order, "jkl78", "Market", ""]
    asked = panel.said("rows")[-1]
    panel.tell({**asked, "rows": [row], "total": len(ROWS), "found": False})
    cells = page.locator(".unb-window tbody td").all_inner_texts()
    assert cells[3:] == [
        "player/def34 (red)", "entries", '{"command":"limit","player":"jkl78 (Buyer 8)","price":60}'
    ]  # fmt: skip
    assert panel.errors == []


@pytest.mark.slow
def test_events_can_be_read_on_a_narrow_screen(page: Page) -> None:
    """Time, who, field and value are there, and none of them is cut."""
    panel = Panel(page, 360)
    panel.open_events()
    row = page.locator(".unb-window tbody tr").filter(has_text="abc12").first
    shown = [cell for cell in row.locator("td").all() if cell.is_visible()]
    texts = [cell.inner_text() for cell in shown]
    assert len(texts) == 4
    assert texts[1:3] == ["abc12", "price"]
    assert len(texts[0]) == 8
    for cell in shown:
        assert cell.evaluate("(cell) => cell.scrollWidth <= cell.clientWidth"), cell.inner_text()


@pytest.mark.slow
def test_a_cleared_time_asks_for_nothing(page: Page) -> None:
    panel = Panel(page)
    panel.open_events()
    when = page.get_by_label("Jump to a time")
    when.fill("2026-11-24T10:30:00")
    when.dispatch_event("change")
    when.fill("")
    when.dispatch_event("change")
    found = panel.said("find")
    assert found
    assert all(isinstance(question["time"], (int, float)) for question in found)


@pytest.mark.slow
def test_who_is_selected_and_not_shown_is_counted_in_the_question(page: Page) -> None:
    panel = Panel(page)
    page.get_by_label("Select all players").check()
    page.get_by_label("Find players").fill("blue")
    expect(page.locator(".unb")).to_contain_text("3 selected, 2 of them not shown by the search")
    question = panel.act("advance")
    expect(question).to_contain_text("3 players (2 not shown by the search)")
    question.get_by_role("button", name="No").click()
    page.get_by_label("Find players").fill("")
    expect(panel.act("advance")).not_to_contain_text("not shown")


@pytest.mark.parametrize(
    ("typed", "value"),
    [("cash = [1, 2]", [1, 2]), ("cash = 7", 7), ("cash = red car", "red car"),
     ("cash = \"7\"", "7"), ("cash = a [b", "a [b")],
)  # fmt: skip
@pytest.mark.sample(1)
def test_a_field_is_set_to_json_or_to_plain_words(page: Page, typed: str, value: Any) -> None:
    panel = Panel(page)
    page.get_by_label("Select abc12").check()
    question = panel.act("set")
    question.get_by_role("textbox").fill(typed)
    question.get_by_role("button", name="Yes").click()
    (asked,) = panel.said("do")
    assert asked["values"] == {"cash": value}


@pytest.mark.parametrize("typed", ["cash = [1", "cash = {a: 1}"])
@pytest.mark.sample(1)
def test_what_begins_as_json_and_is_none_is_not_taken_for_words(page: Page, typed: str) -> None:
    panel = Panel(page)
    page.get_by_label("Select abc12").check()
    question = panel.act("set")
    question.get_by_role("textbox").fill(typed)
    question.get_by_role("button", name="Yes").click()
    expect(question.get_by_role("alert")).to_contain_text("begins as JSON does, but is none")
    expect(question).to_be_visible()
    assert panel.said("do") == []


@pytest.mark.slow
def test_an_old_answer_goes_and_a_missing_one_is_reported(page: Page) -> None:
    panel = Panel(page)
    page.get_by_label("Select abc12").check()
    panel.act("advance").get_by_role("button", name="Yes").click()
    panel.tell({"op": "done", "id": 1, "text": "advance: 1 of 1 players."})
    status = page.get_by_role("status")
    expect(status).to_have_text("advance: 1 of 1 players.")
    panel.act("advance").get_by_role("button", name="Yes").click()
    expect(status).to_be_hidden()
    page.clock.run_for(10_000)
    expect(status).to_contain_text("No answer from the kernel yet")
    panel.tell({"op": "done", "id": 2, "text": "late: 1 of 1 players."})
    expect(status).to_have_text("late: 1 of 1 players.")


def test_a_kernel_that_is_gone_is_shown_until_it_answers_again(page: Page) -> None:
    panel = Panel(page)
    page.get_by_label("Select abc12").check()
    page.evaluate("hears['comm_live_update']()")
    expect(page.locator(".unb header")).to_contain_text("no kernel")
    expect(page.get_by_role("button", name="Pause")).to_be_disabled()
    expect(page.locator("[data-action=advance]")).to_be_disabled()
    assert len(panel.said("ready")) == 2
    panel.tell({**NEWS, "n": 2})
    expect(page.locator(".unb header")).to_contain_text("running")
    expect(page.get_by_role("button", name="Pause")).to_be_enabled()
    expect(page.locator("[data-action=advance]")).to_be_enabled()
    assert panel.errors == []


QUIET, SILENT = 6_000, 16_000
"""Milliseconds without a message after which the kernel is asked, and after which it is said so."""


@pytest.mark.slow
def test_a_silent_kernel_is_asked_and_then_reported(page: Page) -> None:
    """As when another program has restarted it. If it is only busy it takes what is pressed."""
    panel = Panel(page)
    page.get_by_label("Select abc12").check()
    header = page.locator(".unb header")
    assert panel.said("ask") == []
    page.clock.run_for(QUIET)
    assert len(panel.said("ask")) == 1
    expect(header).to_contain_text("running")
    page.clock.run_for(SILENT - QUIET)
    expect(header).to_contain_text("no answer since")
    expect(header).not_to_contain_text("running")
    expect(page.locator("[data-action=advance]")).to_be_enabled()
    keep_picture(page, "no_answer")
    assert panel.errors == []


@pytest.mark.slow
def test_when_a_kernel_is_heard_again_everything_is_asked_for(page: Page) -> None:
    panel = Panel(page)
    page.clock.run_for(SILENT)
    header = page.locator(".unb header")
    expect(header).to_contain_text("no answer since")
    for _ in panel.said("ask"):  # it was busy, and answers all of them now
        panel.tell({"op": "here"})
    assert len(panel.said("ready")) == 2
    panel.tell({**NEWS, "total": 401})
    expect(header).to_contain_text("running")
    expect(header).to_contain_text("401 events")
    page.clock.run_for(SILENT)
    expect(header).to_contain_text("no answer since")
    panel.tell({**NEWS, "n": 2, "everything": False, "total": 402})
    expect(header).to_contain_text("402 events")
    assert len(panel.said("ready")) == 3
    assert panel.errors == []


@pytest.mark.slow
def test_a_kernel_that_answers_is_never_reported(page: Page) -> None:
    """A session in which nothing happens is none that is gone."""
    panel = Panel(page)
    for _ in range(20):
        page.clock.run_for(QUIET)
        panel.tell({"op": "here"})
    expect(page.locator(".unb header")).to_contain_text("running")
    assert len(panel.said("ready")) == 1


@pytest.mark.slow
def test_a_page_whose_clock_stood_still_asks_first(page: Page) -> None:
    """A computer that slept, or a page that was hidden for an hour."""
    panel = Panel(page)
    page.clock.fast_forward(3_600_000)
    assert len(panel.said("ask")) == 1
    expect(page.locator(".unb header")).to_contain_text("running")


@pytest.mark.slow
def test_a_kernel_that_is_gone_is_asked_less_and_less_and_a_closed_session_never(
    page: Page,
) -> None:
    panel = Panel(page)
    page.clock.run_for(600_000)
    assert 20 < len(panel.said("ask")) < 40
    panel.tell({"op": "closed"})
    before = len(panel.said("ask"))
    page.clock.run_for(600_000)
    assert len(panel.said("ask")) == before
    expect(page.locator(".unb header")).to_contain_text("closed")


@pytest.mark.parametrize("later", [[], [30.0], [30.0, 600.0]])
@pytest.mark.sample(1)
def test_a_chart_ends_with_its_last_point_and_shows_a_minute_or_more(
    page: Page, later: list[float]
) -> None:
    panel = Panel(page)
    page.evaluate(
        """() => {
            const Real = uPlot;
            window.uPlot = function (...told) { return window.plot = new Real(...told); };
            Object.assign(window.uPlot, Real);
        }"""
    )
    page.get_by_role("tab", name="Chart").click()
    times = [1.764e9, *(1.764e9 + seconds for seconds in later)]
    points = [["abc12", "cash", time, 40 + at] for at, time in enumerate(times)]
    panel.tell({**NEWS, "n": 2, "everything": False, "points": points})
    page.clock.run_for(1_000)
    shown = page.evaluate("[plot.scales.x.min, plot.scales.x.max]")
    assert shown == [min(times[0], times[-1] - 60), times[-1]]
    assert panel.errors == []


@pytest.mark.parametrize("theme", ["vscode-dark", "vscode-light"])
@pytest.mark.slow
def test_where_all_layers_have_one_colour_lines_and_links_are_seen(page: Page, theme: str) -> None:
    """As in VS Code, whose theme takes the places of Jupyter's colours."""
    panel = Panel(page)
    page.evaluate("(theme) => document.body.classList.add(theme)", theme)
    page.add_style_tag(
        content=".unb { --jp-layout-color1: #313131; --jp-layout-color2: #313131;"
        " --jp-border-color2: #2b2b2b; --jp-content-link-color: #4daafc; }"
    )
    page.get_by_role("tab", name="Links").click()
    line = page.locator(".unb tr td").last.evaluate("(td) => getComputedStyle(td).borderColor")
    assert "128, 128, 128" in line
    link = page.locator(".unb a").first.evaluate("(a) => getComputedStyle(a).color")
    assert link == "rgb(77, 170, 252)"
    keep_picture(page, theme)
    assert panel.errors == []


@pytest.mark.slow
def test_before_players_go_on_answers_are_offered_for_what_their_form_asks(page: Page) -> None:
    """Fields with their defaults; what stays empty is missing, and what is no JSON is a text."""
    panel = Panel(page)
    page.get_by_label("Select all players").check()
    question = panel.act("advance")
    asked = panel.said("unanswered")[-1]
    assert asked["players"] == ["ghi56", "abc12", "def34"]  # blue, red, red
    old = {"op": "unanswered", "id": asked["id"] - 1, "gaps": [["Old", "old", "", 1]]}
    panel.tell(old)  # of a question that was answered with no
    gaps = [["Ask", "age", "", 2], ["Ask", "cash", "3", 2], ["Ask", "firm", '"Ford"', 1]]
    panel.tell({"op": "unanswered", "id": asked["id"], "gaps": gaps})
    expect(question).to_contain_text("may fail without")
    expect(question).not_to_contain_text("Old")
    keep_picture(page, "unanswered")
    question.get_by_label("Ask: cash (2)").fill("[2")
    question.get_by_role("button", name="Yes").click()
    expect(question.get_by_role("alert")).to_contain_text("close its brackets")
    question.get_by_label("Ask: cash (2)").fill("2.5")
    question.get_by_label("Ask: cash (2)").press("Enter")
    said = panel.said("do")[-1]
    assert said["what"] == "advance"
    assert said["values"] == {"cash": 2.5, "firm": "Ford"}
    assert panel.act("revert").locator(".unb-gaps").is_hidden()
    assert panel.errors == []


@pytest.mark.slow
def test_select_all_says_whether_all_are_selected(page: Page) -> None:
    panel = Panel(page)
    every, one = page.get_by_label("Select all players"), page.get_by_label("Select abc12")
    every.check()
    one.uncheck()
    expect(every).not_to_be_checked()
    assert every.evaluate("box => box.indeterminate")
    one.check()
    expect(every).to_be_checked()
    newcomer = ["new99", "", "Market", None, "online", None, [], "http://localhost/new99", 3]
    panel.tell({**NEWS, "n": 2, "everything": False, "players": [newcomer]})
    expect(every).not_to_be_checked()
    page.get_by_label("Find players").fill("new99")
    every.check()
    page.get_by_label("Find players").fill("")
    expect(page.get_by_text("1 selected")).to_be_visible()
    expect(one).not_to_be_checked()
    assert panel.errors == []


@pytest.mark.parametrize("width", [360, 900])
@pytest.mark.sample(1)
def test_a_mark_shows_who_is_connected_by_long_polling(page: Page, width: int) -> None:
    panel = Panel(page, width)
    polling = ["jkl78", "", "Market", None, "online", None, [], "http://localhost/jkl78", 3]
    panel.tell({**NEWS, "n": 2, "everything": False, "players": [[*polling, "polling"]]})
    mark = page.locator("[data-player=jkl78] .unb-by")
    expect(mark).to_have_text("polling")
    expect(mark).to_have_attribute("title", re.compile("WebSockets are blocked"))
    expect(page.locator("[data-player=abc12] .unb-by")).to_have_count(0)
    keep_picture(page, f"polling_{width}")
    panel.tell({**NEWS, "n": 3, "everything": False, "players": [[*polling, ""]]})
    expect(mark).to_have_count(0)
    assert panel.errors == []


@pytest.mark.parametrize("width", [360, 900])
@pytest.mark.slow
def test_where_there_is_little_room_players_go_by_their_labels(page: Page, width: int) -> None:
    panel = Panel(page, width)
    nobody = ["jkl78", "", "Market", None, "error", None, [], "http://localhost/jkl78", 3]
    panel.tell({**NEWS, "n": 2, "everything": False, "players": [nobody]})
    first = page.locator("[data-player=abc12] td").nth(1)
    expect(first).to_have_text("red" if width == 360 else "abc12", use_inner_text=True)
    expect(page.locator("[data-player=jkl78] td").nth(1)).to_have_text("jkl78", use_inner_text=True)
    expect(page.locator("[data-player=jkl78] [data-status]")).to_have_text("error page")
    expect(page.locator("header")).to_contain_text("1 on an error page")
    keep_picture(page, f"labels_{width}")
    assert panel.errors == []


def test_a_thousand_equal_errors_are_one_line(page: Page) -> None:
    panel = Panel(page)
    value = {"type": "ScriptError", "message": "<b> is undefined", "source": "page.js:3"}
    parts = [("abc12", 1, 1), ("abc12", 996, 2), ("ghi56", 3, 1)]
    for n, (who, count, players) in enumerate(parts):
        text = json.dumps({**value, "count": count})
        error = [n, 1764000000, f"player/{who}", "Market", text, "Market script", count, players]
        panel.tell({**NEWS, "n": 2 + n, "everything": False, "players": [], "errors": [error]})
    page.get_by_role("tab", name="Errors (1)").click()
    line = page.locator("details[data-type=ScriptError]")
    expect(line).to_have_count(1)
    expect(line).to_contain_text("2 players · Market · ScriptError: <b> is undefined · 1,000 times")
    expect(line).to_contain_text("page.js:3")
    assert panel.errors == []


def test_chats_are_lines_of_text_that_open_to_an_input(page: Page) -> None:
    panel = Panel(page)
    asked = [1764000000, "player", "<b>Help</b>"]
    news = {**NEWS, "everything": False, "players": []}
    panel.tell({**news, "n": 2, "chats": [["abc12", [asked]], ["def34", []]]})
    page.get_by_role("tab", name="Chats (1)").click()
    chat = page.locator("[data-chat=abc12]")
    expect(page.locator("[data-chat]")).to_have_count(2)
    expect(chat.locator("summary")).to_contain_text("red (abc12)")
    chat.locator("summary").click()
    expect(chat.get_by_role("listitem")).to_contain_text("<b>Help</b>")
    # The colours are those of Jupyter's theme, which is not here.
    assert violations(page, "[data-chat=abc12]", ignore=("color-contrast",)) == []
    chat.get_by_role("textbox").fill("Yes")
    panel.tell({**news, "n": 3, "chats": [["abc12", [asked, asked]]]})
    expect(chat.get_by_role("textbox")).to_have_value("Yes")
    expect(chat.get_by_role("textbox")).to_be_focused()
    chat.get_by_role("textbox").press("Enter")
    (said,) = panel.said("do")
    assert (said["what"], said["players"], said["text"]) == ("answer", ["abc12"], "Yes")
    panel.tell({**news, "n": 4, "chats": [["abc12", [asked, [1764000001, "researcher", "Yes"]]]]})
    expect(page.get_by_role("tab", name="Chats", exact=True)).to_be_visible()
    assert panel.errors == []


@pytest.mark.slow
def test_players_are_acted_on_in_the_order_of_labels_whatever_was_pressed_first(page: Page) -> None:
    """So groups of a size are made of neighbours: PC-2 before PC-10."""
    labels = ["PC-10", "PC-2", "PC-1"]
    given = zip(NEWS["players"], labels, strict=True)
    players = [[row[0], label, *row[2:]] for row, label in given]
    panel = Panel(page, news={**NEWS, "players": players})
    for name in ("abc12", "ghi56", "def34"):
        page.get_by_label(f"Select {name}").check()
    question = panel.act("regroup")
    expect(question).to_contain_text("PC-1, PC-2, PC-10")
    question.get_by_role("textbox").fill("1")
    question.get_by_role("button", name="Yes").click()
    assert panel.said("do")[-1]["players"] == ["ghi56", "def34", "abc12"]


@pytest.mark.slow
def test_the_exits_that_are_suggested_are_those_of_the_session(page: Page) -> None:
    panel = Panel(page, news={**NEWS, "exits": ["too_slow", "done"]})
    page.get_by_label("Select abc12").check()
    options = panel.act("leave").locator("option")
    assert [one.get_attribute("value") for one in options.all()] == ["too_slow", "done"]


@pytest.mark.slow
def test_a_chat_names_its_participant_by_the_label(page: Page) -> None:
    panel = Panel(page)
    asked = [1764000000, "player", "Help"]
    hand = [*NEWS["players"][2][:9], "", 0, False, "", "", "", "", False, 1764000000.0]
    news = {**NEWS, "everything": False, "n": 2, "players": [hand], "chats": [["abc12", [asked]]]}
    panel.tell(news)
    page.get_by_role("button", name="hand up: open the chat with blue").click()
    expect(page.get_by_label("Answer blue (ghi56)", exact=True)).to_be_focused()
    red = page.locator("[data-chat=abc12]")
    red.locator("summary").click()
    expect(red.get_by_role("log", name="Messages of red (abc12)")).to_contain_text("red Help")
