"""What browsers may call, and with which arguments."""

# ruff: noqa: ANN001, ANN201, ANN202, ANN205, ANN206  (authors' code is written as authors write it)
# No postponed annotations here: most notebooks have none.
import dataclasses
import datetime as dt
import enum
import functools
import inspect
from decimal import Decimal
from typing import Annotated, Any, Literal, Optional
from uuid import UUID

import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field

from uproot_nb.errors import BadArguments, BadPage
from uproot_nb.experiment.live import LiveMethod, live
from uproot_nb.experiment.pages import Page


class Side(enum.Enum):
    BUY = "buy"


class Offer(pydantic.BaseModel):
    price: Decimal = Field(gt=0)
    side: Side = Side.BUY


@dataclasses.dataclass
class Lot:
    qty: int


class Market(Page):
    """Takes every kind of argument."""

    @live
    def plain(page, player, price: float, note: str = "none", *, fast: bool = False): ...

    @live
    def untyped(page, player, what, more=None): ...

    @live
    def nothing(page, player): ...

    @live
    def only_by_place(page, player, a: int, /, b: int = 2): ...

    @live
    def many(page, player, first: int, *rest: int, **options: float): ...

    @live
    def bounded(page, player, qty: Annotated[int, Field(ge=1, le=10)]): ...

    @live
    def with_field(page, player, qty: int = Field(5, ge=1)): ...

    @live
    def model(page, player, offer: Offer): ...

    @live
    def record(page, player, lot: Lot): ...

    @live
    def exact(page, player, price: Decimal, side: Side, at: dt.datetime, who: UUID): ...

    @live
    def nested(page, player, rows: list[dict[str, tuple[int, int]]]): ...

    @live
    def choice(page, player, side: Literal["buy", "sell"], limit: Optional[int] = None): ...  # noqa: UP045

    @live
    def forward(page, player, offer: "Offer", later: "Later"): ...

    @live
    def odd_names(page, player, args: int, kwargs: int, cls: int = 0): ...


class Later(pydantic.BaseModel):
    n: int


def accept(method: str, *args: Any, **kwargs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return Market.live_methods[method].accept(args, kwargs)


ACCEPTED: list[tuple[str, tuple[Any, ...], dict[str, Any], tuple[Any, ...], dict[str, Any]]] = [
    ("plain", (1,), {}, (1.0, "none"), {"fast": False}),
    ("plain", ("1.5", "x"), {"fast": "yes"}, (1.5, "x"), {"fast": True}),
    ("plain", (), {"note": "x", "price": 2}, (), {"price": 2.0, "note": "x", "fast": False}),
    ("untyped", ({"a": [1]},), {}, ({"a": [1]}, None), {}),
    ("nothing", (), {}, (), {}),
    ("only_by_place", ("7",), {"b": 3}, (7,), {"b": 3}),
    ("many", (1, "2", 3), {"x": "0.5"}, (1, 2, 3), {"x": 0.5}),
    ("bounded", (10,), {}, (10,), {}),
    ("with_field", (), {}, (5,), {}),
    ("with_field", (7,), {}, (7,), {}),
    ("model", ({"price": "1.50"},), {}, (Offer(price=Decimal("1.50")),), {}),
    ("record", ({"qty": "3"},), {}, (Lot(3),), {}),
    ("nested", ([{"a": [1, "2"]}],), {}, ([{"a": (1, 2)}],), {}),
    ("choice", ("buy",), {}, ("buy", None), {}),
    ("forward", ({"price": 1}, {"n": 1}), {}, (Offer(price=Decimal(1)), Later(n=1)), {}),
    ("odd_names", (1,), {"kwargs": 2}, (1,), {"kwargs": 2, "cls": 0}),
    (
        "exact",
        (12.5, "buy", "2024-05-06T07:08:09Z", str(UUID(int=1))),
        {},
        (Decimal("12.5"), Side.BUY, dt.datetime(2024, 5, 6, 7, 8, 9, tzinfo=dt.UTC), UUID(int=1)),
        {},
    ),
]


@pytest.mark.parametrize("case", ACCEPTED, ids=lambda case: case[0])
def test_arguments_arrive_with_the_annotated_types(case: Any) -> None:
    method, args, kwargs, given_args, given_kwargs = case
    signature = inspect.signature(Market.live_methods[method].function)
    got_args, got_kwargs = accept(method, *args, **kwargs)
    bound = signature.bind("page", "player", *got_args, **got_kwargs)
    expected = signature.bind("page", "player", *given_args, **given_kwargs)
    bound.apply_defaults()
    expected.apply_defaults()
    assert bound.arguments == expected.arguments


REFUSED: list[tuple[str, tuple[Any, ...], dict[str, Any], str, str]] = [
    ("plain", (), {}, "price", "is missing"),
    ("plain", ("cheap",), {}, "price", "valid number"),
    ("plain", (None,), {}, "price", "valid number"),
    ("plain", (1, 2), {}, "note", "valid string"),
    ("plain", (1, "x", True), {}, "argument 3", "one argument too many"),
    ("plain", (1,), {"slow": 1}, "slow", "is not a parameter"),
    ("plain", (1,), {"price": 1}, "price", "given twice"),
    ("plain", (1,), {"fast": "perhaps"}, "fast", "valid boolean"),
    ("nothing", (1,), {}, "argument 1", "one argument too many"),
    ("nothing", (), {"self": 1}, "self", "is not a parameter"),
    ("nothing", (), {"player": 1}, "player", "is not a parameter"),
    ("nothing", (), {"": 1}, "", "is not a parameter"),
    ("only_by_place", (), {"a": 1}, "a", "is missing"),
    ("many", (1, 2, "x"), {}, "rest", "valid integer"),
    ("many", (1,), {"x": "y"}, "x", "valid number"),
    ("many", (1,), {"page": 1}, "page", "is not a parameter"),
    ("many", (1,), {"self": 1}, "self", "is not a parameter"),
    ("bounded", (11,), {}, "qty", "less than or equal to 10"),
    ("bounded", (1.5,), {}, "qty", "fractional"),
    ("with_field", (0,), {}, "qty", "greater than or equal to 1"),
    ("model", ({"price": 0},), {}, "offer.price", "greater than 0"),
    ("model", (3,), {}, "offer", "Offer"),
    ("record", ({},), {}, "lot.qty", "required"),
    ("exact", ("NaN", "buy", 0, "x"), {}, "price", "finite"),
    ("exact", (1, "hold", 0, str(UUID(int=1))), {}, "side", "'buy'"),
    ("exact", (1, "buy", "noon", str(UUID(int=1))), {}, "at", "datetime"),
    ("exact", (1, "buy", 0, "x"), {}, "who", "UUID"),
    ("nested", ([{"a": [1]}],), {}, "rows.0.a.1", "required"),
    ("choice", ("hold",), {}, "side", "'buy' or 'sell'"),
]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: f"{case[0]}-{case[3]}")
def test_a_bad_argument_is_named_with_the_reason(case: Any) -> None:
    method, args, kwargs, parameter, reason = case
    with pytest.raises(BadArguments) as refusal:
        accept(method, *args, **kwargs)
    assert refusal.value.method == method
    assert refusal.value.parameter == parameter
    assert reason in refusal.value.reason


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
argument_names = st.text(max_size=4) | st.sampled_from(
    ["self", "page", "player", "price", "args", "kwargs", "offer", "__class__", "function", "cls"]
)


@settings(deadline=None)
@given(
    st.sampled_from(sorted(Market.live_methods)),
    st.lists(json_values, max_size=4),
    st.dictionaries(argument_names, json_values, max_size=4),
)
def test_whatever_a_browser_sends_is_accepted_or_refused(
    method: str, args: list[Any], kwargs: dict[str, Any]
) -> None:
    found = Market.live_methods[method]
    try:
        got_args, got_kwargs = found.accept(args, kwargs)
    except BadArguments:
        return
    assert found.function(None, None, *got_args, **got_kwargs) is None


def test_the_return_annotation_is_not_checked() -> None:
    class Echo(Page):
        @live
        def say(page, player, x: int) -> str:
            return x  # type: ignore[return-value]

    assert Echo.live_methods["say"].accept([1], {}) == ((1,), {})


def test_names_of_the_class_and_of_the_function_around_it_serve_as_annotations() -> None:
    class Local(pydantic.BaseModel):
        n: int

    class Here(Page):
        class Colour(enum.Enum):
            RED = "red"

        @live
        def paint(page, player, colour: "Colour", local: "Local"): ...

    args, kwargs = Here.live_methods["paint"].accept(["red", {"n": 1}], {})
    assert (args, kwargs) == ((Here.Colour.RED, Local(n=1)), {})


def test_an_annotation_may_name_a_class_of_a_later_cell() -> None:
    namespace: dict[str, Any] = {"Page": Page, "live": live, "__name__": "notebook"}
    code = (
        "class Market(Page):\n    @live\n    def post(page, player, offer: 'Fresh'): return offer\n"
    )
    exec(code, namespace)
    method = namespace["Market"].live_methods["post"]
    with pytest.raises(NameError):
        method.accept([{"n": 1}], {})
    exec("import pydantic\nclass Fresh(pydantic.BaseModel):\n    n: int\n", namespace)
    assert method.accept([{"n": 1}], {})[0][0].n == 1


# ---- the decorator -------------------------------------------------------------------------


def test_options_are_stored_and_async_functions_are_recognized() -> None:
    class Kinds(Page):
        @live
        async def one(page, player): ...

        @live(exclusive="group")
        def two(page, player): ...

        @live(thread=True, exclusive="session")
        def three(page, player): ...

        @live()
        @classmethod
        def four(page, player):
            """Say four."""

        @live
        @staticmethod
        def five(page, player): ...

        @classmethod
        @live
        def six(page, player): ...

    found = Kinds.live_methods
    assert sorted(found) == ["five", "four", "one", "six", "three", "two"]
    assert [found[n].is_async for n in ("one", "two")] == [True, False]
    assert [(m.exclusive, m.thread) for n, m in sorted(found.items())] == [
        (None, False), (None, False), (None, False), (None, False), ("session", True),
        ("group", False),
    ]  # fmt: skip
    assert found["four"].__doc__ == "Say four."


def test_a_cell_can_call_a_live_method() -> None:
    class Adder(Page):
        @live
        def add(page, player, x: int, y: int = 1):
            return page.__name__, player, x + y

    assert Adder.add("ann", 2) == ("Adder", "ann", 3)
    assert Adder.add("ann", 2, y=5) == ("Adder", "ann", 7)


def test_a_method_is_called_by_the_name_under_which_the_page_has_it() -> None:
    def trade(page: Any, player: Any, price: float) -> None: ...

    class Desk(Page):
        buy = live(trade)
        act = live(lambda page, player: 1)

    assert {name: m.name for name, m in Desk.live_methods.items()} == {"buy": "buy", "act": "act"}
    with pytest.raises(BadArguments, match="buy: price"):
        Desk.live_methods["buy"].accept(["x"], {})


MISTAKES: list[tuple[str, str, str]] = [
    ("@live\ndef post(): ...", "takes 'page' and 'player' first", "def post(page, player, ...)"),
    ("@live\ndef post(player): ...", "takes 'page' and 'player' first", "def post(page, player"),
    ("@live\ndef post(player, price): ...", "takes 'page' and 'player'", "def post(page, player"),
    ("@live\ndef post(player, page): ...", "takes 'page' and 'player'", "def post(page, player"),
    ("@live\ndef post(page, price, player): ...", "takes 'page' and", "def post(page, player"),
    ("@live\ndef post(self, price: float): ...", "takes 'page' and", "def post(page, player"),
    ("@live\ndef post(page, price=1): ...", "takes 'page' and", "def post(page, player"),
    ("@live\ndef post(page, *, player): ...", "takes 'page' and", "def post(page, player"),
    ("@live\ndef _post(page, player): ...", "private name", "Rename it to 'post'"),
    ("@live(thread=True)\nasync def post(page, player): ...", "thread=True", "Write 'def'"),
    ("@live\ndef post(page, player): yield 1", "cannot 'yield'", "Return a list"),
    ("@live\nasync def post(page, player): yield 1", "cannot 'yield'", "Return a list"),
]


@pytest.mark.parametrize(("code", "what", "remedy"), MISTAKES)
def test_a_mistake_shows_where_it_is_made(code: str, what: str, remedy: str) -> None:
    indented = "".join(f"    {line}\n" for line in code.splitlines())
    text = f"class Market(Page):\n    '''A page.'''\n\n{indented}"
    with pytest.raises(BadPage) as mistake:
        exec(text, {"Page": Page, "live": live, "__name__": "notebook"})
    message = str(mistake.value)
    assert message.startswith("Market.")
    assert "line 4" in message
    assert what in message
    assert remedy in message.splitlines()[1]


@pytest.mark.parametrize("given_", [5, "group", Side, functools.partial(print), live, None.__eq__])
def test_only_methods_can_be_live(given_: Any) -> None:
    if given_ is live:
        given_ = live(lambda page, player: 1)
        assert isinstance(given_, LiveMethod)
    with pytest.raises(BadPage, match=r"which is not a method.\nWrite @live above a def"):
        live(given_)


def test_an_unknown_scope_is_refused() -> None:
    with pytest.raises(BadPage, match=r"exclusive='world' is unknown\.\nUse exclusive="):
        live(exclusive="world")  # type: ignore[call-overload]
