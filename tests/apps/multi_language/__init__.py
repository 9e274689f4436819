"""Multi-language: how much coffee people drink, asked in English, German and Arabic."""

from uproot.fields import *
from uproot.i18n import load
from uproot.smithereens import *

DESCRIPTION = "Coffee in three languages"

load("multi_language/")


class C:
    LANGUAGES = [("en", "English"), ("de", "Deutsch"), ("ar", "العربية")]


def new_player(player):
    player.tongue = "en"


def language(player):
    return player.tongue


class Choose(Page):
    fields = dict(
        tongue=RadioField(label="Your language", choices=C.LANGUAGES),
    )

    @classmethod
    def jsvars(page, player):
        return dict(tongue=C.LANGUAGES[player.id % 3][0])


class Coffee(Page):
    allow_back = True
    fields = dict(
        cups=IntegerField(
            label="How many cups of coffee do you drink a day?",
            description="Count small ones, too.",
            min=0,
            max=50,
        ),
        place=RadioField(
            label="Where do you drink most of it?",
            choices=[("home", "At home"), ("work", "At work")],
        ),
        direction=StringField(label="Direction of writing"),
        asked=StringField(label="What was asked"),
    )


class Farewell(Page):
    @classmethod
    def templatevars(page, player):
        return dict(cups=player.cups * 7)


page_order = [Choose, Coffee, Farewell]
