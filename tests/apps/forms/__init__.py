"""Forms: a questionnaire with a question of every kind."""

from uproot.fields import *
from uproot.smithereens import *

DESCRIPTION = "A questionnaire with a question of every kind"

SPORTS = {"run": "Running", "swim": "Swimming", "climb": "Climbing", "chess": "Chess"}


class C:
    THIS_YEAR = 2030


class Person(Page):
    allow_back = False
    keep_values = True
    fields = dict(
        nickname=StringField(label="What shall we call you?", render_kw=dict(maxlength=20)),
        email=EmailField(label="Where can we reach you?", description="We write once, if at all."),
        age=IntegerField(label="How old are you?", min=18, max=99, addon_end="years"),
        born=DateField(label="When were you born?"),
        country=SelectField(
            label="Where do you live?",
            choices=[("de", "Germany"), ("es", "Spain"), ("fr", "France")],
        ),
        student=RadioField(
            label="Do you study?", choices=[(True, "Yes"), (False, "No")], layout="horizontal"
        ),
    )

    @classmethod
    def validate(page, player, data):
        player.person_tries = player.get("person_tries", 0) + 1
        if abs(C.THIS_YEAR - data["born"].year - data["age"]) > 1:
            return {"age": "This does not go with your day of birth."}


class Taste(Page):
    allow_back = True
    fields = dict(
        happy=LikertField(
            label="How happy are you?", min=0, max=10, label_min="Not at all", label_max="Very"
        ),
        sports=BoundedChoiceField(
            label="What do you like to do?",
            choices=list(SPORTS.items()),
            min=1,
            max=2,
        ),
        budget=DecimalField(label="What do you spend on it a week?", min=0, addon_start="€"),
        distance=FloatField(label="How far do you go for it?", optional=True, addon_end="km"),
        sure=DecimalRangeField(label="How sure are you?", min=0, max=1, step=cu("0.1")),
        mood=FloatRangeField(
            label="How is the weather?", min=-5, max=5, step=0.5, label_min="bad", label_max="good"
        ),
        remarks=TextAreaField(label="What else should we know?", optional=True),
        careful=BooleanField(label="I have answered with care"),
    )

    @classmethod
    def before_once(page, player):
        player.taste_begun = player.get("taste_begun", 0) + 1

    @classmethod
    def validate(page, player, data):
        if not data["careful"]:
            return "Please tell us that you have answered with care."

    @classmethod
    def before_form_save(page, player, data):
        player.words = len(data["remarks"].split())


class Hours(Page):
    @classmethod
    def fields(page, player):
        return {
            f"hours_{sport}": IntegerField(label=f"{SPORTS[sport]}: hours a week", min=0, max=40)
            for sport in player.sports
        }


class Account(Page):
    fields = dict(
        owner=StringField(label="Whose account is it?", label_floating="First and last name"),
        iban=IBANField(label="IBAN"),
        bic=BICField(label="BIC", optional=True),
        proof=FileField(label="A bank statement", optional=True),
    )

    @classmethod
    def stealth_fields(page, player):
        return ["iban", "bic", "proof"]

    @classmethod
    async def handle_stealth_fields(page, player, data):
        if not data["iban"].startswith("DE"):
            return "We can only pay to accounts in Germany."
        contents = await data["proof"].read()
        player.bank = data["iban"][4:12]
        player.proof_length = len(contents)


class Overview(Page):
    @classmethod
    def templatevars(page, player):
        return dict(hours=sum(player.get(f"hours_{sport}") for sport in player.sports))


page_order = [Person, Taste, Hours, Account, Overview]
