"""Catalogue files: the translations in files such as `de.yml`, with their lines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from uproot_nb.errors import BadLanguageFile
from uproot_nb.languages.codes import normal_code

if TYPE_CHECKING:
    import yaml

__all__ = ["Texts", "Translation", "catalogue_paths", "plain", "read_catalogue"]


class Translation(NamedTuple):
    """A text in another language, with its file and line."""

    text: str
    where: str


Texts = dict[str, dict[str, Translation]]
"""Translations by language, then by source text (its whitespace collapsed)."""


def plain(text: str) -> str:
    """Return a text as catalogues list it, with runs of whitespace as one space."""
    return " ".join(text.split())


def catalogue_paths(folder: Path) -> list[Path]:
    """Return the files of a folder that are named for a language, such as de.yml or pt-BR.yml."""
    return sorted(path for path in folder.glob("*.yml") if _language(path) and path.is_file())


def read_catalogue(path: Path) -> Texts:
    """Read one file: `source text: translation`, in the language that the file is named for.

    A file with another name may hold several languages: such a mapping below each code.
    All scalars are texts, also `No`, `3` and `null`. An empty translation counts as missing.

    Raises:
        BadLanguageFile: it cannot be read, is not such a mapping, or gives a text twice.
    """
    root = _compose(path)
    if root is None:
        return {}
    language = _language(path)
    if language:
        return {language: _translations(path, root)}
    return {_code(path, key): _translations(path, value) for key, value in _pairs(path, root)}


def _language(path: Path) -> str | None:
    return normal_code(path.stem)


def _code(path: Path, key: yaml.Node) -> str:
    code = normal_code(_text(path, key))
    if code is None:
        raise _refusal(
            path,
            key,
            f"'{key.value}' is not a language code.",
            "Name the file after its language (de.yml), or list the texts below language codes.",
        )
    return code


def _translations(path: Path, root: yaml.Node) -> dict[str, Translation]:
    found: dict[str, Translation] = {}
    for key, value in _pairs(path, root):
        source = plain(_text(path, key))
        translation = Translation(_text(path, value), f"{path}, line {_line(value)}")
        if not translation.text.strip():
            continue
        first = found.setdefault(source, translation)
        if first.text != translation.text:
            raise _refusal(
                path, key, f"'{source}' appears twice (see {first.where}).", "Delete one of them."
            )
    return found


def _pairs(path: Path, node: yaml.Node) -> Iterator[tuple[yaml.Node, yaml.Node]]:
    if _kind(node) != "mapping":
        raise _refusal(
            path,
            node,
            "it does not list texts with their translations.",
            "Write a line such as 'Hello world.: Hallo Welt.' for each text."
            " If the file is for something else, rename or move it.",
        )
    yield from node.value


def _text(path: Path, node: yaml.Node) -> str:
    if _kind(node) != "scalar":
        raise _refusal(
            path,
            node,
            "there is a list or mapping where a text is expected.",
            "Quote texts that have a colon, braces or brackets."
            " If the file is for something else, rename or move it.",
        )
    return str(node.value)


def _compose(path: Path) -> yaml.Node | None:
    import yaml  # lazy: an experiment in one language never needs it

    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadLanguageFile(
            str(path), 0, f"it cannot be read: {error}.", "Save it as UTF-8 text."
        ) from error
    loader = getattr(
        yaml, "CBaseLoader", yaml.BaseLoader
    )  # reads every scalar as text, and makes no objects
    try:
        root: yaml.Node | None = yaml.compose(text, Loader=loader)
    except yaml.YAMLError as error:
        problem = str(getattr(error, "problem", None) or error).partition("\n")[0]
        # An unclosed quote fails at the end of the file; context_mark is where it was opened.
        where = "context_mark" if "end of stream" in problem else "problem_mark"
        mark = getattr(error, where, None)
        raise BadLanguageFile(
            str(path),
            mark.line + 1 if mark else 0,
            f"this is not YAML: {problem}.",
            "Correct that line. Quote texts that have a colon in them.",
        ) from error
    return root


def _kind(node: yaml.Node) -> str:
    return str(getattr(node, "id", ""))


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _refusal(path: Path, node: yaml.Node, what: str, remedy: str) -> BadLanguageFile:
    return BadLanguageFile(str(path), _line(node), what, remedy)
