"""The REST API is what its description says, whatever is sent to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from tests.notebook.attached.elsewhere import Elsewhere, elsewhere
from uproot_nb import IntegerField, Page, Payment, room
from uproot_nb.bridge.messages import Role
from uproot_nb.monitor.rest.openapi import describe_api

load_all_checks()
SCHEMA = schemathesis.openapi.from_dict({**describe_api(), "security": []})
"""Without the token, which tests of the servers try out."""
OPERATIONS = [
    (path, method.upper())
    for path, methods in describe_api()["paths"].items()
    for method in methods
]
TAKING = [one for one in OPERATIONS if one[1] == "POST" or one[0].endswith(("events", "export"))]
"""Those that take something which can be malformed."""
CONFORMS = CHECKS.get_by_names(
    [
        "not_a_server_error", "status_code_conformance", "content_type_conformance",
        "response_schema_conformance",
    ]
)  # fmt: skip
MANY = 100
"""From so many examples on, they are others each time."""
REFUSES = CHECKS.get_by_names(["negative_data_rejection"])


class Question(Page):
    """A question with a time."""

    timeout = 600
    fields = {"age": IntegerField(label="Age")}  # noqa: RUF012


@pytest.fixture(scope="module")
def there() -> Iterator[Elsewhere]:
    """A run that all requests are sent to."""
    rooms = [room("lab", ["PC-1"], open=False)]
    with elsewhere(Question, payment=Payment(currency="EUR", fee=5), rooms=rooms) as made:
        yield made


def fuzz(
    there: Elsewhere, path: str, method: str, mode: GenerationMode, role: Role, examples: int
) -> None:
    """Send requests of one operation, most of them for a session and a player that exist."""
    cases = SCHEMA[path][method].as_strategy(generation_mode=mode)
    name = there.run.players[0].name

    @settings(
        max_examples=examples, deadline=None, database=None, derandomize=examples < MANY,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=cases, is_known=st.integers(0, 9).map(bool))
    def send(case: Case, is_known: bool) -> None:
        if is_known:
            aim(case, name, mode)
        if mode is GenerationMode.POSITIVE:
            (case.query or {}).pop("follow", None)  # such an answer has no end
        token = there.tokens.token(role)
        answer = case.call(f"{there.url}api/v1", headers={"Authorization": f"Bearer {token}"})
        checks = CONFORMS if mode is GenerationMode.POSITIVE else [*CONFORMS, *REFUSES]
        case.validate_response(answer, checks=checks)
        if role == "viewer":
            assert answer.status_code != 200 or method == "GET"
            assert there.run.url not in answer.text

    send()
    assert not there.run.closed


def aim(case: Case, name: str, mode: GenerationMode) -> None:
    """Let a request be about the session, a player and a room that there are."""
    known = {"session": "market", "player": name}
    case.path_parameters = {n: known.get(n, v) for n, v in (case.path_parameters or {}).items()}
    body: Any = case.body if mode is GenerationMode.POSITIVE else None
    if isinstance(body, dict) and isinstance(body.get("players"), list):
        body["players"] = [name for _ in body["players"][:2]]
    if isinstance(body, dict) and "room" in body:
        body["room"] = "lab"


@pytest.mark.long
@pytest.mark.parametrize("role", ["steward", "viewer"])
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
@pytest.mark.sample(20)
def test_each_address_answers_as_it_is_described(
    there: Elsewhere, path: str, method: str, role: Role
) -> None:
    fuzz(there, path, method, GenerationMode.POSITIVE, role, 4)


@pytest.mark.long
@pytest.mark.parametrize(("path", "method"), TAKING)
@pytest.mark.sample(8)
def test_no_malformed_request_is_answered_by_anything_but_a_sentence(
    there: Elsewhere, path: str, method: str
) -> None:
    fuzz(there, path, method, GenerationMode.NEGATIVE, "steward", 6)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "method", "mode"),
    [(*one, GenerationMode.POSITIVE) for one in OPERATIONS]
    + [(*one, GenerationMode.NEGATIVE) for one in TAKING],
)
def test_each_address_holds_what_is_described_for_long(
    there: Elsewhere, path: str, method: str, mode: GenerationMode
) -> None:
    fuzz(there, path, method, mode, "steward", MANY)
