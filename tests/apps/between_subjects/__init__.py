"""Between subjects: a fee that is framed in one of two ways, and a reminder that some get."""

from uproot.fields import *
from uproot.smithereens import *

DESCRIPTION = "Does a reminder make people give more?"
SUGGESTED_MULTIPLE = 4


class C:
    ARMS = ["plain", "reminder"]
    ENDOWMENT = cu("20")


def new_session(session):
    session.shuffled_arms = []


def new_player(player):
    # Each arm once in every pair of players, in an order that nobody can foresee.
    arms = player.session.shuffled_arms
    if not arms:
        arms = rng().sample(C.ARMS, len(C.ARMS))
    player.treatment = arms[0]
    player.session.shuffled_arms = arms[1:]
    player.frame = None


class Context(PlayerContext):
    @property
    def is_reminded(self):
        return self.player.treatment == "reminder"


class Gain(Page):
    @classmethod
    def after_once(page, player):
        player.frame = "gain"


class Loss(Page):
    @classmethod
    def after_once(page, player):
        player.frame = "loss"


class LossQuiz(Page):
    fields = dict(
        lost=RadioField(
            label="What do you lose if you give nothing?",
            choices=[("nothing", "Nothing"), ("all", "All of it")],
        ),
    )

    @classmethod
    def validate(page, player, data):
        if data["lost"] != "nothing":
            return dict(lost="Please read the page before once more.")


class Reminder(Page):
    @classmethod
    def show(page, player):
        return player.context.is_reminded


class Give(Page):
    fields = dict(give=DecimalField(label="How much do you give?", min=0, max=20, step=cu("0.5")))


class Assess(NoshowPage):
    @classmethod
    def after_always_once(page, player):
        player.payoff = C.ENDOWMENT - player.give


class Thanks(Page):
    pass


def digest(session):
    return {
        arm: [player.give for player in session.players if player.treatment == arm]
        for arm in C.ARMS
    }


page_order = [
    Between(Gain, Bracket(Loss, LossQuiz)),
    Reminder,
    Give,
    Assess,
    Thanks,
]
