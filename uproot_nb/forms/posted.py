"""Posted: what a browser sent with a form, by field."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from uproot_nb.forms.parsing import HTML_WRITTEN, storable
from uproot_nb.forms.uploads import Upload, UploadedFile

__all__ = ["Posted", "is_asked"]


def is_asked(name: str) -> bool:
    """Return whether what is posted under a name is the participant's, and not the page's own."""
    return name == HTML_WRITTEN or not name.startswith("_uproot_")


class Posted:
    """The texts and files of each field, in the order in which they were sent.

    It has the methods by which WTForms reads a request.
    """

    def __init__(self, pairs: Iterable[tuple[str, str]], files: Iterable[Upload]) -> None:
        self._texts: dict[str, list[Any]] = {}
        for name, text in pairs:
            self._texts.setdefault(name, []).append(text)
        self.html_written = frozenset(self._texts.pop(HTML_WRITTEN, ()))
        """Names of the fields whose numbers the browser wrote, as HTML has them."""
        self._files: dict[str, list[UploadedFile]] = {}
        for upload in files:
            self._files.setdefault(upload.name, []).append(UploadedFile(upload))

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts.keys() | self._files.keys())

    def __contains__(self, name: str) -> bool:
        return name in self._texts or name in self._files

    def __len__(self) -> int:
        return len(self._texts) + len(self._files)

    def clean(self, names: Iterable[str]) -> None:
        """Replace characters that cannot be stored, in fields that do not refuse them."""
        for name in self._texts.keys() & set(names):
            self._texts[name] = [storable(text) for text in self._texts[name]]

    def getlist(self, name: str) -> list[Any]:
        """Return all that was posted under *name*: its files if there are any, else its texts."""
        return self._files.get(name) or self._texts.get(name, [])
