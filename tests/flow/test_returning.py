"""Returning: people who come again, by a label or in the same browser, have one place."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tornado.httpclient import AsyncHTTPClient, HTTPResponse

from tests.running import serving
from uproot_nb import Page, rerun
from uproot_nb.bridge.messages import COOKIE, HttpReply, HttpRequest
from uproot_nb.errors import UprootError
from uproot_nb.testing import Served, served

ASKED = "You have already begun. Do you want to go on?"
REFUSED = "This label has been used"
BROWSER_USED = "Somebody has already begun in this browser"
TWO_LABELS = "This link has two different labels"


class Hello(Page):
    """Hello!"""


class Device:
    """A browser that keeps cookies, presses buttons and follows no redirects."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.cookies: dict[str, str] = {}
        self.set: list[str] = []
        self.form: dict[str, str] = {}
        self.place = self.html = ""

    async def open(self, **query: str) -> Device:
        """Load the page, with parameters in its address."""
        self.query = f"?{urlencode(query)}" if query else ""
        return self._read(await self._ask(None))

    async def press(self, **fields: str) -> Device:
        """Press the page's button."""
        return self._read(await self._ask(urlencode({**self.form, **fields})))

    async def _ask(self, body: str | None) -> HTTPResponse:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return await AsyncHTTPClient().fetch(
            self.address + self.query, method="GET" if body is None else "POST", body=body,
            headers={"Cookie": cookies} if cookies else {}, follow_redirects=False,
            raise_error=False,
        )  # fmt: skip

    def _read(self, answer: HTTPResponse) -> Device:
        self.status, self.html = answer.code, answer.body.decode()
        self.set = answer.headers.get_list("Set-Cookie")
        for line in self.set:
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        self.form = dict(re.findall(r'name="(\w+)" value="([^"]*)"', self.html))
        self.place = answer.headers.get("Location", "").rpartition("p/")[2]
        return self


async def comes(address: str, **query: str) -> Device:
    """Let somebody open an address in a new browser, and press the button."""
    return await (await Device(address).open(**query)).press()


# ---- the same browser -----------------------------------------------------------------------


async def test_the_same_browser_comes_back_to_its_place_by_the_join_link() -> None:
    with serving(Hello, players=0) as run:
        ann = await comes(run.join_link)
        place = ann.place
        assert place
        assert (await ann.open()).place == place
        other_tab = Device(run.join_link)
        other_tab.cookies, other_tab.query = ann.cookies, ""
        assert (await other_tab.press(_uproot_visit="another-visit-0123")).place == place
        assert len(run.players) == 1


async def test_two_tabs_that_were_opened_before_either_was_used_are_one_person() -> None:
    with serving(Hello, players=0) as run:
        ann, tab = await Device(run.join_link).open(), Device(run.join_link)
        tab.cookies = ann.cookies
        await tab.open()
        pressed = await asyncio.gather(ann.press(), tab.press(), ann.press())
        assert len({one.place for one in pressed}) == 1
        assert len(run.players) == 1


async def test_the_cookie_says_nothing_and_goes_nowhere_else() -> None:
    with serving(Hello, players=0) as run:
        ann = await comes(run.join_link)
        (_, value), *_ = ann.cookies.items()
        opened = await Device(run.join_link).open()
        (cookie,) = opened.set
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert "Path" not in cookie  # so it is that of this folder
        run._runtime.world.journal.commit()
        assert not any(value in str(event) for event in run._runtime.world.log.read(run.name))


async def test_a_forged_cookie_or_one_of_another_session_is_as_none() -> None:
    with serving(Hello, players=0, name="one") as one, serving(Hello, players=0, name="two") as two:
        ann = await comes(one.join_link)
        for forged in ("x" * 43, "'; drop table", ann.cookies["uproot_place"]):
            eve = Device(two.join_link)
            eve.cookies = {"uproot_place": forged}
            assert (await eve.open()).status == 200
            assert (await eve.press()).place
        assert (len(one.players), len(two.players)) == (1, 3)


async def test_the_same_browser_is_known_after_the_kernel_was_replaced(tmp_path: Path) -> None:
    options: dict[str, Any] = {"players": 0, "db": str(tmp_path / "lab.sqlite3")}
    with serving(Hello, **options) as run:
        ann = await comes(run.join_link, label="ann")
    with serving(Hello, **options) as run:
        again = Device(run.join_link)
        again.cookies = ann.cookies
        assert (await again.open()).place == ann.place
        assert (await comes(run.join_link, label="bob")).place != ann.place


# ---- the same label -------------------------------------------------------------------------


async def test_a_recruiters_label_leads_to_the_same_place_on_another_device() -> None:
    with serving(Hello, players=0, recruiter="prolific") as run:
        query = {"PROLIFIC_PID": "5f1e", "STUDY_ID": "s", "SESSION_ID": "t"}
        ann = await comes(run.join_link, **query)
        assert (await Device(run.join_link).open(**query)).place == ann.place
        (player,) = run.players
        assert (player.label, dict(player.query)) == ("5f1e", query)
        assert player._state.recruiter == "prolific"


async def test_without_the_recruiters_label_the_join_link_asks_for_it() -> None:
    with serving(Hello, players=0, label_from="code") as run:
        ann = await comes(run.join_link)
        assert "Please enter the label" in ann.html
        await ann.press(label=" x1 ")
        assert [player.label for player in run.players] == ["x1"]


async def test_a_label_in_a_room_leads_back_after_a_question_on_another_device() -> None:
    with serving(Hello, players=0) as run:
        lab = run.room("lab", ["PC-01", "PC-02"])
        ann = await comes(lab.url, label="PC-01")
        assert (await ann.open(label="PC-01")).place == ann.place
        other = await Device(lab.url).open(label=" pc-01 ")
        assert (ASKED in other.html, other.place) == (True, "")
        assert (await other.press()).place == ann.place
        assert (await other.open(label="PC-01")).place == ann.place
        assert len(run.players) == 1


async def test_people_who_share_a_computer_have_places_of_their_own_by_their_labels() -> None:
    with serving(Hello, players=0) as run:
        lab = run.room("lab", ["a", "b"])
        first = await comes(lab.url, label="a")
        place = first.place
        await (await first.open(label="b")).press()
        assert first.place != place
        assert [player.label for player in run.players] == ["a", "b"]


@pytest.mark.parametrize(
    ("returning", "seen"), [("resume", ""), ("ask", ASKED), ("refuse", REFUSED)]
)
async def test_the_researcher_decides_what_returning_does(returning: str, seen: str) -> None:
    with serving(Hello, players=0) as run:
        lab = run.room("lab", returning=returning)
        ann = await comes(lab.url, label="ann")
        again = await (await Device(lab.url).open(label="ann")).open(label="ann")
        assert seen in again.html
        if returning != "resume":
            assert again.place == ""
        if returning == "ask":
            again = await again.press()
        assert again.place == ("" if returning == "refuse" else ann.place)
        assert len(run.players) == 1


@pytest.mark.parametrize("door", ["room", "join"])
async def test_nobody_is_refused_who_has_got_a_place_and_no_page(door: str) -> None:
    """The answer to the press was lost, and the browser asks again by the address it has."""
    with serving(Hello, players=0, returning="refuse", label_from="id") as run:
        lab = run.room("lab", returning="refuse", label_from="id")
        address = lab.url if door == "room" else run.join_link
        ann = await comes(address, id="ann")
        place = ann.place
        other = await Device(address).open(id="ann")
        assert (REFUSED in other.html, other.place) == (True, "")
        assert (await ann.open(id="ann")).place == place
        page = Device(run.link(run.players[0]))
        assert "Hello!" in (await page.open()).html
        assert REFUSED in (await ann.open(id="ann")).html  # they have their own link now
        assert len(run.players) == 1


async def test_what_came_with_the_address_survives_waiting_in_front_of_a_closed_room() -> None:
    with serving(Hello, players=0) as run:
        lab = run.room("lab", ["p1"], open=False)
        ann = await Device(lab.url).open(source="mail")
        answer = await ann._ask(urlencode({**ann.form, "label": "p1"}))
        ann.address, ann.query = lab.url, answer.headers["Location"].removeprefix("./")
        assert ann.query == "?label=p1&source=mail"
        lab.open()
        ann._read(await ann._ask(None))
        await ann.press()
        assert dict(run.players[0].query) == {"label": "p1", "source": "mail"}


async def test_a_long_parameter_takes_no_other_along_in_front_of_a_closed_room() -> None:
    with serving(Hello, players=0) as run:
        lab = run.room("lab", ["p1"], open=False)
        ann = await Device(lab.url).open(source="mail", pad="x" * 100_000, wave="2")
        answer = await ann._ask(urlencode({**ann.form, "label": "p1"}))
        assert answer.headers["Location"] == "./?label=p1&source=mail&wave=2"


async def test_a_preview_of_the_task_takes_no_place() -> None:
    with serving(Hello, players=1, recruiter="mturk") as run:
        query = {"assignmentId": "ASSIGNMENT_ID_NOT_AVAILABLE", "workerId": ""}
        room = run.room("r", recruiter="mturk").url
        for address in (run.join_link, run.link(run.players[0]), room):
            seen = await Device(address).open(**query)
            assert "This is a preview" in seen.html
            assert "This is a preview" in (await seen.press(_uproot_begin="1")).html
        assert [player.position for player in run.players] == [-1]


@pytest.mark.parametrize("given", ["{{%PROLIFIC_PID%}}", "[%RID%]", "%SURVEY_CODE%", "${id}"])
async def test_a_placeholder_that_nobody_filled_in_is_no_label(given: str) -> None:
    """Everybody would have the same, and come to the first one's place."""
    with serving(Hello, players=0, label_from="id") as run:
        ann = await comes(run.join_link, id=given)
        assert (ann.status, ann.place) == (403, "")
        assert len(run.players) == 0


async def test_labels_of_old_links_are_read_and_never_mixed_up() -> None:
    """ "M%FCller" and "M%F6ller" are not UTF-8, and two persons."""
    with serving(Hello, players=0, label_from="name") as run:
        for name in ("M%FCller", "M%F6ller", "M%C3%BCller"):
            device = Device(f"{run.join_link}?name={name}")
            await (await device.open()).press()
        assert [player.label for player in run.players] == ["Müller", "Möller"]
        lost = Device(f"{run.join_link}?name=M%EF%BF%BDller")
        assert "We do not know this label" in (await lost.open()).html


async def test_names_of_parameters_may_have_any_letters() -> None:
    with serving(Hello, players=0, label_from="größe") as run:
        ann = await Device(run.join_link).open(größe="ann", 出所="mail")
        await ann.press()
        assert run.players[0].label == "ann"
        assert dict(run.players[0].query) == {"größe": "ann", "出所": "mail"}


async def test_a_personal_link_takes_the_recruiters_label() -> None:
    with serving(Hello, players=1, recruiter="sona") as run:
        await (await Device(run.link(run.players[0])).open(survey_code="4711")).press()
        assert run.players[0].label == "4711"
        assert rerun(run, [Hello], namespace={}).same


async def test_a_personal_link_leads_to_the_place_that_the_label_has() -> None:
    with serving(Hello, players=2, recruiter="prolific") as run:
        first, second = (run.link(player) for player in run.players)
        ann = await comes(first, PROLIFIC_PID="5f1e")
        again = await comes(second, PROLIFIC_PID="5f1e")
        assert ann.status == again.status == 303
        assert again.place.removeprefix("../") == first.rstrip("/").rpartition("/")[2] + "/"
        assert [player.label for player in run.players] == ["5f1e", None]
        bob = await comes(second, PROLIFIC_PID="77aa")  # its place is still there
        assert bob.status == 303
        assert [player.label for player in run.players] == ["5f1e", "77aa"]
        assert rerun(run, [Hello], namespace={}).same


@pytest.mark.parametrize(("returning", "seen"), [("ask", ASKED), ("refuse", REFUSED)])
async def test_returning_counts_for_personal_links_too(returning: str, seen: str) -> None:
    with serving(Hello, players=2, recruiter="prolific", returning=returning) as run:
        first, second = (run.link(player) for player in run.players)
        await comes(first, PROLIFIC_PID="5f1e")
        again = await comes(second, PROLIFIC_PID="5f1e")
        assert (seen in again.html, again.place) == (True, "")
        assert run.players[1].label is None
        if returning == "ask":
            await again.press()
            assert again.place.removeprefix("../") == first.rstrip("/").rpartition("/")[2] + "/"
            assert run.players[1].label is None


@pytest.mark.parametrize("door", ["join", "room"])
async def test_a_browser_that_is_refused_without_a_label_reads_nothing_of_labels(door: str) -> None:
    with serving(Hello, players=0, returning="refuse") as run:
        address = run.join_link if door == "join" else run.room("lab", returning="refuse").url
        ann = await comes(address)
        await AsyncHTTPClient().fetch(run.link(run.players[0]))
        again = await ann.open()
        assert (again.status, again.place) == (409, "")
        assert BROWSER_USED in again.html
        assert "label" not in again.html.partition("<main")[2].replace('name="label"', "").lower()
        assert REFUSED in (await named_and_refused(run, address)).html
        assert len(run.players) == 2


async def named_and_refused(run: Any, address: str) -> Device:
    """Let somebody with a label take part, and come again in another browser."""
    await comes(address, label="bob")
    await AsyncHTTPClient().fetch(run.link(run.players[1]))
    return await Device(address).open(label="bob")


@pytest.mark.parametrize("door", ["join", "room", "link"])
async def test_an_address_with_two_labels_is_refused_and_with_one_of_them_twice_it_is_not(
    door: str,
) -> None:
    with serving(Hello, players=1 if door == "link" else 0, recruiter="prolific") as run:
        lab = run.room("lab", recruiter="prolific")
        link = run.link(run.players[0]) if door == "link" else ""
        address = {"join": run.join_link, "room": lab.url}.get(door, link)
        eve = Device(address)
        eve.query = "?PROLIFIC_PID=ann&PROLIFIC_PID=bob&SESSION_ID=1"
        for body in [None, ""] if door != "link" else [None, "_uproot_begin=1"]:
            eve._read(await eve._ask(body))
        assert (eve.status, eve.place) == (400, "")
        assert TWO_LABELS in eve.html
        assert [p.label for p in run.players] == ([None] if door == "link" else [])
        eve.query = "?PROLIFIC_PID=&PROLIFIC_PID=ann&PROLIFIC_PID=%20ann%20"
        await eve._ask(None)
        eve._read(await eve._ask("_uproot_begin=1"))
        assert eve.status == 303
        assert [p.label for p in run.players] == ["ann"]


async def test_two_parameters_may_have_a_label_and_the_first_counts() -> None:
    with serving(Hello, players=0, recruiter="sona") as run:
        await comes(run.join_link, id="7", survey_code="12")
        assert [player.label for player in run.players] == ["12"]


@pytest.mark.long
async def test_labels_of_joins_are_the_same_in_a_rerun() -> None:
    with serving(Hello, players=0, recruiter="prolific") as run:
        await comes(run.join_link, PROLIFIC_PID="5f1e")
        await comes(run.room("lab").url, label="Zoë")
        again = rerun(run, [Hello], namespace={})
        assert again.same, again
        assert list(again.state["label"]) == ["5f1e", "Zoë"]


# ---- addresses ------------------------------------------------------------------------------


async def test_an_address_without_its_slash_leads_to_the_one_that_is_meant() -> None:
    with serving(Hello, players=1) as run:
        for address in (run.join_link, run.link(run.players[0]), run.room("lab").url):
            bare = address.rstrip("/")
            answer = await AsyncHTTPClient().fetch(f"{bare}?source=mail")
            assert answer.effective_url == f"{address}?source=mail"


async def test_the_sites_own_address_says_what_to_do() -> None:
    with serving(Hello) as run:
        answer = await AsyncHTTPClient().fetch(run.url)
        assert b"please open the link that you were given" in answer.body


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"recruiter": "prolifik"}, "'prolific', 'sona', 'mturk', 'cint'"),
        ({"label_from": 3}, "give the name of a parameter"),
        ({"returning": "perhaps"}, '"resume", "ask" or "refuse"'),
    ],
)
def test_a_mistake_in_how_people_come_in_is_named(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UprootError, match=said), serving(Hello, **options):
        pass


# ---- any order of events --------------------------------------------------------------------

PEOPLE = st.sampled_from(["ann", "bob", "cem"])
STEPS = st.lists(
    st.tuples(PEOPLE, st.sampled_from(["phone", "desk"]), st.sampled_from(["join", "room"]),
              st.booleans(), st.booleans()),
    max_size=25,
)  # fmt: skip


class Crowd:
    """People with two browsers each, who press buttons; answers may be lost on the way."""

    _numbers = itertools.count(1)

    def __init__(self, session: Served, labels: bool) -> None:
        self.session, self.labels = session, labels
        self.room = session.run.room("lab", returning="resume")
        self.place_of: dict[str, str] = {}
        self._visits: dict[tuple[str, ...], str] = {}

    async def press(self, person: str, device: str, door: str, again: bool, lost: bool) -> None:
        """Let somebody press the button, perhaps the same one once more."""
        key = (person, device, door)
        if not again or key not in self._visits:
            self._visits[key] = f"visit-{next(self._numbers):016}"
        device = device if self.labels else "phone"
        cookie = f"cookie-of-{person}-{device}-{door if not self.labels else ''}"
        query = [("label", person)] if self.labels else []
        request = HttpRequest(
            next(self._numbers), "", "", "join" if door == "join" else "enter",
            [("_uproot_visit", self._visits[key]), ("_uproot_again", "1")], query, "",
            headers={COOKIE: cookie}, room="" if door == "join" else "lab",
        )  # fmt: skip
        runtime = self.session.run._runtime
        answer = runtime.flow._joins.answer if door == "join" else runtime.rooms.answer
        reply: HttpReply = await answer(request)
        place = dict(reply.headers).get("Location", "").rpartition("p/")[2]
        assert place
        who = person if self.labels else f"{person} at the {door}"
        if not lost:
            assert self.place_of.setdefault(who, place) == place
        self.place_of.setdefault(who, place)


@contextmanager
def crowd(labels: bool) -> Iterator[Crowd]:
    with served([Hello], players=0) as session:
        yield Crowd(session, labels)


@pytest.mark.long
@given(steps=STEPS, labels=st.booleans())
def test_in_any_order_one_person_has_one_place_and_one_place_one_person(
    steps: list[tuple[str, str, str, bool, bool]], labels: bool
) -> None:
    with crowd(labels) as people:
        for step in steps:
            people.session.do("an answer", people.press(*step), 60.0)
        places = list(people.place_of.values())
        assert len(set(places)) == len(places)
        assert len(people.session.run.players) == len(places)
