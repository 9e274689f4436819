"""Rooms: seats of a laboratory, whose labels say to which team somebody belongs."""

from uproot.fields import *
from uproot.smithereens import *

DESCRIPTION = "Two teams, by the labels of their seats"


class C:
    TEAMS = ["blue", "green"]


def new_player(player):
    player.votes = 0


class Welcome(Page):
    @classmethod
    def after_once(page, player):
        seat = player.label or ""
        player.team = seat.partition("-")[0] if "-" in seat else "guests"


class Pair(GroupCreatingWait):
    group_size = 2

    @classmethod
    def after_grouping(page, group):
        group.teams = [player.team for player in group.players]


class Vote(Page):
    fields = dict(
        winner=RadioField(label="Which team is going to win?", choices=C.TEAMS),
    )


class Count(SynchronizingWait):
    @classmethod
    def all_here(page, group):
        for player in group.players:
            same = group.players.filter(_.winner == player.winner)
            player.votes = len(same)


class Result(Page):
    pass


page_order = [Welcome, Pair, Vote, Count, Result]
