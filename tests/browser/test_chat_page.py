"""The chat in Chromium, as an author puts it into a docstring."""
# ruff: noqa: ANN001, ANN201  (as authors write)

from __future__ import annotations

from playwright.sync_api import BrowserContext, expect

from tests.running import serving
from uproot_nb import Page, chat


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
