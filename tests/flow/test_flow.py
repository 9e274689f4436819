"""The flow: pages in order, hooks once, and a player who is where the log says."""
# ruff: noqa: ANN001, ANN201, ANN202  (authors' code is written as authors write it)

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.running import Browser, serving, together
from uproot_nb import Page, live, move_to_page

SEEN: list[Any] = []


@pytest.fixture(autouse=True)
def _forget() -> None:
    SEEN.clear()


class Welcome(Page):
    """Welcome."""

    def before_once(page, player):
        SEEN.append(("before", player.id))

    async def after_once(page, player):
        await asyncio.sleep(0)
        SEEN.append(("after", player.id))

    def may_proceed(page, player):
        return not player.get("held", False)


class Skipped(Page):
    """Never shown."""

    def show(page, player):
        SEEN.append(("show", player.id))
        return False

    def before_once(page, player):
        SEEN.append(("never", player.id))


class Market(Page):
    """A market."""

    template = "<p>{{ endowment }} {{ player.name }} {{ C }}</p>"

    async def templatevars(page, player):
        await asyncio.sleep(0)
        return {"endowment": "<10>"}

    def jsvars(page, player):
        return {"price": 1.5, "text": "</script><script>alert(1)</script>"}

    @live
    def leave(page, player):
        move_to_page(player, Last)


class Last(Page):
    """Last."""


ORDER = (Welcome, Skipped, Market, Last)


@pytest.mark.long
async def test_pages_follow_one_another_and_hooks_run_once() -> None:
    """A reload never runs a once-hook again; a page whose show is False is passed over."""
    with serving(*ORDER) as run:
        ann = await Browser.open(run)
        await ann.load()
        assert (ann.page["page"], run.players[0].page) == (0, "Welcome")
        response = await ann.submit()
        assert (response.code, response.headers["Location"]) == (303, "./")
        await ann.load()
        await ann.load()
        assert (ann.page["page"], run.players[0].page) == (2, "Market")
        assert SEEN == [("before", 0), ("after", 0), ("show", 0)]
        await ann.submit()
        await ann.load()
        assert run.players[0].page == "Last"
        await ann.submit()
        await ann.load()
        assert ann.page["end"] is True
        assert run.players[0].page is None
        await ann.submit()
        await ann.load()
        assert run.players[0].position == len(ORDER)


async def test_what_templates_and_scripts_get_is_escaped() -> None:
    """Text of authors and participants cannot become markup."""
    with serving(Market) as run:
        ann = await Browser.open(run)
        assert "&lt;10&gt;" in ann.html
        assert ann.page["vars"] == {"price": 1.5, "text": "</script><script>alert(1)</script>"}
        assert "<script>alert(1)" not in ann.html


@pytest.mark.parametrize("page", ["", "1", "x", "-1", "99", "0.0"])
async def test_a_form_for_a_page_that_is_not_the_players_changes_nothing(page: str) -> None:
    """A second click, a sleeping tab, a forged form."""
    with serving(*ORDER) as run:
        ann = await Browser.open(run)
        assert (await ann.fetch(body={"page": page})).code == 303
        assert run.players[0].position == 0
        assert (await ann.fetch(body={})).code == 303
        assert run.players[0].position == 0


async def test_a_double_click_moves_on_once() -> None:
    """Two forms at the same moment are one step."""
    with serving(Welcome, Market, Last) as run:
        ann = await Browser.open(run)
        await together(*[ann.submit() for _ in range(5)])
        assert run.players[0].position == 1
        assert SEEN.count(("after", 0)) == 1


async def test_who_may_not_proceed_stays() -> None:
    """may_proceed holds the player, and lets go."""
    with serving(Welcome, Last) as run:
        ann = await Browser.open(run)
        run.players[0].held = True
        await ann.submit()
        assert run.players[0].page == "Welcome"
        run.players[0].held = False
        await ann.submit()
        assert run.players[0].page == "Last"


async def test_a_form_before_the_first_page_was_seen_moves_nobody() -> None:
    """Nothing is skipped that was never shown."""
    with serving(*ORDER) as run:
        ann = Browser(run.link(run.players[0]))
        for page in ("-1", "0"):
            assert (await ann.fetch(body={"page": page})).code == 303
        assert run.players[0].position <= 0
        await ann.load()
        assert run.players[0].page == "Welcome"


async def test_the_log_tells_where_everybody_was_and_when() -> None:
    """enter, submit and leave, with the page; and again after a resume."""
    with serving(*ORDER) as run:
        ann = await Browser.open(run)
        await ann.submit()
        await ann.load()
        moves = run.events[run.events["kind"].isin(["enter", "submit", "leave"])]
        found = list(zip(moves["kind"], moves["field"], strict=True))
        assert found[:3] == [("enter", "Welcome"), ("submit", "Welcome"), ("leave", "Welcome")]
        assert found[-1] == ("enter", "Market")
        assert set(moves["actor"]) == {run.players[0].name}


@pytest.mark.long
async def test_once_hooks_do_not_run_again_after_a_resume(tmp_path: Path) -> None:
    """What has run is in the log."""
    path = tmp_path / "log.sqlite3"
    for _ in range(2):
        with serving(*ORDER, db=path) as run:
            ann = await Browser.open(run)
            assert run.players[0].page == "Welcome"
            await ann.load()
    assert SEEN == [("before", 0)]


async def test_a_live_method_may_move_its_player() -> None:
    """The browser follows."""
    with serving(Market, Last) as run:
        ann = await Browser.open(run)
        asked = await ann.ask("leave")
        assert (await ann.action())["action"] == "reload"
        assert await ann.answer(asked) is None
        await ann.load()
        assert run.players[0].page == "Last"


async def test_a_hook_that_moves_its_player_is_honoured() -> None:
    """What is shown is where the hook has put the player."""

    class Fork(Page):
        """Sends everyone on."""

        def before_once(page, player):
            move_to_page(player, Last)

    with serving(Fork, Market, Last) as run:
        ann = Browser(run.link(run.players[0]))
        await ann.load()
        assert run.players[0].page == "Last"
        assert ann.page["page"] == 2


async def test_a_hook_that_moves_its_player_on_submit_is_not_overtaken_by_the_next_step() -> None:
    """after_once puts the player somewhere; there the player stays."""

    class Choice(Page):
        """Sends everyone to the end of the order."""

        def after_once(page, player):
            move_to_page(player, Last)

    with serving(Choice, Market, Last) as run:
        ann = await Browser.open(run)
        await ann.submit()
        await ann.load()
        assert run.players[0].page == "Last"


HOOKS = ["show", "before_once", "templatevars", "jsvars", "may_proceed", "after_once"]


@pytest.mark.parametrize("hook", HOOKS)
async def test_a_hook_that_fails_is_calm_for_the_participant_and_can_be_mended(
    hook: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A page that says so, a traceback for the researcher; once mended, on it goes."""
    broken = [True]

    def fail(page, player):
        if broken:
            raise KeyError("author's mistake")
        return {} if hook in ("templatevars", "jsvars") else True

    Fragile = type("Fragile", (Page,), {"__doc__": "Fragile.", hook: fail, "__module__": __name__})
    with serving(Fragile, Last) as run:
        ann = Browser(run.link(run.players[0]))
        if hook in ("may_proceed", "after_once"):
            await ann.load()
            response = await ann.submit()
        else:
            response = await ann.fetch()
        assert response.code == 500
        assert b"author" not in response.body
        assert b"Traceback" not in response.body
        assert "author's mistake" in capsys.readouterr().err
        error = run.errors.iloc[0]
        assert error["cause"].startswith("Fragile.")
        assert "author's mistake" in error["value"]["traceback"]
        broken.clear()
        await ann.load()
        await ann.submit()
        await ann.load()
        assert run.players[0].page == "Last"


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, asyncio.CancelledError])
async def test_a_hook_that_would_end_the_thread_ends_nothing(kind: type[BaseException]) -> None:
    """The next participant gets a page."""

    class Exits(Page):
        """Leaves."""

        def templatevars(page, player):
            if player.id == 0:
                raise kind
            return {}

    with serving(Exits) as run:
        ann = Browser(run.link(run.players[0]))
        assert (await ann.fetch()).code == 500
        assert (await Browser.open(run, 1)).page["page"] == 0


async def test_what_scripts_cannot_read_is_the_authors_mistake() -> None:
    """jsvars with an object: reported, and the participant sees a calm page."""

    class Opaque(Page):
        """Has strange variables."""

        def jsvars(page, player):
            return {"x": object()}

    with serving(Opaque) as run:
        ann = Browser(run.link(run.players[0]))
        assert (await ann.fetch()).code == 500
        assert run.errors["field"].tolist() == ["Unsendable"]


# ---- joining ----


def join(run: Any) -> Browser:
    """Return a browser on the join link."""
    return Browser(run.join_link)


async def test_joining_takes_the_next_free_place_then_opens_more() -> None:
    """A place is given once; who only looks at the link takes none."""
    with serving(Market, players=2) as run:
        assert (await join(run).fetch()).code == 200
        assert not [p for p in run._runtime.world.state.players.values() if p.claimed]
        responses = await together(*[join(run).fetch(body={}) for _ in range(4)])
        places = [response.headers["Location"] for response in responses]
        assert [response.code for response in responses] == [303] * 4
        assert len(set(places)) == 4
        assert len(run.players) == 4
        tokens = {link.rstrip("/").rpartition("/")[2] for link in run.links["url"]}
        assert {place.rstrip("/").rpartition("/")[2] for place in places} == tokens
        joined = Browser(run.url + "p/" + next(iter(tokens)) + "/")
        await joined.load()
        assert joined.page["page"] == 0


@pytest.mark.long
async def test_a_place_that_was_taken_stays_taken_in_the_next_run(tmp_path: Path) -> None:
    """Two people never share a place."""
    path = tmp_path / "log.sqlite3"
    with serving(Market, db=path) as run:
        first = (await join(run).fetch(body={})).headers["Location"]
    with serving(Market, db=path) as run:
        second = (await join(run).fetch(body={})).headers["Location"]
        assert first.rpartition("/p/")[2] != second.rpartition("/p/")[2]
        assert len(run.players) == 2


VISIT = {"_uproot_visit": "visit-0123456789-abcdef"}


@pytest.mark.long
async def test_one_press_of_the_join_button_takes_one_place_however_often_it_comes(
    tmp_path: Path,
) -> None:
    """Also when the kernel died between giving the place and saying so."""
    path = tmp_path / "log.sqlite3"
    with serving(Market, players=1, db=path) as run:
        presses = await together(*[join(run).fetch(body=VISIT) for _ in range(3)])
        places = {press.headers["Location"] for press in presses}
        assert len(places) == len(run.players) == 1
        other = {"_uproot_visit": "visit-of-somebody-else"}
        places.add((await join(run).fetch(body=other)).headers["Location"])
        assert len(places) == 2
        logged = str(list(run.events.value))
        assert not any(visit["_uproot_visit"] in logged for visit in (VISIT, other))
    with serving(Market, db=path) as run:
        again = await together(join(run).fetch(body=VISIT), join(run).fetch(body=other))
        assert {press.headers["Location"] for press in again} == places
        assert len(run.players) == 2


async def test_who_opened_a_players_own_link_has_that_place() -> None:
    """It is not given away to somebody who joins."""
    with serving(Market, players=1) as run:
        await Browser.open(run)
        await join(run).fetch(body={})
        assert len(run.players) == 2


async def test_a_new_player_that_fails_is_calm_for_who_joins(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The answer comes at once, the researcher sees why."""
    broken = [True]

    def new_player(player):
        if broken:
            raise KeyError("author's mistake")
        player.cash = 10

    with serving(Market, players=0, names={"new_player": new_player}) as run:
        response = await join(run).fetch(body={})
        assert response.code == 500
        assert b"author" not in response.body
        assert "author's mistake" in capsys.readouterr().err
        broken.clear()
        response = await join(run).fetch(body={})
        assert response.code == 303
        token = response.headers["Location"].rstrip("/").rpartition("/")[2]
        joined = next(p for p in run.players if token in run.link(p))
        assert joined.cash == 10
