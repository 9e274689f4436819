"""LiveTraderLabels: the roles of players in the markets of a session that goes on."""

from __future__ import annotations

from typing import Any

from tests.running import serving
from uproot_nb import Page
from uproot_nb.institutions import LiveGame, PostedOffer
from uproot_nb.market import InducedValues, Market
from uproot_nb.monitor.player_news import PlayerNews
from uproot_nb.monitor.player_rows import PlayerRows


class Trade(Page):
    """Trade."""


def labels(news: PlayerNews, run: Any) -> dict[str, str]:
    """Return what those are called whose rows have changed."""
    with run.lock:
        return {row.name: row.called for row in news.take()[0]}


def test_rows_have_the_roles_of_markets_that_open_and_of_traders_who_come_late() -> None:
    with serving(Trade, players=2) as run:
        east = run._runtime.world.add_player(label="east")
        names = [player.name for player in run.players]
        news = PlayerNews(run._runtime)
        assert labels(news, run) == {names[0]: "", names[1]: "", east.name: "east"}
        market = Market.in_session(run.session)
        with run.lock:
            market.induce(InducedValues({names[0]: [90]}, {east.name: [20]}))
        assert labels(news, run) == {names[0]: "Buyer 1", names[1]: "Player 2"}
        with run.lock:
            market.induce_for(names[1], costs=[30])
        assert labels(news, run) == {names[1]: "Seller 2"}
        with run.lock:
            market.limit(names[0], "buy", 40)
        assert labels(news, run) == {}


def test_the_first_role_stays_whoever_looks_and_when() -> None:
    with serving(Trade, players=2) as run:
        ann, bob = run.players
        with run.lock:
            market = Market.in_session(run.session)
            market.induce(InducedValues({ann.name: [90]}, {}))
            game = LiveGame.in_session(run.session, PostedOffer(values=((9,),), costs=((2,),)))
            game.start([ann, bob])
        found = labels(PlayerNews(run._runtime), run)
        assert found == {ann.name: "Buyer 1", bob.name: "Buyer 2"}


def test_an_authors_model_is_no_market() -> None:
    with serving(Trade, players=1) as run:
        with run.lock:
            model = run._runtime.world.models.create("stall", name="stall")
            model.market, model.institution = "open", {"name": "fair"}
            model.values = {"values": {run.players[0].name: [1]}, "costs": {}}
        assert labels(PlayerNews(run._runtime), run) == {run.players[0].name: ""}
        assert PlayerRows(run._runtime.flow.journeys).row(run.players[0]).called == ""
