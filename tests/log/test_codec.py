"""What is stored comes back equal and of the same type, or is refused where it is assigned."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import enum
import functools
import http
import importlib
import json
import math
import random
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from tests.examples import examples
from uproot_nb.errors import UnknownPlayer, Unstorable
from uproot_nb.experiment.identifiers import (
    GroupIdentifier,
    ModelIdentifier,
    PlayerIdentifier,
    SessionIdentifier,
)
from uproot_nb.log.codec import MAX_DEPTH, Codec, Unresolved
from uproot_nb.log.encoding.classes import MOVED, find_loaded_class

ROOT = Path(__file__).parents[2]
CODEC = Codec()


class Color(enum.Enum):
    RED = 1
    CRIMSON = 1
    BLUE = "blue"


class Side(enum.StrEnum):
    BUY = "buy"


class Level(enum.IntEnum):
    HIGH = 3


class Rights(enum.Flag):
    READ = 1
    WRITE = 2


class Bits(enum.IntFlag):
    A = 1
    B = 2


class Point(NamedTuple):
    x: Any
    y: Any = 0


@dataclasses.dataclass
class Offer:
    price: Any
    quantity: Any = 1
    tags: list[Any] = dataclasses.field(default_factory=list)

    class Kind(enum.Enum):
        BID = "bid"


@dataclasses.dataclass(frozen=True)
class Frozen:
    value: Any

    def __post_init__(self) -> None:
        if self.value == "never constructed":
            raise AssertionError("decoding ran the constructor")


@dataclasses.dataclass(slots=True)
class Slotted:
    value: Any
    late: Any = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        self.late = (self.value,)


@dataclasses.dataclass
class Derived(Offer):
    extra: Any = None

    @functools.cached_property
    def total(self) -> int:
        return 7


T = TypeVar("T")


@dataclasses.dataclass
class Box(Generic[T]):
    content: T


class TrackedList(list[Any]):
    __uproot_tracked__ = True

    def __iter__(self) -> Any:
        raise AssertionError("the engine's own reading is not for the codec")


class TrackedDict(dict[Any, Any]):
    __uproot_tracked__ = True

    def items(self) -> Any:
        raise AssertionError("the engine's own reading is not for the codec")

    values = items


class TrackedSet(set[Any]):
    __uproot_tracked__ = True


class Text(str):
    pass


class Names(list[Any]):
    pass


class Table(dict[Any, Any]):
    pass


class Number(int):
    pass


class Pair(tuple[Any, ...]):
    pass


class OddZone(tzinfo):
    def utcoffset(self, moment: datetime | None) -> timedelta:
        return timedelta(hours=1)

    def dst(self, moment: datetime | None) -> timedelta:
        return timedelta(0)

    def tzname(self, moment: datetime | None) -> str:
        return "odd"


@dataclasses.dataclass
class DictToo(dict[str, int]):
    x: int = 1


# ---- the same, type for type --------------------------------------------------------------


def fingerprint(value: Any) -> Any:
    """Describe a value so that two descriptions are equal only for equals of the same type."""
    kind = type(value)
    if kind in (list, tuple):
        return kind, [fingerprint(item) for item in value]
    if kind in (set, frozenset):
        return kind, sorted((fingerprint(item) for item in value), key=repr)
    if kind is dict:
        return kind, [(fingerprint(key), fingerprint(item)) for key, item in value.items()]
    if isinstance(value, enum.Enum):
        return kind, id(kind), value.name, value.value
    if dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value)]
        return kind, id(kind), [(name, fingerprint(getattr(value, name))) for name in names]
    if isinstance(value, tuple):
        return kind, id(kind), [fingerprint(item) for item in value]
    if isinstance(value, datetime | time):
        return kind, value.replace(tzinfo=None).isoformat(), value.fold, fingerprint(value.tzinfo)
    if isinstance(value, random.Random):
        return kind, value.getstate()
    if kind is int:
        return kind, hex(value)  # Python bounds the decimal digits it shows
    return kind, repr(value)


def ignore_refusal(use: Callable[[], Any]) -> None:
    """Let *use* do as it likes, but for raising anything else than a refusal."""
    with contextlib.suppress(Unstorable):
        use()


def same_after(value: Any, codec: Codec = CODEC) -> Any:
    """Send *value* through the codec; it must come back the same, and to the same text."""
    text = codec.encode(value)
    json.loads(text)
    back = codec.decode(text)
    assert fingerprint(back) == fingerprint(value)
    assert codec.encode(back) == text
    return back


any_text = st.text(max_size=12) | st.sampled_from(
    ["$", "$dict", "$tuple", "", '{"$', "null", "\U0001f600", "\0"]
)
zones = st.one_of(
    st.none(),
    st.sampled_from([ZoneInfo("Europe/Berlin"), ZoneInfo("UTC"), UTC]),
    st.timedeltas(timedelta(hours=-23), timedelta(hours=23)).map(timezone),
    st.builds(timezone, st.just(timedelta(hours=2)), any_text.filter(str.isprintable)),
)
folds = st.integers(0, 1)
hashable_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**70), 2**70),
    st.sampled_from([2**63, 2**64, -(2**63), -(2**63) - 1]),
    st.floats(),
    any_text,
    st.binary(max_size=12),
    st.decimals().filter(lambda number: not number.is_snan()),
    st.dates(),
    st.builds(
        lambda when, zone, fold: when.replace(tzinfo=zone, fold=fold), st.datetimes(), zones, folds
    ),
    st.builds(
        lambda when, zone, fold: when.replace(tzinfo=zone, fold=fold), st.times(), zones, folds
    ),
    st.timedeltas(),
    st.uuids(),
    st.sampled_from([Color.RED, Color.BLUE, Side.BUY, Level.HIGH, Offer.Kind.BID]),
    st.sampled_from([Rights(0), Rights.READ, Rights.READ | Rights.WRITE, Bits.A | Bits.B, Bits(8)]),
    st.builds(SessionIdentifier, any_text),
    st.builds(PlayerIdentifier, any_text, any_text),
    st.builds(GroupIdentifier, any_text, any_text),
    st.builds(ModelIdentifier, any_text, any_text),
)
hashables = st.recursive(
    hashable_scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(tuple),
        st.builds(Point, inner, inner),
        st.builds(Frozen, inner),
        st.frozensets(inner, max_size=3),
    ),
    max_leaves=5,
)
values = st.recursive(
    hashables,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(any_text, inner, max_size=4),
        st.dictionaries(hashables, inner, max_size=3),
        st.sets(hashables, max_size=3),
        st.builds(Offer, inner, inner, st.lists(inner, max_size=2)),
        st.builds(Derived, inner, inner),
        st.builds(Slotted, inner),
        st.builds(Point, inner, inner),
    ),
    max_leaves=12,
)
plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=5)
    ),
    max_leaves=30,
)


@examples(600)
@given(values)
def test_every_storable_value_comes_back_the_same(value: Any) -> None:
    same_after(value)


@examples(300)
@given(plain)
def test_plain_values_are_stored_as_the_json_that_they_are(value: Any) -> None:
    same_after(value)
    if '{"$' not in orjson.dumps(value).decode():
        assert CODEC.encode(value) == orjson.dumps(value).decode()


@examples(200)
@given(plain)
def test_live_containers_are_stored_as_what_they_are_made_of(value: Any) -> None:
    def track(value: Any) -> Any:
        if type(value) is list:
            return TrackedList(map(track, value))
        if type(value) is dict:
            return TrackedDict({key: track(item) for key, item in value.items()})
        return value

    assert CODEC.encode(track(value)) == CODEC.encode(value)
    assert CODEC.encode((track(value),)) == CODEC.encode((value,))


def test_live_containers_keep_what_json_lacks() -> None:
    live = TrackedDict({1: TrackedList([(1, TrackedSet({2.5}))]), "x": TrackedList([math.inf])})
    back = CODEC.decode(CODEC.encode(live))
    assert fingerprint(back) == fingerprint({1: [(1, {2.5})], "x": [math.inf]})


@pytest.mark.parametrize(
    ("live", "stored"),
    [(TrackedList(), []), (TrackedDict(), {}), (TrackedSet(), set()), (TrackedSet({1}), {1})],
)
def test_a_live_container_alone_is_stored_as_its_base(live: Any, stored: Any) -> None:
    assert fingerprint(CODEC.decode(CODEC.encode(live))) == fingerprint(stored)


@pytest.mark.parametrize(
    "value",
    [
        0.1 + 0.2, -0.0, 5e-324, 1.7976931348623157e308, 1e22, math.nan, math.inf, -math.inf,
        Decimal("1E+3"), Decimal("-0.00"), Decimal("NaN123"), Decimal("-sNaN"),
        Decimal("-Infinity"),
        Decimal("1E-999999999999"), [Decimal("sNaN")],
        datetime(2024, 10, 27, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=1),
        datetime(1, 1, 1, tzinfo=timezone(timedelta(microseconds=1), "odd")), datetime.min,
        time(2, 30, tzinfo=UTC, fold=1), timedelta.min, timedelta.max, date.min,
        {1: "a", "1": "b", (1, 2): "c", None: "d", 2.5: "e", frozenset({1}): "f"},
        {"b": 1, "a": 2, "$x": 3}, {"$x": 1, "a": 2}, {"$": 1}, {"$tuple": [1]}, {"$dict": []},
        {"a": {"$decimal": "1"}}, [{"$unknown": None}], {"": {}}, {}, [], (), set(), frozenset(),
        [(), [()], {"": ()}], [[1.5, math.nan, None]], {"price": math.nan, "buyer": None},
        {"price": 1.5, "buyer": None}, {frozenset({"a", ("b", 1)}), "c", 1, None},
        {float("nan"), float("nan")}, b"\xff\0", "", 10**6000,
        uuid.UUID(int=0), Box[int](4), Offer.Kind.BID, Color.CRIMSON, http.HTTPStatus.NOT_FOUND,
        Slotted([1]), Markup("<b>5 &lt; 6</b>"), [Markup("")],
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_awkward_values_come_back_the_same(value: Any) -> None:
    same_after(value)


@pytest.mark.parametrize(
    "value", ["\ud800", "a\udfffb", ["\ud800"], {"\udfff": 1}, ("\ud83d", 1), {"a": {"\ud800"}}]
)
def test_half_a_character_is_refused(value: Any) -> None:
    """It is no text: no file, table or browser would take it."""
    with pytest.raises(Unstorable, match="half a character"):
        CODEC.encode(value)


def test_half_a_character_of_an_earlier_version_is_read() -> None:
    assert CODEC.decode('{"$str":"7aCA"}') == "\ud800"


def test_decoding_runs_no_constructor() -> None:
    value = Frozen("fine")
    object.__setattr__(value, "value", "never constructed")
    assert CODEC.decode(CODEC.encode(value)).value == "never constructed"


def test_a_random_generator_goes_on_where_it_was() -> None:
    generator = random.Random(7)
    generator.gauss(0, 1)
    back = same_after(generator)
    assert [back.gauss(0, 1), back.random()] == [generator.gauss(0, 1), generator.random()]


def test_a_cached_property_is_not_part_of_the_value() -> None:
    value = Derived(1)
    assert value.total == 7
    assert same_after(value) == value


def test_equal_sets_have_equal_texts() -> None:
    names = [f"name{number}" for number in range(50)]
    backwards: set[Any] = set()
    for name in reversed(names):
        backwards.add(name)
    assert CODEC.encode(set(names)) == CODEC.encode(backwards)


# ---- refusals -----------------------------------------------------------------------------


def extended_offer() -> Offer:
    offer = Offer(1)
    offer.note = "lost otherwise"  # type: ignore[attr-defined]
    return offer


def unfinished_slotted() -> Slotted:
    slotted = Slotted(1)
    del slotted.late
    return slotted


def local_class() -> Any:
    @dataclasses.dataclass
    class Local:
        x: int = 1

    return Local()


@pytest.mark.parametrize(
    "value",
    [
        object(), threading.Lock(), print, lambda: 1, int, Color, 1j, range(3), bytearray(b"x"),
        Fraction(1, 2), Text("x"), Names([1]), Table(a=1), Number(1), Pair((1,)),
        collections.OrderedDict(a=1), collections.defaultdict(int), collections.Counter("a"),
        collections.deque([1]), random.SystemRandom(), datetime(2024, 1, 1, tzinfo=OddZone()),
        extended_offer(), unfinished_slotted(), local_class(), DictToo(), orjson.Fragment(b"1"),
        iter([1]), (x for x in [1]), NotImplemented, ..., Exception("x"), Unresolved("x", 1),
        Unresolved("x", 1, "no json"), Unresolved("x", 1, '{"$x": 1}'), memoryview(b"x"),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_would_not_come_back_is_refused_at_every_depth(value: Any) -> None:
    for holder in (value, [value], {"a": [1, {"b": value}]}, (value,), Offer(value), {1: value}):
        with pytest.raises(Unstorable):
            CODEC.encode(holder)


@pytest.mark.parametrize("key", [Text("a"), object(), Number(1), Pair()])
def test_a_key_that_would_not_come_back_is_refused(key: Any) -> None:
    for table in ({key: 1}, {"x": 1, key: 2}, [{key: 1}], {key}):
        with pytest.raises(Unstorable):
            CODEC.encode(table)


def test_a_string_enum_as_a_key_stays_what_it_is() -> None:
    same_after({Side.BUY: 1, "sell": 2})


def test_a_refusal_names_the_innermost_type() -> None:
    with pytest.raises(Unstorable) as refusal:
        CODEC.encode({"a": [threading.Event()]})
    assert refusal.value.value_type == "threading.Event"
    assert "my.field" in str(refusal.value.at("my.field"))


def cyclic_list() -> Any:
    made: list[Any] = []
    made += [made, made]
    return made


def cyclic_dict() -> Any:
    made: dict[Any, Any] = {}
    made[1] = made["a"] = made
    return made


def cyclic_offer() -> Any:
    made = Offer(1)
    made.price = ([made],)
    return made


def nested(wrap: Callable[[Any], Any], depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = wrap(value)
    return value


@pytest.mark.parametrize("make", [cyclic_list, cyclic_dict, cyclic_offer])
def test_a_container_that_holds_itself_is_refused(make: Callable[[], Any]) -> None:
    with pytest.raises(Unstorable, match="contains itself"):
        CODEC.encode(make())


WRAPS: list[Callable[[Any], Any]] = [
    lambda x: [x], lambda x: {"a": x}, lambda x: (x,), lambda x: {1: x}, Offer, Frozen, Point,
    lambda x: TrackedList([x]), lambda x: frozenset([x]),
]  # fmt: skip


@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 300])
def test_absurd_depth_is_refused(wrap: Callable[[Any], Any], depth: int) -> None:
    with pytest.raises(Unstorable, match="nested"):
        CODEC.encode(nested(wrap, depth))


@pytest.mark.parametrize("wrap", WRAPS[:4])
def test_depth_beyond_python_own_recursion_is_refused(wrap: Callable[[Any], Any]) -> None:
    with pytest.raises(Unstorable, match="nested"):
        CODEC.encode(nested(wrap, 5000))


@pytest.mark.parametrize("wrap", [WRAPS[0], WRAPS[1], WRAPS[2]])
def test_reasonable_depth_is_kept(wrap: Callable[[Any], Any]) -> None:
    same_after(nested(wrap, MAX_DEPTH))


@pytest.mark.parametrize("wrap", WRAPS)
def test_half_the_depth_is_kept_whatever_the_container(wrap: Callable[[Any], Any]) -> None:
    value = nested(wrap, MAX_DEPTH // 2)
    text = CODEC.encode(value)
    assert CODEC.encode(CODEC.decode(text)) == text


# ---- classes that are gone, or changed ------------------------------------------------------


def knows_nothing(module: str, qualname: str) -> type | None:
    return None


@examples(300)
@given(values)
def test_values_of_unknown_classes_encode_to_the_text_they_came_from(value: Any) -> None:
    stranger = Codec(knows_nothing)
    text = CODEC.encode(value)
    assert stranger.encode(stranger.decode(text)) == text


def test_a_value_of_an_unknown_class_can_be_looked_at() -> None:
    stranger = Codec(knows_nothing)
    offer = stranger.decode(CODEC.encode(Offer(Decimal("1.5"), Color.RED)))
    assert offer.type_name == f"{__name__}.Offer"
    assert offer.content["price"] == Decimal("1.5")
    assert (offer.content["quantity"].type_name, offer.content["quantity"].content) == (
        f"{__name__}.Color",
        "RED",
    )
    assert len({offer, stranger.decode(offer.text)}) == 1


def test_classes_are_found_by_the_given_resolver() -> None:
    made = local_class()
    codec = Codec(lambda module, qualname: type(made))
    assert codec.decode(codec.encode(made)) == made


def test_an_instance_of_a_class_redefined_alike_is_stored_as_of_the_new_one() -> None:
    old, new = local_class(), local_class()
    codec = Codec(lambda module, qualname: type(new))
    assert codec.decode(codec.encode(old)) == new


def test_an_instance_of_a_class_redefined_differently_is_refused() -> None:
    def resolve_to(found: type) -> Codec:
        return Codec(lambda module, qualname: found)

    for value, found in (
        (Offer(1), Frozen),
        (Color.RED, Side),
        (Point(1), Frozen),
        (Offer(1), int),
    ):
        with pytest.raises(Unstorable):
            resolve_to(found).encode(value)


def test_a_field_added_with_a_default_is_filled_in() -> None:
    text = CODEC.encode(Offer(5)).replace('"quantity":1,', "")
    assert CODEC.decode(text) == Offer(5)


def test_a_field_that_is_gone_or_has_no_default_leaves_the_value_unresolved() -> None:
    text = CODEC.encode(Offer(5))
    for changed in (text.replace('"price"', '"gone"'), text.replace('"price":5,', "")):
        back = CODEC.decode(changed)
        assert type(back) is Unresolved
        assert CODEC.encode(back) == changed


def test_no_module_is_imported_to_find_a_class(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "module_that_nobody_imports"
    (tmp_path / f"{name}.py").write_text("class X: Y = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert find_spec(name) is not None
    back = CODEC.decode(f'{{"$enum":["{name}","X","Y"]}}')
    assert type(back) is Unresolved
    assert name not in sys.modules


@pytest.mark.parametrize("name", ["system", "path.join", "environ", "__loader__", "_Environ.x", ""])
def test_names_that_are_no_class_of_the_right_sort_stay_unresolved(name: str) -> None:
    for tag in ("enum", "flag", "namedtuple", "dataclass"):
        for inner in ('"x"', "1", "[]", "{}"):
            assert type(CODEC.decode(f'{{"${tag}":["os","{name}",{inner}]}}')) is Unresolved


# ---- damaged and foreign text ---------------------------------------------------------------

WORDS = ["<f8", "O", "|b1", "AAAA", "nan", "UTC", "2024-01-01", "index", "object", "numpy", "os"]
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(-1e9, 1e9)
    | st.text(max_size=6)
    | st.sampled_from(WORDS),
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=8,
)
TAGS = [
    "int",
    "float",
    "str",
    "bytes",
    "decimal",
    "uuid",
    "date",
    "datetime",
    "time",
    "timedelta",
    "random",
    "tuple",
    "dict",
    "set",
    "frozenset",
    "enum",
    "flag",
    "namedtuple",
    "dataclass",
    "PlayerIdentifier",
    "SessionIdentifier",
    "array",
    "scalar",
    "timestamp",
    "pdtimedelta",
    "series",
    "frame",
    "index",
    "unknown",
]


@examples(1500)
@given(st.sampled_from(TAGS), json_values)
def test_damaged_tags_never_raise_and_settle(tag: str, content: Any) -> None:
    text = orjson.dumps({"$" + tag: content}).decode()
    back = CODEC.decode(text)
    settled = CODEC.encode(back)
    assert CODEC.encode(CODEC.decode(settled)) == settled


@pytest.mark.parametrize("zone", ["America", "../etc/passwd", "", "Nowhere/Land", "x" * 5000])
def test_a_time_zone_that_is_none_leaves_the_value_unresolved(zone: str) -> None:
    text = orjson.dumps({"$datetime": ["2024-01-01T00:00:00", zone, 0]}).decode()
    back = CODEC.decode(text)
    assert type(back) is Unresolved
    assert CODEC.encode(back) == text


@examples(300)
@given(st.text() | st.binary().map(lambda data: data.decode("latin1")))
def test_text_that_is_no_json_is_refused(text: str) -> None:
    ignore_refusal(lambda: CODEC.decode(text))


@pytest.mark.parametrize("opening", ["[", '{"$tuple":[', '{"$dict":[[1,', '{"a":', '{"$set":[{"$'])
def test_text_nested_without_end_is_refused_calmly(opening: str) -> None:
    closing = {"[": "]", "{": "}"}
    ends = "".join(closing[char] for char in reversed(opening) if char in closing)
    for depth in (200, 900, 100_000):
        text = opening * depth + "1" + ends * depth
        ignore_refusal(functools.partial(CODEC.decode, text))


def test_an_unknown_tag_is_kept_with_its_content() -> None:
    text = '{"$player":{"$PlayerIdentifier":["s","p"]}}'
    back = CODEC.decode(text)
    assert back == Unresolved("player", PlayerIdentifier("s", "p"), text)
    assert CODEC.encode([back]) == f"[{text}]"


# ---- classes of the engine ------------------------------------------------------------------


class Player:
    def __init__(self, name: str) -> None:
        self.name = name


class Robot(Player):
    pass


def find_player(key: PlayerIdentifier) -> Player:
    if key.name == "nobody":
        raise UnknownPlayer(key.name, "the session")
    return Player(key.name)


def codec_with_players() -> Codec:
    return Codec().with_type(
        "player", Player, lambda player: PlayerIdentifier("s", player.name), find_player
    )


def test_a_class_is_stored_by_its_adaptor_at_every_depth() -> None:
    codec = codec_with_players()
    text = codec.encode({"of": [Player("p"), (1, Player("q"))]})
    back = codec.decode(text)
    assert (back["of"][0].name, back["of"][1][1].name) == ("p", "q")
    assert codec.encode(back) == text


def test_an_adaptor_is_not_for_subclasses_nor_for_other_codecs() -> None:
    with pytest.raises(Unstorable):
        codec_with_players().encode(Robot("r"))
    with pytest.raises(Unstorable):
        CODEC.encode(Player("p"))


def test_what_an_adaptor_cannot_find_stays_unresolved() -> None:
    text = '{"$player":{"$PlayerIdentifier":["s","nobody"]}}'
    assert codec_with_players().decode(text) == Unresolved("player", None, text)


def test_a_tag_or_class_has_one_adaptor() -> None:
    for tag, cls in (("tuple", Player), ("new", dict)):
        with pytest.raises(ValueError, match="already"):
            Codec().with_type(tag, cls, str, str)


def test_the_codec_imports_neither_numpy_nor_pandas() -> None:
    program = (
        "import sys; from uproot_nb.log.codec import Codec; c = Codec()\n"
        "c.decode(c.encode({'a': (1, 2.5, {3})}))\n"
        "assert not {'numpy', 'pandas'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


@pytest.mark.parametrize(("old", "new"), MOVED.items())
def test_classes_of_ours_are_found_where_older_logs_say_they_were(old: str, new: str) -> None:
    importlib.import_module(new)
    kinds = [kind for kind in vars(sys.modules[new]).values() if isinstance(kind, type)]
    own = [kind for kind in kinds if kind.__module__ == new]
    assert own
    assert all(find_loaded_class(old, kind.__qualname__) is kind for kind in own)
