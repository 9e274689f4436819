"""Translated apps, construct by construct: each is played, and its data are looked at."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.otree.playing import load_notebook, play_notebook, serve_notebook
from tests.otree.projects import translate, write_app
from uproot_nb import from_otree
from uproot_nb.errors import BadApp


def made(tmp_path: Path, code: str, **options: Any) -> tuple[Path, str]:
    return translate(write_app(tmp_path, code, **options), tmp_path)


ONE_PAGE = """
class Ask(Page):
    form_model = 'player'
    form_fields = ['{0}']


page_sequence = [Ask]
"""


@pytest.mark.parametrize(
    ("declared", "kind", "expected"),
    [
        ("models.IntegerField(min=1, max=9, label='How many?')", "IntegerField",
         {"min": 1, "max": 9, "label": "How many?"}),
        ("models.IntegerField()", "IntegerField", {"min": 0, "max": None, "label": "An Answer"}),
        ("models.FloatField(min=None)", "FloatField", {"min": None}),
        ("models.CurrencyField(max=cu(10))", "DecimalField", {"min": 0, "max": Decimal(10)}),
        ("models.StringField(blank=True, help_text='Any.')", "StringField",
         {"optional": True, "description": "Any."}),
        ("models.LongStringField()", "TextAreaField", {}),
        ("models.BooleanField()", "RadioField", {}),
        ("models.BooleanField(widget=widgets.CheckboxInput)", "BooleanField", {}),
        ("models.IntegerField(choices=[1, 2])", "SelectField", {}),
        ("models.StringField(choices=[['a', 'A']], widget=widgets.RadioSelectHorizontal)",
         "RadioField", {"layout": "horizontal"}),
        ("models.IntegerField(initial=3)", "IntegerField", {"default": 3}),
    ],
)  # fmt: skip
def test_a_models_field_is_a_field_of_the_page(
    tmp_path: Path, monkeypatch: Any, declared: str, kind: str, expected: dict[str, Any]
) -> None:
    path, _ = made(tmp_path, ONE_PAGE.format("an_answer"), player=f"an_answer = {declared}")
    names, _ = load_notebook(path, monkeypatch)
    field = names["Ask"].fields["an_answer"]
    assert type(field).__name__ == kind
    assert {name: getattr(field, name) for name in expected} == expected


def test_choices_bounds_and_errors_may_be_functions(tmp_path: Path, monkeypatch: Any) -> None:
    code = """
    def a_choices(player):
        return [['x', 'The x'], ['y', 'The y']]


    def b_max(player):
        return player.id_in_group + 4


    def b_error_message(player, value):
        if value == 1:
            return 'Not 1.'


    class Ask(Page):
        form_model = 'player'
        form_fields = ['a', 'b']


    page_sequence = [Ask]
    """
    player = "a = models.StringField()\n    b = models.IntegerField()"
    path, _ = made(tmp_path, code, player=player)
    with serve_notebook(path, monkeypatch, players=2) as session:
        first, second = session
        assert first.fields["b"].max == "5"
        assert second.fields["b"].max == "6"
        assert first.assert_form_refused(a="x", b=1)["b"] == ["Not 1."]
        first.submit(a="y", b=5)
        assert first.player.a == "y"


def test_a_function_may_choose_the_fields(tmp_path: Path, monkeypatch: Any) -> None:
    code = """
    class Ask(Page):
        form_model = 'player'

        @staticmethod
        def get_form_fields(player):
            return ['a'] if player.id_in_group == 1 else ['b']

        @staticmethod
        def error_message(player, values):
            if 'a' in values and values['a'] > 5:
                return 'Too much.'


    page_sequence = [Ask]
    """
    player = "a = models.IntegerField()\n    b = models.IntegerField()"
    path, _ = made(tmp_path, code, player=player)
    with serve_notebook(path, monkeypatch, players=2) as session:
        assert list(session[0].fields), list(session[1].fields) == (["a"], ["b"])
        session[0].assert_form_refused(a=6)
        session[0].submit(a=5)
        session[1].submit(b=6)


@pytest.mark.long
def test_a_form_of_the_group_gives_its_answers_to_the_group(
    tmp_path: Path, monkeypatch: Any
) -> None:
    code = """
    class Decide(Page):
        form_model = 'group'
        form_fields = ['price']

        @staticmethod
        def is_displayed(player):
            return player.id_in_group == 1


    class Wait(WaitPage):
        pass


    class Results(Page):
        pass


    page_sequence = [Decide, Wait, Results]
    """
    results = "{{ block content }}The price is {{ group.price }}.{{ endblock }}"
    path, _ = made(tmp_path, code, size=2, group="price = models.IntegerField()", Results=results)
    with serve_notebook(path, monkeypatch) as session:
        one, two = session
        assert two.waits
        one.submit(price=7)
        two.assert_reads("The price is 7.")


GAME = """
def set_payoffs(group):
    total = sum([p.gift for p in group.get_players()])
    group.total = total * C.FACTOR / C.PLAYERS_PER_GROUP
    for p in group.get_players():
        p.payoff = C.ENDOWMENT - p.gift + group.total


def other(player):
    return player.get_others_in_group()[0]


class Give(Page):
    form_model = 'player'
    form_fields = ['gift']


class Wait(WaitPage):
    title_text = 'One moment'
    body_text = 'The other one decides.'
    after_all_players_arrive = set_payoffs


class Results(Page):
    @staticmethod
    def vars_for_template(player):
        return dict(his=other(player).gift)


page_sequence = [Give, Wait, Results]
"""
RESULTS = """
{{ block title }}Results{{ endblock }}
{{ block content }}
{{ if player.payoff > 10 }}More{{ elif his == 1 }}One{{ else }}Less{{ endif }}:
{{ player.payoff|to2 }} and {{ his }} of {{ C.ENDOWMENT }}.
{{ next_button }}
{{ endblock }}
"""


@pytest.mark.long
def test_groups_wait_pages_and_payoffs_with_floats_work(tmp_path: Path, monkeypatch: Any) -> None:
    path, text = made(
        tmp_path, GAME, size=2, player="gift = models.CurrencyField(max=C.ENDOWMENT)",
        group="total = models.CurrencyField()",
        constants="    ENDOWMENT = cu(10)\n    FACTOR = 1.5", Results=RESULTS,
    )  # fmt: skip
    with serve_notebook(path, monkeypatch, players=4) as session:
        for participant, gift in zip(session, (4, 2, 0, 0), strict=True):
            participant.submit(gift=gift)
        session[0].assert_reads("More: 10.50 and 2 of 10.")
        session[3].assert_reads("Less: 10.00 and 0 of 10.")
        assert session[0].player.payoff == Decimal("10.5")
    assert "Everything was translated" in text
    assert "The other one decides." in text


ROUNDS = """
def set_payoffs(group):
    group.best = max(p.bid for p in group.get_players())
    for p in group.get_players():
        p.won = p.bid == group.best
        p.payoff = C.PRIZE if p.won else cu(0)


class Bid(Page):
    form_model = 'player'
    form_fields = ['bid']

    @staticmethod
    def before_next_page(player, timeout_happened):
        player.participant.vars['bids'] = player.participant.vars.get('bids', 0) + 1


class Wait(WaitPage):
    after_all_players_arrive = 'set_payoffs'


class Results(Page):
    @staticmethod
    def is_displayed(player):
        return player.round_number == C.NUM_ROUNDS

    @staticmethod
    def vars_for_template(player):
        return dict(
            first=player.in_round(1).bid,
            earlier=[p.bid for p in player.in_previous_rounds()],
            best=[g.best for g in player.group.in_all_rounds()],
            total=player.participant.payoff,
        )


page_sequence = [Bid, Wait, Results]
"""


@pytest.mark.long
def test_rounds_have_values_of_their_own(tmp_path: Path, monkeypatch: Any) -> None:
    shown = """
    {{ block content }}
    Round {{ subsession.round_number }}: {{ first }} {{ earlier }} {{ best }} {{ total }}
    {{ for p in player.in_all_rounds }}[{{ forloop.counter }}:{{ p.bid }}]{{ empty }}-{{ endfor }}
    {{ endblock }}
    """
    player = "bid = models.IntegerField()\n    won = models.BooleanField(initial=False)"
    path, _ = made(
        tmp_path, ROUNDS, size=2, rounds=3, player=player, group="best = models.IntegerField()",
        constants="    PRIZE = cu(5)", Results=shown,
    )  # fmt: skip
    with serve_notebook(path, monkeypatch) as session:
        one, two = session
        for first, second in ((1, 2), (4, 3), (5, 6)):
            assert one.player.won is False
            one.submit(bid=first)
            two.submit(bid=second)
        one.assert_reads("Round 3: 1 [1, 4] [2, 4, 6] 5 [1:1][2:4][3:5]")
        assert one.player.bids == 3


CREATION = """
def creating_session(subsession):
    if subsession.round_number == 1:
        subsession.session.vars['lucky'] = 2
        for p in subsession.get_players():
            p.participant.treatment = 'odd' if p.id_in_subsession % 2 else 'even'
    if subsession.round_number == 2:
        matrix = subsession.get_group_matrix()
        for row in matrix:
            row.reverse()
        subsession.set_group_matrix(matrix)
    if subsession.round_number == 3:
        subsession.group_like_round(1)


class Play(Page):
    pass


page_sequence = [Play]
"""


@pytest.mark.long
def test_creating_session_gives_treatments_groups_and_roles(
    tmp_path: Path, monkeypatch: Any
) -> None:
    shown = """
    {{ block content }}{{ player.role }} {{ player.id_in_group }} {{ participant.treatment }}
    {{ session.lucky }}{{ next_button }}{{ endblock }}
    """
    roles = "    BUYER_ROLE = 'Buyer'\n    SELLER_ROLE = 'Seller'"
    path, _ = made(tmp_path, CREATION, size=2, rounds=3, constants=roles, Play=shown)
    with serve_notebook(path, monkeypatch) as session:
        seen = []
        for _ in range(3):
            seen.append([" ".join(one.text.split()[1:4]) for one in session])
            for one in session:
                one.submit()
        assert seen == [
            ["Buyer 1 odd", "Seller 2 even"],
            ["Seller 2 odd", "Buyer 1 even"],
            ["Buyer 1 odd", "Seller 2 even"],
        ]


OLD = """
class Play(Page):
    @staticmethod
    def is_displayed(player):
        return player.round_number <= Constants.num_rounds


page_sequence = [Play]
"""


def test_constants_may_have_the_names_of_earlier_versions(tmp_path: Path, monkeypatch: Any) -> None:
    shown = """
    {{ block content }}[{{ player.role }}] {{ player.round_number }}/{{ Constants.num_rounds }}
    {{ next_button }}{{ endblock }}
    """
    constants = "    boss_role = 'Boss'\n    pairs = NUM_ROUNDS * PLAYERS_PER_GROUP"
    app = write_app(tmp_path, OLD, size=2, rounds=2, constants=constants, Play=shown)
    code = (app / "__init__.py").read_text().replace("class C(", "class Constants(")
    for name in ("NAME_IN_URL", "PLAYERS_PER_GROUP", "NUM_ROUNDS"):
        code = code.replace(name, name.lower())
    (app / "__init__.py").write_text(code)
    with serve_notebook(from_otree(app, tmp_path / "old.ipynb"), monkeypatch) as session:
        ann, bob = session
        assert "[Boss] 1/2" in ann.text
        assert "[] 1/2" in bob.text
        ann.submit()
        assert "[Boss] 2/2" in ann.text


def test_a_first_value_that_is_no_choice_chooses_nothing(tmp_path: Path, monkeypatch: Any) -> None:
    field = "side = models.StringField(choices=[['l', 'Left'], ['r', 'Right']], initial='no')"
    code = """
    class Play(Page):
        form_model = 'player'
        form_fields = ['side']

    page_sequence = [Play]
    """
    path, _ = made(tmp_path, code, player=field)
    with serve_notebook(path, monkeypatch, 1) as session:
        (ann,) = session
        ann.submit(side="r")
        assert session.run.players[0].side == "r"


TIMED = """
class Decide(Page):
    form_model = 'player'
    form_fields = ['points', 'words']
    timeout_seconds = 30

    @staticmethod
    def before_next_page(player, timeout_happened):
        player.late = timeout_happened


class Slow(Page):
    @staticmethod
    def get_timeout_seconds(player):
        return 10 if player.late else None


class End(Page):
    pass


page_sequence = [Decide, Slow, End]
"""


@pytest.mark.long
def test_what_was_not_answered_in_time_is_zero_and_the_hook_knows(
    tmp_path: Path, monkeypatch: Any
) -> None:
    player = """points = models.IntegerField()
    words = models.StringField()
    late = models.BooleanField()"""
    path, _ = made(tmp_path, TIMED, player=player)
    with serve_notebook(path, monkeypatch, players=2) as session:
        quick, slow = session
        quick.submit(points=3, words="hello")
        session.advance(40)
        assert (slow.player.points, slow.player.words, slow.player.late) == (0, "", True)
        assert (quick.player.points, quick.player.late) == (3, False)
        session.advance(15)
        slow.assert_on("End")
        quick.assert_on("Slow")


LIVE = """
class Trade(Page):
    @staticmethod
    def live_method(player, data):
        player.group.last = data['price']
        return {0: dict(last=data['price']), player.id_in_group: 'thanks'}

    @staticmethod
    def js_vars(player):
        return dict(limit=9)


page_sequence = [Trade]
"""


def test_a_live_method_answers_all_or_one(tmp_path: Path, monkeypatch: Any) -> None:
    shown = """
    {{ block content }}<p id="last"></p>
    <script>function liveRecv(data) { console.log(data, js_vars.limit); }
    liveSend({price: 3});</script>{{ next_button }}{{ endblock }}
    """
    path, text = made(tmp_path, LIVE, size=2, group="last = models.IntegerField()", Trade=shown)
    with serve_notebook(path, monkeypatch) as session:
        one, two = session
        two.call("live_send", data={"price": 4})
        assert one.push("liveRecv").data == {"last": 4}
        assert two.push("liveRecv").data == {"last": 4}
        assert two.push("liveRecv").data == "thanks"
        assert one.vars == {"limit": 9}
        assert one.player.group.last == 4
    assert 'uproot.invoke("live_send", {data})' in text


def test_a_live_method_may_answer_several_times(tmp_path: Path, monkeypatch: Any) -> None:
    code = """
    class Trade(Page):
        @staticmethod
        async def live_method(player, data):
            yield {0: data}
            yield {player.id_in_group: data + 1}


    page_sequence = [Trade]
    """
    path, _ = made(tmp_path, code, size=2)
    with serve_notebook(path, monkeypatch) as session:
        one, two = session
        one.call("live_send", data=3)
        assert [one.push("liveRecv").data, one.push("liveRecv").data] == [3, 4]
        assert two.push("liveRecv").data == 3


ARRIVAL = """
class Meet(WaitPage):
    group_by_arrival_time = True

    @staticmethod
    def after_all_players_arrive(group):
        group.met = len(group.get_players())


class Talk(Page):
    pass


page_sequence = [Meet, Talk]
"""


@pytest.mark.long
def test_groups_may_be_made_at_arrival_and_chat(tmp_path: Path, monkeypatch: Any) -> None:
    path, _ = made(
        tmp_path, ARRIVAL, size=2, group="met = models.IntegerField()",
        Talk="{{ block content }}We are {{ group.met }}. {{ next_button }}{{ endblock }}",
    )  # fmt: skip
    with serve_notebook(path, monkeypatch) as session:
        session[1].assert_reads("We are 2.")


def test_a_chat_belongs_to_the_group(tmp_path: Path, monkeypatch: Any) -> None:
    code = "class Talk(Page):\n    pass\n\n\npage_sequence = [Talk]\n"
    path, _ = made(
        tmp_path, code, size=2, Talk="{{ block content }}{{ chat }}{{ next_button }}{{ endblock }}"
    )
    with serve_notebook(path, monkeypatch) as session:
        group = session[0].player.group
        assert group.chat is not None
        assert all("uproot-chat" in one.html for one in session)


def test_included_templates_static_files_and_data_come_along(
    tmp_path: Path, monkeypatch: Any
) -> None:
    code = """
    class C2:
        pass


    class Show(Page):
        @staticmethod
        def vars_for_template(player):
            with open(__name__ + '/words.txt') as file:
                return dict(word=file.read())


    page_sequence = [Show]
    """
    shown = """
    {{ block content }}{{ include_sibling 'rules.html' }}
    <img src="{{ static 'small/a.png' }}">{{ word }}{{ next_button }}{{ endblock }}
    """
    app = write_app(tmp_path, code, Show=shown, rules="Rules for {{ C.NUM_ROUNDS }} round.")
    (app / "words.txt").write_text("lemon", "utf-8")
    (app.parent / "_static" / "small").mkdir(parents=True)
    (app.parent / "_static" / "small" / "a.png").write_bytes(b"png")
    path, text = translate(app, tmp_path)
    with serve_notebook(path, monkeypatch, players=1) as session:
        session[0].assert_reads("Rules for 1 round.")
        session[0].assert_reads("lemon")
        assert "a.png" in session[0].html
    assert (path.parent / "static" / "small" / "a.png").read_bytes() == b"png"
    assert "# TODO small/__init__.py:" in text
    assert "# class C2:" in text


@pytest.mark.long
def test_session_settings_and_the_number_of_players_come_from_the_project(
    tmp_path: Path, monkeypatch: Any
) -> None:
    code = """
    class Show(Page):
        @staticmethod
        def is_displayed(player):
            return player.session.config['price'] == 3


    page_sequence = [Show]
    """
    app = write_app(tmp_path, code)
    settings = """
SESSION_CONFIG_DEFAULTS = dict(price=1, participation_fee=0.5)
SESSION_CONFIGS = [dict(name='x', app_sequence=['small'], num_demo_participants=5, price=3)]
"""
    (app.parent / "settings.py").write_text(settings, "utf-8")
    path, _ = translate(app, tmp_path)
    _, options = load_notebook(path, monkeypatch)
    assert options == {"players": 5, "settings": {"price": 3, "participation_fee": 0.5}}
    with serve_notebook(path, monkeypatch) as session:
        session[0].assert_on("Show")


@pytest.mark.long
def test_bots_play_to_the_end_at_random(tmp_path: Path, monkeypatch: Any) -> None:
    path, _ = made(
        tmp_path, GAME, size=2, player="gift = models.CurrencyField(max=C.ENDOWMENT)",
        group="total = models.CurrencyField()",
        constants="    ENDOWMENT = cu(10)\n    FACTOR = 1.5", Results=RESULTS,
    )  # fmt: skip
    players = play_notebook(path, monkeypatch, players=4)
    assert len(players) == 4
    assert all(0 <= fields["gift"] <= 10 for fields in players.values())


REST = """
class Trial(ExtraModel):
    player = models.Link(Player)


def custom_export(players):
    yield ['a']


class Ask(Page):
    timer_text = 'Left'
    form_model = 'player'
    form_fields = ['a', 'b']


page_sequence = [Ask]
"""


def test_what_is_not_translated_stands_with_its_file_and_line(tmp_path: Path) -> None:
    shown = "{{ block content }}\n{{ blocktrans }}x{{ endblocktrans }}{{ endblock }}"
    player = "a = models.IntegerField(widget=Odd, colour=1)"
    _, text = made(tmp_path, REST, player=player, Ask=shown)
    for line in (
        "* `small/__init__.py:25`: the class Trial is not translated.",
        "# TODO small/__init__.py:25: the class Trial is not translated.",
        "# class Trial(ExtraModel):",
        "* `small/__init__.py:29`: custom_export() was left out",
        "Ask.timer_text: show the time left in the template.",
        "Ask: no field 'b' was found.",
        "the field 'a': 'colour' is not translated.",
        "* `small/Ask.html:2`: {{ blocktrans }}: this tag has no counterpart.",
    ):
        assert line in text, line


def test_statements_that_use_constants_stand_below_them(tmp_path: Path, monkeypatch: Any) -> None:
    code = """
    DOUBLE = 2 * C.PRICE


    def price(player, n=C.PRICE):
        return n + DOUBLE


    class Show(Page):
        @staticmethod
        def vars_for_template(player):
            return dict(price=price(player))


    page_sequence = [Show]
    """
    shown = "{{ block content }}Price: {{ price }}{{ endblock }}"
    path, _ = made(tmp_path, code, constants="    PRICE = 3", Show=shown)
    with serve_notebook(path, monkeypatch, players=1) as session:
        session[0].assert_reads("Price: 9")


METHODS = """
class Give(Page):
    form_model = 'player'
    form_fields = ['gift']

    def is_displayed(self):
        return self.player.id_in_group == 1 and self.round_number == 1


class Wait(WaitPage):
    after_all_players_arrive = 'share'


class Results(Page):
    def vars_for_template(self):
        return dict(mine=self.player.half(self.group.pot))


page_sequence = [Give, Wait, Results]
"""


@pytest.mark.long
def test_methods_of_models_become_functions(tmp_path: Path, monkeypatch: Any) -> None:
    group = """pot = models.IntegerField()

    def share(self):
        self.pot = self.get_player_by_id(1).gift
        for p in self.get_players():
            p.note(self.pot)
"""
    player = """gift = models.IntegerField()
    noted = models.IntegerField()

    def note(self, pot):
        self.noted = pot

    def half(self, pot):
        return pot / 2 + self.id_in_group
"""
    shown = "{{ block content }}Mine: {{ mine }}{{ endblock }}"
    path, _ = made(tmp_path, METHODS, size=2, group=group, player=player, Results=shown)
    with serve_notebook(path, monkeypatch) as session:
        session[0].submit(gift=4)
        session[0].assert_reads("Mine: 3.0")
        session[1].assert_reads("Mine: 4.0")
        assert session[1].player.noted == 4


def test_imports_of_the_projects_own_modules_become_comments(
    tmp_path: Path, monkeypatch: Any
) -> None:
    code = """
    import math
    import shared
    from . import words
    from settings import PRICE


    class Show(Page):
        pass


    page_sequence = [Show]
    """
    app = write_app(tmp_path, code)
    (app.parent / "shared.py").write_text("", "utf-8")
    (app.parent / "settings.py").write_text("SESSION_CONFIGS = [make(), dict(a=b())]\n", "utf-8")
    text = (app / "__init__.py").read_text("utf-8")
    (app / "__init__.py").write_text(f"from __future__ import annotations\n{text}", "utf-8")
    path, cells = translate(app, tmp_path)
    names, _ = load_notebook(path, monkeypatch)
    assert "math" in names
    for line in ("# import shared", "# from . import words", "# from settings import PRICE"):
        assert line in cells
    assert cells.count("copy what it imports into the notebook.") == 6  # three, in both places


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("__init__.py", "x = 1\n", "no page_sequence"),
        ("__init__.py", "x = (\n", "is no Python"),
        ("models.py", "", "there is no"),
    ],
)
def test_an_app_that_cannot_be_read_is_refused(
    tmp_path: Path, name: str, text: str, reason: str
) -> None:
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / name).write_text(text, "utf-8")
    with pytest.raises(BadApp, match=reason):
        from_otree(tmp_path / "small", tmp_path / "small.ipynb")
    assert not (tmp_path / "small.ipynb").exists()


def test_a_notebook_is_never_written_over(tmp_path: Path) -> None:
    app = write_app(tmp_path, ONE_PAGE.format("a"), player="a = models.IntegerField()")
    (tmp_path / "mine.ipynb").write_text("{}", "utf-8")
    with pytest.raises(BadApp, match="is there already"):
        from_otree(app, tmp_path / "mine.ipynb")
    with pytest.raises(BadApp, match="not the name of a notebook"):
        from_otree(app, tmp_path / "mine.txt")
