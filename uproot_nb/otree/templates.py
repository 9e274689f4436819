"""Templates of oTree, translated to our Jinja templates."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from uproot_nb.otree.app import OLD_NAMES
from uproot_nb.otree.remarks import Remarks

__all__ = ["TemplateTranslator"]

_TAG = re.compile(r"\{#.*?#\}|\{\{(.*?)(?:\}\}|%\})|\{%(.*?)(?:%\}|\}\})", re.DOTALL)
_BLOCKS = {
    "content": "main", "title": "title", "scripts": "late", "app_scripts": "late",
    "global_scripts": "late", "styles": "head", "app_styles": "head", "global_styles": "head",
}  # fmt: skip
_SAME = ("if", "elif", "else", "endif", "endfor", "endblock", "set", "endwith")
_DROPPED = ("load", "csrf_token")
_FOREIGN = ("trans", "blocktrans", "endblocktrans", "url", "debug")
_TEXT = re.compile(r"'[^']*'|\"[^\"]*\"")
_OURS = ("field", "fields", "chat", "static", "to")
"""Functions of our templates."""
_ONLY_IN_PYTHON = re.compile(r"\.get_\w+\(|field_display|\bin_rounds?\b")
_STATIC_PAGE = ("global/Page.html", "otree/Page.html", "global/Base.html")
_NEXT = '<button type="submit" class="btn btn-primary">{{ _("Next") }}</button>'
_ROUNDS = '({0}.along("round") | map(attribute=1) | list)'
_EXPRESSION: list[tuple[str, str]] = [
    *((rf"\bConstants\.{name}\b", f"C.{name.upper()}") for name in sorted(OLD_NAMES)),
    (r"\bConstants\b", "C"),
    (r"\b(\w+)\.participant\b", r"\1"),
    (r"\bparticipant\.vars\.", "player."),
    (r"\bparticipant\.code\b", "player.name"),
    (r"\bparticipant\b", "player"),
    (r"\bsubsession\.round_number\b", "player.round"),
    (r"\bsubsession\b", "session"),
    (r"\.round_number\b", ".round"),
    (r"\b([\w.]+)\.id_in_group\b", r"(\1.member_id + 1)"),
    (r"\b([\w.]+)\.id_in_(?:subsession|session)\b", r"(\1.id + 1)"),
    (r"\.get_players\b(\(\))?", ".players"),
    (r"\.get_others_in_group\b(\(\))?", ".others_in_group"),
    (r"\.get_others_in_subsession\b(\(\))?", ".others_in_session"),
    (r"\.field_maybe_none\(", ".get("),
    (r"\bsession\.config\b", "session.settings"),
    (r"\b(session|player)\.vars\.", r"\1."),
    (r"\bforloop\.counter0\b", "loop.index0"),
    (r"\bforloop\.counter\b", "loop.index"),
    (r"\bforloop\b", "loop"),
    (r"\s*\|\s*(?:c|cu|gettext|linebreaks)\b(?!\()", ""),
    (r"\|\s*to(\d)\b", r"| to(\1)"),
    (r"\|\s*json\b", "| tojson"),
    (r"\|\s*default\(([^)]*)\)", r"| default(\1, true)"),
    (r"\s*\|\|\s*", " or "),
]  # fmt: skip
_SHIM = """<script>
const js_vars = uproot.vars;
function liveSend(data) { return uproot.invoke("live_send", {data}); }
uproot.onCustomEvent("liveRecv", (event) => liveRecv(event.detail.data));
</script>
"""
_FORM = re.compile(r"""getElementById\((["'])form\1\)""")
_OUR_FORM = 'getElementById("uproot-form")'
_VARS_SHIM = "<script>const js_vars = uproot.vars;</script>\n"


@dataclass
class _State:
    """What is known of the template that is being translated."""

    file: str
    folder: Path
    line: int = 1
    extends: bool = False
    renamed: dict[str, str] = field(default_factory=dict)
    """Variables of loops that are called like functions of ours."""


@dataclass
class TemplateTranslator:
    """Translates an app's templates, and collects those that they include.

    Args:
        folder: the app's folder.
        beside: the folder beside the notebook for included files, as a relative path.
    """

    folder: Path
    beside: str
    remarks: Remarks
    rounds: int = 1
    constant: Callable[[str], str | None] = lambda name: None
    """Returns the path that a constant holds."""
    included: dict[str, str] = field(default_factory=dict)
    """Files to write, by their names in *beside*."""
    uses_chat: bool = False

    def page(self, path: Path, live: bool = False, js_vars: bool = False) -> str:
        """Return a page's template."""
        state = _State(f"{self.folder.name}/{path.name}", path.parent)
        body = self._translated(path.read_text("utf-8"), state)
        switch = "{% set buttons = false %}\n"  # oTree's pages place their buttons themselves
        head = "" if state.extends else '{% extends "Base.html" %}\n'
        shim = _SHIM if live else _VARS_SHIM if js_vars else ""
        body = body.replace("{% block main %}", "{% block main %}\n" + shim, 1) if shim else body
        return f"{head}{switch}{_FORM.sub(_OUR_FORM, body).strip()}\n"

    def _translated(self, text: str, state: _State) -> str:
        pieces, at = [], 0
        for found in _TAG.finditer(text):
            pieces.append(text[at : found.start()])
            state.line = text.count("\n", 0, found.start()) + 1
            inner = found[1] if found[1] is not None else found[2]
            pieces.append(found[0] if inner is None else self._tag(inner.strip(), state))
            at = found.end()
        return "".join(pieces) + text[at:]

    def _tag(self, text: str, state: _State) -> str:
        word, _, rest = text.partition(" ")
        handle = self._handlers.get(word)
        if handle is not None:
            return handle(rest.strip(), state)
        if word in _SAME:
            return f"{{% {' '.join(filter(None, [word, self._expression(rest, state)]))} %}}"
        if word in _DROPPED:
            return ""
        if word in _FOREIGN:
            return self._untranslated(text, state, "this tag has no counterpart.")
        return f"{{{{ {self._expression(text, state)} }}}}"

    def _untranslated(self, text: str, state: _State, why: str) -> str:
        self.remarks.add(state.file, state.line, f"{{{{ {text} }}}}: {why}")
        return f"{{# TODO {state.file}:{state.line}: {text} #}}"

    # ---- tags ----

    @property
    def _handlers(self) -> dict[str, Callable[[str, _State], str]]:
        return {
            "block": self._block, "for": self._for, "empty": self._empty, "with": self._with,
            "formfields": self._formfields, "formfield": self._formfield,
            "formfield_errors": self._errors, "next_button": self._next, "static": self._static,
            "chat": self._chat, "extends": self._extends, "include": self._include,
            "include_sibling": self._include, "back_button": self._back,
            "comment": self._comment, "endcomment": self._end_comment,
        }  # fmt: skip

    def _back(self, rest: str, state: _State) -> str:
        return self._untranslated("back_button", state, "write allow_back = True in the page.")

    def _comment(self, rest: str, state: _State) -> str:
        return "{#"

    def _end_comment(self, rest: str, state: _State) -> str:
        return "#}"

    def _block(self, rest: str, state: _State) -> str:
        return f"{{% block {_BLOCKS.get(rest, rest)} %}}"

    def _for(self, rest: str, state: _State) -> str:
        names, _, values = rest.partition(" in ")
        source = self._expression(values, state)
        state.renamed |= {n: f"{n}_" for n in _OURS if re.search(rf"\b{n}\b", names)}
        return f"{{% for {self._expression(names, state)} in {source} %}}"

    def _empty(self, rest: str, state: _State) -> str:
        return "{% else %}"

    def _with(self, rest: str, state: _State) -> str:
        name, _, value = rest.partition("=")
        return f"{{% with {name.strip()} = {self._expression(value.strip(), state)} %}}"

    def _formfields(self, rest: str, state: _State) -> str:
        return "{{ fields() }}"

    def _formfield(self, rest: str, state: _State) -> str:
        name, _, more = rest.partition(" ")
        if more.strip():
            self._untranslated(f"formfield {rest}", state, "its arguments were left out.")
        return f"{{{{ field({self._form_field(name, state)}) }}}}"

    def _errors(self, rest: str, state: _State) -> str:
        return f'{{{{ {self._form_field(rest, state)}.errors | join(" ") }}}}'

    def _next(self, rest: str, state: _State) -> str:
        return _NEXT

    def _static(self, rest: str, state: _State) -> str:
        return f"{{{{ appstatic({self._expression(rest, state)}) }}}}"

    def _chat(self, rest: str, state: _State) -> str:
        self.uses_chat = True
        if rest:
            self._untranslated(f"chat {rest}", state, "its arguments were left out.")
        return "{{ chat(group.chat) }}"

    def _extends(self, rest: str, state: _State) -> str:
        state.extends = True
        name = rest.strip("'\"")
        if name in _STATIC_PAGE:
            self._look_at_frame(name, state)
            return '{% extends "Base.html" %}'
        return f'{{% extends "{self._other(name, state)}" %}}'

    def _look_at_frame(self, name: str, state: _State) -> None:
        """Note what the project's frame of all pages has beside its blocks."""
        path = self.folder.parent / "_templates" / name
        text = path.read_text("utf-8") if path.is_file() else ""
        bare = _TAG.sub("", re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)).strip()
        if bare:
            why = "the frame of all pages has more than blocks; put it into Base.html."
            self.remarks.add(f"_templates/{name}", 1, why)

    def _include(self, rest: str, state: _State) -> str:
        name, _, more = rest.partition(" with ")
        held = re.fullmatch(r"(?:C|Constants)\.(\w+)", name.strip())
        known = self.constant(held[1]) if held else None
        name = name if known is None else repr(known)
        if not _TEXT.fullmatch(name.strip()):
            return self._untranslated(f"include {rest}", state, "the name is computed.")
        path = self._other(name.strip().strip("'\""), state)
        tag = f'{{% include "{path}" %}}'
        if not more:
            return tag
        values = ", ".join(self._expression(part.strip(), state) for part in more.split("&"))
        return f"{{% with {values} %}}{tag}{{% endwith %}}"

    def _other(self, name: str, state: _State) -> str:
        """Translate another template, once, and return its path beside the notebook."""
        project = self.folder.parent
        places = [state.folder / name, project / name, project / "_templates" / name]
        path = next((place for place in places if place.is_file()), None)
        if path is None:
            self.remarks.add(state.file, state.line, f"the template '{name}' was not found.")
            return f"{self.beside}/{name}"
        key = name.replace("/", "_")
        if key not in self.included:
            self.included[key] = ""
            inner = _State(f"{path.parent.name}/{path.name}", path.parent)
            self.included[key] = self._translated(path.read_text("utf-8"), inner)
        return f"{self.beside}/{key}"

    # ---- expressions ----

    def _form_field(self, name: str, state: _State) -> str:
        return (
            f"form.{name[1:-1]}" if _TEXT.fullmatch(name) else f"form[{self._names(name, state)}]"
        )

    def _expression(self, text: str, state: _State) -> str:
        literals = _TEXT.findall(text)
        parts = _TEXT.split(text)
        masked = "".join(f"{part}\0{n}\0" for n, part in enumerate(parts))
        masked = masked.removesuffix(f"\0{len(parts) - 1}\0")
        ours = self._names(masked, state)
        choice = re.fullmatch(r"(.+?)\s*\?\?\s*(.+?)\s*::\s*(.+)", ours)
        ours = f"{choice[2]} if {choice[1]} else {choice[3]}" if choice else ours
        restored = re.sub(r"\0(\d+)\0", lambda found: literals[int(found[1])], ours)
        if _ONLY_IN_PYTHON.search(ours):
            self.remarks.add(state.file, state.line, f"'{restored}': compute it in Python.")
        return restored

    def _names(self, text: str, state: _State) -> str:
        for theirs, other in state.renamed.items():
            text = re.sub(rf"(?<![.\w]){theirs}\b", other, text)
        for pattern, ours in _EXPRESSION:
            text = re.sub(pattern, ours, text)
        text = re.sub(r"\b([\w.]+)\.in_all_rounds\b(\(\))?", _ROUNDS.format(r"\1"), text)
        text = re.sub(
            r"\b([\w.]+)\.in_previous_rounds\b(\(\))?", _ROUNDS.format(r"\1") + "[:-1]", text
        )
        if self.rounds == 1:
            text = re.sub(r"\b\w+\.round\b", "1", text)
        return text
