"""Many pages with the same form of three fields."""

# ruff: noqa: F403, F405, RUF012 - as experimenters write it
from otree.api import *


class C(BaseConstants):
    NAME_IN_URL = "forms"
    PLAYERS_PER_GROUP = None
    NUM_ROUNDS = 32


class Subsession(BaseSubsession):
    pass


class Group(BaseGroup):
    pass


class Player(BasePlayer):
    age = models.IntegerField(label="How old are you?", min=18, max=99)
    colour = models.StringField(
        label="Which one?", choices=["red", "green", "blue"], widget=widgets.RadioSelect
    )
    reason = models.StringField(label="Why?")


class Question(Page):
    form_model = "player"
    form_fields = ["age", "colour", "reason"]


page_sequence = [Question]
