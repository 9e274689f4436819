"""Trouble: what went wrong is kept and shown to the researcher, and to nobody else."""
# ruff: noqa: ANN001, ANN201, ANN202  (authors' code is written as authors write it)

from __future__ import annotations

import asyncio

import pytest

from tests.engine.running import Browser, Rejected, serving, until
from uproot_nb import IntegerField, Page, live, others_in_session, spawn
from uproot_nb.errors import UnknownField


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
        assert "uproot_nb/engine" not in deep["traceback"].replace("\\", "/")
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
        assert "test_trouble.py" in lines[1] or "Fails.template" in lines[1]


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


async def test_an_error_event_says_who_where_and_through_which_code() -> None:
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
