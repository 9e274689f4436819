"""The monitor in JupyterLab and in Notebook 7 by keyboard alone, and their shortcuts meanwhile."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from live_jupyter import wait_until
from playwright.sync_api import Locator, Page, expect

from tests.driving.desk import Desk
from tests.driving.keyboard import Keyboard
from tests.driving.participant import Participant

LAB = """\
from uproot_nb import *
import json


class Contribute(Page):
    "What do you give?"

    timeout = 900


class Together(GroupCreatingWait):
    "Please wait."

    group_size = 2


class Results(Page):
    "Thank you."


run = serve([Contribute, Together, Results], players=3, name="NAME", ask_for_help=True)
with open("links.json", "w") as file:
    json.dump(list(run.links["url"]), file)
run.monitor()
"""
SHORTCUTS = (
    "a", "b", "x", "c", "v", "z", "m", "y", "1", "d", "d", "Shift+m", "Shift+ArrowDown",
    "Control+a", "Meta+a", "Control+Enter", "Shift+Enter", "Alt+Enter", "Control+Shift+-",
    "Control+Shift+c", "Control+b", "i", "i", "0", "0", "Escape",
)  # fmt: skip
"""Of Jupyter's for cells: each would change the notebook, run one, or take the focus away."""


def contents(page: Page) -> list[str]:
    """Return the notebook's prompts and texts."""
    cells = page.locator(".jp-Notebook .jp-Cell")
    return [
        " ".join(cell.locator(".jp-InputPrompt, .cm-content").all_inner_texts())
        for cell in cells.all()
    ]


def lab(name: str) -> str:
    return LAB.replace("NAME", name)


@pytest.mark.slow
def test_shortcuts_of_jupyter_do_not_act_while_the_focus_is_in_the_monitor(
    desk: Callable[..., Desk], app: str
) -> None:
    """ "d d" deletes no cell, and Ctrl+Enter runs none; only Ctrl+S saves."""
    room = desk(f"keys_{app}", lab("keys"), "first = 1", "second = 2")
    room.run_cell(0)
    page = room.page
    expect(page.locator(".unb tr[data-player]")).to_have_count(3, timeout=60_000)
    expect(page.locator(".jp-InputPrompt").first).to_have_text("[1]:", timeout=30_000)
    before = contents(page)
    places = (
        page.get_by_role("tab", name="Players"), page.locator(".unb tbody input[tabindex='0']"),
        page.get_by_role("region", name="Players"), page.get_by_label("Find players"),
    )  # fmt: skip
    for place in places:
        press_all_shortcuts(page, place)
        assert contents(page) == before
    expect(page.locator(".lm-CommandPalette:visible, .jp-Dialog:visible")).to_have_count(0)
    was_saved = room.file.stat().st_mtime_ns
    page.get_by_role("tab", name="Players").press("Control+s")
    wait_until(lambda: room.file.stat().st_mtime_ns != was_saved, 20.0, "the notebook to be saved")
    assert room.errors == []


def press_all_shortcuts(page: Page, place: Locator) -> None:
    for keys in SHORTCUTS:
        place.focus()
        page.keyboard.press(keys)
        assert page.evaluate("document.activeElement.closest('.unb') !== null"), keys


@pytest.mark.slow
def test_a_lab_is_steered_from_a_cell_by_keyboard_alone(
    desk: Callable[..., Desk], person: Callable[[str], Participant], app: str
) -> None:
    """From the cell to the monitor, its tabs, a column, players, actions and a chat."""
    if app != "lab":
        pytest.skip("the shortcuts of both are tried above, and the monitor is the same")
    room = desk(f"hands_{app}", lab("hands"))
    room.run_cell(0)
    page, keys = room.page, Keyboard(room.page)
    expect(page.locator(".unb tr[data-player]")).to_have_count(3, timeout=60_000)
    ann, bob = map(person, json.loads((room.jupyter.folder / "links.json").read_text("utf-8"))[:2])
    ann.arrive()
    bob.arrive()
    one, two, three = keys.names()
    keys.press("Escape", "Tab")  # out of the cell's text, and on
    sort_by_status(keys, page)
    extend_and_message(keys, bob, two)
    move_past_the_wait(keys, ann, one)
    answer_a_hand(keys, ann, one)
    ask_and_cancel(keys, three)
    assert room.errors == []


def sort_by_status(keys: Keyboard, page: Page) -> None:
    heading = page.locator(".unb [data-sort=status]")
    keys.tab("Players").reach(heading).press("Enter")
    expect(page.locator(".unb th[aria-sort=ascending]")).to_have_text("Status")
    expect(heading).to_be_focused()
    keys.press("Enter", "Enter")
    expect(page.locator(".unb th[aria-sort]")).to_have_count(0)


def extend_and_message(keys: Keyboard, bob: Participant, name: str) -> None:
    keys.select(name).act("extend", "120").says("extend: 1 of 1 players.")
    expect(bob.find("#uproot-timeout")).to_contain_text(re.compile("1[56]:"))
    keys.act("message", "Take your time").says("message: 1 of 1 players.")
    bob.sees(".uproot-toast", "Take your time")
    keys.select(name)  # no longer


def move_past_the_wait(keys: Keyboard, ann: Participant, name: str) -> None:
    keys.select(name).act("advance").says("advance: 1 of 1 players.")
    ann.sees("body", "Please wait.")
    cell = keys.page.locator(f".unb tr[data-player={name}]")
    expect(cell).to_contain_text("Together", timeout=15_000)
    keys.act("advance").says("advance: 1 of 1 players.")
    ann.sees("body", "Thank you.")
    keys.select(name)


def answer_a_hand(keys: Keyboard, ann: Participant, name: str) -> None:
    ann.call("_uproot_hand", True)
    keys.tab("Chats (1)").answer(name, "I am coming.").says("answer: 1 of 1 players.")
    expect(keys.page.locator("[data-chat] li")).to_contain_text("I am coming.", timeout=15_000)


def ask_and_cancel(keys: Keyboard, name: str) -> None:
    """Escape ends the question only, and the focus is where it was."""
    keys.tab("Players").select(name).ask("leave").press("Escape")
    expect(keys.page.get_by_role("alertdialog")).to_be_hidden()
    expect(keys.page.locator("[data-action=leave]")).to_be_focused()
    expect(keys.page.locator(".unb-search")).to_contain_text("1 selected")


REDEFINED = """\
class Results(Page):
    "Thank you very much."
"""


@pytest.mark.slow
def test_a_cell_that_redefines_a_page_is_refused_from_freeze_to_thaw(
    desk: Callable[..., Desk], person: Callable[[str], Participant], app: str
) -> None:
    """The switch is pressed in the monitor, and the cell itself says what to do."""
    if app != "lab":
        pytest.skip("the kernel refuses, whoever shows the monitor")
    room = desk("frozen", lab("frozen"), REDEFINED)
    room.run_cell(0)
    page, keys = room.page, Keyboard(room.page)
    expect(page.locator(".unb tr[data-player]")).to_have_count(3, timeout=60_000)
    switch = page.get_by_role("switch", name="Freeze code")
    switch.focus()
    keys.press("Enter", "Enter")
    expect(switch).to_be_checked(timeout=15_000)
    room.run_cell(1)
    output = page.locator(".jp-Cell").nth(1).locator(".jp-OutputArea")
    expect(output).to_contain_text("FrozenCode", timeout=30_000)
    expect(output).to_contain_text("run.thaw()")
    ann = person(json.loads((room.jupyter.folder / "links.json").read_text("utf-8"))[0]).arrive()
    move_past_the_wait(keys, ann, keys.names()[0])
    switch.focus()
    keys.press("Enter", "Enter")
    expect(switch).not_to_be_checked(timeout=15_000)
    room.run_cell(1)
    expect(output.get_by_text("FrozenCode")).to_have_count(0, timeout=30_000)
    ann.sees("body", "Thank you very much.")
