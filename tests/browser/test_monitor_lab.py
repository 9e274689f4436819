"""What a lab manager sees in the monitor at a glance, and does; the kernel is played by a test."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any

import pytest
from axe import violations
from monitor_panel import NEWS, Panel, keep_picture
from playwright.sync_api import BrowserContext, Page, expect

from uproot_nb.monitor.player_rows import COLUMNS
from uproot_nb.steering.action_specs import NAMES

NOW = 1764000000.0


def row(number: int, **told: Any) -> list[Any]:
    """Return what the kernel sends of a player, who is on Contribute for `number` seconds."""
    name = f"p{number:02}"
    usual = {
        "name": name, "label": f"PC-{number}", "page": "Contribute", "round": None,
        "status": "online", "since": NOW, "fields": [], "link": f"http://localhost/{name}",
        "id": 50 - number, "by": "", "entered": NOW - number, "stuck": False, "group": "",
        "trader": "", "treatment": "", "payoff": "", "ended_as": "still in", "paid": False,
        "hand": 0.0, "waits_for": "",
    }  # fmt: skip
    return [{**usual, **told}[column] for column in COLUMNS]


def news(*rows: list[Any], **told: Any) -> dict[str, Any]:
    return {**NEWS, "now": NOW, "players": list(rows), "role": "steward", **told}


def line(page: str, here: int, long: int = 0, more: str = "") -> dict[str, Any]:
    sentence = f"{here} on {page}{more}"
    return {"page": page, "here": here, "long": long, "waiting": 0, "sentence": sentence}


ROOM = {
    "name": "lab", "open": False, "waiting": 4, "labels_waiting": ["PC-10", "PC-2"], "admitted": 36,
    "places": 40, "url": "http://localhost/room/lab/", "qr": NEWS["qr"],
}  # fmt: skip
FIVE = [row(number) for number in (10, 2, 1, 33, 4)]


@pytest.fixture
def page(context: BrowserContext) -> Page:
    context.set_default_timeout(5_000)
    page = context.new_page()
    page.clock.install(time=NOW)
    return page


def order(page: Page) -> list[str]:
    """Return the labels from top to bottom."""
    return page.locator(".unb tr[data-player]:visible [data-cell=label]").all_inner_texts()


# ---- the table ----


def test_labels_are_in_their_natural_order_and_headings_sort(page: Page) -> None:
    """Up, down, and back; also what comes later finds its place, and the focus stays."""
    panel = Panel(page, news=news(*FIVE))
    assert order(page) == ["PC-1", "PC-2", "PC-4", "PC-10", "PC-33"]
    longest = page.get_by_role("button", name="For", exact=True)
    longest.press("Enter")
    assert order(page) == ["PC-33", "PC-10", "PC-4", "PC-2", "PC-1"]
    expect(longest).to_be_focused()
    expect(page.locator("th[aria-sort=ascending]")).to_have_text("For")
    panel.tell(news(row(20), everything=False, n=2))
    assert order(page) == ["PC-33", "PC-20", "PC-10", "PC-4", "PC-2", "PC-1"]
    longest.press("Enter")
    assert order(page)[0] == "PC-1"
    expect(page.locator("th[aria-sort=descending]")).to_have_count(1)
    longest.press("Enter")
    assert order(page) == ["PC-1", "PC-2", "PC-4", "PC-10", "PC-20", "PC-33"]
    expect(page.locator("th[aria-sort]")).to_have_count(0)
    assert panel.errors == []


@pytest.mark.slow
def test_amounts_sort_as_numbers_and_what_is_missing_comes_last(page: Page) -> None:
    amounts = {1: "9.50", 2: "", 3: "-2.00", 4: "10.25"}
    Panel(page, news=news(*(row(at, payoff=payoff) for at, payoff in amounts.items())))
    payoff = page.get_by_role("button", name="Payoff")
    payoff.click()
    assert order(page) == ["PC-3", "PC-1", "PC-4", "PC-2"]
    payoff.click()
    assert order(page) == ["PC-4", "PC-1", "PC-3", "PC-2"]


@pytest.mark.slow
def test_a_player_who_moves_by_sorting_keeps_the_focus_and_the_mark(page: Page) -> None:
    panel = Panel(page, news=news(*FIVE))
    page.get_by_role("button", name="For", exact=True).click()
    box = page.get_by_label("Select p33 (PC-33)")
    box.check()
    panel.tell(news(row(33, entered=NOW), everything=False, n=2))
    assert order(page)[-1] == "PC-33"
    expect(box).to_be_focused()
    expect(box).to_be_checked()


@pytest.mark.slow
def test_a_press_counts_also_if_news_of_the_player_come_in_its_middle(page: Page) -> None:
    panel = Panel(page, news=news(*FIVE))
    box = page.get_by_label("Select p04 (PC-4)")
    box.hover()
    page.mouse.down()
    panel.tell(news(row(4, page="Results"), row(10, page="Results"), everything=False, n=2))
    page.mouse.up()
    expect(box).to_be_checked()


def test_a_screen_reader_hears_of_a_lost_kernel_and_not_of_each_event(page: Page) -> None:
    panel = Panel(page, news=news(*FIVE))
    assert page.locator(".unb header [aria-live]").all_inner_texts() == [""]
    page.evaluate("hears['comm_live_update']()")
    expect(page.locator(".unb header [aria-live]").first).to_contain_text("no kernel")
    panel.tell(news(*FIVE, n=2))
    assert page.locator(".unb header [aria-live]").all_inner_texts() == [""]


@pytest.mark.slow
def test_columns_that_nobody_has_anything_in_are_left_out(page: Page) -> None:
    panel = Panel(page, news=news(row(1), row(2)))
    heads = page.locator(".unb-players thead button")
    assert heads.all_inner_texts() == ["Player", "Label", "Page", "Status", "For"]
    full = row(
        1, round=2, group="3", treatment="high", payoff="7.50", waits_for="PC-4, who is on X"
    )
    panel.tell(news(full, everything=False, n=2))
    assert heads.all_inner_texts()[5:] == ["Waits for", "Group", "Treatment", "Payoff"] or (
        heads.all_inner_texts()[3] == "Round"
    )
    expect(page.locator("[data-player=p01]")).to_contain_text("PC-4, who is on X")


@pytest.mark.slow
def test_time_on_a_page_goes_on_by_the_kernels_clock(page: Page) -> None:
    """That of the browser may be wrong; and whoever is stuck is marked in words, too."""
    panel = Panel(page, news=news(row(5), row(90, stuck=True), now=NOW + 1000))
    cell = page.locator("[data-player=p05] [data-cell=entered]")
    expect(cell).to_have_text("16:45")
    page.clock.run_for(2_000)
    expect(cell).to_have_text("16:47")
    stuck = page.locator("[data-player=p90]")
    expect(stuck).to_have_attribute("data-is", "stuck")
    expect(stuck).to_contain_text("stuck")
    panel.tell(news(row(90, entered=NOW + 1000), everything=False, n=2, now=NOW + 1002))
    expect(stuck).to_have_attribute("data-is", "")


@pytest.mark.slow
def test_an_error_page_is_red_and_the_row_says_what_else_is_known(page: Page) -> None:
    away = row(2, status="offline")
    Panel(page, news=news(row(1, status="error"), away, row(3, status="finished", page="",
          ended_as="screened", paid=True)))  # fmt: skip
    red = page.locator("[data-player=p01]")
    assert red.evaluate("one => getComputedStyle(one).backgroundColor") != "rgba(0, 0, 0, 0)"
    expect(red).to_contain_text("error page")
    expect(page.locator("[data-player=p02]")).to_contain_text(re.compile(r"offline \d\d:\d\d"))
    expect(page.locator("[data-player=p03]")).to_contain_text("finished (screened) paid")


@pytest.mark.slow
def test_players_who_are_gone_after_everything_was_sent_again_are_forgotten(page: Page) -> None:
    panel = Panel(page, news=news(*FIVE))
    page.get_by_label("Select all players").check()
    panel.tell(news(row(2), row(7), n=2))
    assert order(page) == ["PC-2", "PC-7"]
    expect(page.locator(".unb-search")).to_contain_text("1 selected")


@pytest.mark.slow
def test_forty_players_need_no_box_and_hundreds_get_one_in_a_notebook(page: Page) -> None:
    panel = Panel(page, 900, news(*(row(at) for at in range(40))), 1200)
    port = page.locator(".unb-players .unb-table")
    assert port.evaluate("one => one.scrollHeight === one.clientHeight")
    panel.tell(news(*(row(at) for at in range(200)), n=2))
    assert port.evaluate("one => one.scrollHeight > one.clientHeight")
    page.evaluate("document.body.dataset.role = 'steward'")  # as on the web page
    assert port.evaluate("one => one.scrollHeight === one.clientHeight")
    assert panel.errors == []


def test_arrow_keys_lead_through_the_players_and_shift_selects_more(page: Page) -> None:
    """The Tab key stops at one of them."""
    Panel(page, news=news(*FIVE))
    assert page.locator(".unb tbody input[tabindex='0']").count() == 1
    page.get_by_label("(PC-1)").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Shift+ArrowDown")
    expect(page.locator(".unb-search")).to_contain_text("3 selected")
    page.keyboard.press("End")
    expect(page.get_by_label("(PC-33)")).to_be_focused()
    page.get_by_label("(PC-33)").click(modifiers=["Shift"])
    expect(page.locator(".unb-search")).to_contain_text("5 selected")


# ---- the overview ----


@pytest.mark.slow
def test_a_sentence_of_the_overview_shows_only_those_it_is_about(page: Page) -> None:
    """Again, and all are back; and so they are if nobody is left there."""
    rows = [row(1), row(2, page="Results"), row(3, status="error", page="Results")]
    pages = [line("Contribute", 1, 1, ", for more than 2 min"), line("Results", 2)]
    panel = Panel(page, news=news(*rows, overview=pages))
    sentence = page.get_by_role("button", name="1 on Contribute, for more than 2 min")
    sentence.click()
    assert order(page) == ["PC-1"]
    expect(sentence).to_have_attribute("aria-pressed", "true")
    expect(sentence).to_be_focused()
    panel.tell(news(row(3, status="error", page="Results"), everything=False, n=2, overview=None))
    assert order(page) == ["PC-1"]
    page.get_by_role("button", name="1 on an error page").click()
    assert order(page) == ["PC-3"]
    panel.tell(news(row(3, page="Results"), everything=False, n=3))
    assert order(page) == ["PC-1", "PC-2", "PC-3"]
    expect(page.locator(".unb-overview [aria-pressed=true]")).to_have_count(0)
    assert panel.errors == []


# ---- actions ----


@pytest.mark.parametrize(
    ("what", "typed", "given"),
    [
        ("extend", "90", {"seconds": 90}), ("leave", "screened", {"exit": "screened"}),
        ("regroup", "", {}), ("regroup", "2", {"size": 2}), ("answer", "Yes.", {"text": "Yes."}),
        ("mark_paid", "", {}), ("mark_paid", "12.50", {"amount": "12.50"}),
        ("free", None, {}), ("mark_unpaid", None, {}), ("lower_hand", None, {}),
    ],
)  # fmt: skip
@pytest.mark.sample(3)
def test_an_action_is_confirmed_and_sends_what_the_kernel_takes(
    page: Page, what: str, typed: str | None, given: dict[str, Any]
) -> None:
    panel = Panel(page, news=news(*FIVE))
    page.get_by_label("(PC-2)").check()
    page.get_by_label("(PC-4)").check()
    question = panel.act(what)
    expect(question).to_contain_text("PC-2, PC-4")
    if typed is not None:
        question.get_by_role("combobox" if what == "leave" else "textbox").fill(typed)
    assert panel.said("do") == []
    question.get_by_role("button", name="Yes").click()
    (asked,) = panel.said("do")
    about = ("op", "id", "what", "seen")
    arguments = {name: asked[name] for name in asked if name not in about}
    stays = {"p02": NOW - 2, "p04": NOW - 4}
    assert asked.get("seen") == (stays if what == "leave" else None)
    assert arguments == {"players": ["p02", "p04"], **given}
    NAMES[what].check(what, arguments)
    expect(page.locator(f"[data-action={what}]")).to_be_focused()


@pytest.mark.parametrize(
    ("what", "typed", "wrong"),
    [
        ("extend", "soon", "number of seconds"), ("extend", "0", "more than 0"),
        ("regroup", "1.5", "how many are in a group"), ("message", "  ", "Write a text"),
        ("set", "12", "name, = and its value"),
    ],
)  # fmt: skip
@pytest.mark.sample(1)
def test_what_cannot_be_is_refused_where_it_is_typed(
    page: Page, what: str, typed: str, wrong: str
) -> None:
    panel = Panel(page, news=news(*FIVE))
    page.get_by_label("(PC-2)").check()
    question = panel.act(what)
    question.get_by_role("textbox").fill(typed)
    page.keyboard.press("Enter")
    expect(question.get_by_role("alert")).to_contain_text(wrong)
    page.keyboard.press("Escape")
    expect(question).to_be_hidden()
    assert panel.said("do") == []


def test_there_is_a_button_for_everything_that_a_steward_can_do(page: Page) -> None:
    """And for nothing that the kernel does not know."""
    panel = Panel(page, news=news(*FIVE, actions=list(NAMES), rooms=[ROOM]))
    buttons = page.locator("[data-action]")
    names = set(buttons.evaluate_all("all => all.map(one => one.dataset.action)"))
    for_all = {"pause", "resume", "close", "interrupt", "close_room", "freeze", "thaw"}
    assert names == set(NAMES) - for_all
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Yes").click()
    assert "players" not in panel.said("do")[0]
    NAMES["pause"].check("pause", {})
    panel.tell(news(*FIVE, n=2, state="paused"))
    expect(page.get_by_role("button", name="Resume")).to_be_visible()


@pytest.mark.slow
def test_the_switch_shows_whether_the_code_is_frozen(page: Page) -> None:
    panel = Panel(page, news=news(*FIVE, actions=list(NAMES), frozen=False))
    switch = page.get_by_role("switch", name="Freeze code")
    switch.click()
    page.get_by_role("button", name="Yes").click()
    assert panel.said("do")[0]["what"] == "freeze"
    panel.tell(news(everything=False, n=2, frozen=True))
    expect(switch).to_be_checked()
    expect(page.locator(".unb header")).to_contain_text("code frozen")
    switch.click()
    page.get_by_role("button", name="Yes").click()
    assert panel.said("do")[1]["what"] == "thaw"


def test_a_run_is_closed_only_by_its_name(page: Page) -> None:
    panel = Panel(page, news=news(*FIVE))
    page.get_by_role("button", name="Close…").click()
    question = page.get_by_role("alertdialog")
    question.get_by_role("button", name="Yes").click()
    expect(question.get_by_role("alert")).to_contain_text("Type the session's name: market")
    question.get_by_role("textbox").fill("market")
    question.get_by_role("button", name="Yes").click()
    assert panel.said("do")[0]["confirm"] == "market"
    panel.tell({"op": "closed"})
    panel.tell(news(everything=False, n=2))
    expect(page.locator(".unb header")).to_contain_text("closed")
    panel.tell(news(*FIVE, n=1))  # it is served again
    expect(page.locator(".unb header")).to_contain_text("running")


def test_an_export_is_downloaded_or_says_where_it_is(page: Page) -> None:
    panel = Panel(page, news=news(*FIVE))
    status = page.locator(".unb-answer")

    def ask() -> dict[str, Any]:
        page.get_by_role("button", name="Export…").click()
        page.get_by_label("Format").select_option("Stata")
        page.get_by_label("without what identifies a person").check()
        page.get_by_role("button", name="Yes").click()
        return panel.said("export")[-1]

    asked = ask()
    assert (asked["format"], asked["anonymous"]) == ("dta", True)
    page.clock.run_for(60_000)
    expect(status).to_have_text("Exporting …")
    panel.tell({"op": "done", "id": asked["id"], "text": "Exported to /data/market.zip."})
    expect(status).to_have_text("Exported to /data/market.zip.")
    asked = ask()
    with page.expect_download() as download:
        url = "data:application/zip;base64,UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA=="
        panel.tell({"op": "export", "id": asked["id"], "url": url})
    assert download.value.url == url
    expect(status).to_contain_text("your browser saves the file")
    assert panel.errors == []


@pytest.mark.slow
def test_code_that_holds_everybody_up_can_be_interrupted_in_a_notebook(page: Page) -> None:
    panel = Panel(page, news=news(*FIVE))
    panel.tell({"op": "held", "text": "Market.bid has run for 5 s."})
    page.get_by_role("button", name="Interrupt").click()
    assert panel.said("do")[0]["what"] == "interrupt"


@pytest.mark.slow
def test_what_cannot_be_sent_is_said_at_once_and_stays_where_it_was_typed(page: Page) -> None:
    panel = Panel(page, news=news(row(4, hand=NOW)))
    page.get_by_role("button", name="hand up: open the chat with PC-4").click()
    answer = page.get_by_label("Answer PC-4 (p04)")
    answer.fill("I am coming.")
    page.evaluate("() => { said.push = () => { throw new Error('no kernel'); }; }")
    answer.press("Enter")
    expect(page.locator(".unb-answer")).to_have_text(
        "Not sent: there is no connection. Do it again when it is back."
    )
    expect(answer).to_have_value("I am coming.")
    page.evaluate("delete said.push")
    answer.press("Enter")
    expect(answer).to_have_value("")
    assert panel.said("do")[-1]["text"] == "I am coming."
    assert panel.errors == []


# ---- rooms, hands, errors, tables ----


@pytest.mark.slow
def test_a_room_says_who_waits_and_is_opened_and_closed(page: Page) -> None:
    panel = Panel(page, news=news(*FIVE, rooms=[ROOM]))
    page.get_by_role("tab", name="Rooms (4)").click()
    room = page.locator(".unb-room")
    expect(room).to_contain_text("36 of 40 came in")
    expect(room).to_contain_text("4 wait: PC-2, PC-10 and 2 without a label")
    door = room.get_by_role("button", name="Open the room")
    door.click()
    page.get_by_role("button", name="Yes").click()
    asked = panel.said("do")[0]
    assert (asked["what"], asked["room"]) == ("open_room", "lab")
    NAMES["open_room"].check("open_room", {"room": asked["room"]})
    expect(door).to_be_focused()
    panel.tell(news(everything=False, n=2, rooms=[{**ROOM, "open": True, "waiting": 0}]))
    expect(room.get_by_role("button", name="Close the room")).to_be_focused()
    expect(room).to_contain_text("Nobody waits.")
    panel.tell(news(everything=False, n=3, rooms=None))
    expect(page.get_by_role("tab", name="Rooms", exact=True)).to_be_visible()
    assert panel.errors == []


@pytest.mark.slow
def test_a_label_that_a_stranger_has_made_up_is_text(page: Page) -> None:
    panel = Panel(page, news=news(rooms=[{**ROOM, "labels_waiting": ["<img src=x>" + "x" * 200]}]))
    page.get_by_role("tab", name="Rooms (4)").click()
    expect(page.locator(".unb-room")).to_contain_text("<img src=x>")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert panel.errors == []


@pytest.mark.slow
def test_the_address_for_the_beamer_fills_the_screen(page: Page) -> None:
    panel = Panel(page, news=news(*FIVE, rooms=[ROOM]))
    page.get_by_role("tab", name="Rooms (4)").click()
    opener = page.get_by_role("button", name="Show on the beamer").first
    opener.click()
    beamer = page.get_by_role("dialog", name="The address of lab")
    box = beamer.bounding_box()
    assert box is not None
    assert (box["width"], box["height"]) == (900, 700)
    expect(beamer).to_contain_text("http://localhost/room/lab/")
    beamer.get_by_role("button", name="Close").click()
    expect(beamer).to_be_hidden()
    expect(opener).to_be_focused()
    assert panel.errors == []


def test_a_raised_hand_is_a_badge_a_mark_and_a_chat_until_it_is_lowered(page: Page) -> None:
    panel = Panel(page, news=news(*FIVE))
    panel.tell(news(row(4, hand=NOW), everything=False, n=2))
    badge = page.get_by_role("tab", name="Chats (1)")
    page.get_by_role("button", name="hand up: open the chat with PC-4").click()
    expect(badge).to_have_attribute("aria-selected", "true")
    chat = page.locator("[data-chat=p04]")
    expect(chat).to_contain_text("hand up since")
    expect(page.get_by_label("Answer PC-4 (p04)")).to_be_focused()
    page.get_by_label("Answer PC-4 (p04)").press_sequentially("Coming")
    panel.tell(news(row(2, hand=NOW + 1), everything=False, n=3))
    expect(page.get_by_label("Answer PC-4 (p04)")).to_be_focused()
    expect(page.get_by_label("Answer PC-4 (p04)")).to_have_value("Coming")
    chat.get_by_role("button", name="Lower hand").click()
    page.get_by_role("button", name="Yes").click()
    asked = panel.said("do")[0]
    assert (asked["what"], asked["players"]) == ("lower_hand", ["p04"])
    panel.tell(news(row(4), row(2), everything=False, n=4))
    expect(page.get_by_role("tab", name="Chats", exact=True)).to_be_visible()
    expect(chat.get_by_role("button", name="Lower hand")).to_be_hidden()
    assert panel.errors == []


@pytest.mark.slow
def test_equal_errors_of_many_players_are_one_line_that_selects_them(page: Page) -> None:
    value = json.dumps({"type": "KeyError", "message": "'cash'", "traceback": "File …\nKeyError"})
    failed = [[at, NOW, f"player/p{at:02}", "Contribute", value, "Contribute.before_next", 1, 1]
              for at in (1, 2, 10)]  # fmt: skip
    panel = Panel(page, news=news(*FIVE, errors=failed))
    page.get_by_role("tab", name="Errors (1)").click()
    line = page.locator("[data-type=KeyError]")
    expect(line.locator("summary")).to_contain_text("3 players · Contribute · KeyError: 'cash'")
    line.locator("summary").click()
    expect(line).to_contain_text("PC-1, PC-2, PC-10")
    line.get_by_role("button", name="Select these players").click()
    expect(page.locator(".unb-search")).to_contain_text("3 selected")
    assert panel.errors == []


@pytest.mark.slow
def test_the_payments_come_when_they_are_asked_for_and_sort(page: Page) -> None:
    panel = Panel(page, news=news(*FIVE))
    assert panel.said("table") == []
    page.get_by_role("tab", name="Payments").click()
    asked = panel.said("table")[0]
    assert asked["name"] == "payments"
    rows = [["p01", "PC-1", "9.00"], ["p02", "PC-2", None], ["p10", "PC-10", "12.50"]]
    told = {"op": "table", "id": asked["id"], "columns": ["player", "label", "amount_due"]}
    panel.tell({**told, "rows": rows})
    page.get_by_role("button", name="amount due").click()
    page.get_by_role("button", name="amount due").click()
    shown = page.get_by_role("tabpanel", name="Payments").locator("tbody tr td:nth-child(2)")
    assert shown.all_inner_texts() == ["PC-10", "PC-1", "PC-2"]
    page.get_by_role("button", name="Refresh").last.click()
    again = panel.said("table")[-1]
    panel.tell({"op": "table", "id": again["id"], "error": "There is no payment rule."})
    expect(page.get_by_role("tabpanel", name="Payments")).to_contain_text("no payment rule")
    assert panel.errors == []


# ---- a viewer, a phone, axe ----


def test_a_viewer_has_nothing_to_press_that_would_steer(page: Page) -> None:
    """Not even if the kernel sent too much: there are no links."""
    unlinked = {key: ROOM[key] for key in ROOM if key not in ("url", "qr")}
    unlinked["labels_waiting"] = []
    rows = [row(at, link="", hand=NOW if at == 2 else 0) for at in (1, 2)]
    chats = [["p01", [[NOW, "player", "Hello"]]]]
    told = news(*rows, role="viewer", actions=[], join="", qr="", rooms=[unlinked], chats=chats)
    panel = Panel(page, news=told)
    assert page.locator("header button, [role=toolbar], [data-action], tbody input").count() == 0
    assert page.locator("a, img").count() == 0
    names = [name.split(" ")[0] for name in page.get_by_role("tab").all_inner_texts()]
    assert "Links" not in names
    for name in names:
        page.get_by_role("tab", name=name).click()
    page.get_by_role("tab", name="Rooms").click()
    expect(page.locator(".unb-room")).to_contain_text("4 wait.")
    page.get_by_role("tab", name="Chats").click()
    page.locator("[data-chat=p01] summary").click()
    expect(page.locator("[data-chat=p01]")).to_contain_text("Hello")
    assert page.locator("[data-chat] input, [data-chat] button").count() == 0
    assert panel.said("do") == []
    assert panel.errors == []


@pytest.mark.parametrize("width", [360, 390])
@pytest.mark.sample(1)
def test_on_a_phone_nothing_is_cut_and_actions_are_at_the_thumb(page: Page, width: int) -> None:
    rows = [row(at, round=2, status="waiting" if at % 2 else "offline", stuck=at == 4,
                waits_for="PC-4, who is on Contribute" if at % 2 else "", hand=NOW * (at == 2))
            for at in range(1, 41)]  # fmt: skip
    panel = Panel(page, width, news(*rows), 844)
    tools = page.locator(".unb-tools")
    expect(tools).to_be_hidden()
    port = page.locator(".unb-players .unb-table")
    assert port.evaluate("one => one.scrollWidth <= one.clientWidth")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    expect(page.locator("[data-player=p01]")).to_contain_text(
        "waits for PC-4, who is on Contribute"
    )
    page.get_by_label("(PC-1)").check()
    box = tools.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] <= 844
    page.get_by_label("all columns").check()
    expect(page.locator("[data-player=p01] [data-cell=round]")).to_be_visible()
    keep_picture(page, f"lab_{width}")
    assert panel.errors == []


LONG = "Sitzplatz 14, links hinten neben dem Fenster (Ersatzrechner Nord-Ost)"
ARABIC, HEBREW = "حاسوب رقم ١٢ بجانب النافذة", "מחשב 7 (ליד החלון)"


def many_kinds() -> dict[str, Any]:
    """Return news of forty players, with labels that are long or run from right to left."""
    special: dict[int, dict[str, Any]] = {
        3: {"status": "error"}, 4: {"stuck": True, "entered": NOW - 900}, 5: {"label": LONG},
        6: {"label": ARABIC, "status": "finished", "ended_as": "screened", "paid": True},
        7: {"label": HEBREW, "status": "waiting", "waits_for": "PC-4, who is on Contribute"},
        8: {"status": "dropped", "by": "polling", "hand": NOW},
    }  # fmt: skip
    rows = [row(at, **special.get(at, {})) for at in range(1, 41)]
    labels = ["PC-10", ARABIC, LONG, HEBREW]
    return news(
        *rows,
        rooms=[{**ROOM, "labels_waiting": labels}],
        presence=[[f"p{at:02}", NOW - 600, True] for at in range(1, 41)],
        chats=[["p07", [[NOW, "player", "שלום?"]]], ["p05", [[NOW, "player", "Hello " * 40]]]],
    )


@pytest.mark.slow
def test_however_long_a_label_is_a_phone_shows_all_of_a_row(page: Page) -> None:
    """On no panel is anything to the right of the screen."""
    panel = Panel(page, 390, many_kinds(), 844)
    for name in ("Players", "Rooms", "Chats", "Presence", "Links"):
        page.get_by_role("tab", name=name).click()
        for summary in page.locator("summary:visible").all():
            summary.click()
        shown = page.get_by_role("tabpanel", name=name)
        wide = shown.locator("*").evaluate_all(
            "all => all.filter((one) => one.getBoundingClientRect().right > innerWidth"
            " && !one.closest('.unb-tools, summary')).map((one) => one.outerHTML)"
        )
        assert wide == [], name
        keep_picture(page, f"long_labels_{name.lower()}")
    assert panel.errors == []


@pytest.mark.slow
def test_what_runs_from_right_to_left_leaves_our_own_words_in_their_order(page: Page) -> None:
    panel = Panel(page, 1600, many_kinds(), 1000)
    own = page.locator("[data-player=p07] [data-cell=label] bdi")
    assert own.evaluate("one => getComputedStyle(one).direction") == "rtl"
    page.get_by_role("tab", name="Rooms").click()
    labels = page.locator(".unb-room bdi")
    assert labels.all_inner_texts() == ["PC-10", LONG, HEBREW, ARABIC]
    lefts = [(one.bounding_box() or {"x": 0})["x"] for one in labels.all()]
    assert lefts == sorted(lefts)
    assert panel.errors == []


LIVE = "[aria-live]:not([aria-live=off]), [role=status], [role=alert], [role=log]"


def test_a_screen_reader_is_not_read_what_changes_every_second(page: Page) -> None:
    """It hears of an error, a raised hand and an answer once, and of no count, time or event."""
    page.clock.pause_at(NOW + 10)
    panel = Panel(page, news=news(row(1), row(2), row(3)))
    page.get_by_label("(PC-1)").check()
    page.evaluate(
        """(live) => {
            window.heard = [];
            new MutationObserver((changes) => changes.forEach(({ target }) => {
                const place = (target.closest ? target : target.parentElement)?.closest(live);
                if (place) heard.push(place.textContent);
            })).observe(document.querySelector(".unb"),
                { childList: true, characterData: true, subtree: true });
        }""",
        LIVE,
    )
    value = json.dumps({"type": "KeyError", "message": "'cash'", "traceback": "File …"})
    for at in range(2, 30):
        told = row(2, entered=NOW + at, status="waiting" if at % 2 else "online")
        page_line = [line("Contribute", at)]
        panel.tell(news(told, everything=False, n=at, total=400 + at, overview=page_line))
        page.clock.run_for(1_000)
    assert page.evaluate("heard") == []
    failed = [[40, NOW, "player/p02", "Contribute", value, "Contribute.before_next", 1, 1]]
    for at in range(30, 40):
        told = row(2, status="error", hand=NOW)
        panel.tell(news(told, everything=False, n=at, total=500 + at, errors=failed))
    read = page.evaluate("heard")
    assert read.count("1 on an error page · 1 with a raised hand") == 1
    assert len([text for text in read if "KeyError" in text]) <= 10  # of a log that is not shown
    expect(page.get_by_role("log", name="Errors", include_hidden=True)).to_have_attribute(
        "aria-relevant", "additions"
    )
    assert panel.errors == []


def test_every_control_has_a_name_and_every_panel_a_role(page: Page) -> None:
    """What a screen reader lists: tabs with their panels, a table, a toolbar of groups."""
    Panel(page, news=many_kinds())
    nameless = page.locator("button, input, select, a, [tabindex='0']").evaluate_all(
        "all => all.filter((one) => !(one.ariaLabel || one.labels?.length"
        " || one.textContent.trim() || one.alt)).map((one) => one.outerHTML)"
    )
    assert nameless == []
    snapshot = page.locator(".unb").aria_snapshot()
    for part in (
        'region "Session market"', 'tablist "What to see"', 'tab "Players" [selected]',
        'tabpanel "Players"', 'region "Overview by page"', 'columnheader "Status"',
        'checkbox "Select p01 (PC-1)"', 'toolbar "Actions on the selected players"',
        'group "Move"', 'switch "Freeze code"',
    ):  # fmt: skip
        assert part in snapshot, snapshot


VIEWS = list(itertools.product(["steward", "viewer"], ["light", "dark"], [390, 1600]))
FEW = [("steward", "dark", 390), ("viewer", "light", 1600)]


@pytest.mark.parametrize(
    ("role", "scheme", "width"),
    [pytest.param(*view, marks=() if view in FEW else pytest.mark.slow) for view in VIEWS],
)
@pytest.mark.sample(1)
def test_axe_finds_nothing_on_any_panel(page: Page, role: str, scheme: Any, width: int) -> None:
    value = json.dumps({"type": "KeyError", "message": "'cash'", "traceback": "File …\nKeyError"})
    failed = [[1, NOW, "player/p01", "Contribute", value, "Contribute.before_next", 1, 1]]
    states = ("error", "waiting", "offline", "dropped", "idle", "open", "finished")
    rows = [row(at, status=status, stuck=at == 2, hand=NOW * (at == 3), by="polling", paid=True)
            for at, status in enumerate(states)]  # fmt: skip
    told = news(
        *rows,
        role=role,
        rooms=[ROOM],
        errors=failed,
        overview=[line("Contribute", 7, 2)],
        presence=[["p01", NOW - 60, True]],
        chats=[["p01", [[NOW, "player", "Hello"]]]],
    )
    page.emulate_media(color_scheme=scheme)
    panel = Panel(page, width, told)
    page.evaluate("document.documentElement.lang = 'en'; document.title = 'market'")
    page.evaluate("(role) => { document.body.dataset.role = role; }", role)
    page.evaluate("document.documentElement.style.colorScheme = 'light dark'")
    for tab in page.get_by_role("tab").all():
        tab.click()
        for summary in page.locator("summary:visible").all():
            summary.click()
        assert violations(page, ".unb") == [], tab.inner_text()
    if role == "steward":
        page.get_by_role("tab", name="Players").click()
        page.get_by_label("(PC-1)").check()
        panel.act("extend")
        assert violations(page, ".unb") == []
    assert panel.errors == []
