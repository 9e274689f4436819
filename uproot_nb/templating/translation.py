"""Translating templates: `_("text")` and `{% translate %}` blocks in one language."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn

from jinja2 import Environment, TemplateSyntaxError
from jinja2.ext import Extension

from uproot_nb.languages.catalogs import Catalogues

__all__ = ["install_translation", "translate_blocks"]

_TAG = r"\{%%[-+]?\s*%s\s*[-+]?%%\}"
_BLOCK = re.compile(
    r"(?P<other>\{#.*?#\}|" + _TAG % "raw" + ".*?" + _TAG % "endraw" + ")|"
    r"\{%(?P<before>[-+]?)\s*translate\s*(?P<inside>[-+]?)%\}"
    r"(?P<text>.*?)"
    r"\{%(?P<within>[-+]?)\s*endtranslate\s*(?P<after>[-+]?)%\}|"
    r"(?P<lone>" + _TAG % "(?:end)?translate" + ")",
    re.DOTALL,
)
_NESTED = re.compile(_TAG % "translate")


@dataclass(frozen=True)
class _PageLanguage:
    catalogues: Catalogues
    language: str


def install_translation(environment: Environment, catalogues: Catalogues, language: str) -> None:
    """Give an environment's templates `_`, `gettext` and `{% translate %}` in one language."""
    translate = catalogues.translator(language)
    environment.globals.update(_=translate, gettext=translate)
    environment.extend(uproot_language=_PageLanguage(catalogues, language))
    environment.add_extension(_TranslateBlocks)


def translate_blocks(
    environment: Environment, source: str, name: str | None = None, filename: str | None = None
) -> str:
    """Replace each `{% translate %}…{% endtranslate %}` of a template's source by its translation.

    A translation is template source, too: it may use all variables in scope, which are escaped as
    usual. Line numbers stay the same unless a translation has more lines than its block.

    Raises:
        TemplateSyntaxError: a block is not closed, or a translation is not a valid template.
    """
    if "translate" not in source:
        return source
    target: _PageLanguage = environment.uproot_language  # type: ignore[attr-defined]

    def replacement(found: re.Match[str]) -> str:
        line = source.count("\n", 0, found.start()) + 1
        if found["other"] is not None:
            return found.group()
        if found["lone"] is not None or _NESTED.search(found["text"]):
            _refuse("every {% translate %} needs one {% endtranslate %}", line, name, filename)
        text = _translated(environment, target, found["text"], (line, name, filename))
        return _in_place(found, text)

    return _BLOCK.sub(replacement, source)


class _TranslateBlocks(Extension):
    """Translates the blocks of every template that is parsed, also of those it extends."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        return translate_blocks(self.environment, source, name, filename)


def _translated(
    environment: Environment,
    target: _PageLanguage,
    text: str,
    place: tuple[int, str | None, str | None],
) -> str:
    found = target.catalogues.find(text, target.language)
    if found is None:
        return text
    try:
        if _NESTED.search(found.text):
            _refuse("a translation cannot hold {% translate %}", *place)
        environment.parse(found.text)
    except TemplateSyntaxError as error:
        _refuse(f"in its translation ({found.where}): {error.message}", *place)
    start = len(text) - len(text.lstrip())
    end = len(text.rstrip())
    return text[:start] + found.text.strip() + text[end:]


def _in_place(found: re.Match[str], text: str) -> str:
    """Return a block's replacement, with as many lines and the whitespace that its dashes leave."""
    if found["inside"] == "-":
        text = text.lstrip()
    if found["within"] == "-":
        text = text.rstrip()
    lines = "\n" * max(0, found.group().count("\n") - text.count("\n"))
    first = "{#- #}" if found["before"] == "-" else ""
    last = f"{{#{lines} -#}}" if found["after"] == "-" else f"{{#{lines}#}}" if lines else ""
    return f"{first}{text}{last}"


def _refuse(message: str, line: int, name: str | None, filename: str | None) -> NoReturn:
    raise TemplateSyntaxError(message, line, name, filename)
