"""Consent: who agrees answers two questions, who does not goes home."""

from uproot.fields import *
from uproot.smithereens import *

DESCRIPTION = "Consent and a short questionnaire"
LANDING_PAGE = False


class C:
    SHOW_UP_FEE = cu("5.00")
    __export__ = ["SHOW_UP_FEE"]


class Context(PlayerContext):
    @property
    def fee(self):
        return C.SHOW_UP_FEE if self.player.agrees else cu("0.00")


def new_session(session):
    session.refusals = 0


def new_player(player):
    player.questions_seen = 0


class Consent(Page):
    fields = dict(
        agrees=RadioField(
            label="Do you want to take part?",
            choices=[(True, "Yes"), (False, "No")],
        ),
    )

    @classmethod
    def after_once(page, player):
        if not player.agrees:
            player.session.refusals += 1


class Questions(Page):
    fields = dict(
        age=IntegerField(label="How old are you?", min=18, max=120),
        comment=TextAreaField(label="What should we know?", optional=True),
    )

    @classmethod
    def show(page, player):
        return player.agrees

    @classmethod
    def before_once(page, player):
        player.questions_seen += 1

    @classmethod
    def validate(page, player, data):
        if data["age"] == 99:
            return {"age": "Are you sure?"}


class Thanks(Page):
    @classmethod
    def templatevars(page, player):
        return dict(others=len(player.others_in_session))


page_order = [Consent, Questions, Thanks]
