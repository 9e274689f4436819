"""Catalogues: the texts of an experiment and of uproot_nb, in each language."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, lru_cache, partial
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

__all__ = ["Catalogues", "WatchedCatalogues", "fill", "load_catalogues", "shipped_languages"]

SHIPPED_FOLDER = Path(__file__).resolve().parent
SETTLED_NS = 2_000_000_000
"""A folder listed sooner than this after a change may change again with the same time stamp."""

MOST_UNFOUND = 1_000
"""How many untranslated texts of a language are remembered for `missing`."""

MOST_ORDERS = 256
"""For how many languages the order of catalogues is remembered."""

_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(frozen=True, eq=False)
class Catalogues:
    """The texts of an experiment in each language: its own, then those of uproot_nb.

        catalogues = load_catalogues(Path("survey"))
        _ = catalogues.translator("de")
        _("Hello world.")          # 'Hallo Welt.'
        catalogues.missing("fr")   # what is still to be translated

    `Catalogues()` has only the latter.
    """

    own: Mapping[str, Mapping[str, Translation]] = field(default_factory=dict)
    _unfound: dict[str, set[str]] = field(default_factory=dict, init=False, repr=False)
    _narrowest_first: dict[str, tuple[Mapping[str, Translation], ...]] = field(
        default_factory=dict, init=False, repr=False
    )

    @property
    def languages(self) -> tuple[str, ...]:
        """English, and the languages that the experiment has files for."""
        return tuple(sorted({ENGLISH, *self.own}))

    def find(self, text: str, language: str) -> Translation | None:
        """Return the translation into *language*, or into a broader one, if there is one."""
        source = plain(text)
        for texts in self._narrowest_first.get(language) or self._order(language):
            if source in texts:
                return texts[source]
        return None

    def nearest(self, language: str) -> str:
        """Return the language whose texts are used: "de" for "de-AT" if there is no de-AT.yml.

        However many codes participants ask for, these are few.
        """
        known = {*self.own, *shipped_languages()}
        return next((code for code in broader(language) if code in known), ENGLISH)

    def translate(self, text: str, language: str, /, **values: Any) -> str:
        """Return *text* in this language, else in a broader one, else as it is.

        `{name}` is replaced by the value of that name. Safe text (Markup) stays safe: its values
        are escaped.
        """
        found = self.find(text, language)
        if found is None:
            self._note_unfound(text, language)
        translated = found.text if found else text
        if values and direction(language) == "rtl":
            values = {name: _with_minus_first(value) for name, value in values.items()}
        return fill(Markup(translated) if isinstance(text, Markup) else translated, **values)

    def translator(self, language: str) -> Callable[..., str]:
        """Return the function `_` of a language: `_("Hello {name}", name="Ann")`."""
        return partial(_translate_text, self, language)

    def missing(self, language: str) -> list[str]:
        """List the texts without a translation into *language*.

        These are texts that another language has, and texts that were looked up without success.
        In English nothing is missing unless the experiment has an en.yml.
        """
        codes = broader(language)
        if ENGLISH in codes and not any(code in self.own for code in codes):
            return []
        # The shipped languages all have the texts that English has.
        listed = (*self.own.values(), _shipped(ENGLISH), self._unfound.get(language, ()))
        sources = {source for texts in listed for source in texts}
        return sorted(source for source in sources if self.find(source, language) is None)

    def over(self, below: Catalogues) -> Catalogues:
        """Return both in one. Of a text that both have, this one's translation is used."""
        codes = {**below.own, **self.own}
        return Catalogues(
            {code: {**below.own.get(code, {}), **self.own.get(code, {})} for code in codes}
        )

    def _order(self, language: str) -> tuple[Mapping[str, Translation], ...]:
        """Return the texts in a language and in broader ones, and remember the order."""
        if len(self._narrowest_first) >= MOST_ORDERS:
            self._narrowest_first.clear()
        pairs = ((self.own.get(code), _shipped(code)) for code in broader(language))
        order = tuple(texts for pair in pairs for texts in pair if texts)
        self._narrowest_first[language] = order
        return order

    def _note_unfound(self, text: str, language: str) -> None:
        asked = self._unfound.setdefault(language, set())
        if len(asked) < MOST_UNFOUND and any(character.isalpha() for character in text):
            asked.add(plain(text))


def load_catalogues(folder: Path) -> Catalogues:
    """Read the files of a folder that are named for a language: de.yml, fr.yml, pt-BR.yml …

    Instead of a folder, name a file; see `read_catalogue` for one with several languages.

    Raises:
        BadLanguageFile: there is no such folder, or a file cannot be read.
    """
    if folder.is_dir():
        return _read_all(catalogue_paths(folder))
    if folder.is_file():
        return _read_all([folder])
    raise BadLanguageFile(
        str(folder),
        0,
        "there is no such folder.",
        "Name the folder that holds the language files, such as de.yml.",
    )


def fill(text: str, /, **values: Any) -> str:
    """Replace each `{name}` of a text by the value of that name.

    Unlike `str.format` it reads no attributes, and leaves unknown names and other braces alone.
    """
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


class WatchedCatalogues:
    """The catalogues of several folders, read again when a file changes. Earlier folders win.

    watched = WatchedCatalogues(Path("survey"), Path("."))
    watched.read().translator("de")("Next")
    """

    def __init__(self, *folders: Path) -> None:
        self.folders = folders
        self._listed: dict[Path, tuple[int, int, list[Path]]] = {}
        self._stamps: list[tuple[Path, int, int]] | None = None
        self._catalogues = Catalogues()

    def read(self) -> Catalogues:
        """Return the catalogues of the files as they are now; the same object until one changes.

        Raises:
            BadLanguageFile: a file cannot be read.
        """
        stamps = [_stamp(path) for folder in self.folders for path in self._paths(folder)]
        if stamps != self._stamps:
            self._catalogues = _read_all([path for path, *_ in reversed(stamps)])
            self._stamps = stamps
        return self._catalogues

    def last_good(self) -> Catalogues:
        """Return the catalogues of the last time that all files could be read."""
        with suppress(BadLanguageFile):
            self.read()
        return self._catalogues

    def _paths(self, folder: Path) -> list[Path]:
        """List a folder's language files; an unchanged folder is not listed again."""
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


def _translate_text(catalogues: Catalogues, language: str, text: Any, /, **values: Any) -> Any:
    # Choices may be of any type; only texts have translations.
    return catalogues.translate(text, language, **values) if isinstance(text, str) else text


def _with_minus_first(value: Any) -> Any:
    """Return a value with a mark before its minus, or the minus is shown after the digits."""
    text = str(value)
    is_negative = text[:1] in ("-", "\N{MINUS SIGN}") and not isinstance(value, Markup)
    return f"\N{LEFT-TO-RIGHT MARK}{text}" if is_negative else value


def _read_all(paths: Iterable[Path]) -> Catalogues:
    """Read files into one. Of a text in several files, the last one's translation is used."""
    texts: Texts = {}
    for path in paths:
        for language, translations in read_catalogue(path).items():
            texts.setdefault(language, {}).update(translations)
    return Catalogues(texts)


@cache
def shipped_languages() -> tuple[str, ...]:
    """Return the languages that uproot_nb has its own texts in."""
    return tuple(sorted(path.stem for path in SHIPPED_FOLDER.glob("*.yml")))


@lru_cache(maxsize=256)
def _shipped(language: str) -> Mapping[str, Translation]:
    """Return our own texts in exactly this language; empty if there is no file.

    Files are read one at a time: a page waits for its own language only.
    """
    if language not in shipped_languages():
        return {}
    return read_catalogue(SHIPPED_FOLDER / f"{language}.yml")[language]


def _stamp(path: Path) -> tuple[Path, int, int]:
    try:
        stat = path.stat()
    except OSError:
        return path, 0, 0  # reading it raises the right error
    return path, stat.st_mtime_ns, stat.st_size
