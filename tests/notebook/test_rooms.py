"""Rooms in the researcher's hands."""

from __future__ import annotations

from typing import Any

import pytest

from tests.running import serving
from uproot_nb import Page, UprootError
from uproot_nb.errors import ClosedRun
from uproot_nb.notebook.rooms import Room, room


class Hello(Page):
    """Hello!"""


MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"name": ""}, "name has 1 to 100"),
    ({"name": "a b"}, "name has 1 to 100"),
    ({"name": "a/b"}, "name has 1 to 100"),
    ({"name": "lab\n"}, "name has 1 to 100"),
    ({"name": ".."}, "name has 1 to 100"),
    ({"name": "x" * 101}, "name has 1 to 100"),
    ({"name": 3}, "name has 1 to 100"),
    ({"name": "lab", "labels": "p01"}, "list of labels"),
    ({"name": "lab", "labels": 3}, "list of labels"),
    ({"name": "lab", "labels": []}, "without a label nobody"),
    ({"name": "lab", "labels": ["a", 1]}, "1 cannot be a label"),
    ({"name": "lab", "labels": ["{{%ID%}}"]}, "It is a placeholder that was not filled in"),
    ({"name": "lab", "labels": ["M\ufffdller"]}, "characters that could not be read"),
    ({"name": "lab", "labels": ["a\tb"]}, "cannot be a label"),
    ({"name": "lab", "labels": [""]}, "'' cannot be a label"),
    ({"name": "lab", "labels": ["x" * 129]}, "cannot be a label"),
    ({"name": "lab", "labels": ["a", "b", "a"]}, "'a' is listed twice"),
    ({"name": "lab", "labels": ["a", " a "]}, "'a' is listed twice"),
    ({"name": "lab", "capacity": 0}, "whole number of places"),
    ({"name": "lab", "capacity": 1.5}, "whole number of places"),
    ({"name": "lab", "capacity": True}, "whole number of places"),
    ({"name": "lab", "open": 1}, "True or False"),
]


@pytest.mark.parametrize(("arguments", "said"), MISTAKES)
def test_a_mistake_is_named_where_it_is_made(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(UprootError, match=said):
        room(**arguments)
    with serving(Hello) as run, pytest.raises(UprootError, match=said):
        run.room(**arguments)


def test_labels_may_come_from_anywhere() -> None:
    described = room("lab", (f" p{n} " for n in range(3)), open=False)
    assert described == Room("lab", ("p0", "p1", "p2"), None, False)
    assert described.places == 3
    assert room("lab", ["a"], capacity=5).places == 5
    assert room("lab").places is None


def test_a_handle_tells_of_its_room() -> None:
    with serving(Hello, players=0) as run:
        lab = run.room("lab", labels=["p01", "p02"], open=False)
        assert lab.url == f"{run.url}room/lab/"
        assert (lab.labels, lab.capacity, lab.is_open) == (["p01", "p02"], 2, False)
        assert (lab.waiting, len(lab.admitted)) == (0, 0)
        assert repr(lab) == "<Room 'lab' closed: 0 of 2 admitted, 0 waiting>"
        assert f'href="{lab.url}"' in lab._repr_html_()
        lab.open()
        assert lab.is_open
        hall = run.room("hall")
        assert (hall.labels, hall.capacity) == (None, None)
        assert repr(hall) == "<Room 'hall' open: 0 admitted, 0 waiting>"


def test_the_same_cell_may_run_again() -> None:
    with serving(Hello) as run:
        lab = run.room("lab", ["p01"], open=False)
        lab.open()
        assert run.room("lab", ["p01", "p02"], open=False).is_open  # nobody has said otherwise
        assert lab.labels == ["p01", "p02"]
        run.room("lab", ["p01", "p02"], open=True)
        lab.close()
        assert not run.room("lab", ["p01", "p02"], open=True).is_open
        assert not run.room(room("lab", ["p01", "p02"], open=False)).is_open


def test_what_changes_nothing_is_not_logged() -> None:
    with serving(Hello) as run:
        lab = run.room("lab", ["p01"])
        before = len(run.events)
        run.room("lab", ["p01"])
        lab.open()
        assert len(run.events) == before


@pytest.mark.long
def test_a_removed_room_is_shown_as_removed() -> None:
    with serving(Hello) as run:
        lab = run.room("lab")
        lab.remove()
        assert repr(lab) == "<Room 'lab' removed>"
        assert "removed" in lab._repr_html_()
        with pytest.raises(UprootError, match="was removed"):
            lab.open()
        assert run.room("lab").is_open
        assert lab.is_open


def test_a_closed_run_has_no_rooms_to_open() -> None:
    with serving(Hello) as run:
        lab = run.room("lab")
    with pytest.raises(ClosedRun):
        run.room("hall")
    with pytest.raises(ClosedRun):
        lab.close()
    assert "lab" in repr(lab)
