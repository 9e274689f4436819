"""One page whose live method echoes, stores and posts."""

# ruff: noqa: F403, F405, ANN001, ANN205 - as experimenters write it
from otree.api import *


class C(BaseConstants):
    NAME_IN_URL = "arena"
    PLAYERS_PER_GROUP = None
    NUM_ROUNDS = 1


class Subsession(BaseSubsession):
    pass


class Group(BaseGroup):
    pass


class Player(BasePlayer):
    x = models.StringField(blank=True)


class Arena(Page):
    @staticmethod
    def live_method(player, data):
        if data["method"] == "post":
            return {0: data["x"]}
        if data["method"] == "store":
            player.x = data["x"]
        return {player.id_in_group: data["x"]}


page_sequence = [Arena]
