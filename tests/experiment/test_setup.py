"""What a notebook's namespace says about an experiment."""

from __future__ import annotations

import asyncio
import inspect
from types import SimpleNamespace
from typing import Any

import pytest

from uproot_nb.errors import BadPage
from uproot_nb.experiment.pages import Page
from uproot_nb.experiment.setup import App, collect_app, public_constants


class First(Page):
    """First."""


class Second(Page):
    """Second."""


def test_the_namespace_gives_what_is_not_handed_in() -> None:
    def new_session(session: Any) -> None: ...
    async def new_player(player: Any) -> None: ...
    def restart() -> None: ...

    names = {
        "page_order": [First, [Second]], "new_session": new_session, "new_player": new_player,
        "restart": restart, "C": 5,
    }  # fmt: skip
    setup = collect_app(names)
    assert tuple(setup.pages.values()) == (First, Second)
    assert (setup.new_session, setup.new_player, setup.restart, setup.constants) == (
        new_session, new_player, restart, 5
    )  # fmt: skip
    assert collect_app(names, page_order=[Second]).pages == {"Second": Second}


def test_callbacks_may_take_their_arguments_by_name() -> None:
    def new_player(*, player: Any) -> Any:
        return player

    def digest(**named: Any) -> Any:
        return named

    def page_order(*, player: Any) -> Any:
        return [First] if player else []

    names = {"new_player": new_player, "digest": digest, "page_order": page_order, "First": First}
    app = collect_app(names)
    assert app.new_player is not None
    assert app.digest is not None
    assert (app.new_player(3), app.digest(4), app.order(5)) == (3, {"session": 4}, [First])


def test_callbacks_by_name_stay_async_and_get_each_argument_by_its_name() -> None:
    async def new_player(*, player: Any) -> Any:
        return player

    def api(session: Any, request: Any) -> Any:
        return {"session": session, "request": request}

    app = collect_app({"new_player": new_player, "api": api}, page_order=[First])
    assert inspect.iscoroutinefunction(app.new_player)
    assert asyncio.run(app.new_player(3)) == 3
    assert app.api is not None
    assert app.api("r", "s") == {"session": "s", "request": "r"}


def test_nothing_but_pages_is_needed() -> None:
    setup = collect_app({}, page_order=[First])
    assert (setup.new_session, setup.new_player, setup.restart, setup.constants) == (None,) * 4


@pytest.mark.parametrize(
    ("order", "names", "what"),
    [
        (None, {}, r"there is no page order"),
        ([], {}, r"page_order: it has no pages"),
        ([[]], {}, r"page_order: it has no pages"),
        ([First], {"new_session": 5}, r"new_session: it is 5.*\nWrite 'def new_session\(session\)"),
        ([First], {"new_player": lambda: 0}, r"new_player \(line \d+\): it takes \(\)"),
        ([First], {"new_session": lambda session, n: 0}, r"\nWrite 'def new_session\(session\)'"),
        ([First], {"restart": lambda run: 0}, r"restart .*\nWrite 'def restart\(\)'"),
    ],
)
def test_a_mistake_raises_when_the_cell_runs(order: Any, names: Any, what: str) -> None:
    with pytest.raises(BadPage, match=what):
        collect_app(names, page_order=order)


def test_a_builtin_may_be_a_callback() -> None:
    assert collect_app({"new_player": print}, page_order=[First]).new_player is print


class C:
    ENDOWMENT = 10
    NAMES = ("a", "b")
    _SECRET = 5

    @staticmethod
    def helper() -> None: ...


def app_with(constants: Any, name: str = "") -> App:
    return App(name, [], {}, constants=constants)


@pytest.mark.parametrize(
    "constants",
    [
        C,
        C(),
        {"ENDOWMENT": 10, "NAMES": ("a", "b"), "_SECRET": 5, "helper": print},
        SimpleNamespace(ENDOWMENT=10, NAMES=("a", "b"), _SECRET=5, helper=print),
    ],
)
def test_scripts_see_the_public_constants(constants: Any) -> None:
    assert public_constants(app_with(constants)) == {"ENDOWMENT": 10, "NAMES": ("a", "b")}


def test_no_constants_are_no_constants() -> None:
    assert public_constants(app_with(None)) == {}


@pytest.mark.parametrize(
    ("name", "exported", "seen"),
    [
        ("quiz", None, {}),
        ("quiz", ["PRICE"], {"PRICE": 3}),
        ("quiz", ..., {"PRICE": 3, "ANSWER": 42}),
        ("", ["PRICE"], {"PRICE": 3}),
        ("", [], {}),
    ],
)
@pytest.mark.parametrize("kind", [dict, SimpleNamespace])
def test_an_app_names_the_constants_that_scripts_see(
    name: str, exported: Any, seen: dict[str, Any], kind: Any
) -> None:
    """What is not named, such as the right answers of a quiz, stays on the server."""
    constants = {"PRICE": 3, "ANSWER": 42}
    if exported is not None:
        constants["__export__"] = exported
    assert public_constants(app_with(kind(**constants), name)) == seen
