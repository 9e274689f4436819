"""Submissions: checked, stored and moved on, whole or not at all."""
# ruff: noqa: ANN001, ANN202, C408, PT018, RUF012  (as authors write)

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
import wtforms

from tests.running import Browser, plain, serving, until
from tests.worlds_at_rest import replayed
from uproot_nb import (
    IntegerField,
    Page,
    Rounds,
    Run,
    SelectField,
    StringField,
    SynchronizingWait,
    move_to_end,
    move_to_page,
)


class Ask(Page):
    """Ask."""

    fields = dict(
        number=IntegerField(label="Number", min=0, max=9),
        side=SelectField(label="Side", choices=["buy", "sell"]),
    )


class Last(Page):
    """The last page."""


SECRET = "open" + " sesame"  # not found in the source, which the log keeps
GOOD = {"number": "3", "side": "buy"}


def stored(run: Run) -> dict[str, Any]:
    fields = run.players[0].fields()
    return {name: fields[name] for name in ("number", "side") if name in fields}


async def test_valid_answers_are_stored_with_their_types() -> None:
    with serving(Ask, Last) as run:
        ann = await Browser.open(run, 0)
        assert (await ann.submit(**GOOD)).code == 303
        assert stored(run) == {"number": 3, "side": "buy"}
        assert run.players[0].page == "Last"
        assert list(run.events["kind"]).count("submit") == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"number": "10", "side": "buy"}, {"number": "-1", "side": "buy"}, {"side": "buy"},
        {"number": "3", "side": "steal"}, {"number": "1e999", "side": "buy"}, {},
        {"number": "3; DROP", "side": "\x00"},
    ],
)  # fmt: skip
async def test_wrong_answers_are_named_and_nothing_is_stored(wrong: dict[str, str]) -> None:
    with serving(Ask, Last) as run:
        ann = await Browser.open(run, 0)
        answer = await ann.submit(**wrong)
        assert answer.code == 422
        assert b'role="alert"' in answer.body
        assert stored(run) == {} and run.players[0].page == "Ask"
        assert (await ann.submit(**GOOD)).code == 303


@pytest.mark.parametrize("token", ["", "0" * 24, "ä"])
async def test_a_form_that_we_did_not_make_stores_nothing(token: str) -> None:
    with serving(Ask, Last) as run:
        ann = await Browser.open(run, 0)
        answer = await ann.submit(**GOOD, _uproot_visit=token)
        assert answer.code == 422
        assert b"send them again" in answer.body
        assert stored(run) == {} and run.players[0].page == "Ask"


@pytest.mark.long
async def test_a_page_that_was_left_and_a_second_click_change_nothing() -> None:
    with serving(Ask, Last, Ask) as run:
        ann = await Browser.open(run, 0)
        for _ in range(3):
            assert (await ann.submit(**GOOD)).code == 303
        assert run.players[0].page == "Last"
        assert list(run.events["kind"]).count("submit") == 1


@pytest.mark.long
async def test_a_form_of_the_page_before_leaves_the_next_one_empty() -> None:
    """As of a second click, or of another tab: nobody is asked to send it to this page."""

    class Next(Ask):
        fields = Ask.fields

    with serving(Ask, Next, Last) as run:
        ann, again = await Browser.open(run, 0), await Browser.open(run, 0)
        await ann.submit(**GOOD)
        await ann.load()
        assert (await again.submit(**GOOD)).code == 303
        assert run.players[0].page == "Next"


@pytest.mark.parametrize("hook", ["after_once", "after_always_once"])
async def test_a_hook_that_moves_the_player_decides_where_the_form_leads(hook: str) -> None:
    def move(page: Any, player: Any) -> None:
        move_to_page(player, Ask)

    class Far(Page):
        """Leads back."""

    setattr(Far, hook, move)
    with serving(Ask, Far, Last) as run:
        ann = await Browser.open(run, 0)
        await ann.submit(**GOOD)
        await ann.load()
        await ann.submit()
        assert run.players[0].page == "Ask"


@pytest.mark.parametrize(
    ("errors", "where"),
    [
        ("Not like this.", b"Not like this."),
        (["One.", "Two."], b"Two."),
        ({"number": "Odd, please."}, b"Odd, please."),
        ({"number": ["Odd.", "Small."]}, b"Small."),
    ],
)
async def test_validate_may_return_errors(errors: Any, where: bytes) -> None:
    class Picky(Ask):
        fields = Ask.fields

        def validate(page, player, data):
            player.seen = dict(data)
            return errors if data["number"] == 3 else None

    with serving(Picky, Last) as run:
        ann = await Browser.open(run, 0)
        answer = await ann.submit(**GOOD)
        assert answer.code == 422 and where in answer.body
        assert stored(run) == {}
        assert run.players[0].seen == {"number": 3, "side": "buy"}
        assert (await ann.submit(number="4", side="sell")).code == 303
        assert stored(run) == {"number": 4, "side": "sell"}


@pytest.mark.long
async def test_stealth_fields_are_handed_over_and_never_stored() -> None:
    heard: list[Any] = []

    class Secret(Page):
        """Secret."""

        fields = dict(code=StringField(label="Code"), open=StringField(label="Open"))
        stealth_fields = ["code"]

        def before_form_save(page, player, data):
            with pytest.raises(TypeError):
                data["open"] = "changed"

        async def handle_stealth_fields(page, player, data):
            heard.append(dict(data))
            if data["code"] != SECRET:
                return "This code is not known."

    with serving(Secret, Last) as run:
        ann = await Browser.open(run, 0)
        answer = await ann.submit(code="abc", open="x")
        assert answer.code == 422 and b"This code is not known." in answer.body
        assert "open" not in run.players[0].fields()
        assert (await ann.submit(code=SECRET, open="x")).code == 303
        assert run.players[0].open == "x" and heard == [{"code": "abc"}, {"code": SECRET}]
        assert SECRET not in "".join(map(str, run.events["value"]))


@pytest.mark.long
async def test_a_hook_that_fails_leaves_the_data_as_it_was_and_can_be_tried_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    broken = [True]

    class Fragile(Ask):
        fields = Ask.fields

        def after_once(page, player):
            player.count = player.get("count", 0) + 1
            player.rows.append("new")
            del player.old

        def after_always_once(page, player):
            if broken:
                raise KeyError("author's mistake")

    def new_player(player):
        player.rows, player.old, player.count = ["first"], 1, 10

    with serving(Fragile, Last, names={"new_player": new_player}) as run:
        ann = await Browser.open(run, 0)
        before = deepcopy(run.players[0].fields())
        assert (await ann.submit(**GOOD)).code == 500
        assert run.players[0].fields() == before
        assert run.players[0].page == "Fragile"
        error = run.errors.iloc[0]
        assert (error["cause"], error["actor"]) == (
            "Fragile.after_always_once", run.players[0].name,
        )  # fmt: skip
        assert "author's mistake" in capsys.readouterr().err
        broken.clear()
        await ann.load()
        assert (await ann.submit(**GOOD)).code == 303
        player = run.players[0]
        assert (player.count, player.rows, player.get("old")) == (11, ["first", "new"], None)
        player.rows.append("more")  # what came back is tracked as before
        assert player.history("rows")[-1].value == ["first", "new", "more"]


class Opaque(wtforms.StringField):
    """A field of the author's whose answers cannot be stored."""

    def process_formdata(self, valuelist) -> None:
        self.data = object()


async def test_of_answers_that_cannot_all_be_stored_none_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Mixed(Ask):
        fields = dict(number=IntegerField(label="Number"), opaque=Opaque("Opaque"))

    with serving(Mixed, Last) as run:
        ann = await Browser.open(run, 0)
        assert (await ann.submit(number="3", opaque="x")).code == 500
        assert stored(run) == {}
        assert run.players[0].page == "Mixed"
        assert "opaque" in capsys.readouterr().err


@pytest.mark.long
async def test_back_leads_past_no_wait_page() -> None:
    """The others have gone on with the answers that were given before it."""

    class Together(SynchronizingWait):
        synchronize = "session"

    class After(Page):
        """After."""

        allow_back = True

    with serving(Ask, Together, After, players=1) as run:
        ann = await Browser.open(run, 0)
        await ann.submit(**GOOD)
        await ann.load()  # the wait page, which is over at once
        await until(lambda: run.players[0].page == "After")
        await ann.load()
        assert not ann.page["back"]
        await ann.submit(_uproot_back="1")
        assert run.players[0].page == "After"


@pytest.mark.long
async def test_back_shows_the_page_before_and_runs_no_once_hook_again() -> None:
    ran: list[str] = []

    class First(Ask):
        fields = Ask.fields
        keep_values = True

        def before_once(page, player):
            ran.append("before")

        def after_once(page, player):
            ran.append("after")

    class Second(Page):
        """Second."""

        allow_back = True

    with serving(First, Second, Last) as run:
        ann = await Browser.open(run, 0)
        assert not ann.page["back"]
        await ann.submit(**GOOD)
        await ann.load()
        assert ann.page["back"]
        await ann.submit(_uproot_back="1")
        await ann.load()
        assert run.players[0].page == "First" and 'value="3"' in ann.html
        await ann.submit(number="5", side="sell")
        assert run.players[0].page == "Second" and run.players[0].number == 5
        assert ran == ["before", "after"]


@pytest.mark.long
async def test_going_back_is_in_the_state_as_it_is_in_the_log() -> None:
    class Second(Page):
        """Second."""

        allow_back = True

    with serving(Ask, Second) as run:
        ann = await Browser.open(run, 0)
        await ann.submit(**GOOD)
        await ann.load()
        await ann.submit(_uproot_back="1")
        world = run._runtime.world
        with run.lock:
            assert plain(world.state) == plain(replayed(world))
            assert run.players[0]._state.overdue == []


@pytest.mark.long
async def test_once_is_per_page_and_always_once_per_position() -> None:
    class Counted(Page):
        """Counted."""

        def before_once(page, player):
            player.once = player.get("once", 0) + 1

        def before_always_once(page, player):
            player.always = player.get("always", 0) + 1

        def after_always_once(page, player):
            player.left = player.get("left", 0) + 1

    with serving(Rounds(Counted, n=3), Last) as run:
        ann = await Browser.open(run, 0)
        for _ in range(3):
            await ann.load()
            await ann.load()
            await ann.submit()
        player = run.players[0]
        assert (player.once, player.always, player.left, player.round) == (1, 3, 3, 3)


async def test_a_page_that_is_skipped_still_runs_what_always_runs() -> None:
    class Skipped(Page):
        """Skipped."""

        def show(page, player):
            return False

        def before_once(page, player):
            player.wrong = True

        def after_always_once(page, player):
            player.passed = True

    with serving(Skipped, Last) as run:
        await Browser.open(run, 0)
        assert run.players[0].page == "Last"
        assert run.players[0].passed and "wrong" not in run.players[0].fields()


async def test_early_sees_the_request_of_the_first_visit() -> None:
    class Early(Page):
        """Early."""

        def early(page, player, request):
            player.agents = [*player.get("agents", []), request.headers.get("user-agent")]

    with serving(Early) as run:
        ann = await Browser.open(run, 0)
        await ann.load()
        assert len(run.players[0].agents) == 1 and run.players[0].agents[0]


async def test_a_hook_that_moves_the_player_is_honoured() -> None:
    class Leave(Ask):
        fields = Ask.fields

        def before_form_save(page, player, data):
            move_to_end(player)

    with serving(Leave, Last) as run:
        ann = await Browser.open(run, 0)
        await ann.submit(**GOOD)
        await until(lambda: run.players[0].page is None)
        assert run.players[0].position == 2
