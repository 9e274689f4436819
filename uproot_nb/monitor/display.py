"""What a cell's output shows."""

from __future__ import annotations

from typing import Any

from uproot_nb.analysis.plain_html import plain_html

__all__ = ["show", "show_html"]


def show(shown: Any) -> None:
    """Show an object below the cell."""
    from IPython import display  # lazy: a script shows nothing

    display.display(shown)  # type: ignore[no-untyped-call]


def show_html(text: str, mark: str, update: bool = False) -> None:
    """Show HTML below the cell; *update* puts it in the place of what has the same mark."""
    from IPython import display  # lazy: see above

    bundle = {"text/html": plain_html(text), "text/plain": ""}
    display.display(bundle, raw=True, display_id=mark, update=update)  # type: ignore[no-untyped-call]
