"""ExportFiles: an exported app's templates, static files, translations and bots."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from jinja2 import Environment

from uproot_nb.experiment.pages import Page
from uproot_nb.flow.app_files import FOLDERS
from uproot_nb.templating.markdown import Prose, read_prose
from uproot_nb.templating.templates import BLOCKS, Templates, TemplateSource
from uproot_nb.version import VERSION

__all__ = ["ExportFiles"]

EXTENDS = re.compile(r"\{%-?\s*extends\b")
BLOCK = re.compile(r"\{%-?\s*block\s+(\w+)")
SWITCH = re.compile(
    r"^[ \t]*\{%-?\s*set\s+(?:buttons|disable_\w+)\s*=.*?%\}[ \t]*\n?", re.MULTILINE
)
OTHERS = re.compile(r"(\{%-?\s*(?:extends|include|import|from)\s+)([\"'])([^\"']+)\2")
FIELDS = re.compile(r"\bfields?\s*\(|\bform\b")
OURS = re.compile(r"(?<![\w.])(internal)?static\s*\(\s*[\"']([^\"']+)[\"']")
TAG = re.compile(r"\{[{%].*?[%}]\}", re.DOTALL)
GROUP = re.compile(r"(?<![\w.\"'])group(?=\s*[.|\[)}%])")
LANGUAGE = re.compile(r"[a-z]{2,3}(?:[-_][A-Za-z]{2,4})?\.ya?ml")
HEAD = '{% extends "Base.html" %}\n'
SHIPPED = frozenset({"Base.html", "Page.html", "Wait.html", "Landing.html", "End.html"})


class ExportFiles:
    """Collects an app's files by name, and lists obstacles.

    Args:
        name: the app's name.
        folder: where the notebook is.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self._name, self._folder = name, folder
        self._templates = Templates([folder], VERSION)
        self.texts: dict[str, str] = {}
        """What is to be written, by path in the app's folder."""
        self.copies: dict[str, Path] = {}
        """What is to be copied: files and folders, by path in the app's folder."""
        self.problems: list[str] = []

    def collect(self, pages: Sequence[type[Page]], cells: Mapping[str, str]) -> None:
        """Take what the pages need, and what lies beside the notebook."""
        for page in pages:
            if page.shown and not (page.waits and self._is_plain(page, cells)):
                self._take_page(page, self._templates.page_source(page, cells))
        for name in FOLDERS:
            if (self._folder / name).is_dir():
                self.copies["_static"] = self._folder / name
        for path in sorted(self._folder.glob("*.y*ml")):
            if LANGUAGE.fullmatch(path.name):
                self.copies[path.name] = path
        self._take_simulation(pages)

    @property
    def has_languages(self) -> bool:
        """Whether there are translations."""
        return any(name.endswith((".yml", ".yaml")) for name in self.copies)

    def mentions(self, words: str) -> bool:
        """Return whether a template, a script of the app or its bots contain a text."""
        scripts = [p for folder in self.copies.values() for p in folder.rglob("*.js")]
        texts = [*self.texts.values(), *(path.read_text("utf-8", "replace") for path in scripts)]
        return any(words in text for text in texts)

    def write(self, folder: Path) -> None:
        """Write everything."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in self.texts.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, "utf-8")
        for name, path in self.copies.items():
            if path.is_dir():
                shutil.copytree(path, folder / name, dirs_exist_ok=True)
            else:
                shutil.copyfile(path, folder / name)

    # ---- templates ----

    def _is_plain(self, page: type[Page], cells: Mapping[str, str]) -> bool:
        """Tell whether a wait page looks as wait pages do."""
        named = page.template is not None or page.__name__ in cells
        return not named and not (self._folder / f"{page.__name__}.html").is_file()

    def _take_page(self, page: type[Page], source: TemplateSource) -> None:
        text = self._with_own_names(source.text, f"the template of {page.__name__}")
        if source.markdown:
            text = _from_prose(page, read_prose(Environment(), text, source.where, portable=True))
        elif not EXTENDS.search(text):
            text = _extending_base(text)
        self.texts[f"{page.__name__}.html"] = text.rstrip() + "\n"

    def _with_own_names(self, text: str, whose: str) -> str:
        """Let a template name others as the framework finds them, and take those, too."""
        for internal, name in OURS.findall(text):
            if internal or not any((self._folder / one / name).is_file() for one in FOLDERS):
                call = f"{internal}static('{name}')"
                self._object(f"{whose}: {call} is no file of the folder 'static'")

        def renamed(found: re.Match[str]) -> str:
            start, quote, name = found.groups()
            return f"{start}{quote}{self._other(name, whose)}{quote}"

        text = TAG.sub(lambda tag: GROUP.sub("player.group", tag[0]), text)
        return OTHERS.sub(renamed, text).replace("projectstatic(", "appstatic(")

    def _other(self, name: str, whose: str) -> str:
        path = self._folder / name
        own = name.removeprefix("uproot_nb/")
        if own == "Base.html" and not path.is_file():
            return own
        if own in SHIPPED and not path.is_file():
            self._object(f"{whose}: it extends {name}, which is of uproot_nb; extend Base.html")
        elif not path.is_file():
            self._object(f"{whose}: there is no file '{name}' beside the notebook")
        elif name not in self.texts:
            self.texts[name] = ""  # so that files that include each other come to an end
            self.texts[name] = self._with_own_names(path.read_text("utf-8"), name)
        return f"{self._name}/{name}"

    # ---- bots ----

    def _take_simulation(self, pages: Sequence[type[Page]]) -> None:
        path = self._folder / "simulate.js"
        if not path.is_file():
            return
        text = path.read_text("utf-8")
        for page in pages:
            pattern = rf"(simulate\.on\(\s*[\"'])(?:\w+/)?{page.__name__}(?=[\"'])"
            text = re.sub(pattern, rf"\g<1>{self._name}/{page.__name__}", text)
        self.texts["simulate.js"] = text

    def _object(self, problem: str) -> None:
        if problem not in self.problems:
            self.problems.append(problem)


def _from_prose(page: type[Page], prose: Prose) -> str:
    """Write prose as HTML, with the page's fields after it where it does not show them itself.

    The framework would turn Jinja's own quotation marks into HTML's, in Markdown with Jinja.
    """
    body = prose.body.strip("\n")
    if getattr(page, "fields", None) is not None and not FIELDS.search(body):
        body += "\n\n{{ fields() }}"
    title = f"{{% block title %}}{prose.title}{{% endblock title %}}\n\n" if prose.title else ""
    return f"{HEAD}\n{title}{{% block main %}}\n{body}\n{{% endblock main %}}\n"


def _extending_base(text: str) -> str:
    """Write out what a template that is only a page's inside leaves to us."""
    if BLOCKS.intersection(_blocks(text)):
        return f"{HEAD}\n{text.lstrip()}"
    switches = "".join(found.strip() + "\n" for found in SWITCH.findall(text))
    rest = SWITCH.sub("", text).strip("\n")
    return f"{HEAD}{switches}\n{{% block main %}}\n{rest}\n{{% endblock main %}}\n"


def _blocks(text: str) -> Iterator[str]:
    return (found.group(1) for found in BLOCK.finditer(text))
