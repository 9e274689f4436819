"""A questionnaire in two languages, with one of two pictures and a file."""

from uproot.fields import *
from uproot.i18n import load
from uproot.smithereens import *

LANDING_PAGE = True

load("opinions/")


def new_session(session):
    session.notes = create_notes(session)


def create_notes(session):
    from uproot.models import create_model

    return create_model(session)


def language(player):
    return "de" if player.id else "en"


class Warm(Page):
    template = "opinions/Picture.html"

    @classmethod
    def templatevars(page, player):
        return dict(colour="warm")


class Cold(Page):
    template = "opinions/Picture.html"

    @classmethod
    def templatevars(page, player):
        return dict(colour="cold")


class Opinion(Page):
    fields = dict(
        liked=LikertField(label="Did you like it?", label_min="no", label_max="yes"),
        agree=BooleanField(label="I have looked at it"),
        words=TextAreaField(label="In a word", optional=True),
        place=StringField(label="Where was it?"),
    )

    @classmethod
    def after_once(page, player):
        from uproot.models import add_entry

        add_entry(player.session.notes, player, Note, text=player.words)


from uproot.models import Entry  # noqa: E402
from uproot.types import PlayerIdentifier  # noqa: E402


class Note(metaclass=Entry):
    player: PlayerIdentifier
    text: str


page_order = [Between(Warm, Cold), Opinion]
