"""Navigation: the buttons and the countdown that a page's template may place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from markupsafe import Markup, escape

from uproot_nb.forms.attributes import named_attributes, write_attributes

__all__ = ["Navigation"]


class Navigation:
    """One page's buttons and countdown. Where the template places a button, ours are left out.

    Args:
        translate: gives our own texts in the page's language.
        back: whether there is a page to go back to.
    """

    def __init__(self, translate: Callable[[str], str], back: bool) -> None:
        self._translate, self._back = translate, back
        self.placed = False
        """Whether the template has placed a button."""

    def functions(self) -> dict[str, Any]:
        """Return the functions of templates, and `buttons_placed.placed`."""
        return {
            "button_next": self.button_next, "button_back": self.button_back,
            "timeout": self.timeout, "timeout_box": self.timeout_box, "buttons_placed": self,
        }  # fmt: skip

    def button_next(self, label: str | None = None, **attributes: Any) -> Markup:
        """Draw the Next button: `{{ button_next(label="I agree", class_="btn btn-success") }}`."""
        usual = {"type": "submit", "id": "uproot-next", "class": "btn btn-primary"}
        return self._button(label or self._translate("Next"), usual, attributes)

    def button_back(self, label: str | None = None, **attributes: Any) -> Markup:
        """Draw the Back button; nothing on a page from which nobody can go back."""
        self.placed = True
        if not self._back:
            return Markup("")
        usual = {
            "type": "submit", "id": "uproot-back", "class": "btn btn-outline-secondary",
            "name": "_uproot_back", "value": "1", "formnovalidate": True,
        }  # fmt: skip
        return self._button(label or self._translate("Back"), usual, attributes)

    def timeout(self, **attributes: Any) -> Markup:
        """Draw the time that is left, as text."""
        written = write_attributes({**named_attributes(attributes), "data-uproot-timeout": True})
        return Markup("<span {}></span>").format(written)

    def timeout_box(self, preamble: str | None = None, **attributes: Any) -> Markup:
        """Draw the time that is left, in a box with a text before it."""
        words = escape(preamble or self._translate("Time remaining"))
        usual = {"class": "alert", "role": "timer"}
        written = write_attributes({**usual, **named_attributes(attributes)})
        return Markup("<div {}>{} {}</div>").format(written, words, self.timeout())

    def _button(self, label: str, usual: dict[str, Any], attributes: dict[str, Any]) -> Markup:
        self.placed = True
        written = write_attributes({**usual, **named_attributes(attributes)})
        return Markup("<button {}>{}</button>").format(written, label)
