"""What a standby asks its kernel to do, whatever becomes of its claims."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from uproot_nb.headless import standby
from uproot_nb.headless.kernel import NotebookKernel
from uproot_nb.headless.standby import StandbyRole


class ScriptedKernel:
    """A kernel whose claims have these outcomes."""

    def __init__(self, *answers: tuple[str, str] | None) -> None:
        self._answers = [None, *answers]
        self.asked: list[str] = []

    async def evaluate(self, expression: str) -> Any:
        self.asked.append(expression.rpartition(".")[2].partition("(")[0])
        return self._answers.pop(0)


async def asked_for(*answers: tuple[str, str] | None) -> tuple[bool, list[str]]:
    role = StandbyRole("market", "postgresql://lab@db/lab", (), durable=False)
    kernel = ScriptedKernel(*answers)
    is_held = await role.claim(cast("NotebookKernel", kernel), lambda _: None, lambda: None)
    return is_held, kernel.asked[1:]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standby, "_AGAIN_SECONDS", 0.0)


async def test_a_session_without_a_writer_is_claimed_at_once() -> None:
    assert await asked_for(("away", "no"), ("held", "")) == (True, ["claim_now", "claim_now"])


async def test_a_session_that_had_a_writer_once_is_waited_for_to_the_end() -> None:
    """Whatever breaks meanwhile, who waits must not open a session that its writer has closed."""
    answers = ("taken", "process 1"), ("away", "no"), None, ("closed", "")
    is_held, asked = await asked_for(*answers)
    assert not is_held
    assert asked == ["claim_now", *["claim_when_free"] * 3]


async def test_a_kernel_stands_by_from_the_first_answer_that_somebody_has_the_session() -> None:
    """While it imports modules it could not take over at once, and does not say so."""
    said: list[str] = []
    role = StandbyRole("market", "postgresql://lab@db/lab", (), durable=False)
    kernel = ScriptedKernel(("away", "no"), ("taken", "process 1"), ("held", ""))

    async def evaluate(expression: str) -> Any:
        said.append(expression.rpartition(".")[2].partition("(")[0])
        return await kernel.evaluate(expression)

    asking: Any = SimpleNamespace(evaluate=evaluate)
    assert await role.claim(asking, lambda _: None, lambda: said.append("waits"))
    assert said == ["warm_up", "claim_now", "claim_now", "waits", "claim_when_free"]
