"""Many pages with the same form of three fields."""

# ruff: noqa: F403, F405, RUF012 - as experimenters write it
from uproot.fields import *
from uproot.smithereens import *

DESCRIPTION = "Forms, measured"
LANDING_PAGE = False


class Question(Page):
    fields = dict(  # noqa: C408
        age=IntegerField(label="How old are you?", min=18, max=99),
        colour=RadioField(label="Which one?", choices=["red", "green", "blue"]),
        reason=StringField(label="Why?"),
    )


page_order = [Rounds(Question, n=100)]
