"""What a notebook may define beside its pages: context, digest, pipeline, landing, settings."""
# ruff: noqa: ANN001, ANN202, RUF012  (authors' code is written as authors write it)

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.running import Browser
from uproot_nb import IntegerField, NoshowPage, Page, PlayerContext, Run, StringField, serve


@contextmanager
def served(*pages: Any, players: int = 2, **names: Any) -> Iterator[Run]:
    run = serve(
        list(pages), players=players, db=":memory:", name="n", embedded=True, port=0,
        namespace=names, settings={"rate": 3},
    )  # fmt: skip
    with run:
        yield run


class Ask(Page):
    """How many?"""

    fields = {"points": IntegerField(label="Points", min=0, max=9)}


class Told(Page):
    """Results."""

    template = "<p id=told>{{ player.context.earnings }} at {{ get_setting('rate') }}</p>{# - #}"


class Context(PlayerContext):
    @property
    def earnings(self):  # noqa: ANN201
        return self.player.points * self.player.session.settings.rate


async def test_templates_read_what_the_context_computes() -> None:
    with served(Ask, Told, Context=Context) as run:
        ann = await Browser.open(run)
        await ann.submit(points="4")
        assert "<p id=told>12 at 3</p>" in await ann.load()


async def test_a_context_that_fails_is_the_researchers_and_names_its_line() -> None:
    with served(Told, Context=Context) as run:
        ann = Browser(run.link(run.players[0]))
        assert (await ann.fetch()).code == 500
        assert "points" in str(run.errors["value"].tolist())


async def test_a_page_that_is_never_shown_runs_its_hooks() -> None:
    class Quiet(NoshowPage):
        def before_once(page, player):
            player.came = player.get("came", 0) + 1

        def after_once(page, player):
            player.went = player.came

    with served(Ask, Quiet, Told, Context=Context) as run:
        ann = await Browser.open(run)
        await ann.submit(points="1")
        assert "told" in await ann.load()
        await ann.load()
        assert (run.players[0].came, run.players[0].went) == (1, 1)
        assert run.players[0].position == 2


async def test_answers_are_stored_for_the_next_time_the_page_is_shown() -> None:
    class Draft(Page):
        fields = {"text": StringField(label="Text")}
        keep_values = True

    class Check(Page):
        allow_back = True

    with served(Draft, Check) as run:
        ann = await Browser.open(run)
        await ann.submit(text="<half> an idea")
        await ann.load()
        await ann.submit(_uproot_back="1")
        assert 'value="&lt;half&gt; an idea"' in await ann.load()


@pytest.mark.long
async def test_a_landing_page_comes_before_the_first() -> None:
    with served(Ask, LANDING_PAGE=True) as run:
        ann = await Browser.open(run)
        assert "Welcome" in ann.html
        assert run.players[0].page != "Ask"
        await ann.submit()
        assert 'name="points"' in await ann.load()


def test_the_researcher_reads_digest_and_pipeline() -> None:
    def digest(session):
        return {"players": len(session.players)}

    def pipeline(session):
        return [{"id": player.id, "name": player.name} for player in session.players]

    with served(Ask, digest=digest, pipeline=pipeline) as run:
        assert run.digest() == {"players": 2}
        rows = run.pipeline()
        assert rows["id"].tolist() == [0, 1]
        assert rows["app"].tolist() == ["", ""]


def test_without_them_there_is_nothing_to_read() -> None:
    with served(Ask) as run:
        assert run.pipeline().empty


@pytest.mark.parametrize("players", [0, 2, 4])
def test_an_experiment_for_pairs_does_not_warn_when_everybody_has_a_partner(
    players: int, recwarn: pytest.WarningsRecorder
) -> None:
    with served(Ask, players=players, SUGGESTED_MULTIPLE=2):
        # Transports of earlier tests may be collected just now; they are nobody's advice.
        advice = [one for one in recwarn if issubclass(one.category, UserWarning)]
        assert [str(one.message) for one in advice] == []


def test_an_experiment_for_pairs_warns_when_somebody_has_none() -> None:
    warned = pytest.warns(UserWarning, match=r"3 places.*multiples of 2")
    with warned, served(Ask, players=3, SUGGESTED_MULTIPLE=2):
        pass


async def test_what_hooks_return_may_be_written_down_as_it_is() -> None:
    class Offer(Page):
        template = "<p>{{ price }}</p>{# - #}"
        templatevars = {"price": 7}
        jsvars = {"price": 8}
        show = True

    class Hidden(Page):
        show = False

    class Stop(Page):
        may_proceed = False

    with served(Offer, Hidden, Stop, Told) as run:
        ann = await Browser.open(run)
        assert "<p>7</p>" in ann.html
        assert ann.page["vars"] == {"price": 8}
        await ann.submit()
        await ann.load()
        assert run.players[0].page == "Stop"
        await ann.submit()
        assert run.players[0].page == "Stop"


@pytest.mark.long
async def test_the_way_back_may_depend_on_the_player() -> None:
    class Draft(Page):
        """First."""

    class Check(Page):
        def allow_back(page, player):
            return player.id == 0

    with served(Draft, Check) as run:
        for number, after in [(0, "Draft"), (1, "Check")]:
            browser = await Browser.open(run, number)
            await browser.submit()
            await browser.load()
            assert browser.page["back"] is (after == "Draft")
            await browser.submit(_uproot_back="1")
            page = run.players[number].page
            assert page == after
