"""SeenPage: what a participant's browser makes of a page's HTML."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from uproot_nb.bots.questions import Choice, Form, Question

__all__ = ["SeenPage", "read_page"]

_VOID = frozenset({
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track",
    "wbr",
})  # fmt: skip
_FORM, _UNTOUCHED = "uproot-form", "uproot-untouched"
_PRESSED = frozenset({"submit", "image", "button", "reset"})


@dataclass
class SeenPage:
    """A page as it came: what its script starts from, its form, and what is wrong in it."""

    html: str
    boot: dict[str, Any] | None = None
    """None: the page is none of an experiment's, or it failed."""
    form: Form = field(default_factory=Form)
    errors: dict[str, list[str]] = field(default_factory=dict)
    form_errors: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The page's class, with its app if it has one; "" past the last page."""
        told = self.boot or {}
        return "/".join(filter(None, (told.get("app", ""), told.get("name", ""))))


def read_page(html: str) -> SeenPage:
    """Read a page as `templates/Base.html` and `templates/Fields.html` write it.

    Inputs that an author wrote by hand count as much.
    """
    reader = _Reader()
    reader.feed(html)
    reader.close()
    boot = json.loads(reader.boot) if reader.boot else None
    form = Form(reader.questions(), reader.hidden, reader.multipart, reader.has_next, reader.back)
    page = SeenPage(html, boot, form)
    for target, text in reader.complaints:
        name = reader.names.get(target, target)
        if target and name in form:
            page.errors.setdefault(name, []).append(text)
        else:
            page.form_errors.append(text)
    return page


@dataclass
class _Tag:
    name: str
    attributes: dict[str, str]
    text: list[str] = field(default_factory=list)

    def has_class(self, *names: str) -> bool:
        return not set(names).isdisjoint(self.attributes.get("class", "").split())

    def said(self) -> str:
        return " ".join("".join(self.text).split())


class _Control:
    """An input, select or textarea of the form, and what stands around it."""

    def __init__(self, tag: _Tag, group: _Tag | None, fieldset: _Tag | None) -> None:
        self.attributes, self.group, self.fieldset = tag.attributes, group, fieldset
        self.kind = tag.attributes.get("type", "text").lower() if tag.name == "input" else tag.name
        self.text = tag.attributes.get("value", "on" if self.is_choice else "")
        self.is_chosen = "checked" in tag.attributes
        self.options: list[tuple[Choice, bool]] = []

    @property
    def is_choice(self) -> bool:
        return self.kind in ("radio", "checkbox")


class _Reader(HTMLParser):
    """Walks through the tags once; questions are put together at the end."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.boot = ""
        self.hidden: list[tuple[str, str]] = []
        self.multipart = self.has_next = self.back = False
        self.complaints: list[tuple[str, str]] = []
        self.names: dict[str, str] = {}
        self._open: list[_Tag] = []
        self._controls: dict[str, list[_Control]] = {}
        self._labels: dict[str, str] = {}
        self._legends: dict[int, str] = {}

    # ---- tags ----

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of a tag that begins."""
        opened = _Tag(tag, {name: value or "" for name, value in attrs})
        if tag == "form" and opened.attributes.get("id") == _FORM:
            self.multipart = "multipart" in opened.attributes.get("enctype", "")
        if tag == "option":
            self._end_option()
        if tag in ("input", "select", "textarea", "button"):
            self._note_control(opened)
        if tag not in _VOID:
            self._open.append(opened)

    def handle_endtag(self, tag: str) -> None:
        """Take note of a tag that ends, and with it of those within that have no end."""
        if not any(one.name == tag for one in self._open):
            return
        while True:
            ended = self._open.pop()
            self._note_end(ended)
            if ended.name == tag:
                return

    def handle_data(self, data: str) -> None:
        """Take text; it belongs to every tag around it."""
        for tag in self._open:
            if tag.name in _SPEAKING:
                tag.text.append(data)

    def _end_option(self) -> None:
        if self._open and self._open[-1].name == "option":
            self._note_end(self._open.pop())

    def _note_end(self, tag: _Tag) -> None:
        match tag.name:
            case "script" if tag.attributes.get("id") == "uproot-page":
                self.boot = "".join(tag.text)
            case "label":
                self._labels.setdefault(tag.attributes.get("for", ""), tag.said())
            case "legend":
                if (fieldset := self._around("fieldset")) is not None:
                    self._legends[id(fieldset)] = tag.said()
            case "option":
                self._note_option(tag)
            case "textarea":
                self._note_text(tag)
            case "a" if tag.attributes.get("href", "").startswith("#"):
                if (item := self._around("li")) is not None:
                    item.attributes["target"] = tag.attributes["href"][1:]
                    item.attributes["linked"] = "".join(tag.text)
            case "li" if (alert := self._complaining()) is not None and alert is not tag:
                text = "".join(tag.text).replace(tag.attributes.get("linked", ""), "", 1)
                told = " ".join(text.split()).removeprefix(":").strip()
                self.complaints.append((tag.attributes.get("target", ""), told))

    def _around(self, name: str, *classes: str) -> _Tag | None:
        fitting = (
            tag
            for tag in reversed(self._open)
            if tag.name == name and (not classes or tag.has_class(*classes))
        )
        return next(fitting, None)

    def _complaining(self) -> _Tag | None:
        return self._around("div", "uproot-summary", "uproot-errors")

    # ---- controls ----

    def _note_control(self, tag: _Tag) -> None:
        own = tag.attributes.get("form")
        outer = self._around("form")
        inside = outer is not None and outer.attributes.get("id") == _FORM
        belongs = own in (_FORM, _UNTOUCHED) if own is not None else inside
        if not belongs or "disabled" in tag.attributes:
            return
        name, kind = tag.attributes.get("name", ""), tag.attributes.get("type", "").lower()
        if tag.name == "button" or (tag.name == "input" and kind in _PRESSED):
            self.back = self.back or name == "_uproot_back"
            presses = kind in ("submit", "image") or (tag.name == "button" and not kind)
            self.has_next = self.has_next or (presses and name != "_uproot_back")
        elif name and kind == "hidden":
            self.hidden.append((name, tag.attributes.get("value", "")))
        elif name:
            self.names.setdefault(tag.attributes.get("id", name), name)
            group = self._around("div", "uproot-choices", "uproot-likert")
            control = _Control(tag, group, self._around("fieldset"))
            self._controls.setdefault(name, []).append(control)
            tag.attributes["control"] = name

    def _note_option(self, tag: _Tag) -> None:
        select = self._around("select")
        if select is None or "control" not in select.attributes or "disabled" in tag.attributes:
            return
        text = tag.attributes.get("value", tag.said())
        option = Choice(text, tag.said()), "selected" in tag.attributes
        self._controls[select.attributes["control"]][-1].options.append(option)

    def _note_text(self, tag: _Tag) -> None:
        if "control" in tag.attributes:
            text = "".join(tag.text).removeprefix("\n")  # as browsers do
            self._controls[tag.attributes["control"]][-1].text = text

    # ---- questions ----

    def questions(self) -> dict[str, Question]:
        """Return the questions, by name, in the order of the page."""
        return {name: self._question(name, same) for name, same in self._controls.items()}

    def _question(self, name: str, same: list[_Control]) -> Question:
        first = same[0]
        told = first.attributes
        limits = {} if first.group is None else first.group.attributes
        asked = Question(
            name, self._kind(same), self._label(first),
            required=any("required" in control.attributes for control in same),
            min=told.get("min"), max=told.get("max"), step=told.get("step"),
            max_length=_count(told.get("maxlength")), few=_count(limits.get("data-few")) or 0,
            many=_count(limits.get("data-many")),
            sign=told.get("data-decimal-sign", "."), hint=told.get("autocapitalize", ""),
        )  # fmt: skip
        if first.kind == "range" and "data-missing" in told:
            asked.required = True  # an untouched slider
        if first.is_choice:
            labels = [self._labels.get(c.attributes.get("id", ""), "") for c in same]
            asked.choices = [Choice(c.text, label) for c, label in zip(same, labels, strict=True)]
            asked.value = [c.text for c in same if c.is_chosen]
        elif first.kind == "select":
            asked.choices = [choice for choice, _ in first.options]
            asked.value = [choice.text for choice, is_chosen in first.options if is_chosen]
            if asked.kind == "select" and not asked.value:
                asked.value = [choice.text for choice in asked.choices[:1]]
        elif first.kind != "file" and told.get("form") != _UNTOUCHED:
            asked.value = [first.text]
        return asked

    def _kind(self, same: list[_Control]) -> str:
        first = same[0]
        if first.kind == "checkbox" and (len(same) > 1 or first.group is not None):
            return "checkboxes"
        if first.kind == "select" and "multiple" in first.attributes:
            return "selects"
        return "number" if "data-decimal-sign" in first.attributes else first.kind

    def _label(self, control: _Control) -> str:
        legend = self._legends.get(id(control.fieldset), "")
        own = self._labels.get(control.attributes.get("id", ""), "")
        is_group = control.group is not None or control.kind == "radio"
        return (legend or own if is_group else own or legend) or control.attributes.get(
            "aria-label", ""
        )


_SPEAKING = frozenset({"a", "label", "legend", "li", "option", "script", "textarea"})


def _count(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() else None
