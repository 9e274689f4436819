"""Texts that a researcher sends to participants, and how long they may be."""

from __future__ import annotations

from uproot_nb.errors import UprootError

__all__ = ["LONGEST_MESSAGE", "check_text"]

LONGEST_MESSAGE = 2_000
"""Characters of a message to participants."""


def check_text(text: object, what: str) -> None:
    """Check what a researcher writes to participants.

    Raises:
        UprootError: it is no text, or too long.
    """
    if not isinstance(text, str) or not text.strip():
        raise UprootError(f"run.{what}(players, {text!r}): give the text to show.")
    if len(text) > LONGEST_MESSAGE:
        raise UprootError(
            f"The message has {len(text)} characters; at most {LONGEST_MESSAGE} are shown.\n"
            "Shorten it."
        )
