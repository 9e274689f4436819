"""PlayerNews: only the rows of those are made who may have changed."""
# ruff: noqa: ANN001, ANN201  (authors' code is written as authors write it)

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.running import Browser, serving, until
from uproot_nb import Page, Payment, balanced, create_group, live, mark_dropout
from uproot_nb.monitor.player_news import PlayerNews
from uproot_nb.monitor.player_rows import COLUMNS, PlayerRows, as_sent


class Task(Page):
    """A task."""

    @live
    def bid(page, player, n: int):
        player.bid = n


class Thanks(Page):
    """Thank you."""


FIELDS = ("cash", "group.pot", "session.price")


def taken(news: PlayerNews, run: Any) -> list[str]:
    with run.lock:
        return sorted(row.name for row in news.take()[0])


class Counting(PlayerRows):
    """Rows that count how often one is made."""

    made = 0

    def row(self, player: Any) -> Any:
        """Make a row."""
        self.made += 1
        return super().row(player)


def test_one_change_among_many_players_makes_one_row() -> None:
    """Whatever number of players there is, and however many watch."""
    with serving(Task, Thanks, players=60) as run:
        watchers = [PlayerNews(run._runtime, FIELDS) for _ in range(3)]
        for news in watchers:
            news.rows = Counting(run._runtime.flow.journeys, FIELDS, news.overview)
            assert len(taken(news, run)) == 60
            news._next = float("inf")  # the overview's turn is none of this
            news.rows.made = 0
        run.players[7].cash = 3
        for news in watchers:
            assert taken(news, run) == [run.players[7].name]
            assert taken(news, run) == []
            assert news.rows.made == 1


CHANGES = st.lists(
    st.tuples(
        st.sampled_from(
            ["cash", "pot", "price", "group", "advance", "dropout", "hand", "error", "label"]
        ),
        st.integers(0, 3),
        st.integers(0, 3),
    ),
    max_size=6,
)


@pytest.mark.long
def test_the_rows_sent_are_always_those_that_a_look_at_everybody_gives() -> None:
    """After any changes of players, groups and the session."""
    with serving(Task, Thanks, players=4) as run:
        news = PlayerNews(run._runtime, FIELDS)
        shown: dict[str, Any] = {}
        create_group(run.session, run.players[:2])

        def change(what: str, n: int, value: int) -> None:
            player, world = run.players[n], run._runtime.world
            match what:
                case "cash":
                    player.cash = value
                case "pot" if player.group is not None:
                    player.group.pot = value
                case "price":
                    run.session.price = value
                case "group":
                    create_group(run.session, {player, run.players[value]}, overwrite=True)
                case "advance":
                    run.advance(player, defaults=False)
                case "dropout":
                    mark_dropout(player)
                case "hand":
                    world.journal.fold("hand", player.subject, "", "true" if value else "false")
                case "error":
                    failed = run._runtime.flow.journeys.failed
                    (failed.add if value else failed.discard)(player.name)

        @given(CHANGES)
        def walk(changes: list[tuple[str, int, int]]) -> None:
            for what, n, value in changes:
                with run.lock:
                    change(what, n, value)
                with run.lock:
                    for row in news.take()[0]:
                        shown[row.name] = row
                    fresh = PlayerRows(run._runtime.flow.journeys, FIELDS, news.overview)
                    everybody = {p.name: fresh.row(p) for p in run.players}
                without = {"stuck": False, "waits_for": ""}
                assert {n: r._replace(**without) for n, r in shown.items()} == {
                    n: r._replace(**without) for n, r in everybody.items()
                }

        walk()


async def test_a_row_says_group_treatment_payoff_payment_end_and_hand() -> None:
    def new_player(player) -> None:
        player.treatment = "nudge"

    names = {"payment": Payment(currency="EUR", fee=5), "new_player": new_player}
    with serving(Task, Thanks, names=names) as run:
        ann = await Browser.open(run, 0)
        await ann.settle()
        player = run.players[0]
        create_group(run.session, [player])
        player.payoff = "2.50"
        run.mark_paid(player, amount=3)
        run.move_to_end(player, exit="screened")
        rows = PlayerRows(run._runtime.flow.journeys)
        with run.lock:
            sent = dict(zip(COLUMNS, as_sent(rows.row(player), player, "link"), strict=True))
        assert sent["link"] == "link"
        assert sent["id"] == player.id
        expected = {
            "group": "g0", "treatment": "nudge", "payoff": "2.50", "paid": True,
            "ended_as": "screened", "entered": 0.0, "hand": 0.0, "stuck": False, "waits_for": "",
        }  # fmt: skip
        assert {name: sent[name] for name in expected} == expected


async def test_whoever_is_on_a_last_page_that_asks_nothing_has_finished() -> None:
    """It has no button, so nobody comes any further."""
    with serving(Task, Thanks) as run:
        ann = await Browser.open(run, 0)
        await ann.settle()
        rows = PlayerRows(run._runtime.flow.journeys)
        assert rows.status(run.players[0]) == "online"
        run.advance(run.players[0])
        await until(lambda: run.players[0]._state.has_arrived)
        assert run.players[0].page == "Thanks"
        assert rows.status(run.players[0]) == "finished"
    with serving(Thanks, Task) as run:
        await Browser.open(run, 0)
        run.advance(run.players[0])
        await until(lambda: run.players[0]._state.has_arrived and run.players[0].online)
        assert PlayerRows(run._runtime.flow.journeys).status(run.players[0]) == "online"


@pytest.mark.parametrize("field", ["treatment", "arm"])
def test_the_treatment_is_the_field_of_that_name_or_the_one_that_balanced_deals(field) -> None:
    def new_player(player) -> None:
        setattr(player, field, balanced(player.session, ["a", "b"], key=field))

    with serving(Task, names={"new_player": new_player}) as run:
        rows = PlayerRows(run._runtime.flow.journeys)
        with run.lock:
            assert {rows.row(p).treatment for p in run.players} == {"a", "b"}
