"""Format words: who answers "ok" or "sell" takes these words from nobody else's data."""
# ruff: noqa: ANN001, ANN201  (authors' code is written as authors write it)

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas
import pytest

from uproot_nb import Page, StringField, live, open_log
from uproot_nb.institutions import InstitutionPage, PrivateValues, SealedBidAuction
from uproot_nb.log.checking import check_log
from uproot_nb.market import MarketPage
from uproot_nb.market.pages.page import markets_of
from uproot_nb.testing import Served, served

ODD = "on the telephone"
WORDS = (
    "ok", "sell", "limit", "submit", "side", "events", "dict", "outcome", "args", "page",
    "move_to_end", "players", "action", "command", "fields_", "reject", "rules", "market-of-mine",
)  # fmt: skip


class Ask(Page):
    """Ask."""

    fields = {"word": StringField(label="Word")}  # noqa: RUF012

    @live
    def talk(page, player, text: str):
        player.spoken = [*player.get("spoken", []), text]


class Trade(MarketPage):
    """Trade."""

    market_names = ("market-of-mine",)

    def open_market(page, market, traders):
        for trader in traders:
            market.endow(trader, cash=100, units=5)


ORDER = [Ask, Trade]


@pytest.fixture
def db(tmp_path: Path) -> Path:
    """Return a log in which one of three has answered what is in the log anyway, and traded."""
    path = tmp_path / "log.sqlite3"
    with served(ORDER, players=3, db=path) as session:
        _play(session)
    return path


def _play(session: Served) -> None:
    ann, bob, eve = session
    for word in WORDS:
        ann.call("talk", word)
    for one in (bob, eve):
        one.call("talk", "nothing of that")
    for one in session:
        one.submit(word="x")
    [market] = markets_of(Trade, ann.player)
    ann.call("send_order", market.name, "sell", 5)
    bob.call("send_order", market.name, "buy", 7, 1)
    ann.assert_call_refused("send_order", market.name, ODD, 3)
    session.run._runtime.interventions.move_to_end([eve.player.name])


def _tables(log: Any) -> dict[str, pandas.DataFrame]:
    market = log.market("market-of-mine")
    return {"trades": market.trades, "orders": market.order_events, "calls": log.calls}


@pytest.mark.long
def test_an_erasure_changes_no_order_no_outcome_and_no_intervention_of_others(db: Path) -> None:
    with open_log(db) as log:
        before, [ann, bob, eve] = _tables(log), log.state.index
        interventions = log.events.query("kind == 'intervention'")["value"].tolist()
        log.erase(ann)
    assert check_log(db).faults == []
    assert ODD.encode() not in db.read_bytes()
    with open_log(db) as log:
        after = _tables(log)
        pandas.testing.assert_frame_equal(after["orders"], before["orders"])
        pandas.testing.assert_frame_equal(after["trades"], before["trades"])
        assert set(after["calls"]["outcome"]) == {"ok", "error"}
        assert log.events.query("kind == 'intervention'")["value"].tolist() == interventions
        assert list(log.state["position"]) == [1, 1, 2]
        assert (log.state.index == [ann, bob, eve]).all()


@pytest.mark.long
def test_an_anonymous_export_has_the_market_and_the_outcomes_of_calls(
    db: Path, tmp_path: Path
) -> None:
    with open_log(db) as log:
        before = _tables(log)
        log.export(tmp_path / "public", anonymous=True)
    folder = tmp_path / "public"
    orders = pandas.read_csv(folder / "markets/market-of-mine/order_events.csv")
    for column in ("event", "side", "kind", "price"):
        found, wanted = orders[column].tolist(), before["orders"][column].tolist()
        assert [str(one) for one in found] == [str(one) for one in wanted]
    calls = pandas.read_csv(folder / "calls.csv")
    assert calls["outcome"].tolist() == before["calls"]["outcome"].tolist()
    assert not [p for p in folder.rglob("*") if p.is_file() and ODD.encode() in p.read_bytes()]


BIDS = SealedBidAuction("first", PrivateValues(0, 1000), tick=Decimal("0.25"), reserve=1)


class Bid(InstitutionPage):
    """Bid."""

    institution = BIDS


@pytest.mark.long
def test_an_erasure_changes_no_decision_and_no_outcome_of_an_auction(tmp_path: Path) -> None:
    """Also of who alone has typed what an institution's log is made of, or an odd bid."""
    path = tmp_path / "log.sqlite3"
    with served([Bid, Ask], players=3, db=path) as session:
        ann, bob, eve = session
        ann.assert_call_refused("send_decision", "bid", [ODD])
        ann.call("send_decision", "bid", ["123.25"])
        bob.call("send_decision", "bid", ["99.50"])
        eve.call("send_decision", "pass")
        for one in (ann, bob, eve):
            one.submit()
        for word in ("pass", "bid", "bidder", "sealed_bid", "no_amount", "price", "99.50"):
            ann.call("talk", word)
    with open_log(path) as log:
        before = log.institution()
        [erased, *_] = log.state.index
        kept = [before.decisions, before.allocations, before.periods]
        log.erase(erased)
    assert check_log(path).faults == []
    assert ODD.encode() not in path.read_bytes()
    with open_log(path) as log:
        after = log.institution()
        for was, now in zip(kept, (after.decisions, after.allocations, after.periods), strict=True):
            pandas.testing.assert_frame_equal(now, was)
