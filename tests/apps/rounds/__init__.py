"""Rounds: practice, an estimation game in pairs with rounds in rounds, and as many extras as liked."""

from uproot.fields import *
from uproot.smithereens import *

DESCRIPTION = "Estimates in pairs, round after round"
SUGGESTED_MULTIPLE = 2


class C:
    JARS = [310, 475]
    TRIES = 2


def new_player(player):
    player.trail = []
    player.points = 0


def note(page, player):
    player.trail.append((page.__name__, player.block, list(player.round_nested), player.round))


class Practice(Page):
    fields = dict(sum=IntegerField(label="What is 7 + 8?"))

    @classmethod
    def after_always_once(page, player):
        note(page, player)


class Pair(GroupCreatingWait):
    group_size = 2

    @classmethod
    def after_grouping(page, group):
        group.differences = []


class Colour(Page):
    template = "rounds/Warmup.html"
    fields = dict(colour=RadioField(label="Which colour?", choices=["red", "blue"]))

    @classmethod
    def after_always_once(page, player):
        note(page, player)


class Confidence(Page):
    template = "rounds/Warmup.html"
    fields = dict(confidence=LikertField(label="Are you sure?", min=1, max=5))

    @classmethod
    def after_always_once(page, player):
        note(page, player)


class Shape(Page):
    template = "rounds/Warmup.html"
    fields = dict(shape=RadioField(label="Which shape?", choices=["round", "square"]))

    @classmethod
    def after_always_once(page, player):
        note(page, player)


class Estimate(Page):
    timeout = 300
    fields = dict(estimate=IntegerField(label="How many beans are in the jar?", min=0, max=1000))

    @classmethod
    def jsvars(page, player):
        jar, attempt = player.round_nested
        return dict(beans=C.JARS[jar - 1], attempt=attempt)

    @classmethod
    def after_always_once(page, player):
        note(page, player)


class Compare(SynchronizingWait):
    @classmethod
    def all_here(page, group):
        first, second = group.players
        group.differences.append(abs(first.estimate - second.estimate))


class Extra(Page):
    fields = dict(more=BooleanField(label="One more, please"))

    @classmethod
    def after_once(page, player):
        player.extras = player.get("extras", 0) + 1

    @classmethod
    def after_always_once(page, player):
        player.points += 10
        player.add_round = player.more
        note(page, player)


class Everybody(SynchronizingWait):
    synchronize = "session"

    @classmethod
    def all_here(page, session):
        session.best = max(player.points for player in session.players)


class Summary(Page):
    @classmethod
    def templatevars(page, player):
        history = [
            player.within(block="jars", round_nested=[jar, C.TRIES]).estimate for jar in (1, 2)
        ]
        return dict(history=history)


page_order = [
    Rounds(Practice, n=2, block="practice"),
    Pair,
    Rounds(
        RandomOrder(Bracket(Colour, Confidence), Shape),
        Rounds(Estimate, n=C.TRIES),
        Compare,
        n=len(C.JARS),
        block="jars",
    ),
    Repeat(Extra, block="extra"),
    Everybody,
    Summary,
]
