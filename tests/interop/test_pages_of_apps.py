"""In which order an app's hooks run, and what pages, rounds and choices leave on the player."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.interop.projects import write_app
from uproot_nb.testing import Served
from uproot_nb.testing import served as robots

Walk = Callable[..., Any]


@pytest.fixture
def walk(tmp_path: Path) -> Iterator[Walk]:
    """Serve an app whose pages show their fields, and return its only participant."""
    with ExitStack() as stack:

        def serve_app(code: str, **files: str) -> Any:
            pages = {f"{name}_html": "{{ fields() if form else '' }}" for name in _pages(code)}
            app = write_app(tmp_path, "study", code, **{**pages, **files})
            session: Served = stack.enter_context(robots(app, players=1))
            return session[0]

        yield serve_app


def _pages(code: str) -> list[str]:
    lines = [line.strip() for line in code.splitlines()]
    return [line[6:].partition("(")[0] for line in lines if line.startswith("class ")]


def through(participant: Any, seen: Callable[[Any], Any], **answers: Any) -> list[Any]:
    """Go to the end, and return what is seen of the player on each page."""
    found = []
    while participant.player.page is not None:
        found.append((participant.player.page.partition("/")[2], *seen(participant.player)))
        participant.submit(**answers)
    return found


# ---- rounds ----


NESTED = """
class A(Page): pass
class B(Page):
    def after_once(page, player):
        player.bid = player.get("bid", 0) + 1
class Tail(Page): pass
"""


def place(player: Any) -> tuple[Any, Any]:
    return player.round, list(player.round_nested)


# ---- hooks ----


NOTED = """
class Noted:
    def early(page, player, request): player.log = [*player.get("log", []), "early"]
    def before_always_once(page, player):
        player.is_set = True
        player.log.append("before_always_once")
    def before_once(page, player): player.log.append("before_once")
    def after_once(page, player): player.log.append("after_once")
    def after_always_once(page, player): player.log.append("after_always_once")
"""


def test_what_always_runs_runs_before_show(walk: Walk) -> None:
    code = (
        NOTED
        + """
class Ask(Noted, Page):
    def show(page, player):
        player.log.append("show")
        return player.is_set
page_order = [Ask]
"""
    )
    one = walk(code)
    assert one.player.log == ["early", "before_always_once", "show", "before_once"]
    one.submit()
    assert one.player.log[4:] == ["after_once", "after_always_once"]


@pytest.mark.parametrize(
    "page", ["class Quiet(Noted, NoshowPage): pass", "class Quiet(Noted, Page):\n    show = False"]
)
def test_a_page_that_is_not_shown_runs_what_always_runs(walk: Walk, page: str) -> None:
    one = walk(f"{NOTED}\n{page}\nclass Last(Page): pass\npage_order = [Quiet, Last]\n")
    assert one.player.log == ["early", "before_always_once", "after_always_once"]


def test_the_hook_of_stealth_fields_gets_all_answers(walk: Walk) -> None:
    code = """
class Ask(Page):
    fields = dict(pin=StringField(label="Pin"), who=StringField(label="Who"))
    stealth_fields = ["pin"]
    def handle_stealth_fields(page, player, data):
        player.told = sorted(data.items())
class Last(Page): pass
page_order = [Ask, Last]
"""
    one = walk(code)
    one.submit(pin="1234", who="Ann")
    assert one.player.told == [("pin", "1234"), ("who", "Ann")]
    assert "pin" not in one.player.fields()


# ---- what pages and players have from the beginning ----


def test_a_player_has_no_payoff_yet(walk: Walk) -> None:
    code = """
class Ask(Page):
    def after_once(page, player): player.payoff += cu("2.50")
class Last(Page): pass
page_order = [Ask, Last]
"""
    one = walk(code, Ask_html="<p>{{ player.payoff | fmtnum }} {{ player.get('payoff', 7) }}</p>")
    assert "<p>0.00 0</p>" in one.html
    one.submit()
    assert one.player.payoff == Decimal("2.50")


def test_amounts_are_a_type(walk: Walk) -> None:
    code = """
class Ask(Page):
    @live
    def pay(page, player, amount: cu):
        return isinstance(amount, cu), str(amount)
page_order = [Ask]
"""
    assert walk(code).call("pay", "1.10") == [True, "1.10"]


def test_a_page_knows_its_part_and_where_players_are(walk: Walk) -> None:
    code = """
class Ask(Page): pass
page_order = [Ask]
LANDING_PAGE = True
"""
    one = walk(
        code, Ask_html="<p>{{ part }} {{ show2path(player.page_order, player.show_page) }}</p>"
    )
    one.submit()
    assert "<p>1 study/Ask</p>" in one.html


def test_descriptions_are_html_and_labels_are_not(walk: Walk) -> None:
    code = """
class Ask(Page):
    fields = dict(bid=StringField(label="A <i>bid</i>", description="In <b>points</b>"))
page_order = [Ask]
"""
    html = walk(code).html
    assert "In <b>points</b>" in html
    assert "A &lt;i&gt;bid&lt;/i&gt;" in html


def test_settings_are_shown_as_a_dict(walk: Walk) -> None:
    code = "class Ask(Page): pass\npage_order = [Ask]\n"
    assert "<p>{}</p>" in walk(code, Ask_html="<p>{{ session.settings }}</p>").html


def test_a_chats_listener_hears_what_browsers_send_and_what_an_app_notifies(walk: Walk) -> None:
    code = """
def heard(chat, player, message):
    player.heard = [*player.get("heard", []), message]
def new_player(player):
    player.talk = chat.create(player.session)
    chat.add_player(player.talk, player)
    chat.on_message(player.talk, heard)
class Ask(Page):
    async def before_once(page, player):
        first = chat.add_message(player.talk, "Robot", "one")
        await chat.notify(player.talk, first, None, player, "two")
page_order = [Ask]
"""
    one = walk(code)
    assert one.player.heard == ["two"]
