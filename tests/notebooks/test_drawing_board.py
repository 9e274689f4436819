"""People draw on the board's notebook together, in real browsers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.driving.notebooks import OpenNotebook
from tests.driving.participant import Participant

Person = Callable[[str], Participant]
COUNT_INK = """() => {
    const board = document.getElementById("board");
    const pixels = board.getContext("2d").getImageData(0, 0, board.width, board.height).data;
    let inked = 0;
    for (let at = 3; at < pixels.length; at += 4) inked += pixels[at] > 0;
    return inked;
}"""


@pytest.fixture
def people(board: OpenNotebook, person: Person) -> list[Participant]:
    """Three painters."""
    return [person(link).arrive() for link in board.links[:3]]


def draw_line(painter: Participant) -> None:
    """Draw with the mouse."""
    frame = painter.find("#board").bounding_box()
    assert frame is not None
    mouse = painter.page.mouse
    mouse.move(frame["x"] + 20, frame["y"] + 20)
    mouse.down()
    mouse.move(frame["x"] + 120, frame["y"] + 90, steps=5)
    mouse.up()


@pytest.mark.slow
def test_a_stroke_appears_in_all_other_windows(
    board: OpenNotebook, people: list[Participant]
) -> None:
    draw_line(people[0])
    for one in people:
        one.reads("#count", "1 stroke on the board")
        assert one.page.evaluate(COUNT_INK) > 100
    assert [len(one.pushes("Stroke")) for one in people] == [0, 1, 1]
    assert board.kernel.value("len(run.session.strokes)") == 1


@pytest.mark.slow
def test_a_late_joiner_sees_the_whole_drawing(
    board: OpenNotebook, person: Person, people: list[Participant]
) -> None:
    for painter in people:
        draw_line(painter)
        painter.call("draw", [[500, 500], [600, 600]])
    late = person(board.links[3]).arrive()
    late.reads("#count", "6 strokes on the board")
    assert late.page.evaluate(COUNT_INK) > 100
    draw_line(people[0])
    late.reads("#count", "7 strokes on the board")
    late.page.reload()
    late.reads("#count", "7 strokes on the board")


@pytest.mark.slow
def test_the_board_can_be_drawn_on_with_the_keyboard(people: list[Participant]) -> None:
    painter, other, _ = people
    painter.find("#board").focus()
    for key in ("Space", "ArrowRight", "ArrowRight", "ArrowDown", "Space"):
        painter.page.keyboard.press(key)
    other.reads("#count", "1 stroke on the board")
    assert other.pushes("Stroke")[0]["points"] == [[500, 375], [520, 375], [540, 375], [540, 395]]


WRONG = [[], [[0, 0]] * 201, [[-1, 0]], [[0, 751]], [[0]], "x", None]


@pytest.mark.slow
@pytest.mark.parametrize("points", WRONG)
def test_a_stroke_that_is_none_is_refused(
    board: OpenNotebook, person: Person, points: object
) -> None:
    painter = person(board.links[0]).arrive()
    name, _ = painter.refused("draw", points)
    assert name in ("Refused", "BadArguments")
    assert board.kernel.value("len(run.session.strokes)") == 0


@pytest.mark.slow
def test_a_cell_wipes_everybodys_board(board: OpenNotebook, people: list[Participant]) -> None:
    draw_line(people[0])
    people[2].reads("#count", "1 stroke on the board")
    board.kernel.run("wipe()")
    for one in people:
        one.reads("#count", "0 strokes on the board")
        assert one.page.evaluate(COUNT_INK) == 0
