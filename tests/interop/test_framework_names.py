"""Every public name of the framework, version 0.10.1, is there for a loaded app, or is listed here.

framework_names.txt is what tools/framework_names.py has read from the framework's files. 0.10.1 is
its newest release on PyPI as of November 2026.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from framework_names import names_of_package, public_names

from tests.interop.projects import write_app
from tests.running import Browser, Rejected
from uproot_nb import Run, UprootError, serve
from uproot_nb.analysis.framework.database import read
from uproot_nb.interop.apps import load_app
from uproot_nb.interop.modules import framework_modules
from uproot_nb.testing import served

LIST = Path(__file__).with_name("framework_names.txt")

ITS_SERVER = "the framework's own server; here Jupyter and serve() do this"
ITS_STORAGE = "how the framework stores and finds data; here the log does this"
ITS_PAGES = "how the framework renders pages; apps use templates and fields"
ITS_TYPING = "the framework's own type variables and tools; they mean nothing in an app"

ITS_NEWS = "how the framework's server reports changes; here each change is reported by itself"
ITS_ROOMS = (
    "a browser's wait for a session that has not begun; apps run in one, and the participant server"
    " keeps such browsers"
)

ABSENT_MODULES: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "uproot.core", "uproot.defaultcli", "uproot.examples",
            "uproot.i18ncheck", "uproot.modules", "uproot.queues", "uproot.security",
            "uproot.server1", "uproot.server2", "uproot.server3", "uproot.server4",
        ),
        ITS_SERVER,
    ),
    **dict.fromkeys(
        ("uproot.archive", "uproot.cache", "uproot.data", "uproot.stable"), ITS_STORAGE
    ),
}  # fmt: skip
"""Modules that are not there, and why."""

ABSENT_NAMES: Mapping[str, Mapping[str, str]] = {
    "uproot": {
        ITS_SERVER: "APPS CHAT_HOOKS CONFIGS CONFIGS_EXTRA KEY MANUAL_DROPOUTS ONLINE ONLINE_SORTED"
        " PAGES WATCH leave_last_app set_offline set_online",
    },
    "uproot.chat": {
        ITS_STORAGE: "COLLISIONS",
    },
    "uproot.cli": {
        ITS_SERVER: "UVICORN_RUNNING_FILTER UvicornRunningFilter announcements archive_project"
        " configure_server confirmation create_quick_room deployment dump examples get_examples new"
        " newpage next_quick_roomname project_configs quick_room_number reset resolve_start_config"
        " restore run run_server set_ulimit show_announcements start",
    },
    "uproot.deployment": {
        ITS_SERVER: "ALLOW_ENTER DBENV KEEPALIVE_INTERVAL LOGIN_TOKEN PROCESS_START QUICK_ROOM"
        " ROBOTS_TXT TBLEXTRA ensure_login_token lifespan_start lifespan_stop",
        ITS_STORAGE: "UNAVAILABLE_EQUIVALENT database_url init_store store"
        " uproot_namespace_validator uproot_on_change uproot_replace_predicate",
        ITS_PAGES: "TEMPLATE_SWITCHES",
    },
    "uproot.i18n": {
        "translations are files beside the app, and `_` in templates": "JSON LANGUAGES LOCALES_DIR"
        " MISSING TERMS TranslateLoader VERSION VERSIONS compile_translate_block json load_defaults"
        " lookup missing normalize script version",
    },
    "uproot.events": {
        ITS_NEWS: "set_attendance set_fieldchange",
        ITS_ROOMS: "ROOMS clear_room set_room",
    },
    "uproot.jobs": {
        "what its server does beside answering; here the run and Jupyter do it": "ADMIN_JOBS"
        " BACKGROUND_TASKS GLOBAL_JOBS PLAYER_JOBS ROOM_JOBS dropout_watcher reap_spawned restore"
        " synchronize_rooms",
        "reads a browser's socket or its queue, which no app is handed; the participant server"
        " owns both": "from_queue from_websocket",
        ITS_ROOMS: "subscribe_to_room",
        "a lost connection is seen at once, not by messages every nine seconds, so no tolerance is"
        " too short": "KEEPALIVE_SLACK effective_tolerance warn_short_tolerance",
        "GroupCreatingWait groups players, once all have arrived; an app's own rule is its hook"
        " `match`": "entered_grouping_page try_group",
    },
    "uproot.models": {ITS_STORAGE: "parse_stored_entry"},
    "uproot.pages": {
        ITS_PAGES: "BUILTINS ENV FormTranslations H1_PATTERN IncludeMarkdownExtension"
        " MINIFIED_HEADER MarkdownLoader app_or_default cached_minified_from cached_sha256"
        " exported_constants file_sha256 fmtnum_filter form_factory is_dunder make_buttons"
        " make_timeout minified minified_from page_app page_language path2page read_minified_from"
        " render render_error select_html_params sha256 show2path stamp static_context static_dir"
        " static_exists static_factory static_files static_path static_search static_version"
        " template_get_setting terms_url timeout_reached to_filter tojson_filter truepath"
        " type_filter unixtime2datetime_filter validate verify_csrf warn_outdated_build",
    },
    "uproot.rooms": {"run.room() opens and closes rooms": "reset start"},
    "uproot.server": {
        ITS_SERVER: "MIN_PASSWORD_LENGTH favicon finish_cancelled_tasks lifespan robots"
        " validate_admin_password_lengths validate_keepalive_interval validate_template_defaults",
    },
    "uproot.storage": {
        ITS_STORAGE: "FilterableGroups VALID_TRAIL0 virtual_context virtual_group virtual_groups"
        " virtual_models virtual_other_in_group virtual_other_in_session virtual_others_in_group"
        " virtual_others_in_session virtual_player virtual_players virtual_sessions"
        " virtual_settings",
    },
    "uproot.types": {
        ITS_TYPING: "FrozenPage I K LOGGER MAX_COLLISION_PROB T V context"
        " ensure_local_logger timed",
        ITS_SERVER: "internal_live optional_call optional_call_once",
    },
}  # fmt: skip
"""Names that are not there, by module and reason."""


def names() -> Iterator[tuple[str, str]]:
    for line in LIST.read_text("utf-8").splitlines():
        module, name = line.split()
        yield module, name


def test_every_public_name_of_the_framework_is_there_or_is_listed(tmp_path: Path) -> None:
    modules, _ = framework_modules(tmp_path)
    absent = {
        f"{module}.{name}" for module, name in names()
        if module in modules and not hasattr(modules[module], name)
    }  # fmt: skip
    listed = {
        f"{module}.{name}"
        for module, reasons in ABSENT_NAMES.items()
        for text in reasons.values()
        for name in text.split()
    }
    assert absent == listed


def test_every_module_of_the_framework_is_there_or_is_listed(tmp_path: Path) -> None:
    modules, _ = framework_modules(tmp_path)
    assert {module for module, _ in names() if module not in modules} == set(ABSENT_MODULES)


def test_the_tool_reads_a_modules_public_names(tmp_path: Path) -> None:
    text = "import os\n_a = 1\nB: int = 2\ndef c(): ...\nclass D: ...\nif os:\n    E = 3\n"
    assert public_names(text) == ["B", "D", "E", "c"]
    assert public_names("__all__ = ['x']\ny = 1\n") == ["x"]
    folder = tmp_path / "frame"
    folder.mkdir()
    (folder / "__init__.py").write_text("a = 1\n")
    (folder / "parts.py").write_text("def b(): ...\n")
    assert list(names_of_package(folder)) == ["frame a", "frame.parts b"]


# ---- what some of them do ------------------------------------------------------------------


@pytest.fixture
def framework(tmp_path: Path) -> Any:
    return framework_modules(tmp_path)[0]


def test_tokens_are_short_names_that_differ(framework: Any) -> None:
    types = framework["uproot.types"]
    drawn = types.tokens(["abc"], 50)
    assert len({*drawn, "abc"}) == 51
    assert all(framework["uproot.constraints"].valid_token(one) for one in drawn)
    assert len(types.token_unchecked(12)) == 12
    assert types.token([], postprocess=str.upper).isupper()


def test_a_frozen_dict_has_its_values_as_attributes(framework: Any) -> None:
    made = framework["uproot.types"].FrozenDottedDict(a=1)
    assert made.a == 1
    for change in (lambda: made.update(b=1), lambda: setattr(made, "b", 1)):
        with pytest.raises(TypeError, match="cannot be changed"):
            change()


def test_small_functions_do_what_their_names_say(framework: Any) -> None:
    types = framework["uproot.types"]

    async def later(number: int) -> int:
        return number + 1

    assert list(types.vertical([(1, "a"), (2, "b")])) == [[1, 2], ["a", "b"]]
    assert asyncio.run(types.ensure_awaitable(later, 1)) == 2
    assert asyncio.run(types.ensure_awaitable(abs, -1)) == 1
    with pytest.raises(TypeError, match="PlayerIdentifier"):
        types.as_identifier(types.PlayerIdentifier, types.SessionIdentifier("s"))


def test_entries_and_paths_are_looked_at(framework: Any) -> None:
    entry = types_of(price=3, seller=types_of(name="ann"))
    matches = framework["uproot.models"].entry_matches
    assert matches(entry, None, {"price": 3})
    assert not matches(entry, lambda one: one.price > 3, {})
    assert not matches(entry, None, {"nothing": 3})
    resolve, field = framework["uproot.queries"].resolve, framework["uproot.smithereens"]._
    assert (resolve(field.seller.name, entry), resolve(7, entry)) == ("ann", 7)


def types_of(**values: Any) -> Any:
    return type("Values", (), values)


def test_rooms_are_checked(framework: Any) -> None:
    rooms = framework["uproot.rooms"]
    free, listed = rooms.room("a"), rooms.room("b", labels=["x"])
    assert (rooms.freejoin(free), rooms.freejoin(listed)) == (True, False)
    assert [rooms.validate(listed, label) for label in ("x", "y", "")] == [True, False, False]
    assert rooms.validate(free, "")
    assert rooms.constrain_label("a b/c" + "d" * 200) == "abc" + "d" * 125


def test_labels_of_a_file_have_no_comments_and_come_once(tmp_path: Path, framework: Any) -> None:
    (tmp_path / "labels.txt").write_text("ann # late\n\n# all\nbob\nann\n")
    assert framework["uproot.rooms"].from_file("labels.txt") == ["ann", "bob"]


FIELDS = """
    import wtforms
    from uproot.fields import NumberField, RequiredField

    class TimeField(RequiredField, wtforms.TimeField):
        pass

    class WholeField(NumberField, wtforms.IntegerField):
        pass

    class Ask(Page):
        fields = dict(
            when=TimeField(label="When", class_wrapper="w-50"),
            price=WholeField(label="Price", min=1, max=5, step=1, optional=True),
        )

    page_order = [Ask]
"""
CHAT = """
    class Talk(Page):
        pass

    def new_session(session):
        session.chat = chat.create(session)

    def new_player(player):
        session = player.session
        chat.add_player(session.chat, player, pseudonym=f"P{player.id}")
        player.before = chat.has_messages(session.chat)
        chat.add_message(session.chat, player, "Hello")
        chat.add_message(session.chat, "Bot", "Hi")
        player.seen = [
            chat.show_msg(session.chat, *one, as_viewed_by=player)["sender"]
            for one in chat.messages(session.chat)
        ]
        player.alias = [chat.anonymize("ann"), chat.anonymize("ann"), chat.anonymize("bob")]

    page_order = [Talk]
"""

ADMIN_CHAT = """
    class Ask(Page):
        def before_once(page, player):
            chat.set_adminchat_replies(~player, True)

    class Rest(Page):
        pass

    def new_player(player):
        pid = ~player
        player.before = [chat.adminchat_for_player(pid), chat.adminchat_reply_state(pid)]
        help = chat.ensure_adminchat(pid)
        same = help == chat.ensure_adminchat(pid) == chat.adminchat_for_player(pid)
        common = chat.create(player.session)
        player.kinds = [same, chat.is_adminchat(help), chat.is_adminchat(common)]
        player.may = [chat.adminchat_can_reply(pid), chat.adminchat_can_reply(None)]
        chat.add_message(help, None, "Welcome " + 80 * "!")
        chat.add_message(help, pid, "Thanks")
        player.seen = [
            chat.show_adminchat_msg(help, *one, as_viewed_by=viewer)["sender"]
            for viewer in (pid, None) for one in chat.messages(help)
        ]
        player.summary = chat.adminchat_event(pid, kind="state")

    page_order = [Ask, Rest]
"""


def opened(folder: Path, players: int) -> Run:
    return serve(
        app=folder, players=players, name="s", db=":memory:", embedded=True, port=0, namespace={}
    )


def test_bases_of_fields_make_fields_of_wtforms(tmp_path: Path) -> None:
    page = load_app(write_app(tmp_path, "asks", FIELDS)).pages["asks/Ask"]
    assert sorted(page.fields) == ["price", "when"]  # type: ignore[attr-defined]


def test_messages_of_a_chat_are_shown_as_somebody_sees_them(tmp_path: Path) -> None:
    with opened(write_app(tmp_path, "talk", CHAT), players=2) as run:
        ann, bob = run.players
        assert (ann.before, bob.before) == (False, True)
        assert bob.seen == [("other", "P0"), ("other", "Bot"), ("self", "P1"), ("other", "Bot")]
        first, again, other = ann.alias
        assert first == again != other
        assert len(first) == 6


@pytest.mark.long
async def test_the_chat_with_the_researcher_by_the_frameworks_names(tmp_path: Path) -> None:
    with opened(write_app(tmp_path, "helps", ADMIN_CHAT), players=1) as run:
        (ann,) = run.players
        assert ann.before == [None, False]
        assert ann.kinds == [True, True, False]
        assert ann.may == [False, None]
        assert ann.seen == [("admin", ""), ("self", ann.name), ("admin", ""), ("other", ann.name)]
        chat, player = ann.summary["chat"], ann.summary["player"]
        assert (chat["message_count"], chat["last_sender"]) == (2, "player")
        assert (chat["last_message_text"], chat["enabled"]) == ("Thanks", False)
        assert (player["uname"], player["page_order"]) == (ann.name, ["helps/Ask", "helps/Rest"])
        browser = await Browser.open(run)
        assert browser.html.count("<uproot-chat") == 1
        name = chat["chat_id"]
        await browser.call("_uproot_chat_send", name, "Now I may.")
        assert list(run.chats["text"])[1:] == ["Thanks", "Now I may."]


@pytest.mark.long
async def test_a_new_chat_with_the_researcher_takes_no_replies_until_they_are_opened(
    tmp_path: Path,
) -> None:
    code = ADMIN_CHAT.replace("chat.set_adminchat_replies(~player, True)", "pass")
    with opened(write_app(tmp_path, "helps", code), players=1) as run:
        browser = await Browser.open(run)
        with pytest.raises(Rejected, match="only read this chat"):
            await browser.call("_uproot_chat_send", run.players[0].summary["chat"]["chat_id"], "x")


VALIDATED = """
    import wtforms
    from uproot.fields import (
        BICValidator, BoundedChoiceValidator, IBANValidator, RequiredField, type_coercer,
    )

    LEVELS = [(1, "low"), (2, "high"), 3]

    class Account(RequiredField, wtforms.StringField):
        pass

    class Several(wtforms.SelectMultipleField):
        pass

    class Ask(Page):
        fields = dict(
            account=Account(label="Account", validators=[IBANValidator()]),
            bank=Account(label="Bank", optional=True, validators=[BICValidator("No bank.")]),
            levels=Several(
                label="Levels", choices=["1", "2", "3"],
                coerce=type_coercer(LEVELS), validators=[BoundedChoiceValidator(min=1, max=2)],
            ),
        )

    class End(Page):
        pass

    page_order = [Ask, End]
"""
GOOD = {"account": "DE89370400440532013000", "bank": "DEUTDEFF", "levels": ["1", "3"]}


@pytest.mark.long
@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"account": "DE88370400440532013000"}, "Please enter a valid IBAN."),
        ({"bank": "X"}, "No bank."),
        ({"levels": []}, "Please choose at least one of the options."),
        ({"levels": ["1", "2", "3"]}, "Please choose at most 2 of the options."),
    ],
)
def test_the_validators_refuse_in_our_words(
    tmp_path: Path, given: dict[str, Any], words: str
) -> None:
    with served(write_app(tmp_path, "asks", VALIDATED), players=1) as session:
        (ann,) = session
        ann.assert_form_refused(**GOOD | given)
        ann.assert_reads(words)
        ann.submit(**GOOD)
        assert ann.player.levels == [1, 3]
        assert (ann.player.account, ann.player.bank) == (GOOD["account"], GOOD["bank"])


NEWS = """
    import uproot.events as events
    import uproot.jobs as jobs
    import uproot.models as models
    from uproot.types import BoundedPulse

    class Offer(metaclass=models.Entry):
        price: int

    class Ask(Page):
        @live
        def bid(page, player, price: int):
            player.bid = price
            player.other = price
            del player.other
            player.session.bids.append(price)
            models.add_entry(player.session.offers, player, Offer, price=price)

        @live
        def help(page, player):
            chat.ensure_adminchat(~player)

        @live
        def stop(page, player):
            pulse = events.FIELDCHANGE[player.session.name]
            for queue in list(pulse.subscribers):
                pulse.unsubscribe(queue)
                pulse.unsubscribe(queue)

    async def note_fields(session, queue):
        while True:
            found = await jobs.subscribe_to_fieldchange(queue, ["bid", "other", "bids", "entry"])
            session.seen = [*session.seen, found]

    async def note_people(session, queue):
        while True:
            session.came = [*session.came, await jobs.subscribe_to_attendance(queue)]

    async def note_chats(session, queue):
        while True:
            session.chats = [*session.chats, (await jobs.subscribe_to_adminchat(queue))["uname"]]

    def new_session(session):
        session.bids, session.seen, session.came, session.chats = [], [], [], []
        session.offers = models.create_model(session)
        for news, note in (
            (events.FIELDCHANGE, note_fields), (events.ATTENDANCE, note_people),
            (events.ADMINCHAT, note_chats),
        ):
            jobs.spawn(note(session, news[session.name].subscribe()))

    page_order = [Ask]
"""


@pytest.mark.long
def test_code_of_an_app_hears_of_each_change_once_it_is_committed(tmp_path: Path) -> None:
    with served(write_app(tmp_path, "market", NEWS), players=2) as session:
        ann, bob = session
        names = [ann.player.name, bob.player.name]
        assert [one.name for one in session.run.session.came] == names
        bob.call("bid", 7)
        session.settle()
        seen = [(space[0], field, value.unavailable, value.data)
                for space, field, value in session.run.session.seen]  # fmt: skip
        assert seen == [
            ("player", "bid", False, 7), ("player", "other", False, 7),
            ("player", "other", True, None), ("session", "bids", False, [7]),
            ("model", "entry", False, {"price": 7}),
        ]  # fmt: skip


@pytest.mark.long
def test_code_of_an_app_hears_of_the_chat_with_the_researcher(tmp_path: Path) -> None:
    with served(write_app(tmp_path, "market", NEWS), players=1) as session:
        (ann,) = session
        ann.call("help")
        session.settle()
        assert session.run.session.chats
        assert {*session.run.session.chats} == {ann.player.name}


@pytest.mark.long
def test_who_has_unsubscribed_hears_no_more_and_costs_nothing(tmp_path: Path) -> None:
    with served(write_app(tmp_path, "market", NEWS), players=1) as session:
        (ann,) = session
        journal = session.run._runtime.world.journal
        before = len(journal.listeners)
        ann.call("stop")
        ann.call("bid", 7)
        assert session.run.session.seen == []
        assert len(journal.listeners) == before - 1


def test_news_of_another_session_are_refused(tmp_path: Path) -> None:
    code = NEWS.replace("news[session.name]", "news['other']")
    with pytest.raises(UprootError, match="no session 'other'"):
        served(write_app(tmp_path, "market", code), players=1)


async def test_a_full_queue_loses_its_oldest_news(framework: Any) -> None:
    pulse = framework["uproot.types"].BoundedPulse(2)
    queue = pulse.subscribe()
    for number in range(4):
        pulse.set(number)
    assert [queue.get_nowait() for _ in range(2)] == [2, 3]


def test_a_choice_is_found_by_its_text(framework: Any) -> None:
    coerce = framework["uproot.fields"].type_coercer([(1, "one"), (2.5, "more"), "x", (None, "no")])
    assert [coerce(text) for text in ("1", "2.5", "x", "None", 1)] == [1, 2.5, "x", None, 1]
    with pytest.raises(ValueError, match="not one of the choices"):
        coerce("3")


def test_scripts_find_the_reader_of_databases(framework: Any) -> None:
    assert framework["uproot.read"].read is read
    assert sorted(framework["uproot.read"].__all__) == [
        "Database", "Snapshot", "field_values", "read",
    ]  # fmt: skip
