"""Requires: what a page needs of a participant's browser before it is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from uproot_nb.errors import BadPage
from uproot_nb.experiment.exits import name_of_exit

__all__ = ["Device", "Requires"]

LARGEST = 20_000


class Device(NamedTuple):
    """What a browser reports of itself: the window in CSS pixels, and what it is operated with."""

    width: int
    height: int
    is_touch: bool
    """Whether it is mainly operated by fingers, as phones and tablets are."""
    has_mouse: bool
    """Whether there is a mouse, a touchpad or a pen."""
    has_fullscreen: bool
    """Whether it can show a page in full screen."""


@dataclass(frozen=True, kw_only=True)
class Requires:
    """What a page requires of the browser before it is shown, and before its clock starts.

        class Trade(Page):
            requires = Requires(min_width=900, touch=False)

    Participants read what to do, and the page goes on automatically once it is done. Those who
    cannot do it leave by an exit.

    Args:
        min_width, min_height: of the window, in CSS pixels.
        touch: False for computers only, True for phones and tablets only.
        pointer: "fine" for a mouse, a touchpad or a pen.
        fullscreen: whether the page is shown in full screen. The participant presses a button
            for it, which also starts the clock; outside of full screen nothing can be entered.
        exit: how those leave who cannot do it.

    Raises:
        BadPage: an argument has a wrong value, or nothing is required.
        BadExit: *exit* cannot be an exit's name.
    """

    min_width: int | None = None
    min_height: int | None = None
    touch: bool | None = None
    pointer: str | None = None
    fullscreen: bool = False
    exit: Any = "screened"

    def __post_init__(self) -> None:
        for name in ("min_width", "min_height"):
            value = getattr(self, name)
            if value is not None and not _is_size(value):
                raise _mistake(f"{name}={value!r}", f"Write pixels: {name}=900.")
        if self.touch not in (None, True, False) or self.fullscreen not in (True, False):
            wrong = "touch" if self.touch not in (None, True, False) else "fullscreen"
            raise _mistake(f"{wrong}={getattr(self, wrong)!r}", "Write True or False.")
        if self.pointer not in (None, "fine"):
            raise _mistake(f"pointer={self.pointer!r}", 'Write pointer="fine", or leave it out.')
        if self.touch and self.pointer:
            raise _mistake('touch=True and pointer="fine"', "Leave one of them out.")
        if all(value in (None, False) for value in self.needs().values()) and self.touch is None:
            raise _mistake("nothing", "Write min_width=900, for example.")
        name_of_exit(self.exit)

    def needs(self) -> dict[str, Any]:
        """Return what is required, for the page's script."""
        return {
            "min_width": self.min_width, "min_height": self.min_height, "touch": self.touch,
            "pointer": self.pointer, "fullscreen": self.fullscreen,
        }  # fmt: skip

    def unmet(self, client: Device) -> list[str]:
        """Return the names of the requirements that a browser does not meet."""
        met = {
            "touch": self.touch is None or client.is_touch == self.touch,
            "pointer": self.pointer is None or client.has_mouse,
            "fullscreen": not self.fullscreen or client.has_fullscreen,
            "min_width": client.width >= (self.min_width or 0),
            "min_height": client.height >= (self.min_height or 0),
        }
        return [name for name, is_met in met.items() if not is_met]


def _is_size(value: Any) -> bool:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return whole and 1 <= value <= LARGEST


def _mistake(what: str, remedy: str) -> BadPage:
    return BadPage("Requires(…)", f"it requires {what}.", remedy)
