"""Host: the parts of a run that steering uses beside its runtime."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pandas

__all__ = ["Host", "Links"]


class Links(Protocol):
    """The links of a run."""

    @property
    def join_link(self) -> str:
        """The link that gives each browser a new place."""

    def link(self, player: Any) -> str:
        """Return the link of one player."""


class Host(Links, Protocol):
    """A run: its links, payments and tables, and its end."""

    @property
    def url(self) -> str:
        """The root of the participants' site."""

    @property
    def funnel(self) -> pandas.DataFrame:
        """How many came how far, by treatment."""

    @property
    def payments(self) -> pandas.DataFrame:
        """What each player is paid."""

    def export(self, *args: Any, **options: Any) -> Any:
        """Write the session's data to a file, and return its path."""

    def mark_paid(self, players: Any, amount: Any = None) -> Sequence[Any]:
        """Log that players were paid, and return them."""

    def mark_unpaid(self, players: Any) -> Sequence[Any]:
        """Log that players were not paid after all, and return them."""

    def close(self) -> None:
        """End the run; not to be called on its own loop."""
