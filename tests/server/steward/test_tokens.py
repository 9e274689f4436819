"""StewardTokens: who has which role."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uproot_nb.server.steward.hosts import is_our_host, name_of
from uproot_nb.server.steward.tokens import (
    STEWARD_VARIABLE,
    VIEWER_VARIABLE,
    StewardTokens,
    token_in,
)

GIVEN = "a-token-that-has-thirty-chars-"


def test_each_token_and_each_cookie_has_its_role_and_is_not_the_other() -> None:
    tokens = StewardTokens()
    secrets = {tokens.steward, tokens.viewer, tokens.cookie("steward"), tokens.cookie("viewer")}
    assert len(secrets) == 4
    assert tokens.role_of(tokens.steward) == "steward"
    assert tokens.role_of(tokens.viewer) == "viewer"
    assert tokens.role_of_cookie(tokens.cookie("steward")) == "steward"
    assert tokens.role_of_cookie(tokens.cookie("viewer")) == "viewer"
    assert tokens.role_of(tokens.cookie("steward")) is None
    assert tokens.role_of_cookie(tokens.steward) is None


@given(st.text())
def test_nothing_else_has_a_role(guess: str) -> None:
    tokens = StewardTokens(GIVEN)
    for almost in (guess, GIVEN[:-1], GIVEN + guess + "x", GIVEN.upper(), f" {GIVEN}"):
        assert tokens.role_of(almost) is None
        assert tokens.role_of_cookie(almost) is None


def test_drawn_tokens_differ_each_time_and_given_ones_stay_with_their_cookies() -> None:
    assert StewardTokens().steward != StewardTokens().steward
    once, again = (StewardTokens.of({STEWARD_VARIABLE: GIVEN}) for _ in range(2))
    assert once.steward == again.steward == GIVEN
    assert once.cookie("steward") == again.cookie("steward")
    assert once.viewer != again.viewer
    assert once.drawn == ["viewer"]


@pytest.mark.parametrize(
    "environment",
    [
        {STEWARD_VARIABLE: "short"},
        {VIEWER_VARIABLE: "with a space in the middle of it"},
        {VIEWER_VARIABLE: "ä" * 30},
        {VIEWER_VARIABLE: "x" * 513},
        {STEWARD_VARIABLE: GIVEN, VIEWER_VARIABLE: GIVEN},
    ],
)
def test_a_weak_token_is_refused_without_being_shown(environment: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="UPROOT_NB") as refused:
        StewardTokens.of(environment)
    assert not any(token in str(refused.value) for token in environment.values())


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer abc", "abc"), ("bearer  abc ", "abc"), ("token abc", "abc"), ("Basic abc", ""),
        ("abc", ""), ("", ""), ("Bearer", ""),
    ],
)  # fmt: skip
def test_a_token_stands_in_the_header_as_usual(header: str, token: str) -> None:
    assert token_in(header) == token


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("127.0.0.1:8610", True), ("[::1]:8610", True), ("192.0.2.7", True), ("localhost:1", True),
        ("lab.localhost", True), ("lab.example.org", True), ("LAB.example.org:443", True),
        ("evil.example", False), ("127.0.0.1.evil.example", False),
        ("localhost.evil.example", False),
        ("", False), ("lab.example.org@evil.example", False), ("[::1", False), ("a b", False),
        ("lab.example.org;x", False),
    ],
)  # fmt: skip
def test_a_name_that_was_rebound_to_this_machine_is_not_its_own(host: str, ours: bool) -> None:
    assert is_our_host(host, {"lab.example.org"}) is ours


@given(st.text())
def test_no_host_header_breaks_the_check(host: str) -> None:
    assert isinstance(is_our_host(host, set()), bool)
    assert set(name_of(host)) <= set("abcdefghijklmnopqrstuvwxyz0123456789._-:")
