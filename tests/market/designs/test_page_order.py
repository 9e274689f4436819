"""A design's pages: people and bots get the values and rules of their period, group and seat."""
# ruff: noqa: ANN001  (as authors write)

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any, ClassVar

import pytest

from tests.running import Browser, Rejected, serving, until, until_true
from uproot_nb import Page, Run, rerun
from uproot_nb.errors import BadMarket
from uproot_nb.market import (
    GODE_SUNDER,
    CallMarketPage,
    Design,
    InducedValues,
    Market,
    MarketPage,
    Rules,
    session_tables,
)
from uproot_nb.market.traders import ZIC

LOW = InducedValues({"b1": [90, 70]}, {"s1": [20, 40]})
HIGH = InducedValues({"b1": [190]}, {"s1": [120]})


class Over(Page):
    """It is over."""


async def seen_of(run: Run, place: int) -> list[tuple[Any, ...]]:
    """Walk a player through all pages; return page, round, market, period and own unit of each."""
    player, seen = run.players[place], []
    while player.page != "Over":
        browser = await Browser.open(run, place)
        (data,) = (await browser.call("seed_markets"))["markets"]
        own = (data["mine"]["value"], data["mine"]["cost"])
        seen.append((player.page, player.round, data["title"], data["period"], own))
        await browser.disconnect()
        run.advance(player)
        if player.position < 0:
            break
        await Browser(run.link(player)).fetch()
    return seen


@pytest.mark.long
async def test_each_period_has_its_page_values_and_rules() -> None:
    strict = Rules(improvement=True)
    design = Design(
        {0: HIGH, 1: LOW, 3: HIGH}, practice=1, periods=4, rules={1: Rules(), 4: strict}
    )
    with serving(*design.pages(), Over, players=design.players) as run:
        assert await seen_of(run, 0) == [
            ("Practice", 1, "practice", 1, (190, None)),
            ("Trading", 1, "market", 1, (90, None)),
            ("Trading", 2, "market", 2, (90, None)),
            ("Trading", 3, "market", 3, (190, None)),
            ("Trading_2", 4, "market", 4, (190, None)),
        ]
        assert await seen_of(run, 1) == [
            ("Practice", 1, "practice", 1, (None, 120)),
            ("Trading", 1, "market", 1, (None, 20)),
            ("Trading", 2, "market", 2, (None, 20)),
            ("Trading", 3, "market", 3, (None, 120)),
            ("Trading_2", 4, "market", 4, (None, 120)),
        ]
        found = [Market.find(run.session, period=period) for period in (3, 4)]
        assert [market.rules.improvement for market in found if market] == [False, True]
        assert set(run.market("market").periods["period"]) == {1, 2, 3, 4}
        assert run.market("practice").periods["maximum_surplus"].tolist() == [70]
        assert run.errors.empty


@pytest.mark.long
async def test_who_has_no_seat_watches() -> None:
    with serving(*Design(LOW).pages(), Over, players=3) as run:
        assert (await seen_of(run, 2))[0][4] == (None, None)
        assert set(run.market().induced_values["player"]) == {p.name for p in run.players[:2]}


@pytest.mark.long
@pytest.mark.parametrize(
    ("rules", "attributes"),
    [(Rules(), {"seconds": 600}), (Rules(call=True), {"clear_when_all_ready": True})],
)
async def test_who_has_no_seat_in_a_group_passes_and_is_in_no_table(
    rules: Rules, attributes: dict[str, Any]
) -> None:
    """Two seats and two groups: places 4 and 5 wait for nobody, and hold nobody up."""
    design = Design(LOW, groups=2, rules=rules)
    with serving(*design.pages(**attributes), Over, players=6) as run:
        for place in (4, 5, 0, 1):
            browser = await Browser.open(run, place)
            await until(lambda place=place: run.players[place].page == _page_of(place))
            if place > 3:
                browser = await Browser.open(run, place)
                (data,) = (await browser.call("seed_markets"))["markets"]
                assert (data["open"], data["mine"]["value"]) == (False, None)
                with pytest.raises(Rejected):
                    await browser.call("send_order", "market", "buy", 60)
        first = await Browser.open(run, 0)
        (data,) = (await first.call("seed_markets"))["markets"]
        assert (data["open"], data["mine"]["value"]) == (True, 90)
        lab = session_tables(run, design, session="lab", tables=["periods"])
        assert lab["periods"]["group"].tolist() == [1]
        assert run.errors.empty


def _page_of(place: int) -> str:
    """Return where a player is when those before have come: place 0 waits for place 1."""
    return "Groups" if place == 0 else "Trading"


@pytest.mark.long
async def test_a_seat_that_is_taken_late_has_its_units(tmp_path: Path) -> None:
    """And the same in a rerun, and after a restart with pages made anew."""
    log, design = str(tmp_path / "log.sqlite3"), Design(LOW, periods=2)
    with serving(*design.pages(), Over, players=1, db=log) as run:
        first = await Browser.open(run, 0)
        assert (await first.call("seed_markets"))["markets"][0]["mine"]["value"] == 90
        run._runtime.world.add_player()
        late = await Browser.open(run, 1)
        assert (await late.call("seed_markets"))["markets"][0]["mine"]["cost"] == 20
        await late.call("send_order", "market", "sell", 60)
        again = rerun(run, [*design.pages(), Over], namespace={})
        assert again.same, f"{again!r}\n{again.differences}"
    with serving(*design.pages(), Over, db=log) as run:
        late = await Browser.open(run, 1)
        mine = (await late.call("seed_markets"))["markets"][0]["mine"]
        assert (mine["cost"], [row[2] for row in mine["orders"]]) == (20, [60])
        induced = run.market().induced_values
        assert induced.groupby("side", observed=True)["value"].apply(list).to_dict() == {
            "buy": [90, 70], "sell": [20, 40],
        }  # fmt: skip


@pytest.mark.long
def test_bots_trade_all_periods_in_their_groups() -> None:
    """In call markets, which end when everybody is ready; nobody waits for a clock."""
    rules, shifts = Rules(call=True), {2: {"demand": 5}}
    design = Design(_drawn, ZIC, periods=2, practice=1, groups=2, rules=rules, shifts=shifts)
    order = design.pages(clear_when_all_ready=True)
    with serving(*order, Over, players=design.players, seed=7) as run:
        bots = run.bots(design.bots(pace=0.01, seed=3), seed=1)
        assert bots.wait(30), bots.status.to_string()
        assert bots.status["state"].tolist() == ["done"] * 8, bots.status["error"].tolist()
        groups = sorted(run.session.groups, key=lambda group: group.players[0].id)
        for number, group in enumerate(groups, 1):
            players = list(group.players)
            assert [player.id for player in players] == [4 * number - 4 + n for n in range(4)]
            tables = run.market(f"market-{group.name}")
            for period in (1, 2):
                values = design.values_in(
                    period, design.market_seed(run.session._world.seed, number)
                )
                induced = tables.induced_values.query(f"period == {period}")
                for seat, player in zip(design.seats, players, strict=True):
                    units = {**values.values, **values.costs}[seat]
                    mine = induced.loc[induced["player"] == player.name, "value"]
                    assert mine.tolist() == [float(unit) for unit in units]
            assert len(run.market(f"practice-{group.name}").periods) == 1
        assert run.errors.query("field != 'Warning'").empty


def _drawn(chance: Random) -> InducedValues:
    return InducedValues.drawn(["b1", "b2"], ["s1", "s2"], seed=str(chance.random()), units=2)


@pytest.mark.long
def test_people_and_bots_share_a_market() -> None:
    """A bot of the seller takes the offer of the person who buys."""
    design = Design(LOW, ZIC, periods=1)
    with serving(*design.pages(seconds=600), Over, players=2) as run:
        bots = run.bots(design.bots(people=1, pace=0.01), seed=1)
        market = Market.in_session(run.session)
        until_true(lambda: market.values is not None)
        market.limit(run.players[0], "buy", 90, 2)
        until_true(lambda: market.book.account(run.players[0].name).bought == 2)
        bots.stop()
        assert list(run.market().trades["buyer"]) == [run.players[0].name] * 2


def test_pages_derive_from_a_page_of_the_authors() -> None:
    class Mine(MarketPage):
        """My market."""

        texts: ClassVar = {"off_tick": "Whole points only."}
        seconds = 77

        def facts(page, player, market) -> dict[str, Any]:
            return {"Arm": "A"}

    (rounds,) = Design(LOW, periods=3).pages(page=Mine, seconds=9)
    (page,) = rounds.entries
    assert (page.seconds, page.texts, page.__name__) == (9, Mine.texts, "Trading")
    assert issubclass(page, Mine)
    for given, expected in (({}, 77), ({"seconds": None}, None)):
        (rounds,) = Design(LOW, periods=3).pages(page=Mine, **given)  # type: ignore[arg-type]
        assert rounds.entries[0].seconds == expected
    (rounds,) = Design(LOW).pages()
    assert rounds.entries[0].seconds is None
    with pytest.raises(BadMarket, match="is not a CallMarketPage"):
        Design(LOW, rules=Rules(call=True)).pages(page=Mine)
    (rounds,) = Design(LOW, rules=Rules(call=True)).pages()
    assert issubclass(rounds.entries[0], CallMarketPage)


def test_quotes_lapse_after_trades_on_pages_as_for_robots() -> None:
    """Also in the markets of Gode and Sunder; a call has no such rule."""
    rules = {1: Rules(improvement=True), 2: Rules(lapse="shout"), 3: Rules(call=True)}
    pages = Design(LOW, periods=3, rules=rules, clear_after_trade=True).pages()
    assert [rounds.entries[0].rules.lapse for rounds in pages] == ["trade", "shout", None]
    (rounds,) = Design.gode_sunder(1).pages()
    assert rounds.entries[0].rules == GODE_SUNDER
    (rounds,) = Design.gode_sunder(1, clear_after_trade=False).pages()
    assert rounds.entries[0].rules.lapse is None


NO_LOSS = Rules(no_loss=True)


def _opens(page, market, traders) -> None: ...


@pytest.mark.parametrize(
    "own",
    [
        {"rules": Rules(budget=True)},
        {"market_names": ("wheat",)},
        {"open_market": _opens},
        {"late_trader": _opens},
    ],
)
def test_a_page_or_attribute_that_a_design_would_ignore_is_refused(own: dict[str, Any]) -> None:
    (name,) = own
    design = Design(LOW, practice=1, rules=NO_LOSS)
    with pytest.raises(BadMarket, match=rf"page=Mine: its {name} would be ignored"):
        design.pages(page=type("Mine", (MarketPage,), own))
    with pytest.raises(BadMarket, match=rf"pages\({name}=…\) would be ignored"):
        design.pages(**own)


def test_a_page_may_have_the_rules_of_its_design() -> None:
    mine = type("Mine", (MarketPage,), {"rules": NO_LOSS})
    (rounds,) = Design(LOW, rules=NO_LOSS).pages(page=mine)
    assert rounds.entries[0].rules == NO_LOSS
    call = type("Mine", (CallMarketPage,), {"rules": Rules(call=True)})
    assert Design(LOW, rules=Rules(call=True, no_loss=True)).pages(page=call)


@pytest.mark.parametrize("purse", ["purse", "practice", None])
def test_practice_and_what_counts_share_no_purse(purse: str | None) -> None:
    rules = Rules(max_short=3, purse=purse)
    order = Design(LOW, practice=1, rules=rules).pages()
    practice, counting = (rounds.entries[0].rules for rounds in order)
    assert counting == rules
    assert practice.max_short == 3
    assert practice.purse is None if purse is None else practice.purse != purse


@pytest.mark.long
async def test_money_of_practice_is_not_spent_where_it_counts() -> None:
    design = Design(LOW, practice=1, rules=Rules(max_short=3))
    with serving(*design.pages(), Over, players=2) as run:
        assert len(await seen_of(run, 0)) == 2
        first, second = (Market.find(run.session, name=name) for name in ("practice", "market"))
        assert first is not None
        assert second is not None
        assert (first.purse_markets(), second.purse_markets()) == ([], [])
