"""Each row of the page "Coming from oTree", executed: here, and in oTree."""
# ruff: noqa: ANN001, ANN202, C408, RUF012  (as authors write)

from __future__ import annotations

import inspect
import os
import re
import subprocess
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.docs.table_rows import Executed, code_words
from tests.otree.rows_project import SOURCES, write_project
from uproot_nb import (
    DecimalField,
    Entry,
    GroupCreatingWait,
    IntegerField,
    Page,
    PlayerIdentifier,
    RadioField,
    Rounds,
    SynchronizingWait,
    add_entry,
    chat,
    create_groups,
    create_model,
    cu,
    filter_entries,
    live,
    notify,
    players,
    random_forms,
    rehearse,
    serve,
)
from uproot_nb.testing import served

MANUAL = Executed("from_otree.md")
row = MANUAL.row


class End(Page):
    """The end."""


@row("class C(BaseConstants)")
def constants() -> None:
    class C:
        PRICE = 3

    class Show(Page):
        """It costs {{ C.PRICE }}."""

    with served([Show], players=1, names={"C": C}) as session:
        session[0].assert_reads("It costs 3.")


@row("class Player(BasePlayer)")
def no_declaration() -> None:
    def new_player(player: Any) -> None:
        player.x = 3

    with served([End], players=1, names={"new_player": new_player}) as session:
        assert session[0].player.x == 3


@row("`form_model`")
def fields_of_a_page() -> None:
    class Ask(Page):
        """Ask."""

        fields = dict(age=IntegerField(label="Your age"))

    with served([Ask, End], players=1) as session:
        session[0].submit(age=30)
        assert session[0].player.age == 30


@row("models.IntegerField(")
def bounds() -> None:
    class Ask(Page):
        """Ask."""

        fields = dict(age=IntegerField(min=18, max=99, label="Your age"))

    with served([Ask, End], players=1) as session:
        session[0].assert_form_refused(age=17)
        session[0].assert_form_refused(age=100)
        session[0].submit(age=18)


@row("`blank=True`")
def no_answer() -> None:
    class Ask(Page):
        """Ask."""

        fields = dict(age=IntegerField(label="Your age", optional=True))

    with served([Ask, End], players=1) as session:
        session[0].submit()
        session[0].assert_on(End)
        assert IntegerField(label="x", optional=True).optional is True


@row("widgets.RadioSelect")
def radio_buttons() -> None:
    class Ask(Page):
        """Ask."""

        fields = dict(side=RadioField(label="Side", choices=["left", "right"]))

    with served([Ask, End], players=1) as session:
        assert session[0].html.count('type="radio"') == 2


@row("models.CurrencyField")
def amounts() -> None:
    class Ask(Page):
        """Ask."""

        fields = dict(price=DecimalField(label="Price"))

    with served([Ask, End], players=1) as session:
        session[0].submit(price="0.1")
        assert session[0].player.price + cu(3) == Decimal("3.1")


@row("`page_sequence`")
def order() -> None:
    page_order = [End]
    with served(None, players=1, names={"page_order": page_order}) as session:
        session[0].assert_on(End)


@row("`NUM_ROUNDS`")
def rounds() -> None:
    class A(Page):
        """Round {{ player.round }}."""

    with served([Rounds(A, n=2), End], players=1) as session:
        session[0].submit()
        session[0].assert_reads("Round 2.")
        assert session[0].player.round == 2


@row("player.in_round(2)")
def earlier_rounds() -> None:
    class Ask(Page):
        """Ask."""

        fields = dict(x=IntegerField(label="x"))

    with served([Rounds(Ask, n=3), End], players=1) as session:
        for number in (5, 6, 7):
            session[0].submit(x=number)
        player = session[0].player
        assert player.within(round=2).x == 6


@row("`participant.vars`")
def fields_of_a_player() -> None:
    with served([End], players=1) as session:
        player = session[0].player
        player.x = 3
        assert (player.x, player.label) == (3, None)


@row("creating_session(subsession)")
def first_values() -> None:
    def new_session(session: Any) -> None:
        session.price = 3
        session.size = len(session.players)

    def new_player(player: Any) -> None:
        player.cash = player.session.price

    names = {"new_session": new_session, "new_player": new_player}
    with served([End], players=2, names=names) as session:
        assert session[1].player.cash == 3
        assert session.run.session.size == 0, "there are players already"


@row("is_displayed(player)")
def skipped() -> None:
    class Skipped(Page):
        """Not seen."""

        def show(page, player):
            return player.id == 1

    with served([Skipped, End], players=2) as session:
        session[0].assert_on(End)
        session[1].assert_on(Skipped)


@row("`vars_for_template`")
def values_for_the_template() -> None:
    class Show(Page):
        """It costs {{ price }}."""

        def templatevars(page, player):
            return {"price": 3}

        def jsvars(page, player):
            return {"limit": 4}

    with served([Show], players=1) as session:
        session[0].assert_reads("It costs 3.")
        assert session[0].vars == {"limit": 4}


@row("error_message(player, values)")
def errors() -> None:
    class Ask(Page):
        """Ask."""

        fields = dict(x=IntegerField(label="x"))

        def validate(page, player, data):
            if data["x"] == 1:
                return "Not 1."

    with served([Ask, End], players=1) as session:
        session[0].assert_form_refused(x=1)
        session[0].submit(x=2)


@row("before_next_page(player, timeout_happened)")
def after_a_page() -> None:
    class Ask(Page):
        """Ask."""

        timeout = 10

        def after_once(page, player):
            player.left = player.get("left", 0) + 1

        def after_always_once(page, player):
            player.rounds_left = player.get("rounds_left", 0) + 1

        def timeout_reached(page, player):
            player.late = True

    with served([Rounds(Ask, n=2), End], players=1) as session:
        player = session[0].player
        session[0].submit()
        assert player.get("late") is None
        session.advance(15)
        assert player.late is True
        assert (player.left, player.rounds_left) == (1, 2)


@row("`timeout_seconds`")
def timeouts() -> None:
    class Fixed(Page):
        """Fixed."""

        timeout = 60

    class Computed(Page):
        """Computed."""

        def timeout(page, player):
            return 5 if player.id == 0 else None

    with served([Fixed, Computed, End], players=2) as session:
        session.advance(61)
        session[0].assert_on(Computed)
        session.advance(10)
        session[0].assert_on(End)
        session[1].assert_on(Computed)


@row("`WaitPage`")
def waits() -> None:
    def new_player(player: Any) -> None:
        if player.id == 1:
            create_groups(player.session, [player.session.players])

    class Wait(SynchronizingWait):
        def all_here(page, group):
            group.size = len(group.players)

    class Go(Page):
        """Go."""

    with served([Go, Wait, End], players=2, names={"new_player": new_player}) as session:
        session[0].submit()
        assert session[0].waits
        session[1].submit()
        session[0].assert_on(End)
        assert session[0].player.group.size == 2


@row("`group_by_arrival_time`")
def groups_at_arrival() -> None:
    class Meet(GroupCreatingWait):
        group_size = 2

    with served([Meet, End], players=3, arrive=False) as session:
        session[2].arrive()
        session[0].arrive()
        assert session[2].player.group is session[0].player.group is not None
        session[1].arrive()
        assert session[1].waits


@row("`PLAYERS_PER_GROUP`")
def groups_by_hand() -> None:
    class Meet(GroupCreatingWait):
        group_size = 4

    assert Meet.group_size == 4
    with served([End], players=4) as served_session:
        session = served_session.run.session
        a, b, c, d = session.players
        create_groups(session, [[a, d], [b, c]])
        assert a.other_in_group == d
        assert c.member_id == 1


@row("`live_method`")
def live_methods() -> None:
    class Trade(Page):
        """Trade.

        <script>uproot.invoke("offer", 3)</script>"""

        @live
        def offer(page, player, price: int):
            notify(player, players(player.session), price, event="Offer")
            return price

    with served([Trade], players=2) as session:
        assert session[0].call("offer", 3) == 3
        assert session[1].push("Offer").data == 3
        assert "uproot.invoke" in session[0].html


@row("`ExtraModel.create`")
def entries() -> None:
    class Offer(metaclass=Entry):
        player: PlayerIdentifier
        price: int

    def new_session(session: Any) -> None:
        session.offers = create_model(session)

    with served([End], players=2, names={"new_session": new_session, "Offer": Offer}) as session:
        model = session.run.session.offers
        for price, one in ((3, session[0]), (4, session[1])):
            add_entry(model, one.player, Offer, price=price)
        ((_, _, found),) = filter_entries(model, Offer, price=4)
        assert found.player == ~session[1].player


@row("`{{ formfields }}`")
def fields_in_templates() -> None:
    class All(Page):
        template = '{% extends "Base.html" %}{% block main %}{{ fields() }}{% endblock %}'
        fields = dict(age=IntegerField(label="Your age"))

    class One(Page):
        template = '{% extends "Base.html" %}{% block main %}{{ field(form.age) }}{% endblock %}'
        fields = dict(age=IntegerField(label="Your age"))

    with served([All, One, End], players=1) as session:
        assert list(session[0].fields) == ["age"]
        session[0].submit(age=3)
        assert list(session[0].fields) == ["age"]


@row("`{{ if }} … {{ endif }}`")
def conditions() -> None:
    class Show(Page):
        template = (
            '{% extends "Base.html" %}{% block main %}'
            "{% if player.id == 0 %}first{% endif %}{% endblock %}"
        )

    with served([Show], players=2) as session:
        session[0].assert_reads("first")
        assert "first" not in session[1].text


@row("`{{ chat }}`")
def chats() -> None:
    class Talk(Page):
        """{{ chat(session.chat) }}"""

    def new_session(session: Any) -> None:
        session.chat = chat.create(session)

    def new_player(player: Any) -> None:
        chat.add_player(player.session.chat, player)

    names = {"new_session": new_session, "new_player": new_player}
    with served([Talk], players=1, names=names) as session:
        assert "uproot-chat" in session[0].html


@row("`_static/`")
def static_files(tmp_path: Path, monkeypatch: Any) -> None:
    class Show(Page):
        """<img src="{{ appstatic("x.png") }}">"""

    monkeypatch.chdir(tmp_path)
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "x.png").write_bytes(b"png")
    with served([Show], players=1) as session:
        assert "x.png" in session[0].html


@row("rooms with label files")
def rooms() -> None:
    with served([End], players=2) as session:
        run = session.run
        lab = run.room("lab", labels=["PC-01", "PC-02"])
        assert "lab" in lab.url


@row("bots in Python")
def bots() -> None:
    class Ask(Page):
        """Ask."""

        fields = dict(age=IntegerField(label="Your age", min=18, max=99))

    run = serve([Ask, End], players=2, db=":memory:", embedded=True, port=0, namespace={})
    try:
        run.bots(2).wait(60)
        assert [18 <= player.age <= 99 for player in run.players] == [True, True]
    finally:
        run.close()
    report = rehearse([Ask, End], players=2)
    assert report is not None
    assert callable(random_forms)


def test_each_row_is_executed() -> None:
    assert MANUAL.functions.keys() == MANUAL.rows.keys()


@pytest.mark.long
@pytest.mark.parametrize("left", MANUAL.rows)
def test_a_row_holds_here(left: str, tmp_path: Path, monkeypatch: Any) -> None:
    function: Callable[..., None] = MANUAL.functions[left]
    source = inspect.getsource(function)
    assert MANUAL.missing_words(left, source) == set(), "the row names what its test does not use"
    if inspect.signature(function).parameters:
        function(tmp_path, monkeypatch)
    else:
        function()


OTREE = os.environ.get("UPROOT_NB_OTREE", "")
NO_OTREE = (
    "Set UPROOT_NB_OTREE to a virtual environment with oTree (`pip install otree requests`): "
    "its side of the table is executed there."
)


@pytest.fixture(scope="module")
def executed_there(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Return the rows that oTree's own bots have executed in a project of ours."""
    folder = tmp_path_factory.mktemp("otree") / "project"
    write_project(folder)
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    command = [f"{OTREE}/bin/otree", "test", "rows"]
    played = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env=environment, timeout=300
    )
    assert played.returncode == 0, played.stdout[-3000:] + played.stderr[-3000:]
    lines = played.stdout.splitlines()
    return {line.removeprefix("ROW: ") for line in lines if line.startswith("ROW: ")}


@pytest.mark.slow
@pytest.mark.skipif(not OTREE, reason=NO_OTREE)
@pytest.mark.parametrize("left", MANUAL.rows)
def test_a_row_holds_in_otree(left: str, executed_there: set[str]) -> None:
    assert any(part in left for part in executed_there)
    words = set(re.findall(r"\w+", " ".join([*SOURCES, *SOURCES.values(), "otree test"])))
    assert code_words(left) <= words, "the row names what the project does not use"
