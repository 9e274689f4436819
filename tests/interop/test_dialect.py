"""The framework's functions, called by an app that is being served."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.interop.projects import HEAD, write_app
from tests.running import Browser
from uproot_nb import Run, serve
from uproot_nb.errors import UprootError
from uproot_nb.experiment.identifiers import PlayerIdentifier
from uproot_nb.interop import dialect
from uproot_nb.interop.openers import OPENERS

PAGES = """
    class Hello(Page):
        @live
        def do(page, player):
            return work(player)

    page_order = [Hello]
"""


@contextmanager
def serving(tmp_path: Path, body: str, head: str = HEAD) -> Iterator[Run]:
    """Serve an app whose live method `do` runs *body* with `player` and `session`."""
    lines = "".join(f"        {line.strip()}\n" for line in body.strip().splitlines())
    work = f"\n    def work(player):\n        session = player.session\n{lines}\n"
    app = write_app(tmp_path, "game", work + PAGES, head=head)
    run = serve(app=app, players=3, db=":memory:", name="s1", embedded=True, port=0, namespace={})
    with run:
        yield run


async def done(run: Run) -> Any:
    return await (await Browser.open(run, 0)).call("do")


@pytest.mark.long
@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ("return materialize(identify(player)) == player", True),
        ("return identify(identify(player)) == identify(player)", True),
        ("return Player(session.name, player.name) == player", True),
        ("with Player(session.name, player.name) as p: p.x = 3\nreturn player.x", 3),
        ("return Session('s1') == session", True),
        ("return isinstance(player, Player) and isinstance(player, Storage)", True),
        ("return isinstance(player, Group)", False),
        (
            "g = create_group(session, [player, player.others_in_session[0]], gname='pair')\n"
            "return [len(materialize(g).players), Group('s1', 'pair') == player.group,"
            " identify(player.group) == g]",
            [2, True, True],
        ),
        (
            "session.kept = create_group(session, [identify(player)])\n"
            "add_to_group(materialize(session.kept), list(player.others_in_session))\n"
            "return len(player.group.players)",
            3,
        ),
        ("return len(create_groups(session, [[p] for p in session.players]))", 3),
        ("return session.players.filter(_.id > 0, _.id < 2).each('id')", [1]),
        ("return get_setting(session, 'n', 7)", 7),
        (
            "player.bid = 1\nplayer.bid = 2\ndel player.bid\nlog = player.history()\n"
            "return [[v.data for v in log['bid']], log['bid'][-1].unavailable, 'bid' in log,"
            " 'ask' in log, log.get('ask', 0), list(dict(log.items())) == log.keys(),"
            " log['bid'][0].context]",
            [[1, 2, None], True, True, False, 0, True, "Hello.do"],
        ),
        (
            "return [player.page_order, player.show_page, player.started, player.label,"
            " player._uproot_group, session.player(player.name) == player]",
            [["game/Hello"], 0, True, "", None, True],
        ),
        (
            "player.refresh()\nsession.flush()\nplayer.page_order = 3\n"
            "return [player.page_order, session.apps]",
            [3, ["game"]],
        ),
        (
            "session.players.assign('long', [1, 2, 3, 4])\n"
            "session.players.assign('short', [1])\n"
            "return [session.players.each('long'), session.players.each('short')]",
            [[1, 2, 3], [1, None, None]],
        ),
        (
            "player._rows = [1]\nplayer._rows.append(2)\nplayer.round = 1\n"
            "return [player._rows, player.within(round=1)._rows, player.get('_rows'),"
            " hasattr(player, '_none'), hasattr(player, '_repr_html_')]",
            [[1, 2], [1, 2], [1, 2], False, False],
        ),
        ("return read_csv('nothing.csv')", []),
        ("return read_csv(infile='nothing.csv')", []),
        ("return data_uri(data=b'%PDF-')", "data:application/pdf;base64,JVBERi0="),
        (
            "create_groups(session=session, groups=[session.players])\n"
            "return len(player.group.players)",
            3,
        ),
        (
            "return [PlayerIdentifier(sname='s1', uname=player.name) == player.pid,"
            " SessionIdentifier(sname='s1') == session.sid,"
            " GroupIdentifier(sname='s1', gname='g').gname]",
            [True, True, "g"],
        ),
        ("return uproot.find_online(identify(player))", 0.0),
        ("return uproot.who_online() == {identify(player)}", True),
        ("move_to_end(player, reload_=False)\nreturn player.page", None),
        ("transition_to_end(player)\nreturn player.page", None),
        ("mark_dropout(identify(player))\nreturn 1", 1),
        pytest.param(
            "return [player.pid.sname, player.pid.uname == player.name, player.pid in"
            " {identify(player)}, session.sid.sname]",
            ["s1", True, True, "s1"],
        ),
        pytest.param(
            "g = create_group(session, [player], gname='solo')\n"
            "return [g.gname, player.group.gid == g, session.group(g) == player.group]",
            ["solo", True, True],
        ),
    ],
)  # fmt: skip
async def test_an_app_calls_what_the_framework_has(tmp_path: Path, body: str, answer: Any) -> None:
    with serving(tmp_path, body, HEAD + "import uproot\n") as run:
        assert await done(run) == answer


@pytest.mark.long
@pytest.mark.parametrize(
    "call",
    [
        "send_to(player, 7, 'Go')",
        "send_to(identify(player), 7, event='Go')",
        "send_to([player], data=7, event='Go', where=...)",
        "send_to_one(player, 7, 'Go')",
        "notify(player, player, 7, event='Go')",
        "notify(sender=player, to=[player], data=7, event='Go')",
    ],
)
async def test_messages_are_sent_as_the_framework_sends_them(tmp_path: Path, call: str) -> None:
    with serving(tmp_path, call) as run:
        ann = await Browser.open(run, 0)
        await ann.call("do")
        event = await ann.event()
        assert (event["event"], event["data"]) == ("Go", 7)


@pytest.mark.long
async def test_a_message_without_an_event_goes_to_receive(tmp_path: Path) -> None:
    with serving(tmp_path, "notify(player, player, 7, event='_uproot_Received')") as run:
        ann = await Browser.open(run, 0)
        await ann.call("do")
        assert (await ann.event())["event"] is None


@pytest.mark.long
async def test_models_and_chat_are_there_by_their_modules(tmp_path: Path) -> None:
    head = HEAD + (
        "import uproot.models as um\n\n"
        "class Note(metaclass=um.Entry):\n    player: PlayerIdentifier\n    text: str\n"
    )
    body = """
        session.notes = um.create_model(session, tag="notes")
        um.add_entry(session.notes, identify(player), Note, text="hello")
        found = um.filter_entries(session.notes, Note, player=identify(player))
        room = chat.create(session)
        chat.add_player(room, player, pseudonym="Ann")
        chat.add_message(room, identify(player), "hi")
        texts = [m.text for _, _, m in chat.messages(room)]
        return [found[0][2].text, um.model_exists(session.notes), chat.exists(room), texts]
    """
    with serving(tmp_path, body, head) as run:
        assert await done(run) == ["hello", True, True, ["hi"]]


@pytest.mark.long
async def test_models_and_chat_take_the_frameworks_names_of_arguments(tmp_path: Path) -> None:
    head = HEAD + (
        "import uproot.models as um\n\n"
        "class Note(metaclass=um.Entry):\n    pid: PlayerIdentifier\n    text: str\n"
    )
    body = """
        notes = session.notes = um.create_model(sid=session, tag="notes")
        um.add_entry(mid=notes, pid=player.pid, entry_type=Note, text="hello")
        found = um.filter_entries(mid=session.notes, as_type=Note, pid=player.pid)
        first = um.get_entries(session.notes, subset=slice(1), as_type=Note)
        room = chat.create(session)
        chat.add_player(chat=room, pid=player, pseudonym="Ann")
        chat.add_message(chat=room, sender=player.pid, msgtext="hi")
        texts = [m.text for _, _, m in chat.messages(room)]
        models = [m.mname for m in session.models]
        return [len(found), first[0][2].text, notes.mname in models, room.mname in models, texts]
    """
    with serving(tmp_path, body, head) as run:
        assert await done(run) == [1, "hello", True, True, ["hi"]]


@pytest.mark.long
async def test_members_of_an_apps_chat_with_one_pseudonym_are_numbered(tmp_path: Path) -> None:
    body = """
        room = chat.create(session)
        names = ["Seller", "Seller"]
        [chat.add_player(room, one, name) for one, name in zip(players(session), names)]
        return list(materialize(room).members.values())
    """
    with serving(tmp_path, body, HEAD) as run:
        assert await done(run) == ["Seller", "Seller 2"]


def test_what_an_app_reports_to_a_cell_may_find_things_by_identifier(tmp_path: Path) -> None:
    head = HEAD + (
        "import uproot.models as um\n\n"
        "class Note(metaclass=um.Entry):\n    player: PlayerIdentifier\n    text: str\n\n"
        "def new_session(session):\n    session.notes = um.create_model(session)\n\n"
        "def new_player(player):\n"
        "    um.add_entry(player.session.notes, player, Note, text='a')\n\n"
        "def pipeline(session):\n    entries = um.get_entries(session.notes, Note)\n"
        "    return [{'id': materialize(note.player).id} for _, _, note in entries]\n"
    )
    with serving(tmp_path, "pass", head) as run:
        assert run.pipeline()["id"].tolist() == [0, 1, 2]


def test_another_session_is_out_of_reach(tmp_path: Path) -> None:
    with serving(tmp_path, "return 1"), pytest.raises(UprootError, match="not run for a session"):
        dialect.materialize(PlayerIdentifier("s1", "ann"))


@pytest.mark.long
async def test_another_session_cannot_be_opened(tmp_path: Path) -> None:
    body = """
        try: Session("s2")
        except Exception as error: return str(error).splitlines()[0]
    """
    with serving(tmp_path, body) as run:
        assert await done(run) == "There is no session 's2' here; this is 's1'."


def test_there_is_no_admin() -> None:
    with pytest.raises(UprootError, match="no admin storage"):
        OPENERS["Admin"]()


def test_combining_rows_gives_a_value_by_first_field() -> None:
    from collections import namedtuple

    pair, triple = namedtuple("pair", "name bid"), namedtuple("triple", "name bid ask")
    assert dialect.combine([pair("ann", 1), pair("bob", 2)]).bob == 2
    assert dialect.combine([triple("ann", 1, 3)]).ann.ask == 3


@pytest.mark.parametrize(("text", "good"), [("a.b-c_1", True), ("", False), ("ä", False)])
def test_names_are_made_of_plain_signs(text: str, good: bool) -> None:
    assert dialect.valid_token(text) is good


def test_conditions_of_an_app_raise_what_it_says() -> None:
    dialect.ensure(True)
    with pytest.raises(KeyError, match="gone"):
        dialect.ensure(False, KeyError, "gone")
    with pytest.raises(ValueError, match="is None"):
        dialect.ensure_not_none(None)
    assert dialect.return_or_raise(3, lambda x: x > 2) == 3


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (2.345, "2.35"), (1.005, "1.01"), (0.5, "0.50"), (-0.001, "0.00"), ("12.5", "12.50"),
        (10**30, "1,000,000,000,000,000,000,000,000,000,000.00"), (float("nan"), "nan"),
    ],
)  # fmt: skip
def test_amounts_are_rounded_half_up_as_in_the_framework(amount: Any, shown: str) -> None:
    assert dialect.fmtnum(amount) == shown


def test_text_that_is_no_amount_is_refused_by_its_value() -> None:
    with pytest.raises(TypeError, match="'abc' cannot be shown as an amount"):
        dialect.fmtnum("abc")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        ({}, "1,234.50"),
        ({"post": " €"}, "1,234.50\N{NO-BREAK SPACE}€"),
        ({"pre": "EUR ", "use_nbsp": False}, "EUR 1,234.50"),
        ({"sep": " ", "decsep": ",", "places": 0}, "1\N{NO-BREAK SPACE}235"),
    ],
)
def test_amounts_are_shown_as_the_framework_shows_them(
    arguments: dict[str, Any], shown: str
) -> None:
    assert dialect.fmtnum(1234.5, **arguments) == shown
