"""random_forms: the bot that answers every form at random, and waits on wait pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from uproot_nb.bots.client import Client

__all__ = ["random_form", "random_forms"]


async def random_forms(client: Client, *, tries: int = 20) -> None:
    """Play any experiment to its end: answer each form at random, and wait on wait pages.

        run.bots(8)                      # fill=random_forms
        rehearse([Survey, Thanks], players=40)

    Answers respect the rules that the page shows: choices, bounds and steps, lengths.
    If the server refuses one, others are tried. Without a Next button, the bot waits.

    Args:
        client: a participant, as `run.bots` makes them.
        tries: how often a page may refuse before the bot gives up.

    Raises:
        Stuck: a page has refused that often; the message says what was wrong.
    """
    while not client.at_end:
        await random_form(client, tries=tries)


async def random_form(client: Client, *, tries: int = 20) -> None:
    """Answer the form of this page as `random_forms` does, until the player is on another page.

    Raises:
        Stuck: see `random_forms`.
    """
    # lazy: `import uproot_nb` needs no Tornado
    from uproot_nb.bots.refusals import FormRefused, PageLeft, Stuck

    visit, attempt, answers = client.visit, 0, _answers(client, {}, 0)
    while client.visit == visit and not client.at_end:
        if client.waits or not client.form.has_next:
            await client.proceeded()
            return
        why = "it was accepted, and did not go on"
        try:
            await client.submit(**answers)
        except PageLeft:
            return
        except FormRefused as refusal:
            why = str(refusal)
        if client.visit == visit:
            attempt += 1
            if attempt >= tries:
                raise Stuck(client.page, f"{why} ({attempt} tries)")
            answers = _answers(client, answers, attempt)


def _answers(client: Client, before: dict[str, Any], attempt: int) -> dict[str, Any]:
    """Return answers to all questions; mostly, new ones only where the old were wrong."""
    # lazy: as above
    from uproot_nb.bots.random_answers import answer_at_random

    wrong = client.errors if attempt % 3 else {}
    return {
        question.name: before[question.name]
        if question.name in before and wrong and question.name not in wrong
        else answer_at_random(question, client.rng, attempt)
        for question in client.form
    }
