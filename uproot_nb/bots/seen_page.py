"""SeenPage: a page's HTML as a participant's browser understands it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bs4 import BeautifulSoup, Tag

from uproot_nb.bots.questions import Question, QuestionChoice, SeenForm

__all__ = ["BEGIN", "SeenPage", "asks_to_begin", "read_page"]

BEGIN = "_uproot_begin"
"""The field that a personal link's first page posts."""

FORM, UNTOUCHED = "uproot-form", "uproot-untouched"
CONTROLS = frozenset({"input", "select", "textarea", "button"})
SUMMARY = frozenset({"uproot-summary", "uproot-errors"})
GROUP = frozenset({"uproot-choices", "uproot-likert"})
BUTTONS = frozenset({"submit", "image", "button", "reset"})


@dataclass
class SeenPage:
    """A page: what its script starts from, its form, and the errors that it shows."""

    html: str
    boot: dict[str, Any] | None = None
    """None: the page does not belong to an experiment, or it failed."""
    form: SeenForm = field(default_factory=SeenForm)
    errors: dict[str, list[str]] = field(default_factory=dict)
    form_errors: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The page's class, with its app if it has one; "" past the last page."""
        boot = self.boot or {}
        return "/".join(filter(None, (boot.get("app", ""), boot.get("name", ""))))


def read_page(html: str) -> SeenPage:
    """Read a page as `templates/Base.html` and `templates/Fields.html` write it.

    Inputs that an author wrote by hand count as well.
    """
    # On our pages lxml saves a tenth to a quarter of the time: not enough for one more package.
    soup = BeautifulSoup(html, "html.parser", multi_valued_attributes=None)
    tags: dict[str, list[Tag]] = {}
    for element in soup.descendants:
        if isinstance(element, Tag):
            kind = "control" if element.name in CONTROLS else element.name
            tags.setdefault(kind, []).append(element)
    boots = [tag.get_text() for tag in tags.get("script", ()) if tag.get("id") == "uproot-page"]
    reader = _FormReader(tags)
    page = SeenPage(html, json.loads(boots[0]) if boots else None, reader.form)
    for item in tags.get("li", ()):
        if _around(item, "div", SUMMARY) is None:
            continue
        name, text = reader.error(item)
        if name in page.form:
            page.errors.setdefault(name, []).append(text)
        else:
            page.form_errors.append(text)
    return page


def asks_to_begin(html: bytes) -> bool:
    """Return whether a page is the one by which somebody begins at a personal link."""
    return b'name="%s"' % BEGIN.encode() in html


class _FormReader:
    """Reads the page's form: its questions, its hidden fields and its buttons."""

    def __init__(self, tags: Mapping[str, Sequence[Tag]]) -> None:
        self.form = SeenForm()
        self._controls: dict[str, list[Tag]] = {}
        self._names: dict[str, str] = {}
        self._labels: dict[str, str] = {}
        for label in tags.get("label", ()):
            self._labels.setdefault(_get(label, "for"), _text(label))
        for form in tags.get("form", ()):
            if _get(form, "id") == FORM:
                self.form.multipart = "multipart" in _get(form, "enctype")
        for control in tags.get("control", ()):
            if _belongs(control) and not control.has_attr("disabled"):
                self._add(control, _get(control, "name"), _kind(control))
        for name, same in self._controls.items():
            self.form.questions[name] = self._question(name, same)

    def error(self, item: Tag) -> tuple[str, str]:
        """Return the field to which an entry of the list of errors leads, and its text."""
        text, name = item.get_text(), ""
        for link in item.find_all("a"):
            target = _get(link, "href")
            if not target.startswith("#"):
                continue
            target = target[1:]
            name = self._names.get(target, target)
            text = text.replace(link.get_text(), "", 1)
        return name, " ".join(text.split()).removeprefix(":").strip()

    def _add(self, control: Tag, name: str, kind: str) -> None:
        is_back = name == "_uproot_back"
        if control.name == "button" or kind in BUTTONS:
            presses = kind in ("submit", "image")
            self.form.can_go_back |= is_back
            self.form.has_next |= presses and not is_back
        elif name and kind == "hidden":
            self.form.hidden.append((name, _get(control, "value")))
        elif name:
            self._names.setdefault(_get(control, "id") or name, name)
            self._controls.setdefault(name, []).append(control)

    def _question(self, name: str, same: list[Tag]) -> Question:
        first, kind = same[0], _kind(same[0])
        group = _around(first, "div", GROUP)
        question = Question(
            name, kind, self._label(first, group),
            required=any(control.has_attr("required") for control in same),
            min=_optional(first, "min"), max=_optional(first, "max"),
            step=_optional(first, "step"), max_length=_count(first, "maxlength"),
            few=_count(group, "data-few") or 0, many=_count(group, "data-many"),
            sign=_get(first, "data-decimal-sign") or ".", hint=_get(first, "autocapitalize"),
        )  # fmt: skip
        if kind in ("radio", "checkbox"):
            labels = [self._labels.get(_get(control, "id"), "") for control in same]
            texts = [_posted_text(control) for control in same]
            question.choices = list(map(QuestionChoice, texts, labels))
            question.value = [_posted_text(one) for one in same if one.has_attr("checked")]
            if kind == "checkbox" and (len(same) > 1 or group is not None):
                question.kind = "checkboxes"
        elif kind == "select":
            _read_list(question, first)
        elif kind != "file":
            self._read_input(question, first)
        return question

    def _read_input(self, question: Question, control: Tag) -> None:
        if control.has_attr("data-decimal-sign"):
            question.kind = "number"
        if _get(control, "form") == UNTOUCHED:  # a slider without an answer
            question.required |= control.has_attr("data-missing")
        elif control.name == "textarea":
            question.value = [control.get_text().removeprefix("\n")]  # as browsers do
        else:
            question.value = [_get(control, "value")]

    def _label(self, control: Tag, group: Tag | None) -> str:
        fieldset = _around(control, "fieldset")
        found = None if fieldset is None else fieldset.find("legend")
        legend = "" if found is None else _text(found)
        own = self._labels.get(_get(control, "id"), "")
        is_group = group is not None or _kind(control) == "radio"
        return (legend or own if is_group else own or legend) or _get(control, "aria-label")


def _read_list(question: Question, control: Tag) -> None:
    options = [one for one in control.find_all("option") if not one.has_attr("disabled")]
    choices = [QuestionChoice(_posted_text(option), _option_text(option)) for option in options]
    chosen = [c.text for c, o in zip(choices, options, strict=True) if o.has_attr("selected")]
    if control.has_attr("multiple"):
        question.kind = "selects"
    elif not chosen:
        chosen = [choice.text for choice in choices[:1]]
    question.choices, question.value = choices, chosen


def _belongs(control: Tag) -> bool:
    if control.has_attr("form"):
        return _get(control, "form") in (FORM, UNTOUCHED)
    form = _around(control, "form")
    return form is not None and _get(form, "id") == FORM


def _around(tag: Tag, name: str, classes: frozenset[str] = frozenset()) -> Tag | None:
    """Return the nearest *name* around a tag that has one of the CSS *classes*, if any is given."""
    for outer in tag.parents:
        is_one = outer.name == name
        if is_one and (not classes or not classes.isdisjoint(_get(outer, "class").split())):
            return outer
    return None


def _kind(control: Tag) -> str:
    otherwise = {"input": "text", "button": "submit"}.get(control.name)
    if otherwise is None:
        return control.name
    return _get(control, "type").lower() or otherwise


def _posted_text(control: Tag) -> str:
    if control.has_attr("value"):
        return _get(control, "value")
    return _option_text(control) if control.name == "option" else "on"


def _option_text(option: Tag) -> str:
    """Return an option's text; one without an end tag has the next one inside it."""
    if option.string is not None:
        return _text(option)
    own = (text for text in option.strings if text.find_parent("option") is option)
    return " ".join("".join(own).split())


def _text(tag: Tag) -> str:
    return " ".join(tag.get_text().split())


def _get(tag: Tag, name: str) -> str:
    return str(tag.get(name) or "")


def _optional(tag: Tag, name: str) -> str | None:
    return _get(tag, name) if tag.has_attr(name) else None


def _count(tag: Tag | None, name: str) -> int | None:
    text = "" if tag is None else _get(tag, name)
    return int(text) if text.isdecimal() else None
