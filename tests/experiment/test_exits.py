"""Exits: what an author may write, what is refused, and what comes into an address."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from uproot_nb import Consent, Page, Requires
from uproot_nb.errors import BadExit
from uproot_nb.experiment.exits import Exit, exit_of, name_of_exit, outcome_of, spelt_well
from uproot_nb.experiment.participation.farewells import AFTER, Farewell, read_exits
from uproot_nb.testing import served


def only(value: Any) -> Farewell:
    return read_exits({"done": value})["done"]


def filled(value: Any, **values: str) -> Farewell:
    return only(value).filled(lambda name: values.get(name.replace(".", "_"), ""))


def test_an_address_alone_is_an_exit() -> None:
    assert only("https://example.org/ok") == Farewell("https://example.org/ok", after=AFTER)


def test_prolifics_address_tells_the_code() -> None:
    url = "https://app.prolific.com/submissions/complete?cc=C1AB2"
    assert only(url).code == "C1AB2"
    assert only({"url": url, "code": "Z9"}).code == "Z9"
    assert only("https://example.org/?cc=de").code == ""


def test_all_parts_of_an_exit_may_be_given() -> None:
    given = {"url": "https://a.org/", "code": "C", "text": "Bye, {label}", "after": None}
    assert filled(given, label="ann") == Farewell("https://a.org/", "C", "Bye, ann", None)


def test_no_address_means_no_countdown() -> None:
    assert only({"code": "C1"}).after is None
    assert only(None) == Farewell()


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("example.org", "not a web address"),
        ("javascript:alert(1)", "not a web address"),
        ("ftp://example.org/", "not a web address"),
        ("//example.org/", "not a web address"),
        ("https://", "not a web address"),
        ("https://[::1", "not a web address"),
        ("https://a.org:port/", "not a web address"),
        ("https://a.org/ b", "not a web address"),
        ("https://a.org\\@b.org/", "not a web address"),
        ("https://{label}/", "in the site's name"),
        ("https://a.org{label}", "in the site's name"),
        ("https://{query.site}.a.org/", "in the site's name"),
        ("{query.url}", "not a web address"),
        ("https://a.org/?id={lable}", "no placeholder {lable}"),
        ("https://a.org/?id={}", "no placeholder {}"),
        ("https://a.org/?id={query}", "no placeholder {query}"),
        ("https://a.org/?id={query.}", "no placeholder {query.}"),
        ("https://a.org/?id={player.token}", "no placeholder {player.token}"),
        ("https://a.org/?id={label", "a brace"),
        ("https://a.org/?id=label}", "a brace"),
        (7, "it is 7"),
        (["https://a.org"], "it is ["),
        ({"link": "https://a.org"}, "'link'"),
        ({"url": 7}, "its url is 7"),
        ({"code": 7}, "its code is 7"),
        ({"text": "{name}"}, "no placeholder {name}"),
        ({"url": "https://a.org", "after": -1}, "its after is -1"),
        ({"url": "https://a.org", "after": True}, "its after is True"),
        ({"url": "https://a.org", "after": "soon"}, "its after is 'soon'"),
        ({"url": "https://a.org", "after": float("nan")}, "its after is nan"),
        ({"after": 5}, "no address"),
        ({}, "it is empty"),
        ("", "it is empty"),
        ({"code": "", "text": None}, "it is empty"),
        ({"after": None}, "it is empty"),
        ({"fields": {"a": "b"}}, "its fields"),
        ({"url": "https://a.org", "fields": {"a": 1}}, "its fields"),
        ({"url": "https://a.org", "fields": {"a": "{b}"}}, "no placeholder {b}"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_exits_name(value: Any, says: str) -> None:
    with pytest.raises(BadExit, match="The exit done: ") as refused:
        only(value)
    assert says in str(refused.value)
    assert refused.value.exit == "done"


@pytest.mark.parametrize("given", [7, "https://a.org", ["done"]])
def test_exits_are_a_dict(given: Any) -> None:
    with pytest.raises(BadExit, match="not a dict"):
        read_exits(given)


@pytest.mark.parametrize("name", ["", " ", " done", "a\nb", 3, None, "still in", "never came"])
def test_what_is_no_name_is_refused(name: Any) -> None:
    with pytest.raises(BadExit):
        name_of_exit(name)
    with pytest.raises(BadExit):
        Exit(name)


def test_what_tables_say_is_not_the_exits_name() -> None:
    with pytest.raises(BadExit, match="Write 'dropout'"):
        name_of_exit("dropped out")


def test_each_outcome_leads_back_to_its_exit() -> None:
    for exit in ("done", "dropout", "timeout", "my own"):
        assert exit_of(outcome_of(exit)) == exit
    assert outcome_of("timeout") == "timed out"


def test_a_misspelt_exit_is_noticed_and_an_unknown_one_is_not() -> None:
    assert spelt_well(Exit("too slow"), ["my own"]) == "too slow"
    for wrong, meant in (("screned", "screened"), ("Done", "done"), ("my owm", "my own")):
        with pytest.raises(BadExit, match=f"Did you mean '{meant}'"):
            spelt_well(wrong, ["my own"])
    assert spelt_well("my owm", ["my own", "my owm"]) == "my owm"


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [("dne", "done"), ("DONE", "done"), ("screen", "screened"), ("drop-out", "dropout")],
)
def test_wherever_an_exit_is_named_the_nearest_is_offered(wrong: str, meant: str) -> None:
    for name in (
        lambda: read_exits({wrong: "https://a.org"}),
        lambda: Exit(wrong),
        lambda: Requires(min_width=900, exit=wrong),
        lambda: Consent("Read.", version="1", decline=wrong),
        lambda: type("Hurry", (Page,), {"timeout_exit": wrong, "__module__": __name__}),
    ):
        with pytest.raises(BadExit, match=f"Did you mean '{meant}'"):
            name()


def test_a_page_may_not_misspell_an_exit_of_the_notebook() -> None:
    exits = {"too slow": "https://a.org"}
    for named in (
        Consent("Read.", version="1", decline="too sloww"),
        type("Wide", (Page,), {"requires": Requires(min_width=9, exit="too sloww")}),
    ):
        with pytest.raises(BadExit, match="Did you mean 'too slow'"):
            served([named], players=1, names={"exits": exits})


@given(st.text(), st.text())
def test_a_value_stays_one_value_of_the_same_site(label: str, pid: str) -> None:
    assume(all(not "\ud800" <= c <= "\udfff" for c in label + pid))
    url = filled("https://a.org/x?id={label}&pid={query.PID}&z=1#end", label=label, query_PID=pid)
    parts = urlsplit(url.url)
    assert (parts.scheme, parts.netloc, parts.path, parts.fragment) == (
        "https",
        "a.org",
        "/x",
        "end",
    )
    asked = parse_qs(parts.query, keep_blank_values=True)
    assert asked == {"id": [label], "pid": [pid], "z": ["1"]}
    assert url.url.isascii()
    assert not any(c.isspace() for c in url.url)


def test_half_an_emoji_does_not_break_an_exit() -> None:
    assert filled("https://a.org/?id={label}", label="\ud83d").url == "https://a.org/?id=%3F"


def test_a_placeholder_in_a_value_is_not_filled_in_again() -> None:
    url = filled("https://a.org/?a={label}&b={player}", label="{player}", player="x1")
    assert url.url == "https://a.org/?a=%7Bplayer%7D&b=x1"
