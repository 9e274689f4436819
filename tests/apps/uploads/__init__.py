"""Uploads: a portrait that has to fit, and a receipt with an account that nobody gets to see."""

from hashlib import sha256

from uproot.fields import *
from uproot.smithereens import *

DESCRIPTION = "A portrait, a receipt and an account"


class C:
    LONGEST = 4_000
    KINDS = ["image/png", "image/jpeg"]
    __export__ = ["LONGEST"]


class Portrait(Page):
    fields = dict(
        caption=StringField(label="What does the picture show?"),
        portrait=FileField(
            label="Your picture",
            description="PNG or JPEG, at most 4,000 bytes",
            render_kw=dict(accept=",".join(C.KINDS)),
        ),
    )

    @classmethod
    async def handle_stealth_fields(page, player, data):
        picture = data["portrait"]
        if picture.size == 0:
            return "Please choose a picture."
        if picture.size > C.LONGEST:
            return f"This picture has {picture.size} bytes; {C.LONGEST} is the most we take."
        if picture.content_type not in C.KINDS:
            return "Please take a PNG or a JPEG picture."
        contents = await picture.read()
        player.picture = contents
        player.picture_name = picture.filename
        player.picture_size = picture.size
        player.picture_type = picture.content_type
        player.picture_hash = sha256(contents).hexdigest()


class Payment(Page):
    fields = dict(
        owner=StringField(label="Whose account is it?"),
        account=IBANField(label="IBAN"),
        receipt=FileField(label="Your receipt, if you have one", optional=True),
    )
    stealth_fields = ["account"]

    @classmethod
    async def handle_stealth_fields(page, player, data):
        receipt = data["receipt"]
        player.country = data["account"][:2]
        player.words = 0
        if receipt is not None and receipt.size > 0:
            text = (await receipt.read()).decode()
            player.words = len(text.split())


class Thanks(Page):
    @classmethod
    def templatevars(page, player):
        return dict(picture=data_uri(player.picture))


page_order = [Portrait, Payment, Thanks]
