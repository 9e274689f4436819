"""A whole study: 28 people come from a recruiter, leave in every way there is, and are paid."""

from __future__ import annotations

import csv
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest
from live_jupyter import LiveJupyter, free_port
from playwright.sync_api import Browser, BrowserContext, expect
from waiting import wait_until

from tests.browser.axe import violations
from tests.driving.notebooks import OpenNotebook, cells_of
from tests.driving.participant import Participant
from tests.driving.recruited import Robot, Robots

pytestmark = pytest.mark.timeout(1500)

PEOPLE = [f"{number:024x}" for number in range(1, 25)]
BROWSERS = [f"{number:024x}" for number in range(101, 105)]
PLAIN, ELSEWHERE, ASLEEP, SOCKETLESS = BROWSERS
GIVEN = {label: (7 * number) % 21 for number, label in enumerate([*PEOPLE, *BROWSERS])}
SHARE = {"low": Decimal("0.6"), "high": Decimal("0.9")}
QUICKER = {
    "SECONDS = 90": "SECONDS = 600", "AWAY = 30.0": "AWAY = 12.0", "IDLE = 60": "IDLE = 2",
    "PATIENCE = 180": "PATIENCE = 1",
}  # fmt: skip
NO_SOCKETS = "delete window.WebSocket"
Harm = Callable[[], None]


class Study(OpenNotebook):
    """The notebook, with other times, in a Jupyter that may die and come back."""

    def __init__(self, lab: LiveJupyter) -> None:
        self.lab = lab
        super().__init__(lab, "study", "lab")
        self.address: str = self.kernel.value("study.url")

    def run_all_cells(self) -> None:
        for code in self.cells.values():
            for before, after in QUICKER.items():
                code = code.replace(before, after)
            self.kernel.run(code)

    def kill_kernel(self) -> None:
        """Kill the kernel, and begin again as a researcher does: restart, run all cells."""
        self.kernel.sigkill()
        self.kernel.restart()
        self.run_all_cells()

    def kill_server(self) -> None:
        """Kill the Jupyter server; its kernel goes with it."""
        self.lab.sigkill()
        self.lab.start_again()
        self.kernel = self.lab.start_kernel("lab/study.ipynb")
        self.run_all_cells()

    def of(self, label: str, expression: str) -> Any:
        """Return an expression of the player with a label."""
        return self.kernel.value(
            f"(lambda player: {expression})(run.players.find_one(label={label!r}))"
        )


@pytest.fixture
def study(tmp_path: Path) -> Iterator[Study]:
    with LiveJupyter(tmp_path, participant_port=free_port()) as lab:
        yield Study(lab)


@pytest.fixture
def contexts(browser: Browser) -> Iterator[Callable[[], BrowserContext]]:
    """Browsers of different people, none of whom gets to the recruiter's own site."""
    made: list[BrowserContext] = []

    def new() -> BrowserContext:
        made.append(browser.new_context())
        made[-1].set_default_timeout(60_000)
        made[-1].route("https://app.prolific.com/**", lambda route: route.fulfill(body="Thanks"))
        return made[-1]

    yield new
    for context in made:
        context.close()


def link_of(study: Study, label: str) -> str:
    return f"{study.address}?PROLIFIC_PID={label}&STUDY_ID=s1&SESSION_ID=x-{label}"


# ---- what robots do ----


async def give(robot: Robot) -> None:
    await robot.client.submit(given=GIVEN[robot.label])


async def close(robot: Robot) -> None:
    robot.gone = True


async def wait_in_vain(robot: Robot) -> None:
    robot.leave_the_wait()


ACTS: dict[str, Any] = {
    "Consent": lambda robot: robot.client.submit(agreed=True),
    "Question": lambda robot: robot.client.submit(devices="A computer"),
    "Give": give,
    "Result": lambda robot: robot.client.submit(),
}
OTHERWISE: dict[str, dict[str, Any]] = {
    "declines": {"Consent": lambda robot: robot.client.decline()},
    "is screened out": {"Question": lambda robot: robot.client.submit(devices="A printed page")},
    "leaves the lobby": {"Lobby": wait_in_vain},
    "drops out": {"Give": close},
}
"""What some do instead."""


# ---- what people with browsers do ----


class Person(Participant):
    """Somebody with a browser."""

    label = ""

    def come(self) -> Person:
        """Press the room's button."""
        self.page.goto(self.link)
        self.find("main form button, #uproot-next").first.click()
        self.sees("h1", "About this study")
        return self

    def agree(self) -> None:
        self.find("[name=agreed]").check()
        self.find("#uproot-next").click()
        self.sees("h1", "A question first")

    def answer(self) -> None:
        self.page.get_by_label("A computer").check()
        self.find("#uproot-next").click()
        expect(self.find("h1")).not_to_contain_text("A question first")

    def give(self, number: int) -> None:
        self.sees("h1", f"Round {number} of 3")
        self.find("[name=given]").fill(str(GIVEN[self.label]))
        self.find("#uproot-next").click()

    def read(self, number: int) -> None:
        self.sees("h1", f"Result of round {number}")
        self.find("#uproot-next").click()

    def stay(self) -> None:
        """Stay on the last page, which would lead to the recruiter's by itself."""
        self.find("#uproot-stay").click()
        self.sees("main", "CDONE123")

    def has_left(self) -> None:
        """Be led back to the recruiter, with the code of the study."""
        expect(self.page).to_have_url(
            "https://app.prolific.com/submissions/complete?cc=CDONE123", timeout=60_000
        )


# ---- the study ----


def run_study(study: Study, contexts: Callable[[], BrowserContext], harms: Iterator[Harm]) -> None:
    """Take everybody through; a harm is done at seven moments."""
    look_by_a_program(study)
    robots = [Robot(label, link_of(study, label), {**ACTS}, set()) for label in PEOPLE]
    with Robots() as crowd:
        for robot in robots:
            robot._opened = crowd.opened
        crowd.begin(robots)
        people = come(study, contexts)
        next(harms)()
        wait_until(lambda: study.kernel.value("len(run.players)") == 28, 60.0, "all to come")
        come_twice(study, robots[0])
        chosen = choose(study, robots)
        crowd.open("Consent")
        for person in people:
            person.agree()
        next(harms)()
        fill_the_lobby(study, crowd, people, robots, chosen, harms)
        crowd.open("Give", "Result")
        next(harms)()
        play(people)
        next(harms)()
        crowd.open(*(f"Question of {label}" for label in chosen["leaves the lobby"]))
        crowd.finish(240.0)
    assert violations(people[0].page) == []
    study.wait_until("not set(run.state['ended_as']) & {'still in'}")
    everything_is_right(study, chosen)


def look_by_a_program(study: Study) -> None:
    """A link preview fetches a link, and follows nothing."""
    with urllib.request.urlopen(link_of(study, "preview"), timeout=60.0) as answer:
        assert answer.status == 200
    assert study.kernel.value("len(run.players)") == 0


def come(study: Study, contexts: Callable[[], BrowserContext]) -> list[Person]:
    people = []
    for label in BROWSERS:
        context = contexts()
        if label == SOCKETLESS:
            context.add_init_script(NO_SOCKETS)
        person = Person(context, link_of(study, label))
        person.label = label
        people.append(person.come())
    other_device = Person(contexts(), link_of(study, ELSEWHERE)).come()
    other_device.label = ELSEWHERE
    people[BROWSERS.index(ELSEWHERE)] = other_device
    return people


def come_twice(study: Study, robot: Robot) -> None:
    """The same link again leads to the same place."""
    wait_until(lambda: bool(robot.link), 60.0, "the robot to be in")
    with urllib.request.urlopen(link_of(study, robot.label), timeout=60.0) as answer:
        assert answer.status == 200
    assert study.kernel.value("len(run.players)") == 28


def choose(study: Study, robots: list[Robot]) -> dict[str, list[str]]:
    """Choose who does what else, so that an even number of each treatment is left to be grouped."""
    arms = study.kernel.value("{p.label: p.treatment for p in run.players}")
    assert Counter(arms.values()) == {"low": 14, "high": 14}
    low, high = ([r.label for r in robots[1:] if arms[r.label] == arm] for arm in ("low", "high"))
    chosen = {
        "declines": low[:1], "is screened out": high[:1],
        "leaves the lobby": [low[1], high[1]], "drops out": low[2:3],
    }  # fmt: skip
    for what, labels in chosen.items():
        for robot in robots:
            if robot.label in labels:
                robot.acts.update(OTHERWISE[what])
    return chosen


def fill_the_lobby(
    study: Study, crowd: Robots, people: list[Person], robots: list[Robot],
    chosen: dict[str, list[str]], harms: Iterator[Harm],
) -> None:  # fmt: skip
    """The tab that sleeps is first, and is grouped with nobody until somebody is there again."""
    asleep = people[BROWSERS.index(ASLEEP)]
    asleep.answer()
    study.wait_until(f"run.players.find_one(label={ASLEEP!r})._state.idle == 'away'")
    next(harms)()
    late = chosen["leaves the lobby"]
    crowd.open(*(f"Question of {robot.label}" for robot in robots if robot.label not in late))
    for person in people:
        if person is not asleep:
            person.answer()
    others = [person for person in people if person is not asleep]
    wait_until(lambda: all_say_that_they_are_here(others) and grouped(study) == 22, 60.0, "pairs")
    assert study.of(ASLEEP, "player.group is None")
    next(harms)()
    wait_until(
        lambda: all_say_that_they_are_here(people) and grouped(study) == 24, 60.0, "the last pairs"
    )
    crowd.open("Lobby")


def all_say_that_they_are_here(people: list[Person]) -> bool:
    for person in people:
        button = person.page.get_by_role("button", name="Yes, I am here")
        if button.is_visible():
            button.click()
    return True


def grouped(study: Study) -> int:
    return int(study.kernel.value("sum(p.group is not None for p in run.players)"))


def play(people: list[Person]) -> None:
    """Some may be each other's partners: nobody waits for a result before all have decided."""
    for number in (1, 2, 3):
        for person in people:
            person.give(number)
        for person in people:
            person.read(number)
            if number == 3 and person is people[0]:
                person.stay()
    for person in people[1:]:
        person.has_left()


# ---- what must be right at the end ----


def everything_is_right(study: Study, chosen: dict[str, list[str]]) -> None:
    how = study.kernel.value("{p.label: p.ended_as for p in run.players}")
    expected = dict.fromkeys([*PEOPLE, *BROWSERS], "done")
    for what, ended_as in (
        ("declines", "declined"), ("is screened out", "screened"), ("leaves the lobby", "lobby"),
        ("drops out", "dropped out"),
    ):  # fmt: skip
        expected.update(dict.fromkeys(chosen[what], ended_as))
    assert how == expected
    assert Counter(how.values())["done"] == 23
    the_funnel_is_right(study)
    the_payments_are_right(study, how)
    assert study.raised == []


def the_funnel_is_right(study: Study) -> None:
    funnel = study.kernel.value("run.funnel.to_dict('index')")
    arms = study.kernel.value("{p.label: p.treatment for p in run.players}")
    assert Counter(arms.values()) == {"low": 14, "high": 14}
    for arm, came, consented, grouped, finished in (
        ("low", 14, 13, 12, 11), ("high", 14, 14, 12, 12), ("all", 28, 27, 24, 23),
    ):  # fmt: skip
        row = funnel[arm]
        found = (row["came"], row["consented"], row["grouped"], row["finished"])
        assert found == (came, consented, grouped, finished)


def the_payments_are_right(study: Study, how: dict[str, str]) -> None:
    expected = expected_amounts(study, how)
    rows = study.kernel.value(
        "[[p.label, None if p.amount is None else str(p.amount), p.paid] "
        "for p in run.payments.itertuples()]"
    )
    assert {label: amount and Decimal(amount) for label, amount, _ in rows} == expected
    assert not any(paid for _, _, paid in rows)
    study.kernel.run("bonuses = run.payment_file('prolific', 'bonuses.csv', fee=False)")
    lines = list(csv.reader((study.lab.folder / "lab" / "bonuses.csv").open(newline="")))
    fees = {"done": Decimal("2.00")}
    bonuses = {
        label: amount - fees.get(how[label], 0)
        for label, amount in expected.items()
        if amount is not None
    }
    assert {label: Decimal(bonus) for label, bonus in lines} == {
        label: bonus for label, bonus in bonuses.items() if bonus
    }
    study.kernel.run("run.mark_paid(bonuses)")
    assert study.kernel.value("int(run.payments['paid'].sum())") == len(lines)


def expected_amounts(study: Study, how: dict[str, str]) -> dict[str, Decimal | None]:
    """Compute from what each gave and with whom, what everybody gets."""
    partners = study.kernel.value(
        "{p.label: [q.label for q in p.others_in_group] for p in run.players if p.group}"
    )
    arms = study.kernel.value("{p.label: p.treatment for p in run.players}")
    amounts: dict[str, Decimal | None] = {}
    for label, ended_as in how.items():
        if ended_as == "done":
            with_whom = [one for one in partners[label] if how[one] == "done"]
            total = GIVEN[label] + sum(GIVEN[one] for one in with_whom)
            points = 3 * (20 - GIVEN[label] + total * SHARE[arms[label]])
            earned = Decimal("2.00") + points * Decimal("0.005")
            amounts[label] = earned.quantize(Decimal("0.01"), ROUND_HALF_UP)
        else:
            amounts[label] = Decimal("0.50") if ended_as == "lobby" else None
    return amounts


@pytest.mark.slow
def test_a_study_from_the_first_link_to_the_payment_file(
    study: Study, contexts: Callable[[], BrowserContext]
) -> None:
    run_study(study, contexts, iter([lambda: None] * 6))


@pytest.mark.slow
def test_the_same_while_the_kernel_dies_five_times_and_the_server_twice(
    study: Study, contexts: Callable[[], BrowserContext]
) -> None:
    kernel, server = study.kill_kernel, study.kill_server

    def both() -> None:
        kernel()
        server()

    run_study(study, contexts, iter([kernel, server, kernel, kernel, kernel, both]))


def test_the_notebook_has_the_times_that_the_test_shortens() -> None:
    text = "\n".join(cells_of("study").values())
    assert all(time in text for time in QUICKER)
    expect.set_options(timeout=60_000)
