"""A session of 200 players with 5,000 values each, as many and as long as in our own log."""

# ruff: noqa: F403, F405 - as experimenters write it
from uproot.smithereens import *

DESCRIPTION = "A million values"
LANDING_PAGE = False
VALUES, FIELDS = 5_000, 20


class Thanks(Page):
    pass


def new_player(player):  # noqa: ANN001, ANN201
    for number in range(VALUES):
        value = f"value-{number:09d}" if number % 2 else number
        setattr(player, f"field{number % FIELDS}", value)


page_order = [Thanks]
