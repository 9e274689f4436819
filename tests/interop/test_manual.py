"""Each row of the page "Coming from uproot", executed: here, and in the framework."""

# ruff: noqa: ANN001, ANN202, ANN206  (as authors write)
from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

import uproot_nb
from tests.docs.table_rows import Executed
from tests.interop.framework import KEY, Framework, install_framework, place_of_framework
from tests.interop.notebooks import Notebook
from tests.interop.projects import write_app
from uproot_nb import (
    F,
    Page,
    Refused,
    Rounds,
    export_app,
    live,
    load_app,
    move_to_end,
    move_to_page,
    reload,
    serve,
)
from uproot_nb.bots.refusals import CallRefused
from uproot_nb.cli import main
from uproot_nb.testing import ExperimentFailed, served

MANUAL = Executed("from_uproot.md")
row = MANUAL.row

APP = """
import uproot.chat as chat
import uproot.models as um


class Offer(metaclass=um.Entry):
    pid: PlayerIdentifier
    price: int


def new_session(session):
    session.offers = um.create_model(session, tag="offers")
    session.room_of_talk = chat.create(session)


def new_player(player):
    player.x = player.id
    player.rows = []
    chat.add_player(player.session.room_of_talk, player)


class Trade(Page):
    fields = dict(age=IntegerField(label="Your age", min=18))

    @classmethod
    def before_once(page, player):
        player.seen = True

    @live
    async def offer(page, player, price: int):
        um.add_entry(player.session.offers, player, Offer, price=price)
        notify(player, player.session.players, price, event="Offered")
        send_to(player, "thanks", event="Thanks")
        player.rich = len(player.session.players.filter(_.x > 0))
        player.offers = len(um.get_entries(player.session.offers, Offer))
        return price

    @live
    async def talk(page, player):
        chat.add_message(player.session.room_of_talk, player.pid, "hello")
        return len(chat.messages(player.session.room_of_talk))

    @live
    async def refuse(page, player):
        raise ValueError("Not today.")

    @live
    async def decline(page, player):
        return "Not today."

    @live
    async def append(page, player):
        player.session.players[1].rows.append(1)


class Thanks(Page):
    pass


page_order = [Trade, Thanks]
"""
TRADE = """
{% extends "Base.html" %}
{% block title %}Trade{% endblock %}
{% block main %}
{{ fields() }}
<script>
var got = [];
for (const name of ["Offered", "Thanks"]) {
    uproot.onCustomEvent(name, (event) => got.push([name, event.detail.data]));
}
</script>
{% endblock %}
"""
THANKS = """
{% extends "Base.html" %}
{% block title %}Thanks{% endblock %}
{% block main %}Thank you.{% endblock %}
"""


class Theirs:
    """A session of the app in the framework, with two browsers, and its administrators' API."""

    def __init__(self, framework: Framework, tabs: list[Any], session: str) -> None:
        self.framework, self.tabs, self.session = framework, tabs, session
        self.names = list(self.players("id"))

    def players(self, *fields: str) -> dict[str, Any]:
        """Return fields of all players, as the admin page shows them."""
        query = "&".join(f"fields={field}" for field in fields)
        found: dict[str, Any] = self.ask(f"sessions/{self.session}/players/?{query}")
        return found

    def values(self, field: str) -> list[Any]:
        """Return a field of all players, in order."""
        return [self.players(field)[name][field] for name in self.names]

    def ask(self, path: str, body: Any = None) -> Any:
        """Ask the administrators' API."""
        return json.loads(self.load(path, body))

    def load(self, path: str, body: Any = None) -> bytes:
        """Return what the API answers, as it is."""
        request = urllib.request.Request(
            f"{self.framework.origin}/admin/api/v1/{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as reply:
            loaded: bytes = reply.read()
            return loaded

    def invoke(self, player: int, *arguments: Any) -> Any:
        """Call a live method, and return its answer or error."""
        call = "(given) => uproot.invoke(...given).catch((error) => 'failed: ' + error)"
        return self.tabs[player].evaluate(call, list(arguments))


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """The app, in a project."""
    return write_app(tmp_path / "project", "rows", APP, Trade_html=TRADE, Thanks_html=THANKS)


@pytest.fixture(scope="module")
def theirs(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory, pytestconfig: Any
) -> Iterator[Theirs]:
    """The same, served by the framework, with two players on the first page."""
    programs = install_framework(place_of_framework(pytestconfig))
    project = tmp_path_factory.mktemp("theirs") / "project"
    write_app(project, "rows", APP, Trade_html=TRADE, Thanks_html=THANKS)
    with ExitStack() as stack:
        framework = stack.enter_context(Framework(programs, project, "rows"))
        session = framework._ask("sessions/", {"config": "rows", "n_players": 2})["sname"]
        found = Theirs(framework, [], session)
        for name in found.names:
            context = browser.new_context()
            stack.callback(context.close)
            tab = context.new_page()
            tab.goto(f"{framework.origin}/p/{session}/{name}/")
            start = tab.get_by_role("button")
            if "Trade" not in tab.title() and start.count():
                start.first.click()
            tab.wait_for_selector("text=Your age")
            tab.wait_for_function("typeof uproot !== 'undefined' && uproot.ws?.isConnected")
            found.tabs.append(tab)
        yield found


class End(Page):
    """The end."""


# ---- here ----


@row("a project with apps")
def a_notebook(app: Path) -> None:
    with serve([End], players=1, db=":memory:", embedded=True, port=0, namespace={}) as run:
        assert len(run.players) == 1


@row("`from uproot.fields import *`")
def imports(app: Path) -> None:
    names: dict[str, Any] = {}
    exec("from uproot_nb import *", names)
    assert {"IntegerField", "Page", "live", "notify", "send_to", "chat"} <= names.keys()
    assert names["Page"] is uproot_nb.Page


@row("an app's folder")
def apps(app: Path) -> None:
    loaded = load_app(app)
    with served(loaded, players=1) as session:
        session[0].assert_reads("Your age")
    folder = app.parent.parent / "folder"

    source = "from uproot_nb import *\n\n\nclass Written(Page):\n    '''Written.'''\n\n\n"
    names = Notebook(source + "page_order = [Written]\n").names
    assert export_app(names, folder) == folder
    with served(folder, players=1) as session:
        session[0].assert_reads("Written.")


@row("`@classmethod` above each hook")
def class_methods(app: Path) -> None:
    class With(Page):
        """With."""

        @classmethod
        def before_once(page, player):
            player.seen = 1

    class Without(Page):
        """Without."""

        def before_once(page, player):
            player.seen = 2

    with served([With, Without], players=1) as session:
        assert session[0].player.seen == 1
        session[0].submit()
        assert session[0].player.seen == 2


@row("`_.field` in filters")
def filters(app: Path) -> None:
    with served([End], players=2) as session:
        for player in session.run.players:
            player.field = player.id
        assert len(session.run.players.filter(F.field > 0)) == 1
    with served(app, players=2) as session:
        _ = session[0].call("offer", price=3)
        assert session[0].player.rich == 1


@row("`@live`, `notify`")
def live_methods(app: Path) -> None:
    with served(app, players=2) as session:
        assert session[0].call("offer", price=3) == 3
        assert session[1].push("Offered").data == 3
        assert session[0].push("Thanks").data == "thanks"


@row("for a participant to read")
def refusals(app: Path) -> None:
    class Sell(Page):
        """Sell."""

        @live
        def sell(page, player):
            raise Refused("Not today.")

    with served([Sell], players=1) as session:
        assert session[0].assert_call_refused("sell") == "Not today."
    with served(app, players=1) as session:
        assert session[0].call("decline") == "Not today."
        with pytest.raises(ExperimentFailed, match="Not today") as failed:
            session[0].call("refuse")  # which raises a ValueError
        assert isinstance(failed.value.__cause__, CallRefused)
        assert failed.value.__cause__.message.startswith("Something went wrong")


@row("models, chat")
def data(app: Path) -> None:
    with served(app, players=2) as session:
        session[0].call("offer", price=3)
        session[0].call("offer", price=4)
        player = session[0].player
        assert (player.offers, player.x, player.group) == (2, 0, None)
        assert session[1].call("talk") == 1


@row("changing a list")
def lists(app: Path) -> None:
    with served([End], players=1) as served_session:
        session = served_session.run.session
        session.strokes = []
        s = [1, 2]
        session.strokes.append(s)
        assert session.strokes == [[1, 2]]
        assert served_session.run.session_state["strokes"].tolist() == [[[1, 2]]]


@row("rooms and sessions")
def rooms(app: Path) -> None:
    with serve([End], name="pilot", db=":memory:", embedded=True, port=0, namespace={}) as run:
        assert run.name == "pilot"
        assert "lab" in run.room("lab").url


@row("watching in the admin page")
def watching(app: Path) -> None:
    with served([End], players=1) as session:
        run = session.run
        assert len(run.state) == 1
        assert len(run.events) > 0
        assert len(run.errors) == 0
        run.monitor()  # of which a script shows nothing


@row("moving people")
def moving(app: Path) -> None:
    class First(Page):
        """First."""

        allow_back = True

    with served([First, End], players=1) as session:
        run, one = session.run, session[0]
        run.advance(run.players)
        session.settle()
        assert run.players[0].page == "End"
        run.revert(run.players)
        session.settle()
        assert run.players[0].page == "First"
        with run.lock:
            move_to_page(run.players[0], End)
            reload(run.players[0])
        session.settle()
        one.reload()
        one.assert_on(End)
        with run.lock:
            move_to_end(run.players[0])
        session.settle()
        assert run.players[0].page is None


HELP = """
    class Ask(Page):
        pass

    def new_player(player):
        chat.add_message(chat.ensure_adminchat(player.pid), player.pid, "Hello?")

    page_order = [Ask]
"""


@row("chatting with participants")
def chatting(app: Path) -> None:
    folder = write_app(app.parent, "helps", HELP, Ask_html=THANKS)
    with served(load_app(folder), players=1) as session:
        run = session.run
        run.answer(run.players, "Hello.")
        assert run.chats["text"].tolist() == ["Hello?", "Hello."]
        run.monitor()  # of which a script shows nothing


@row("exports in the admin page")
def exports(app: Path) -> None:
    with served([Rounds(End, n=2)], players=1, db=app.parent / "uproot.db") as session:
        folder = session.run.export(app.parent / "folder", progress=False)
        assert (folder / "latest").is_dir()
        name = session.run.name
    words = ["export", str(app.parent / "uproot.db"), name, str(app.parent / "nb.zip")]
    assert not main(words)
    assert (app.parent / "nb.zip").is_file()


def test_each_row_is_executed() -> None:
    assert MANUAL.functions.keys() == MANUAL.rows.keys()


@pytest.mark.long
@pytest.mark.parametrize("left", MANUAL.rows)
def test_a_row_holds_here(left: str, app: Path) -> None:
    MANUAL.functions[left](app)


# ---- in the framework ----


def serves(theirs: Theirs) -> None:
    assert "rows" in json.dumps(theirs.ask("configs/"))


def shows(theirs: Theirs) -> None:
    assert "Your age" in theirs.tabs[0].inner_text("body")


def runs_hooks(theirs: Theirs) -> None:
    assert theirs.values("seen") == [True, True]


def filters_by_underscore(theirs: Theirs) -> None:
    assert theirs.invoke(0, "offer", 3) == 3
    assert theirs.values("rich")[0] == 1


def pushes(theirs: Theirs) -> None:
    theirs.tabs[0].evaluate("got.length = 0")
    assert theirs.invoke(0, "offer", 5) == 5
    theirs.tabs[1].wait_for_function("got.some((one) => one[0] === 'Offered' && one[1] === 5)")
    theirs.tabs[0].wait_for_function("got.some((one) => one[0] === 'Thanks')")


def tells_why(theirs: Theirs) -> None:
    answer = theirs.invoke(0, "refuse")
    assert answer.startswith("failed")
    assert "Not today." not in answer
    assert theirs.invoke(0, "decline") == "Not today."


def stores(theirs: Theirs) -> None:
    theirs.invoke(1, "offer", 4)
    assert theirs.values("x") == [0, 1]
    assert theirs.values("offers")[1] >= 1
    assert theirs.invoke(1, "talk") >= 1


def needs_care(theirs: Theirs) -> None:
    theirs.invoke(0, "append")  # to another player's list, without opening that player's storage
    assert theirs.values("rows")[1] == [], "the change was stored without care"


def has_rooms(theirs: Theirs) -> None:
    theirs.ask("rooms/", {"name": "lab", "config": "rows", "labels": ["PC-01"], "capacity": None,
                          "open": False, "sname": None})  # fmt: skip
    assert "lab" in json.dumps(theirs.ask("rooms/"))
    assert theirs.session in theirs.ask("sessions/")


def watches(theirs: Theirs) -> None:
    assert theirs.ask(f"sessions/{theirs.session}/")
    assert theirs.ask(f"sessions/{theirs.session}/players/?fields=x")


def exports_a_zip(theirs: Theirs) -> None:
    assert theirs.load(f"sessions/{theirs.session}/data/export/")[:2] == b"PK"


def chats(theirs: Theirs) -> None:
    path = f"sessions/{theirs.session}/players/{theirs.names[0]}/admin-chat/"
    theirs.ask(path, {"message": "Hello.", "enable_replies": True})
    (message,) = theirs.ask(path)["messages"]
    assert (message["text"], message["sender"]) == ("Hello.", ["admin", ""])


def moves(theirs: Theirs) -> None:
    before = theirs.values("show_page")
    path, who = f"sessions/{theirs.session}/players", {"unames": theirs.names[1:]}
    theirs.ask(f"{path}/advance/", who)
    assert theirs.values("show_page")[1] == before[1] + 1
    theirs.ask(f"{path}/revert/", who)
    assert theirs.values("show_page") == before
    theirs.ask(f"{path}/reload/", who)
    theirs.ask(f"{path}/end/", who)
    assert theirs.values("show_page")[1] > before[1]


THERE: dict[str, Callable[[Theirs], None]] = {
    "a project with apps": serves, "`from uproot.fields import *`": shows,
    "an app's folder": shows, "`@classmethod` above each hook": runs_hooks,
    "`_.field` in filters": filters_by_underscore, "`@live`, `notify`": pushes,
    "for a participant to read": tells_why, "models, chat": stores,
    "changing a list": needs_care, "rooms and sessions": has_rooms,
    "watching in the admin page": watches, "exports in the admin page": exports_a_zip,
    "chatting with participants": chats, "moving people": moves,
}  # fmt: skip
"""What the first cell says of the framework, by a part of it; moving ends the second player."""


def test_each_row_is_executed_there() -> None:
    assert [sum(part in left for part in THERE) for left in MANUAL.rows] == [1] * len(MANUAL.rows)


@pytest.mark.slow
@pytest.mark.parametrize("part", THERE)
def test_a_row_holds_in_the_framework(part: str, theirs: Theirs) -> None:
    THERE[part](theirs)
