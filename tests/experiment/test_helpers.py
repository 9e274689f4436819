"""Helpers: exact amounts, tables in files, files in pages, and chance."""

from __future__ import annotations

import threading
from base64 import b64decode
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup, escape

from uproot_nb import Page, append_to_csv, cu, data_uri, read_csv, rng, safe, serve, uuid
from uproot_nb.errors import UprootError


class Draw(Page):
    """A page."""


# ---- amounts ----


@pytest.mark.parametrize(
    ("given", "amount"),
    [("12.50", "12.50"), (3, "3"), (0.1, "0.1"), (Decimal("1.10"), "1.10"), ("-2", "-2")],
)
def test_an_amount_is_exact(given: Any, amount: str) -> None:
    assert str(cu(given)) == amount


def test_an_amount_of_nothing_is_zero() -> None:
    assert cu() == 0


@pytest.mark.parametrize("given", ["", "ten", "NaN", "inf", float("nan"), True, None, [1]])
def test_what_is_no_amount_is_refused(given: Any) -> None:
    with pytest.raises(UprootError, match="not an amount"):
        cu(given)


# ---- tables in files ----


def test_rows_go_into_a_file_and_come_back(tmp_path: Path) -> None:
    file = tmp_path / "payments.csv"
    append_to_csv(file, {"player": "ann", "payoff": cu("2.50"), "note": None})
    append_to_csv(file, {"note": 'says "hi", \nleaves', "payoff": 3, "player": "bob"})
    assert file.read_text("utf-8").startswith("player,payoff,note\n")  # in the file: \r\n
    assert read_csv(file) == [
        {"player": "ann", "payoff": "2.50", "note": ""},
        {"player": "bob", "payoff": "3", "note": 'says "hi", \nleaves'},
    ]


@given(rows=st.lists(st.tuples(*[st.text(st.characters(exclude_categories=["Cs"]))] * 2)))
def test_whatever_text_is_appended_comes_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    file = tmp_path_factory.mktemp("csv") / "t.csv"
    expected = [{"a": a, "b": b} for a, b in rows]
    for row in expected:
        append_to_csv(file, row)
    assert (read_csv(file) if rows else []) == expected


def test_rows_that_threads_append_do_not_mix(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"

    def append(who: int) -> None:
        for n in range(50):
            append_to_csv(file, {"who": who, "n": n, "text": "x" * 200})

    threads = [threading.Thread(target=append, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = sorted((int(row["who"]), int(row["n"])) for row in read_csv(file))
    assert found == [(who, n) for who in range(4) for n in range(50)]


def test_other_columns_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    append_to_csv(file, {"a": 1})
    with pytest.raises(UprootError, match="has the columns a; the row has b"):
        append_to_csv(file, {"b": 1})
    assert read_csv(file) == [{"a": "1"}]


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"a,b\n1\n", "line 2: it has fewer"), (b"a\n1,2\n", "more"), (b"\xff\xfe", "not UTF-8")],
)
def test_a_broken_table_is_refused_with_its_line(
    tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(UprootError, match=message):
        read_csv(tmp_path / "t.csv")


def test_a_table_that_is_not_there_is_named() -> None:
    with pytest.raises(UprootError, match=r"nowhere\.csv"):
        read_csv("nowhere.csv")


# ---- in pages ----


def test_what_is_safe_is_not_escaped() -> None:
    assert escape(safe("<b>x</b>")) == Markup("<b>x</b>")
    assert escape("<b>") != "<b>"


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n...", "image/png"), (b"RIFF____WEBPVP8 ", "image/webp"),
        (b"%PDF-1.7", "application/pdf"), (b" <svg xmlns=''/>", "image/svg+xml"),
        (b"anything", "application/octet-stream"), (b"", "application/octet-stream"),
    ],
)  # fmt: skip
def test_bytes_become_an_address(content: bytes, kind: str) -> None:
    head, _, body = data_uri(content).partition(",")
    assert head == f"data:{kind};base64"
    assert b64decode(body) == content
    assert data_uri(content, "text/x").startswith("data:text/x;base64,")


def test_text_is_no_file() -> None:
    with pytest.raises(UprootError, match="takes bytes, not str"):
        data_uri("x")  # type: ignore[arg-type]


# ---- chance ----


def test_draws_of_a_session_follow_from_its_seed_and_identifiers_do_not() -> None:
    def drawn(seed: int) -> tuple[list[float], list[Any]]:
        names: dict[str, Any] = {}

        def new_player(player: Any) -> None:
            player.drawn, player.code = rng().random(), uuid()

        names["new_player"] = new_player
        with serve(
            [Draw], players=3, db=":memory:", name="d", embedded=True, port=0, seed=seed,
            namespace=names,
        ) as run:  # fmt: skip
            return run.players.each("drawn"), run.players.each("code")

    (first, codes), (again, others), (other, _) = drawn(1), drawn(1), drawn(2)
    assert first == again != other
    assert len({*first}) == 3
    assert len({*codes, *others}) == 6


def test_a_cell_draws_as_well() -> None:
    assert isinstance(rng(), Random)
    assert rng().random() != rng().random()
