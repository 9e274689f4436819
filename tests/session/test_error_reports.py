"""ErrorReports: errors are logged and shown to the researcher, and to nobody else."""
# ruff: noqa: ANN001, ANN201, ANN202  (authors' code is written as authors write it)

from __future__ import annotations

import asyncio
import json

import pytest

from tests.running import Browser, Rejected, serving, until
from uproot_nb import IntegerField, Page, live, others_in_session, spawn
from uproot_nb.errors import UnknownField
from uproot_nb.session.error_reports import ErrorReports
from uproot_nb.session.steps import Cause
from uproot_nb.session.world import World


class Market(Page):
    """Fails in many places."""

    template = (
        '{% extends "Base.html" %}{% block main %}{{ player.get("shown", "") }}{% endblock %}'
    )

    @live
    def deep(page, player):
        return first(player)

    @live
    def chained(page, player):
        try:
            {}["missing"]
        except KeyError as error:
            raise RuntimeError("while looking") from error

    @live
    async def background(page, player):
        spawn(fail_later())

    @live
    def touch_another(page, player):
        others_in_session(player)[0].no_such_field  # noqa: B018

    @live
    def store(page, player):
        player.thing = lambda: 1

    @live
    def echo(page, player, x):
        return x


def first(player):
    """Call on."""
    return second(player)


def second(player):
    """Fail."""
    secret = player.session.name
    raise LookupError(f"deep down in {secret}")


async def fail_later() -> None:
    """Fail in the background."""
    await asyncio.sleep(0)
    raise OSError("in the background")


async def test_a_traceback_begins_in_the_authors_code_and_is_whole() -> None:
    """Every frame of the author's, none of the engine's, also those of the cause."""
    with serving(Market) as run:
        ann = await Browser.open(run)
        for method in ("deep", "chained"):
            with pytest.raises(Rejected):
                await ann.call(method)
        deep, chained = run.errors["value"]
        assert deep["type"] == "LookupError"
        assert deep["message"] == "deep down in market"
        for name in ("in deep", "in first", "in second"):
            assert name in deep["traceback"]
        assert "/uproot_nb/" not in deep["traceback"].replace("\\", "/")
        assert "KeyError: 'missing'" in chained["traceback"]
        assert "direct cause" in chained["traceback"]


def page_that_fails_in(place: str) -> type[Page]:
    """Return a page whose author's mistake shows below frames that are not the author's."""

    class Fails(Page):
        """# Fails"""

        if place == "template":
            template = "{% extends 'Base.html' %}{% block main %}{{ wrong() }}{% endblock %}"

            def templatevars(page, player):
                return {"wrong": lambda: first(player)}

        if place == "default":
            fields = {"a": IntegerField(label="A", default=lambda: [].index(3))}

        if place == "answer":

            def fields(page, player):
                return {"a": 3}

        @live(thread=True)
        def slow(page, player):
            return first(player)

        @live
        def unsendable(page, player):
            return object()

    return Fails


@pytest.mark.parametrize("place", ["template", "default", "slow"])
async def test_no_frame_of_python_or_of_a_package_stands_above_the_authors(place: str) -> None:
    with serving(page_that_fails_in(place)) as run:
        if place == "slow":
            ann = await Browser.open(run)
            with pytest.raises(Rejected):
                await ann.call("slow")
        else:
            await Browser(run.link(run.players[0])).fetch()
        lines = run.errors.iloc[-1]["value"]["traceback"].splitlines()
        assert lines[0] == "Traceback (most recent call last):"
        assert not [line for line in lines if "Base.html" in line or "Page.html" in line]
        assert "test_error_reports.py" in lines[1] or "Fails.template" in lines[1]


@pytest.mark.parametrize("place", ["answer", "unsendable"])
async def test_of_what_we_refuse_beside_the_authors_code_the_message_is_shown(place: str) -> None:
    with serving(page_that_fails_in(place)) as run:
        if place == "unsendable":
            ann = await Browser.open(run)
            with pytest.raises(Rejected):
                await ann.call("unsendable")
        else:
            await Browser(run.link(run.players[0])).fetch()
        error = run.errors.iloc[-1]["value"]
        assert error["traceback"].startswith(f"{error['type']}: {error['message']}")
        assert "File" not in error["traceback"]


async def test_otrees_names_of_players_are_translated() -> None:
    with serving(Market) as run:
        with pytest.raises(UnknownField, match=r"id_in_group.*\n.*is here: member_id"):
            run.players[0].id_in_group  # noqa: B018
        with pytest.raises(UnknownField, match="is here: within"):
            run.players[0].in_round(2)


async def test_an_error_event_has_player_page_and_code() -> None:
    """Actor, page, cause and code are those of the call."""
    with serving(Market) as run:
        ann = await Browser.open(run)
        with pytest.raises(Rejected):
            await ann.call("deep")
        error = run.errors.iloc[0]
        assert error["actor"] == run.players[0].name
        assert error["subject"] == f"player/{run.players[0].name}"
        assert (error["page"], error["cause"]) == ("Market", "Market.deep")
        assert error["code"] == Market.source.hash


async def test_no_frame_to_any_browser_has_a_path_a_traceback_or_anothers_name() -> None:
    """Whatever fails, the participant reads one calm sentence."""
    with serving(Market) as run:
        ann = await Browser.open(run)
        other = run.players[1]
        secrets = (
            "Traceback",
            ".py",
            "line ",
            other.name,
            run.link(other),
            "no_such_field",
            "lambda",
        )
        for method in ("deep", "chained", "touch_another", "store", "nothing", "__init__"):
            with pytest.raises(Rejected) as rejection:
                await ann.call(method)
            told = f"{rejection.value.kind} {rejection.value.message}"
            assert not [secret for secret in secrets if secret in told]


async def test_what_cannot_be_stored_is_named_for_the_researcher() -> None:
    """Field and type, at the assignment; the field is not set."""
    with serving(Market) as run:
        ann = await Browser.open(run)
        with pytest.raises(Rejected):
            await ann.call("store")
        error = run.errors.iloc[0]["value"]
        assert error["type"] == "Unstorable"
        assert "thing" in error["message"]
        assert "function" in error["message"]
        assert run.players[0].get("thing") is None


async def test_each_failure_is_shown_once(capsys: pytest.CaptureFixture[str]) -> None:
    """One traceback on stderr and one error event, and no copy of it as output."""
    with serving(Market) as run:
        ann = await Browser.open(run)
        with pytest.raises(Rejected):
            await ann.call("deep")
        await ann.call("background")
        await until(lambda: len(run.errors) == 2)
        shown = capsys.readouterr().err
        assert shown.count("deep down in market") == 1
        assert shown.count("OSError: in the background") == 1
        assert "output" not in set(run.events["kind"])


@pytest.mark.long
async def test_what_the_server_refused_is_visible_to_the_researcher() -> None:
    """Malformed frames are counted in the log, with the player, and disturb nobody else."""
    with serving(Market) as run:
        ann, bob = await Browser.open(run, 0), await Browser.open(run, 1)
        await ann.send("{not json")
        assert await ann.closed() == 4400
        await until(lambda: not run.errors.empty)
        error = run.errors.iloc[0]
        assert error["subject"] == f"player/{run.players[0].name}"
        assert error["value"] == {"type": "Misuse", "message": "malformed", "count": 1}
        assert await bob.call("echo", 1) == 1


# ---- folded ----


@pytest.mark.long
async def test_refused_calls_reach_the_researcher_as_one_row_with_a_count(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A thousand of one kind are one row, one sentence in the notebook, and a few in the log."""
    with serving(Market) as run:
        ann, bob = await Browser.open(run, 0), await Browser.open(run, 1)
        for browser in (ann, bob):
            asked = [await browser.ask("nope", n) for n in range(500)]
            for call_id in asked:
                with pytest.raises(Rejected):
                    await browser.answer(call_id)
        with pytest.raises(Rejected):
            await ann.call("echo", 1, 2, 3)
        errors = run.errors
        assert errors["type"].tolist() == ["NotLive", "BadArguments"]
        assert errors["count"].tolist() == [1000, 1]
        assert errors["players"].tolist() == [2, 1]
        assert "Put @live above 'def nope'" in errors["message"][0]
        assert (run.events["kind"] == "error").sum() < 30
        assert capsys.readouterr().err.count("Market.nope") <= 4


@pytest.mark.long
async def test_an_error_that_comes_again_and_again_is_logged_and_shown_with_its_count(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whoever fails often floods neither the log nor the notebook."""
    with serving(Market) as run:
        ann = await Browser.open(run)
        for _ in range(50):
            with pytest.raises(Rejected):
                await ann.call("deep")
        assert run.errors["count"].tolist() == [50]
        assert (run.events["kind"] == "error").sum() < 10
        shown = capsys.readouterr().err
        assert shown.count("Traceback") == 1
        assert "more times: LookupError: deep down in market" in shown


def test_equal_failures_are_counted_for_longer_and_longer(market: World) -> None:
    """The first row comes at once, the next ones after 1, 2, 4 seconds and at most each minute."""
    now, shown = 0.0, list[str]()
    reports = ErrorReports(market, lambda text, cause: shown.append(text), lambda: now)
    cause = Cause("ann", "Market", "Market.nope", "")
    for second in range(0, 600):
        now = float(second)
        for _ in range(10):
            reports.refused("NotLive", "Market.nope is not a live method.", cause)
        reports.settle()
    reports.settle(everything=True)
    market.journal.commit()
    rows = [json.loads(e.value) for e in market.log.read(market.name, kinds={"error"})]
    assert sum(row.get("count", 1) for row in rows) == 6000
    assert len(rows) < 20
    assert len(shown) == 1


def test_few_kinds_of_errors_are_stored_of_one_browser(market: World) -> None:
    """Unknown names and messages without end take bounded memory, and are counted together."""
    shown: list[str] = []
    reports = ErrorReports(market, lambda text, cause: shown.append(text))
    for number in range(3_000):
        cause = Cause("ann", "Market", f"Market.nope{number}", "")
        reports.refused("NotLive", f"Market.nope{number} is not a live method.", cause)
        reports.script_error(f"No {number}", "", Cause("bob", "Market", "Market script", ""), 1)
    reports.settle(everything=True)
    market.journal.commit()
    rows = [json.loads(e.value) for e in market.log.read(market.name, kinds={"error"})]
    assert sum(row.get("count", 1) for row in rows) == 6000
    assert len(rows) == 2 * (20 + 2)
    assert len(shown) == 2 * (20 + 1)


@pytest.mark.long
async def test_errors_of_a_pages_script_reach_the_researcher() -> None:
    """With message, source and line; long texts are cut, and equal ones are counted."""
    with serving(Market) as run:
        ann, bob = await Browser.open(run, 0), await Browser.open(run, 1)
        failed = {
            "op": "script_error", "message": "TypeError: x is null", "source": "app.js", "line": 7,
        }  # fmt: skip
        for browser in (ann, bob):
            for _ in range(100):
                await browser.send(failed)
        await ann.send({"op": "script_error", "message": "x" * 20_000, "source": "y" * 5_000})
        for number in range(50):
            await bob.send({**failed, "message": f"No {number}"})
        await until(lambda: run.errors["count"].sum() == 251)
        errors = run.errors
        assert set(errors["type"]) == {"ScriptError"}
        first = errors.iloc[0]
        assert (first["count"], first["players"]) == (200, 2)
        assert first["message"] == "TypeError: x is null"
        assert first["value"]["source"] == "app.js:7"
        assert first["page"] == "Market"
        assert errors["message"].str.len().max() == 500
        assert len(errors) < 20
        assert await ann.call("echo", 1) == 1


async def test_the_notebook_shows_one_refusal_of_a_kind_whoever_had_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Who had it, and how often, is in run.errors and in the monitor."""
    with serving(Market, players=3) as run:
        for place in range(3):
            browser = await Browser.open(run, place)
            with pytest.raises(Rejected):
                await browser.call("no_such_method")
        assert capsys.readouterr().err.count("A call was refused") == 1
        assert run.errors[["count", "players"]].values.tolist() == [[3, 3]]
