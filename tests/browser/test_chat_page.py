"""The chat in Chromium, as an author puts it into a docstring."""
# ruff: noqa: ANN001, ANN201  (as authors write)

from __future__ import annotations

import pytest
from axe import violations
from playwright.sync_api import BrowserContext, expect

from tests.running import serving
from uproot_nb import Page, chat, researcher_chat


class Talk(Page):
    """
    # Talk

    {{ chat(player.session.chat) }}
    """


def new_session(session):
    session.chat = chat.create(session)


def new_player(player):
    chat.add_player(player.session.chat, player, pseudonym=f"Player {player.id + 1}")


def test_a_chat_in_a_docstring_is_whole_and_enter_sends_what_is_written(
    context: BrowserContext,
) -> None:
    """Enter that ends a Japanese word sends nothing: in Safari it has the code 229 alone."""
    with serving(Talk, names={"new_session": new_session, "new_player": new_player}) as run:
        ann, bob = context.new_page(), context.new_page()
        for page, player in ((ann, run.players[0]), (bob, run.players[1])):
            page.goto(run.link(player))
        assert ann.locator("uproot-chat textarea").count() == 1
        assert ann.locator("main p:empty:not([role])").count() == 0
        ann.get_by_role("textbox").fill("こんにち")
        ann.get_by_role("textbox").evaluate("""(input) => input.dispatchEvent(
            new KeyboardEvent("keydown", {key: "Enter", keyCode: 229, bubbles: true}))""")
        ann.get_by_role("textbox").press_sequentially("は")
        ann.get_by_role("textbox").press("Enter")
        expect(bob.get_by_role("log").get_by_role("listitem")).to_contain_text("こんにちは")
        texts = [message.text for _, _, message in chat.messages(run.session.chat)]
        assert texts == ["こんにちは"]


class Work(Page):
    """
    # Work
    """


def test_the_researchers_messages_are_text_on_the_page_and_a_notice_where_there_is_no_chat(
    context: BrowserContext,
) -> None:
    hostile = "<img src=x onerror=document.title='broken'>"
    with serving(Work) as run:
        page = context.new_page()
        page.goto(run.link(run.players[0]))
        page.wait_for_function("() => uproot && document.readyState === 'complete'")
        run.answer(run.players[0], hostile)
        expect(page.locator(".uproot-toast")).to_contain_text(f"Researcher: {hostile}")
        page.reload()
        line = page.get_by_role("log", name="Messages").get_by_role("listitem")
        expect(line).to_contain_text("Researcher")
        expect(line).to_contain_text(hostile)
        page.get_by_role("textbox").fill("I see <i>it</i>")
        page.get_by_role("button", name="Send").click()
        expect(line).to_have_count(2)
        expect(line.nth(1)).to_contain_text("I see <i>it</i>")
        run.answer(run.players[0], "Good.")
        expect(line).to_have_count(3)
        expect(page.locator(".uproot-toast")).to_have_count(0)
        researcher_chat(run.players[0], replies=False)
        expect(page.get_by_role("textbox")).to_be_hidden()
        expect(page.get_by_text("You can only read this chat")).to_be_visible()
        researcher_chat(run.players[0], replies=True)
        expect(page.get_by_role("textbox")).to_be_visible()
        assert violations(page) == []
        assert page.title() != "broken"
        assert list(run.chats["sender"]) == ["researcher", "player", "researcher"]


class Helped(Page):
    """
    # Work
    """

    ask_for_help = True


def test_a_hand_is_raised_by_keyboard_opens_the_thread_and_comes_down_with_the_answer(
    context: BrowserContext,
) -> None:
    with serving(Helped) as run:
        page = context.new_page()
        page.goto(run.link(run.players[0]))
        raising = page.get_by_role("button", name="Raise your hand")
        expect(raising).to_have_attribute("aria-pressed", "false")
        expect(page.locator("uproot-chat")).to_be_hidden()
        raising.focus()
        page.keyboard.press("Enter")
        lowering = page.get_by_role("button", name="Lower your hand")
        expect(lowering).to_be_focused()
        expect(page.get_by_text("Your hand is raised.")).to_be_visible()
        assert violations(page) == []
        page.get_by_role("textbox").fill("Which button?")
        page.get_by_role("textbox").press("Enter")
        line = page.get_by_role("log", name="Messages").get_by_role("listitem")
        expect(line).to_have_count(1)
        run.answer(run.players[0], "The <b>green</b> one.")
        expect(line.nth(1)).to_contain_text("The <b>green</b> one.")
        expect(raising).to_have_attribute("aria-pressed", "false")
        expect(page.get_by_text("Your hand is raised.")).to_be_hidden()
        page.reload()
        expect(line).to_have_count(2)
        run.lower_hand(run.players[0])
        assert run.players[0].page == "Helped"  # Enter has not sent the page's form


@pytest.mark.slow
def test_a_page_with_a_hidden_thread_shows_it_once_the_researcher_writes(
    context: BrowserContext,
) -> None:
    with serving(Helped) as run:
        page = context.new_page()
        page.goto(run.link(run.players[0]))
        expect(page.get_by_role("button", name="Raise your hand")).to_be_visible()
        page.wait_for_function("() => document.querySelector('uproot-chat').seen")
        run.answer(run.players[0], "Five minutes left.")
        expect(page.get_by_role("log", name="Messages")).to_contain_text("Five minutes left.")
