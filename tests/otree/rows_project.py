"""An oTree project of our own whose bots execute oTree's side of each row of the manual."""

from __future__ import annotations

from pathlib import Path

__all__ = ["SOURCES", "write_project"]

SETTINGS = """
SESSION_CONFIGS = [
    dict(name='rows', app_sequence=['rows', 'meet'], num_demo_participants=4),
]
SESSION_CONFIG_DEFAULTS = dict(real_world_currency_per_point=1, participation_fee=0, doc='')
PARTICIPANT_FIELDS = []
SESSION_FIELDS = []
LANGUAGE_CODE = 'en'
REAL_WORLD_CURRENCY_CODE = 'USD'
USE_POINTS = True
ROOMS = [dict(name='lab', display_name='Lab', participant_label_file='_rooms/lab.txt')]
ADMIN_USERNAME = 'admin'
ADMIN_PASSWORD = 'x'
SECRET_KEY = 'x'
INSTALLED_APPS = ['otree']
DEMO_PAGE_INTRO_HTML = ''
"""

APP = """
from otree.api import *


class C(BaseConstants):
    NAME_IN_URL = 'rows'
    PLAYERS_PER_GROUP = 2
    NUM_ROUNDS = 2
    PRICE = 3


class Subsession(BaseSubsession):
    pass


class Group(BaseGroup):
    size = models.IntegerField()


class Player(BasePlayer):
    x = models.IntegerField()
    age = models.IntegerField(min=18, max=99, label='Your age')
    free = models.IntegerField(blank=True)
    side = models.StringField(choices=['left', 'right'], widget=widgets.RadioSelect)
    price = models.CurrencyField()
    late = models.BooleanField(initial=False)
    left = models.IntegerField(initial=0)


class Offer(ExtraModel):
    player = models.Link(Player)
    price = models.IntegerField()


def creating_session(subsession):
    for player in subsession.get_players():
        player.participant.vars['cash'] = 3
    if subsession.round_number == 2:
        a, b, c, d = subsession.get_players()
        subsession.set_group_matrix([[a, d], [b, c]])


class Ask(Page):
    form_model = 'player'
    form_fields = ['age', 'free', 'side', 'price', 'x']

    @staticmethod
    def vars_for_template(player):
        return dict(cost=C.PRICE)

    @staticmethod
    def js_vars(player):
        return dict(limit=4)

    @staticmethod
    def error_message(player, values):
        if values['x'] == 1:
            return 'Not 1.'

    @staticmethod
    def before_next_page(player, timeout_happened):
        player.left = player.left + 1


class Skipped(Page):
    @staticmethod
    def is_displayed(player):
        return False


class Fixed(Page):
    timeout_seconds = 60

    @staticmethod
    def before_next_page(player, timeout_happened):
        player.late = timeout_happened


class Computed(Page):
    @staticmethod
    def get_timeout_seconds(player):
        return 5 if player.id_in_group == 1 else None


class Trade(Page):
    @staticmethod
    def live_method(player, data):
        Offer.create(player=player, price=data)
        return {0: data}


def count(group):
    group.size = len(group.get_players())


class Wait(WaitPage):
    after_all_players_arrive = count


class End(Page):
    pass


page_sequence = [Ask, Skipped, Fixed, Computed, Trade, Wait, End]
"""

TESTS = """
from otree.api import *
from . import *


def done(row):
    print('ROW:', row, flush=True)


def first(answers):
    # This oTree gives bots an asynchronous generator.
    try:
        answers.__anext__().send(None)
    except StopIteration as found:
        return found.value


def call_live_method(method, **kwargs):
    group = kwargs['group']
    assert first(method(1, 7)) == {0: 7}
    player = group.get_player_by_id(1)
    found = Offer.filter(player=player, price=7)
    assert [offer.price for offer in found] == [7]
    done('ExtraModel.create')


ANSWERS = dict(age=18, side='left', price=0.5)


class PlayerBot(Bot):
    def play_round(self):
        assert self.player.round_number in (1, 2)
        assert 'It costs 3.' in self.html
        done('class C(BaseConstants)')
        assert '\\"limit\\": 4' in self.html.replace('&quot;', '\\"')
        done('`vars_for_template`')
        assert self.html.count('type=\\"radio\\"') == 2
        done('widgets.RadioSelect')
        for name in ('age', 'free', 'side', 'price', 'x'):
            assert f'name=\\"{name}\\"' in self.html, name
        done('`{{ formfields }}`')
        assert 'otree-chat' in self.html
        done('`{{ chat }}`')
        assert ('only in round 2' in self.html) == (self.player.round_number == 2)
        done('`{{ if }} … {{ endif }}`')
        assert '/static/rows/x.png' in self.html
        done('`_static/`')
        assert self.player.participant.vars['cash'] == 3
        assert self.player.participant.label is None
        done('creating_session(subsession)')
        done('`participant.vars`')
        yield SubmissionMustFail(Ask, dict(ANSWERS, x=2, age=17), error_fields=['age'])
        yield SubmissionMustFail(Ask, dict(ANSWERS, x=2, age=100), error_fields=['age'])
        yield SubmissionMustFail(Ask, dict(ANSWERS, x=-1), error_fields=['x'])
        done('models.IntegerField(')
        yield SubmissionMustFail(Ask, dict(ANSWERS, x=1))
        done('error_message(player, values)')
        yield Ask, dict(ANSWERS, x=4 + self.player.round_number)
        assert self.player.field_maybe_none('free') is None
        done('`blank=True`')
        assert self.player.x == 4 + self.player.round_number
        done('`form_model`')
        done('class Player(BasePlayer)')
        assert self.player.price + cu(3) == cu(4), self.player.price
        done('models.CurrencyField')
        assert self.player.left == 1
        yield Submission(Fixed, timeout_happened=True)
        done('is_displayed(player)')
        assert self.player.late is True
        done('before_next_page(player, timeout_happened)')
        yield Computed
        done('`timeout_seconds`')
        assert 'liveSend' in self.html and 'liveRecv' in self.html
        yield Trade
        done('`live_method`')
        assert self.player.group.size == 2
        done('`WaitPage`')
        if self.player.round_number == 2:
            assert self.player.in_round(1).x == 5
            done('player.in_round(2)')
            assert self.player.subsession.round_number == C.NUM_ROUNDS
            done('`NUM_ROUNDS`')
            ids = sorted(p.id_in_subsession for p in self.player.group.get_players())
            assert ids in ([1, 4], [2, 3]), ids
            done('`PLAYERS_PER_GROUP`')
            from otree.room import ROOM_DICT
            assert ROOM_DICT['lab'].get_participant_labels() == ['PC_01', 'PC_02']
            done('rooms with label files')
        yield End
        done('`page_sequence`')
        done('bots in Python')
"""

MEET = """
from otree.api import *


class C(BaseConstants):
    NAME_IN_URL = 'meet'
    PLAYERS_PER_GROUP = 2
    NUM_ROUNDS = 1


class Subsession(BaseSubsession):
    pass


class Group(BaseGroup):
    pass


class Player(BasePlayer):
    pass


class Meet(WaitPage):
    group_by_arrival_time = True


class End(Page):
    pass


page_sequence = [Meet, End]
"""

MEET_TESTS = """
from otree.api import *
from . import *


class PlayerBot(Bot):
    def play_round(self):
        assert len(self.group.get_players()) == 2
        print('ROW:', '`group_by_arrival_time`', flush=True)
        yield End
"""

ASK = """
{{ block title }}Ask{{ endblock }}
{{ block content }}
It costs {{ cost }}.
{{ if player.round_number == 2 }}only in round 2{{ endif }}
{{ formfield 'age' }}
{{ formfields }}
<img src="{{ static 'rows/x.png' }}">
{{ chat }}
<script>console.log(js_vars.limit)</script>
{{ next_button }}
{{ endblock }}
"""
TRADE = """
{{ block content }}
<script>function liveRecv(data) {} liveSend(3);</script>
{{ next_button }}
{{ endblock }}
"""
PLAIN = "{{ block content }}{{ next_button }}{{ endblock }}"

SOURCES = {
    "settings.py": SETTINGS, "_rooms/lab.txt": "PC_01\nPC_02\n", "_static/rows/x.png": "",
    "rows/__init__.py": APP, "rows/tests.py": TESTS, "rows/Ask.html": ASK, "rows/Trade.html": TRADE,
    "rows/Skipped.html": PLAIN, "rows/Fixed.html": PLAIN, "rows/Computed.html": PLAIN,
    "rows/End.html": PLAIN, "meet/__init__.py": MEET, "meet/tests.py": MEET_TESTS,
    "meet/End.html": PLAIN,
    "_templates/global/Page.html": "{{ extends 'otree/Page.html' }}\n",
}  # fmt: skip
"""The project's files."""


def write_project(folder: Path) -> None:
    """Write the project."""
    for name, text in SOURCES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
