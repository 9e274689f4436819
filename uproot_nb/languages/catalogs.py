"""Catalogues: the texts of an experiment and of uproot_nb, in each language."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from uproot_nb.errors import BadLanguageFile
from uproot_nb.languages.catalog_files import (
    Texts,
    Translation,
    catalogue_paths,
    plain,
    read_catalogue,
)
from uproot_nb.languages.codes import ENGLISH, broader, direction

__all__ = ["Catalogues", "Shelf", "fill", "load_catalogues", "shipped_languages"]

SHIPPED_FOLDER = Path(__file__).resolve().parent
SETTLED_NS = 2_000_000_000
"""A folder that changed less than this before it was listed may have changed again unnoticed."""

MOST_UNFOUND = 1_000
"""How many untranslated texts of a language are remembered for the researcher."""

_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(frozen=True, eq=False)
class Catalogues:
    """What an experiment says in each language: its own texts, then the shipped ones.

        catalogues = load_catalogues(Path("survey"))
        _ = catalogues.translator("de")
        _("Hello world.")          # 'Hallo Welt.'
        catalogues.missing("fr")   # what is still to be translated

    Without own texts there are only the shipped ones.
    """

    own: Mapping[str, Mapping[str, Translation]] = field(default_factory=dict)
    _unfound: dict[str, set[str]] = field(default_factory=dict, init=False, repr=False)

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that the experiment is written in: English, and those it has files for."""
        return tuple(sorted({ENGLISH, *self.own}))

    def find(self, text: str, language: str) -> Translation | None:
        """Return the translation into *language*, or into a broader one, if there is one."""
        source = plain(text)
        for code in broader(language):
            for texts in (self.own.get(code), _shipped(code)):
                if texts and source in texts:
                    return texts[source]
        return None

    def spoken(self, language: str) -> str:
        """Return *language* as far as it makes a difference here: "de" for "de-AT" without a file.

        There are only so many, whatever a participant asks for.
        """
        known = {*self.own, *shipped_languages()}
        return next((code for code in broader(language) if code in known), ENGLISH)

    def translate(self, text: str, language: str, /, **values: Any) -> str:
        """Say *text* in a language: exactly that one, else the broader one, else the text itself.

        `{name}` is replaced by the value of that name. Text that is safe (Markup) stays safe; its
        values are escaped.
        """
        found = self.find(text, language)
        if found is None:
            self._note_unfound(text, language)
        said = found.text if found else text
        if values and direction(language) == "rtl":
            values = {name: _with_minus_first(value) for name, value in values.items()}
        return fill(Markup(said) if isinstance(text, Markup) else said, **values)

    def translator(self, language: str) -> Callable[..., str]:
        """Return the function `_` of a language: `_("Hello {name}", name="Ann")`."""
        return partial(_say, self, language)

    def missing(self, language: str) -> list[str]:
        """List what is not translated into *language*: texts of other languages, and asked for.

        Nothing is missing in English as long as the experiment has no catalogue for it.
        """
        codes = broader(language)
        if ENGLISH in codes and not any(code in self.own for code in codes):
            return []
        # The shipped languages all have the texts that English has.
        listed = (*self.own.values(), _shipped(ENGLISH), self._unfound.get(language, ()))
        sources = {source for texts in listed for source in texts}
        return sorted(source for source in sources if self.find(source, language) is None)

    def over(self, below: Catalogues) -> Catalogues:
        """Return both in one; where both have a text, this one's is taken."""
        codes = {**below.own, **self.own}
        return Catalogues(
            {code: {**below.own.get(code, {}), **self.own.get(code, {})} for code in codes}
        )

    def _note_unfound(self, text: str, language: str) -> None:
        asked = self._unfound.setdefault(language, set())
        if len(asked) < MOST_UNFOUND and any(character.isalpha() for character in text):
            asked.add(plain(text))


def load_catalogues(folder: Path) -> Catalogues:
    """Read the files of a folder that are named for a language: de.yml, fr.yml, pt-BR.yml …

    In place of a folder a file will do; see `read_catalogue` for one that holds several languages.

    Raises:
        BadLanguageFile: there is no such folder, or a file is not as it should be.
    """
    if folder.is_dir():
        return _read_all(catalogue_paths(folder))
    if folder.is_file():
        return _read_all([folder])
    raise BadLanguageFile(
        str(folder), 0, "there is no such folder.", "Give the folder that has de.yml and its like."
    )


def fill(text: str, /, **values: Any) -> str:
    """Put values for the `{name}`s of a text; it reads no attributes, and leaves all else alone."""
    if not values:
        return text
    safe = isinstance(text, Markup)

    def value_of(place: re.Match[str]) -> str:
        if place[1] not in values:
            return place[0]
        value = values[place[1]]
        return str(escape(value) if safe else value)

    filled = _PLACEHOLDER.sub(value_of, str(text))
    return Markup(filled) if safe else filled


class Shelf:
    """The catalogues of several folders, the first over the next; read again when they change.

    shelf = Shelf(Path("survey"), Path("."))
    shelf.read().translator("de")("Next")
    """

    def __init__(self, *folders: Path) -> None:
        self.folders = folders
        self._listed: dict[Path, tuple[int, int, list[Path]]] = {}
        self._stamps: list[tuple[Path, int, int]] | None = None
        self._catalogues = Catalogues()

    def read(self) -> Catalogues:
        """Return the catalogues as the files have them now; the same object while none changes.

        Raises:
            BadLanguageFile: a file is not as it should be.
        """
        stamps = [_stamp(path) for folder in self.folders for path in self._paths(folder)]
        if stamps != self._stamps:
            self._catalogues = _read_all([path for path, *_ in reversed(stamps)])
            self._stamps = stamps
        return self._catalogues

    def last_good(self) -> Catalogues:
        """Return the catalogues as they were when all files were last as they should be."""
        with suppress(BadLanguageFile):
            self.read()
        return self._catalogues

    def _paths(self, folder: Path) -> list[Path]:
        """List a folder's catalogues; a large folder is not listed again while it rests."""
        try:
            changed = folder.stat().st_mtime_ns
        except OSError:
            return []
        if not folder.is_dir():
            return [folder]
        known = self._listed.get(folder)
        if known and known[0] == changed and known[1] - changed > SETTLED_NS:
            return known[2]
        paths = catalogue_paths(folder)
        self._listed[folder] = (changed, time.time_ns(), paths)
        return paths


def _say(catalogues: Catalogues, language: str, text: Any, /, **values: Any) -> Any:
    # Authors pass whatever their choices hold; only text has translations.
    return catalogues.translate(text, language, **values) if isinstance(text, str) else text


def _with_minus_first(value: Any) -> Any:
    """Return a value with a mark before its minus, which would stand behind the digits."""
    text = str(value)
    is_negative = text[:1] in ("-", "\N{MINUS SIGN}") and not isinstance(value, Markup)
    return f"\N{LEFT-TO-RIGHT MARK}{text}" if is_negative else value


def _read_all(paths: Iterable[Path]) -> Catalogues:
    """Read files into one; of a text in several, the last file's is taken."""
    texts: Texts = {}
    for path in paths:
        for language, translations in read_catalogue(path).items():
            texts.setdefault(language, {}).update(translations)
    return Catalogues(texts)


@cache
def shipped_languages() -> tuple[str, ...]:
    """Return the languages that uproot_nb has its own texts in."""
    return tuple(sorted(path.stem for path in SHIPPED_FOLDER.glob("*.yml")))


def _shipped(language: str) -> Mapping[str, Translation]:
    """Return our own texts in exactly this language; empty if there is no file."""
    return _read_shipped(language) if language in shipped_languages() else {}


@cache
def _read_shipped(language: str) -> Mapping[str, Translation]:
    # One file at a time: nobody waits for a language that nobody reads.
    return read_catalogue(SHIPPED_FOLDER / f"{language}.yml")[language]


def _stamp(path: Path) -> tuple[Path, int, int]:
    try:
        stat = path.stat()
    except OSError:
        return path, 0, 0  # reading it says what is the matter
    return path, stat.st_mtime_ns, stat.st_size
