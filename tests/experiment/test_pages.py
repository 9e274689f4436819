"""Pages: hooks and live methods are taken in, mistakes raise when the cell runs."""

# ruff: noqa: ANN001, ANN201, ANN202  (authors' code is written as authors write it)

from __future__ import annotations

import asyncio
import functools
import inspect
from typing import Any

import pydantic
import pytest

from uproot_nb.errors import BadPage
from uproot_nb.experiment.fields import IntegerField
from uproot_nb.experiment.live import live
from uproot_nb.experiment.pages import HOOKS, GroupCreatingWait, Page, SynchronizingWait


def defined(body: str, head: str = "class Market(Page):") -> Any:
    """Run a cell that defines the page Market and return it."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    namespace: dict[str, Any] = {
        "Page": Page, "SynchronizingWait": SynchronizingWait, "live": live,
        "GroupCreatingWait": GroupCreatingWait, "__name__": "notebook",
    }  # fmt: skip
    exec(f"{head}\n{lines}", namespace)
    return namespace["Market"]


OF_WAITS = ("wait_for", "group_size")
PLAIN = sorted(n for n, p in HOOKS.items() if p == ("player",) and n not in OF_WAITS)


@pytest.mark.parametrize("hook", PLAIN)
@pytest.mark.parametrize(
    "form",
    [
        "def {0}(page, player): return page.__name__, player",
        "@classmethod\ndef {0}(page, player): return page.__name__, player",
        "@staticmethod\ndef {0}(page, player): return page.__name__, player",
        "def {0}(cls, p): return cls.__name__, p",
        "def {0}(page, player, *, mine=1): return page.__name__, player",
        "def {0}(*both): return both[0].__name__, both[1]",
        "{0} = lambda page, player: (page.__name__, player)",
    ],
)
def test_a_hook_is_a_classmethod_however_it_is_written(hook: str, form: str) -> None:
    page = defined(form.format(hook))
    assert getattr(page, hook)("ann") == ("Market", "ann")


WAITS = "class Market(GroupCreatingWait):"


@pytest.mark.parametrize("hook", ["group_size", "match_by"])
@pytest.mark.parametrize(
    "form",
    [
        "def {0}(page, player): return player",
        "{0} = lambda player: player",
        "@staticmethod\ndef {0}(somebody): return somebody",
    ],
)
def test_what_says_who_is_grouped_may_be_a_function_of_the_player_alone(
    hook: str, form: str
) -> None:
    assert getattr(defined(form.format(hook), WAITS), hook)("ann") == "ann"


@pytest.mark.parametrize("hook", ["group_size", "match_by"])
@pytest.mark.parametrize("parameters", ["", "page", "self", "page, player, price"])
def test_a_function_of_something_else_does_not_say_who_is_grouped(
    hook: str, parameters: str
) -> None:
    with pytest.raises(BadPage, match=rf"Write 'def {hook}\(page, player\)'"):
        defined(f"def {hook}({parameters}): return 2", WAITS)


@pytest.mark.parametrize("hook", ["group_size", "match_by", "match"])
def test_who_is_grouped_is_decided_at_once(hook: str) -> None:
    with pytest.raises(BadPage, match=f"'{hook}' is async"):
        defined(f"async def {hook}(page, player): return 2", WAITS)


def test_a_page_that_makes_no_groups_may_call_its_own_methods_match() -> None:
    page = defined("@live\ndef match(page, player): ...\nmatch_by = 3")
    assert list(page.live_methods) == ["match"]
    with pytest.raises(BadPage, match="the live method 'match' hides"):
        defined("@live\ndef match(page, player): ...", WAITS)


def test_an_async_hook_stays_async() -> None:
    page = defined("async def show(page, player): return True")
    assert inspect.iscoroutinefunction(page.show)


@pytest.mark.parametrize("hook", PLAIN)
@pytest.mark.parametrize(
    "parameters",
    ["", "page", "player", "page, player, price", "player, page", "page, *, somebody"],
)
def test_a_hook_with_other_arguments_is_refused(hook: str, parameters: str) -> None:
    with pytest.raises(BadPage) as mistake:
        defined(f"'''Text.'''\ndef {hook}({parameters}): ...")
    shown = parameters.replace("*, ", "")
    assert str(mistake.value) == (
        f"Market (line 3): the hook '{hook}' takes ({shown}).\nWrite 'def {hook}(page, player)'."
    )


@pytest.mark.parametrize(
    "parameters",
    [
        "page, player, data: dict", "page: type, player: object, data: 'dict[str, int]'",
        "page, player, data=None", "page, player=None, data=None", "page, *, player, data",
        "page, player, *, data", "page, *, data, player", "page, player, data, /",
        "page, /, player, data", "page, data, player", "self, player, data: float = 1.0",
        "page, player, data, extra=3", "page, *given", "page, **given",
        "page, player, answers: list",
    ],
)  # fmt: skip
def test_a_hook_is_accepted_wherever_a_call_of_it_would_work(parameters: str) -> None:
    returned = "dict(data=given[1])" if "*given" in parameters else "locals()"
    returned = "given" if "**" in parameters else returned
    page = defined(f"@classmethod\ndef validate({parameters}): return {returned}")
    found = page.validate("ann", {"bid": 1})
    assert found.get("data", found.get("answers")) == {"bid": 1}
    assert found.get("player", "ann") == "ann"


def test_a_hook_with_a_decorator_that_keeps_its_signature_is_accepted() -> None:
    def noted(function: Any) -> Any:
        @functools.wraps(function)
        def inner(*args: Any, **kwargs: Any) -> Any:
            return ["noted", function(*args, **kwargs)]

        return inner

    class Market(Page):
        """Bids."""

        @classmethod
        @noted
        def validate(page, player: str, *, data: dict[str, Any]) -> Any:
            return data["bid"]

    assert Market.validate("ann", {"bid": 1}) == ["noted", 1]


def test_an_async_hook_may_take_its_arguments_by_name() -> None:
    page = defined("async def validate(page, *, data, player): return player, data")
    assert asyncio.run(page.validate("ann", 1)) == ("ann", 1)


@pytest.mark.parametrize("argument", ["group: list", "*, group", "*, session", "session=None"])
def test_an_all_here_takes_a_group_or_a_session_in_any_way(argument: str) -> None:
    code = f"def all_here(page, {argument}): return list(locals().values())"
    page = defined(code, "class Market(SynchronizingWait):")
    assert page.all_here("g1") == [page, "g1"]


def test_a_hook_that_is_no_function_is_refused() -> None:
    wanted = r"Market.*'before_once' is a hook, but not a function.\nWrite 'def"
    with pytest.raises(BadPage, match=wanted):
        defined("before_once = True")


@pytest.mark.parametrize(
    "name", ["show", "template", "source", "live_methods", "before_once", "timeout", "mro"]
)
def test_a_live_method_that_hides_the_pages_own_name_is_refused(name: str) -> None:
    with pytest.raises(BadPage) as mistake:
        defined(f"\n@live\ndef {name}(page, player): ...")
    assert str(mistake.value) == (
        f"Market (line 3): the live method '{name}' hides the page's own '{name}'.\n"
        "Give the live method another name."
    )


@pytest.mark.parametrize("annotation", ["object()", "open", "'no such syntax'"])
def test_an_annotation_that_cannot_be_checked_is_refused(annotation: str) -> None:
    with pytest.raises(BadPage, match=r"Market \(line 2\): the annotations of 'post'"):
        defined(f"@live\ndef post(page, player, x: {annotation}): ...")


@pytest.mark.parametrize("value", ["5", "['a']", "b'x'"])
def test_a_template_that_is_no_text_is_refused(value: str) -> None:
    with pytest.raises(BadPage, match=r"its template is .*\n.*the template itself"):
        defined(f"template = {value}")


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ("timeout = -1", "seconds"),
        ("timeout = 'soon'", "seconds"),
        ("timeout = True", "seconds"),
        ("allow_back = 1", "True or False"),
        ("keep_values = 'yes'", "True or False"),
        ("stealth_fields = 'iban'", "list of names"),
        ("fields = ['a']", "dict of fields"),
        ("fields = dict(a=int)", "is not a field"),
        ("key = 'x'", "reserved by uproot_nb"),
        ("wait_for = 3", "only wait pages"),
        ("def all_here(page, group): pass", "only wait pages"),
    ],
)
def test_an_attribute_that_cannot_be_is_refused(body: str, word: str) -> None:
    with pytest.raises(BadPage, match=word):
        defined(body)


@pytest.mark.parametrize(
    ("kind", "body", "word"),
    [
        (GroupCreatingWait, "group_size = 0", "1 or more"),
        (GroupCreatingWait, "def all_here(page, group): pass", "only a SynchronizingWait"),
        (SynchronizingWait, "group_size = 2", "only a GroupCreatingWait"),
        (SynchronizingWait, "synchronize = 'world'", '"session"'),
        (SynchronizingWait, "fields = {}", "wait pages have none"),
        (SynchronizingWait, "def after_once(page, player): pass", "wait pages have none"),
    ],
)
def test_each_kind_of_wait_page_has_its_own(kind: type[Page], body: str, word: str) -> None:
    with pytest.raises(BadPage, match=word):
        exec(f"class Wait(Kind):\n    {body}", {"Kind": kind, "__name__": "notebook"})


def test_a_page_is_never_made_into_an_object() -> None:
    with pytest.raises(BadPage, match="Write Market without parentheses"):
        defined("pass")()


def test_what_is_neither_hook_nor_live_is_the_authors_own() -> None:
    page = defined("def helper(x): return x + 1\nendowment = 10\nclass Inner: pass")
    assert (page.helper(1), page.endowment) == (2, 10)
    assert page.live_methods == {}


# ---- inheritance ---------------------------------------------------------------------------


class Trading(Page):
    @live
    def post(page, player, price: float):
        return page.__name__, price

    @live
    def cancel(page, player): ...

    def show(page, player):
        return page.__name__


def test_live_methods_and_hooks_are_inherited() -> None:
    class Fast(Trading):
        @live
        def post(page, player, price: int):
            return "fast", price

        cancel = None

    class Slow(Trading):
        """Changes nothing."""

    assert sorted(Slow.live_methods) == ["cancel", "post"]
    assert sorted(Fast.live_methods) == ["post"]
    assert Slow.live_methods["post"] is Trading.live_methods["post"]
    assert Fast.live_methods["post"].accept(["3"], {}) == ((3,), {})
    assert Slow.post("ann", 1.5) == ("Slow", 1.5)
    assert (Fast.show("ann"), Slow.show("ann")) == ("Fast", "Slow")


def test_a_mixin_brings_hooks_and_live_methods() -> None:
    class Chatty:
        @live
        def say(page, player, text: str): ...

        def show(page, player):
            return page.__name__, player

    class Talk(Chatty, Page):
        """A page with a mixin."""

    class Quiet(Chatty, Page):
        show = classmethod(lambda page, player: False)

    assert list(Talk.live_methods) == ["say"]
    assert Talk.show("ann") == ("Talk", "ann")
    assert Quiet.show("ann") is False
    with pytest.raises(BadPage, match="the hook 'show' takes"):
        type("Wrong", (type("Mixed", (), {"show": lambda page: True}), Page), {})


def test_two_pages_may_share_a_function() -> None:
    def say(page: Any, player: Any, text: str) -> Any:
        return page.__name__

    shared = live(say)

    class One(Page):
        first = shared

    class Two(Page):
        second = live(say)

    assert (One.first("ann", "x"), Two.second("ann", "x")) == ("One", "Two")


def test_models_defined_beside_the_page_are_found() -> None:
    class Offer(pydantic.BaseModel):
        price: float

    class Here(Page):
        @live
        def post(page, player, offer: Offer, more: list[Offer]): ...

    args, _ = Here.live_methods["post"].accept([{"price": "1"}, [{"price": 2}]], {})
    assert args == (Offer(price=1), [Offer(price=2)])


# ---- the page order ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("def before_onec(page, player): pass", "before_once"),
        ("time_out = 60", "timeout"),
        ("def template_vars(page, player): return {}", "templatevars"),
    ],
)
def test_what_looks_like_a_misspelt_hook_is_asked_about(wrong: str, meant: str) -> None:
    names: dict[str, Any] = {"Page": Page}
    with pytest.warns(UserWarning, match=f"(?s)Ask.*has no meaning.*Did you mean '{meant}'"):
        exec(f"class Ask(Page):\n    {wrong}", names)
    assert names["Ask"]


def test_an_authors_own_names_are_not_asked_about(recwarn: pytest.WarningsRecorder) -> None:
    names: dict[str, Any] = {"Page": Page, "live": live}
    own = "    PRICE = 3\n    def total(page, player): pass\n    def _shown(page, player): pass\n"
    exec(f"class Ask(Page):\n{own}    @live\n    def shows(page, player): pass", names)
    advice = [one for one in recwarn if issubclass(one.category, UserWarning)]
    assert [str(one.message) for one in advice] == []


def test_a_field_that_is_none_is_named_with_its_place() -> None:
    with pytest.raises(BadPage, match=r"(?s)Ask .*fields\['age'\].*the class.*Write age="):
        type("Ask", (Page,), {"fields": {"age": IntegerField}})


def test_back_that_would_have_to_wait_is_refused() -> None:
    with pytest.raises(BadPage, match="without async"):
        defined("async def allow_back(page, player): return True")
