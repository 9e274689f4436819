"""Hints: the cell says what another framework's name is called here, and asks about slips."""

from __future__ import annotations

import itertools
import linecache
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

import uproot_nb
from tests.silence import without_warning
from uproot_nb.errors import BadPage
from uproot_nb.experiment.hints import NOTEBOOK_NAMES, PAGE_NAMES
from uproot_nb.experiment.pages import ATTRIBUTES, HOOKS
from uproot_nb.experiment.setup import collect_app
from uproot_nb.market import AssetMarketPage, CallMarketPage, MarketPage

NUMBERS = itertools.count()


def run_cell(code: str, **names: Any) -> dict[str, Any]:
    """Run a cell whose text can be read again, as IPython keeps it, in a namespace of its own."""
    file = f"<cell {next(NUMBERS)}>"
    linecache.cache[file] = (len(code), None, code.splitlines(keepends=True), file)
    namespace: dict[str, Any] = {"__name__": "notebook"}
    exec("from uproot_nb import *\nfrom uproot_nb.market import *", namespace)
    namespace |= names
    exec(compile(code, file, "exec", dont_inherit=True), namespace)
    return namespace


def said_by(code: str, **names: Any) -> list[str]:
    """Return what a cell warns of."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("default")
        run_cell(code, **names)
    return [str(one.message) for one in said if one.category is UserWarning]


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    yield
    for file in [file for file in linecache.cache if file.startswith("<cell ")]:
        del linecache.cache[file]


# ---- oTree's names ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAGE_NAMES)
@pytest.mark.parametrize("form", ["def {0}(player): return 1", "{0} = 'age'", "{0} = 60"])
def test_a_cell_warns_of_a_name_of_otree(name: str, form: str) -> None:
    [said] = said_by(f"class Survey(Page):\n    {form.format(name)}")
    assert said.startswith("Survey (line ")
    assert (
        f"'{name}' is oTree's name and has no meaning here.\nInstead, {PAGE_NAMES[name]}." in said
    )


def test_what_is_said_of_a_name_is_no_name_of_ours() -> None:
    kinds = (MarketPage, CallMarketPage, AssetMarketPage)
    ours = {*HOOKS, *ATTRIBUTES, *(name for kind in kinds for name in vars(kind))}
    assert not ours & set(PAGE_NAMES)
    assert not set(uproot_nb.__all__) & set(NOTEBOOK_NAMES)


def test_it_is_said_each_time_that_the_cell_runs_and_of_its_own_line() -> None:
    code = "\nclass Survey(Page):\n    def is_displayed(player): return True"
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("default")
        for _ in range(2):
            run_cell(code)
    assert [(one.lineno, one.filename[:6]) for one in said] == [(2, "<cell ")] * 2


@pytest.mark.parametrize("name", sorted(set(NOTEBOOK_NAMES) - {"page_sequence"}))
def test_serve_warns_of_a_notebooks_name_of_otree(name: str) -> None:
    names = run_cell(f"class A(Page): pass\ndef {name}(subsession): pass")
    with pytest.warns(UserWarning, match=f"'{name}' is oTree's"):
        collect_app(names, page_order=[names["A"]])


def test_without_a_page_order_the_error_mentions_otrees() -> None:
    names = run_cell("class A(Page): pass\npage_sequence = [A]")
    with pytest.raises(BadPage, match="'page_sequence' is oTree's name: call it page_order"):
        collect_app(names)


# ---- slips -----------------------------------------------------------------------------------

ASKED = [
    "show", "fields", "timeout", "templatevars", "jsvars", "allow_back", "stealth_fields",
    "may_proceed",
]  # fmt: skip


@pytest.mark.parametrize("hook", ASKED)
@pytest.mark.parametrize("body", ["player.x == 3", "pass", "def inner(): return 1", "return"])
def test_a_hook_that_returns_nothing_is_asked_about(hook: str, body: str) -> None:
    [said] = said_by(f"class Ask(Page):\n    def {hook}(page, player):\n        {body}")
    assert said.startswith(f"Ask (line 2): '{hook}' has no 'return', so ")


@pytest.mark.parametrize(
    "hook",
    [
        "def show(page, player): return player.x == 3",
        "async def show(page, player):\n        if player.x: return True",
        "show = lambda page, player: None",
        "def show(page, player): raise NotImplementedError",
        "def before_once(page, player): player.x = 3",
        "def show(page, player): ...",
        "def validate(page, player, data): pass",
        "@classmethod\n    def show(page, player):\n        return True",
    ],
)
def test_a_hook_that_answers_or_need_not_is_not_asked_about(hook: str) -> None:
    assert said_by(f"class Ask(Page):\n    {hook}") == []


def test_a_market_page_that_returns_nothing_is_asked_about() -> None:
    [said] = said_by("class Trade(MarketPage):\n    def traders(page, player): player.group")
    assert said.startswith("Trade (line 2): 'traders' has no 'return'")
    assert said_by("class Trade(MarketPage):\n    def open_market(page, market, all): 3") == []


@pytest.mark.parametrize(
    ("annotation", "word"),
    [
        ("'flaot'", "'flaot' is not defined. Did you mean 'float'"),
        ("'Lsit[int]'", "Did you mean 'List'"),
        ("dict(price=float)", "cannot be used"),
        ("IntegerField()", "cannot be used"),
        ("lambda value: value", "annotated with a function"),
    ],
)
def test_a_live_method_whose_annotation_cannot_be_fails_in_its_cell(
    annotation: str, word: str
) -> None:
    code = f"class Ask(Page):\n    @live\n    def bid(page, player, price: {annotation}): pass"
    with pytest.raises(BadPage, match=word) as mistake:
        run_cell(code)
    assert "Ask (line 2): the annotations of 'bid'" in str(mistake.value)


def test_a_class_that_no_cell_has_defined_is_named_by_serve() -> None:
    code = "class Ask(Page):\n    @live\n    def bid(page, player, offer: 'Offer'): pass"
    names = run_cell(code)
    with pytest.warns(UserWarning, match=r"Ask \(line 2\).*'bid' name 'Offer', which is not"):
        collect_app(names, page_order=[names["Ask"]])
    names["Offer"] = dict[str, int]
    with without_warning():
        assert collect_app(names, page_order=[names["Ask"]]).pages


def test_a_page_alone_is_no_page_order() -> None:
    names = run_cell("class Thanks(Page): pass\npage_order = Thanks")
    for order in (None, names["Thanks"]):
        with pytest.raises(BadPage, match=r"Write serve\(\[Thanks\]\)"):
            collect_app(names, page_order=order)


# ---- functions where a value is meant ---------------------------------------------------------


def page_of(kind: str, body: str) -> Any:
    rules = "rules = Rules(call=True)" if kind == "CallMarketPage" else "pass"
    more = "dividends = Dividends((0, 8), periods=2)" if kind == "AssetMarketPage" else rules
    return run_cell(f"class Here({kind}):\n    {more}\n    {body}")["Here"]


PLACES = [
    *((kind, name) for kind in ("Page", "NoshowPage") for name in ("template", "keep_values")),
    *(("Page", name) for name in ("requires", "log_focus", "timeout_exit", "ask_for_help")),
    ("GroupCreatingWait", "template"),
    ("SynchronizingWait", "synchronize"), ("SynchronizingWait", "template"),
    *(("MarketPage", name) for name in ("rules", "seconds", "market_names", "texts", "template")),
    ("MarketPage", "practice"),
    *(("CallMarketPage", name) for name in ("sealed", "clear_when_all_ready", "seconds")),
    *(("AssetMarketPage", name) for name in ("show_value", "dividends", "market_names")),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "name"), PLACES)
@pytest.mark.parametrize(
    "form",
    [
        "def {0}(page, player): return 2",
        "async def {0}(page, player): return 2",
        "@classmethod\n    def {0}(page, player): return 2",
        "@staticmethod\n    def {0}(): return 2",
        "{0} = lambda page, player: 2",
    ],
)
def test_a_function_where_a_value_is_meant_is_refused_in_its_cell(
    kind: str, name: str, form: str
) -> None:
    with pytest.raises(BadPage) as mistake:
        page_of(kind, form.format(name))
    assert str(mistake.value).startswith("Here")
    assert name in str(mistake.value)


def test_what_may_be_a_function_is_every_other_attribute() -> None:
    """A new attribute is either in the list above or a hook."""
    names = {name for _, name in PLACES}
    assert set(ATTRIBUTES) - set(HOOKS) <= names
    for kind in (MarketPage, CallMarketPage, AssetMarketPage):
        assert set(kind.kind_attributes) <= names


@pytest.mark.parametrize(
    "body",
    [
        "open_market = 3",
        "traders = ['ann']",
        "def open_market(page, market): pass",
        "def traders(page): return []",
        "def facts(page, market, player): return {}",
        "async def traders(page, player): return []",
        "market_names = 'wheat'",
        "seconds = -1",
        "rules = 3",
        "@live\n    def traders(page, player): pass",
        "@live\n    def seconds(page, player): pass",
    ],
)
def test_a_market_pages_own_are_checked_in_its_cell(body: str) -> None:
    with pytest.raises(BadPage, match="Here"):
        page_of("MarketPage", body)


@pytest.mark.parametrize("name", ["C", "Context", "DESCRIPTION", "LANDING_PAGE"])
def test_a_function_where_a_notebook_has_a_value_is_refused(name: str) -> None:
    names = run_cell(f"class A(Page): pass\ndef {name}(player): return 2")
    with pytest.raises(BadPage, match=f"{name}: it is a function"):
        collect_app(names, page_order=[names["A"]])


@pytest.mark.parametrize(
    "late", ["A.template = lambda page, player: 'x'", "Wait.group_size = 0", "A.timeout = 'x'"]
)
def test_what_was_assigned_to_a_page_later_is_checked_by_serve(late: str) -> None:
    names = run_cell("class Wait(GroupCreatingWait): pass\nclass A(Page): pass")
    exec(late, names)
    with pytest.raises(BadPage, match=r"its (template|group_size|timeout) is"):
        collect_app(names, page_order=[names["Wait"], names["A"]])


def test_a_hook_and_a_live_method_may_be_assigned_later() -> None:
    names = run_cell("class A(Page): pass")
    exec("A.show = lambda page, player: page.__name__\nA.bid = live(bid)", {
        **names, "bid": run_cell("def bid(page, player, price: float): return price")["bid"],
    })  # fmt: skip
    page = collect_app(names, page_order=[names["A"]]).pages["A"]
    assert page.show("ann") == "A"  # type: ignore[attr-defined]
    assert list(page.live_methods) == ["bid"]
