"""Pages of an oTree app, written as our page classes."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass, field
from pathlib import Path

import libcst as cst

from uproot_nb.otree.app import OtreeApp, assignments, bases_of, code_of, methods
from uproot_nb.otree.code import Translator
from uproot_nb.otree.fields import FieldWriter
from uproot_nb.otree.templates import TemplateTranslator

__all__ = ["PageWriter", "WrittenPage"]

_HOOKS = {
    "is_displayed": "show", "vars_for_template": "templatevars", "js_vars": "jsvars",
    "get_timeout_seconds": "timeout",
}  # fmt: skip
_HANDLED = {
    "form_model", "form_fields", "get_form_fields", "timeout_seconds", "error_message",
    "before_next_page", "live_method", "template_name", "after_all_players_arrive",
    "wait_for_all_groups", "group_by_arrival_time", "title_text", "body_text",
    "preserve_unsubmitted_inputs", "allow_back_button",
}  # fmt: skip
_ADVICE = {
    "timer_text": "show the time left in the template",
    "app_after_this_page": "call move_to_page(player, SomePage) in after_once",
    "timeout_submission": "set the values in timeout_reached",
}


@dataclass
class WrittenPage:
    """A page's class, and its template (none: a wait page)."""

    name: str
    code: str
    template: str | None = None


@dataclass
class _PageParts:
    """What a page's class consists of."""

    node: cst.ClassDef
    values: dict[str, cst.BaseExpression] = field(default_factory=dict)
    functions: dict[str, cst.FunctionDef] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.node.name.value

    def has(self, name: str) -> bool:
        return name in self.values or name in self.functions


class PageWriter:
    """Writes one app's pages."""

    def __init__(
        self, app: OtreeApp, translator: Translator, templates: TemplateTranslator
    ) -> None:
        self._app, self._translator, self._templates = app, translator, templates
        self._fields = FieldWriter(app, translator)
        self.groups_at_arrival = False
        """Whether a wait page makes the groups."""

    def written(self, node: cst.ClassDef) -> WrittenPage:
        """Return a page in our terms."""
        parts = _PageParts(node, dict(assignments(node)), {f.name.value: f for f in methods(node)})
        waits = parts.name in self._app.waits
        blocks = self._wait(parts) if waits else self._page(parts)
        self._note_rest(parts)
        base = self._base(parts, waits)
        body = "\n\n".join(filter(None, blocks)) or "pass"
        before = self._live_function(parts)
        code = f"{before}class {parts.name}({base}):\n{textwrap.indent(body, '    ')}"
        return WrittenPage(parts.name, code, None if waits else self._template(parts))

    def _base(self, parts: _PageParts, waits: bool) -> str:
        own = [base for base in bases_of(parts.node) if base in self._app.pages]
        if own:
            return ", ".join(own)
        if not waits:
            return "Page"
        return "GroupCreatingWait" if self._arrives(parts) else "SynchronizingWait"

    def _note_rest(self, parts: _PageParts) -> None:
        for name in [*parts.values, *parts.functions]:
            if name in _HANDLED or name in _HOOKS:
                continue
            advice = _ADVICE.get(name, "it was left out")
            self._translator.remark(parts.node, f"{parts.name}.{name}: {advice}.")

    # ---- parts of every page ----

    def _hook(self, parts: _PageParts, theirs: str, ours: str, more: tuple[str, ...] = ()) -> str:
        """Return one hook under our name; its own names for its arguments stay."""
        found = parts.functions.get(theirs)
        if found is None:
            return ""
        return self._function(found, ours, more)

    def _function(self, found: cst.FunctionDef, name: str, more: tuple[str, ...] = ()) -> str:
        given = _parameters(found)
        names = [given[0] if given else "player", *(given[1:] or more)]
        return f"def {name}(page, {', '.join(names)}):\n{self._body(found)}"

    def _body(self, found: cst.FunctionDef) -> str:
        node = self._translator.node(found)
        lines = code_of(node.body).strip("\n")
        return textwrap.indent(textwrap.dedent(lines), "    ")

    def _hooks(self, parts: _PageParts) -> list[str]:
        return [self._hook(parts, theirs, ours) for theirs, ours in _HOOKS.items()]

    # ---- pages with forms ----

    def _page(self, parts: _PageParts) -> list[str]:
        return [
            self._attributes(parts), *self._form(parts), *self._hooks(parts),
            self._validate(parts), *self._leaving(parts), self._live(parts),
        ]  # fmt: skip

    def _attributes(self, parts: _PageParts) -> str:
        lines = []
        if "timeout_seconds" in parts.values:
            lines.append(f"timeout = {self._translator.text(parts.values['timeout_seconds'])}")
        if "allow_back_button" in parts.values:
            lines.append("allow_back = True")
        return "\n".join(lines)

    def _names(self, parts: _PageParts) -> list[str]:
        """Return the fields that the page lists; none if a function does."""
        listed = parts.values.get("form_fields")
        if not isinstance(listed, (cst.List, cst.Tuple)):
            return []
        texts = (element.value for element in listed.elements)
        return [str(text.evaluated_value) for text in texts if isinstance(text, cst.SimpleString)]

    def _model(self, parts: _PageParts) -> str:
        given = parts.values.get("form_model")
        return code_of(given).strip("'\"").lower() if given is not None else "player"

    def _form(self, parts: _PageParts) -> list[str]:
        model, names = self._model(parts), self._names(parts)
        computed = "form_fields" in parts.values and not names
        if "get_form_fields" in parts.functions or computed:
            return [self._chosen_fields(parts, model), self._to_group(model)]
        known = [name for name in names if self._fields.is_known(model, name)]
        for name in sorted(set(names) - set(known)):
            self._translator.remark(parts.node, f"{parts.name}: no field '{name}' was found.")
        if not known:
            return []
        depends = any(self._fields.depends(model, name) for name in known)
        subject = "player.group" if model == "group" else "player"
        written = [f"{name}={self._field(parts, model, name, subject)}," for name in known]
        listed = "\n".join(["dict(", *(f"    {line}" for line in written), ")"])
        if not depends:
            return [f"fields = {listed}", self._to_group(model)]
        body = textwrap.indent(f"return {listed}", "    ")
        return [f"def fields(page, player):\n{body}", self._to_group(model)]

    def _field(self, parts: _PageParts, model: str, name: str, subject: str = "player") -> str:
        """Return a field; one checkbox where the template has one that its author wrote."""
        path = self._find(f"{parts.name}.html")
        text = path.read_text("utf-8") if path is not None else ""
        inputs = re.findall(r"<input\b[^>]*>", text)
        named = re.compile(rf"""name=["']?(?:{name}["'\s>]|\{{\{{)""")  # also {{ in a loop }}
        boxes = [one for one in inputs if named.search(one)]
        checkbox = any("checkbox" in one for one in boxes)
        if self._fields.is_truth(model, name) and any("hidden" in one for one in boxes):
            self._translator.remark(
                parts.node, f"{parts.name}: send True or False for '{name}', not 1 or 0."
            )
        return self._fields.field(model, name, subject, checkbox)

    def _chosen_fields(self, parts: _PageParts, model: str) -> str:
        """Return the hook of a page that computes which fields of the model it has."""
        if "get_form_fields" in parts.functions:
            chosen = self._function(parts.functions["get_form_fields"], "chosen")
            chosen = chosen.replace("def chosen(page, ", "def chosen(", 1)
        else:
            listed = self._translator.text(parts.values["form_fields"])
            chosen = f"def chosen(player):\n    return {listed}"
        names = self._app.models[model].fields
        every = "\n".join(f"    {name}={self._field(parts, model, name)}," for name in names)
        body = (
            f"{chosen}\n\nevery = dict(\n{every}\n)\n"
            "return {name: every[name] for name in chosen(player)}"
        )
        return f"def fields(page, player):\n{textwrap.indent(body, '    ')}"

    def _to_group(self, model: str) -> str:
        """Return the hook that gives answers to the group, where oTree's form is the group's."""
        if model != "group":
            return ""
        lines = [
            "def before_form_save(page, player, data):",
            "    for name, value in data.items():",
            "        setattr(player.group, name, value)",
        ]
        return "\n".join(lines)

    def _validate(self, parts: _PageParts) -> str:
        named = [n for n in self._names(parts) if f"{n}_error_message" in self._app.functions]
        own = parts.functions.get("error_message")
        if own is not None and not named:
            return self._function(own, "validate", ("data",))
        if not named:
            return ""
        who = "player.group" if self._model(parts) == "group" else "player"
        lines = [f"{n!r}: {n}_error_message({who}, data[{n!r}])," for n in named]
        found = "\n".join(["errors = {", *(f"    {line}" for line in lines), "}"])
        if own is not None:
            self._translator.remark(own, f"{parts.name}.error_message: add it to validate.")
        body = f"{found}\nreturn {{name: error for name, error in errors.items() if error}}"
        return f"def validate(page, player, data):\n{textwrap.indent(body, '    ')}"

    # ---- leaving ----

    def _leaving(self, parts: _PageParts) -> list[str]:
        """Return what happens when the page is left, or its time is up."""
        timed = parts.has("timeout_seconds") or parts.has("get_timeout_seconds")
        before_next = parts.functions.get("before_next_page")
        asks = before_next is not None and timed and len(_parameters(before_next)) > 1
        blocks = []
        if asks:
            blocks.append("def before_always_once(page, player):\n    player.timed_out = False")
        model = self._model(parts)
        known = [name for name in self._names(parts) if self._fields.is_known(model, name)]
        late = [f"player.{name} = {self._fields.timed_out(model, name)}" for name in known]
        late += ["player.timed_out = True"] if asks else []
        if timed and late:
            body = textwrap.indent("\n".join(late), "    ")
            blocks.append(f"def timeout_reached(page, player):\n{body}")
        if before_next is not None:
            blocks.append(self._after(parts, before_next, asks))
        return blocks

    def _after(self, parts: _PageParts, function: cst.FunctionDef, asks: bool) -> str:
        given = _parameters(function)
        lines = []
        several = self._app.rounds > 1
        if several and "is_displayed" in parts.functions:
            lines.append("if not page.show(player):\n    return")
        if len(given) > 1:
            happened = "player.timed_out" if asks else "False"
            lines.append(f"{given[1]} = {happened}")
        name = "after_always_once" if several else "after_once"
        before = textwrap.indent("\n".join(lines), "    ")
        body = "\n".join(filter(None, [before, self._body(function)]))
        return f"def {name}(page, {given[0] if given else 'player'}):\n{body}"

    # ---- live methods ----

    def _live(self, parts: _PageParts) -> str:
        if not parts.has("live_method"):
            return ""
        self._translator.stand_ins.add("push_answer")
        called = f"{self._live_name(parts)}(player, data)"
        if _is_async(parts.functions.get("live_method")):
            lines = [
                "async def live_send(page, player, data):",
                f"    async for answer in {called}:",
                "        push_answer(player, answer)",
            ]
        else:
            lines = ["def live_send(page, player, data):", f"    push_answer(player, {called})"]
        return "\n".join(["@live", *lines])

    def _live_name(self, parts: _PageParts) -> str:
        if "live_method" in parts.functions:
            return f"{parts.name.lower()}_live_method"
        return code_of(parts.values["live_method"]).strip("'\"")

    def _live_function(self, parts: _PageParts) -> str:
        found = parts.functions.get("live_method")
        if found is None:
            return ""
        names = ", ".join(_parameters(found))
        word = "async def" if _is_async(found) else "def"
        return f"{word} {self._live_name(parts)}({names}):\n{self._body(found)}\n\n\n"

    # ---- wait pages ----

    def _arrives(self, parts: _PageParts) -> bool:
        given = parts.values.get("group_by_arrival_time")
        return given is not None and code_of(given) == "True"

    def _wait(self, parts: _PageParts) -> list[str]:
        arrives = self._arrives(parts)
        self.groups_at_arrival |= arrives
        size = "C.PLAYERS_PER_GROUP"
        if arrives and self._app.is_none("PLAYERS_PER_GROUP"):
            size = "2"
            self._translator.remark(parts.node, f"{parts.name}: which size have its groups?")
        whole = "wait_for_all_groups" in parts.values
        lines = [f"group_size = {size}"] if arrives else []
        lines += ['synchronize = "session"'] if whole and not arrives else []
        if "template_name" in parts.values:
            self._translator.remark(parts.node, f"{parts.name}: its template was left out.")
        hook = "after_grouping" if arrives else "all_here"
        return [
            self._prose(parts), "\n".join(lines), self._hook(parts, "is_displayed", "show"),
            self._arrival(parts, hook, "session" if whole else "group"),
        ]  # fmt: skip

    def _prose(self, parts: _PageParts) -> str:
        texts = []
        for name, mark in (("title_text", "# "), ("body_text", "")):
            value = parts.values.get(name)
            if isinstance(value, (cst.SimpleString, cst.ConcatenatedString)):
                texts.append(f"{mark}{value.evaluated_value!s}")
            elif value is not None or name in parts.functions:
                self._translator.remark(parts.node, f"{parts.name}.{name} is computed.")
        return f'"""{chr(10).join(texts)}"""' if texts else ""

    def _arrival(self, parts: _PageParts, hook: str, subject: str) -> str:
        found = parts.functions.get("after_all_players_arrive")
        if found is not None:
            return self._function(found, hook)
        value = parts.values.get("after_all_players_arrive")
        if value is None:
            return ""
        called = code_of(value).strip("'\"")
        return f"def {hook}(page, {subject}):\n    {called}({subject})"

    # ---- templates ----

    def _template(self, parts: _PageParts) -> str | None:
        own = parts.values.get("template_name")
        name = code_of(own).strip("'\"") if own is not None else f"{parts.name}.html"
        path = self._find(name)
        if path is None:
            self._translator.remark(parts.node, f"{parts.name}: no template '{name}' was found.")
            return None
        return self._templates.page(path, parts.has("live_method"), parts.has("js_vars"))

    def _find(self, name: str) -> Path | None:
        folder = self._app.folder
        places = [folder / name, folder.parent / name, folder.parent / "_templates" / name]
        return next((place for place in places if place.is_file()), None)


def _is_async(function: cst.FunctionDef | None) -> bool:
    return function is not None and function.asynchronous is not None


def _parameters(function: cst.FunctionDef) -> list[str]:
    names = [param.name.value for param in function.params.params]
    return ["player" if name == "self" else name for name in names]
