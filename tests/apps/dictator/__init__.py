"""A dictator game in pairs, over two rounds."""

from uproot.fields import *
from uproot.smithereens import *

DESCRIPTION = "Dictator game"
SUGGESTED_MULTIPLE = 2


class C:
    ENDOWMENT = cu("10")


def new_player(player):
    player.payoff = cu("0")


class Context(PlayerContext):
    @property
    def partner(self):
        return self.player.other_in_group


class GroupPlease(GroupCreatingWait):
    group_size = 2

    @classmethod
    def after_grouping(page, group):
        for player, dictator in zip(group.players, [True, False]):
            player.dictator = dictator


class Give(Page):
    fields = dict(
        give=DecimalField(label="How much do you give?", min=0, max=C.ENDOWMENT, step=1),
    )

    @classmethod
    def show(page, player):
        return player.dictator


class Sync(SynchronizingWait):
    @classmethod
    def all_here(page, group):
        dictator = group.players.find_one(dictator=True)
        receiver = group.players.filter(_.dictator == False)[0]  # noqa: E712
        dictator.payoff += C.ENDOWMENT - dictator.give
        receiver.payoff += dictator.give


class Results(Page):
    timeout = 60


page_order = [GroupPlease, Rounds(Give, Sync, Results, n=2)]
