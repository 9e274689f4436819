"""FieldView: what our templates need to know to draw one field."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from uproot_nb.experiment.bounds import exact
from uproot_nb.experiment.fields import BoundedChoiceField
from uproot_nb.forms.parsing import AT_LEAST, AT_LEAST_ONE, AT_MOST, AT_MOST_ONE, worded

__all__ = ["FieldView"]

BREAKPOINTS = (576, 768, 992, 1200)
"""Window widths (CSS pixels) at which a scale may change from rows to columns."""


class ViewOption(NamedTuple):
    """One radio button, checkbox or list entry."""

    id: str
    text: str
    label: str
    checked: bool


class FieldView:
    """A field as templates/Fields.html draws it: one of ours, or an author's WTForms field."""

    name: str
    id: str
    label: Any
    description: str
    errors: Sequence[str]
    data: Any
    raw_data: Any
    flags: Any
    render_kw: Any
    widget: Any
    gettext: Callable[[str], str]
    _value: Callable[[], str]
    iter_choices: Callable[[], Iterable[Any]]
    """Yields the options: the text that is posted, the label, whether it is chosen, …"""

    shape: str
    """The macro that draws the input: "line", "area", "check", "list", "choices" (radio buttons),
    "boxes", "likert" or "slider"; "widget" if a widget draws it."""
    declaration: Any = None
    """None for a WTForms field."""
    language: str

    @property
    def value(self) -> str:
        """The text in the input."""
        return self._value()

    def draw_widget(self, attributes: Mapping[str, Any]) -> Any:
        """Let the field's widget draw the input."""
        return self.widget(self, **attributes)

    def declared(self, name: str) -> Any:
        """Return what only some kinds of declarations have; None for all others."""
        return getattr(self.declaration, name, None)

    @property
    def is_group(self) -> bool:
        """Whether the options are inputs of their own."""
        return self.shape in ("choices", "boxes", "likert")

    @property
    def is_single(self) -> bool:
        """Whether one option at most can be chosen."""
        return self.shape in ("choices", "likert")

    @property
    def required(self) -> bool:
        """Whether the browser insists on an answer."""
        return bool(self.flags.required)

    @property
    def accessible_name(self) -> str:
        """The question, as screen readers read it out; never empty."""
        text = self.label.text or self.declared("label_floating")
        return text or self.name.replace("_", " ")

    @property
    def is_optional(self) -> bool:
        """Whether the question is marked as one that may be left out."""
        return bool(self.declared("optional")) and self.shape != "check"

    @property
    def first_id(self) -> str:
        """The id of the input that a link to the question leads to."""
        return f"{self.id}-0" if self.is_group else self.id

    @property
    def described_by(self) -> str:
        """The ids of the elements that describe the input, in reading order."""
        parts = {
            "start": self.declared("addon_start"),
            "end": self.declared("addon_end"),
            "errors": self.errors,
            "description": self.description,
        }
        return " ".join(f"{self.id}-{part}" for part, is_there in parts.items() if is_there)

    @property
    def options(self) -> list[ViewOption]:
        """The choices, and which of them are chosen."""
        choices = enumerate(self.iter_choices())
        return [
            ViewOption(f"{self.id}-{number}", str(value), label, bool(checked))
            for number, (value, label, checked, *_) in choices
        ]

    @property
    def has_placeholder(self) -> bool:
        """Whether a list needs an entry for "no answer" that the author has not written."""
        options = self.options
        if any(option.text == "" for option in options):
            return False
        return not self.required or not any(option.checked for option in options)

    @property
    def stacks_below(self) -> int:
        """The window width below which the points of a scale are stacked; 0: never."""
        if self.declaration.is_numeric and len(self.declaration.choices) <= 11:
            return 0
        width = self.declaration.breakpoint
        return next((known for known in BREAKPOINTS if known >= width), BREAKPOINTS[-1])

    @property
    def is_untouched(self) -> bool:
        """Whether a slider that starts without a handle still has none."""
        return not self.declaration.anchoring and not (self.raw_data and self._value())

    @property
    def fraction(self) -> str:
        """Where a slider's handle is, from 0 to 1."""
        try:
            least, most = exact(self.declaration.min), exact(self.declaration.max)
            at = float((exact(self.data) - least) / (most - least))
        except ValueError:
            at = 0.5
        return f"{min(1.0, max(0.0, at)):.4f}"

    @property
    def limits(self) -> dict[str, Any]:
        """Attributes: how many boxes may be checked, and the texts for too few and too many."""
        if not isinstance(self.declaration, BoundedChoiceField):
            return {}
        few, many = 0 if self.declaration.optional else self.declaration.min, self.declaration.max
        limits: dict[str, Any] = {}
        if few:
            text = AT_LEAST_ONE if few == 1 else AT_LEAST
            limits |= {"data-few": few, "data-too-few": worded(self.gettext, text, min=few)}
        if many is not None and many < len(self.declaration.choices):
            text = AT_MOST_ONE if many == 1 else AT_MOST
            limits |= {"data-many": many, "data-too-many": worded(self.gettext, text, max=many)}
        return limits
