"""LinkTable: players' links, shown without the keys, which a saved notebook would give away."""

from __future__ import annotations

import re
from typing import Any

import pandas

__all__ = ["LinkColumn", "LinkTable"]

_KEY = re.compile(r"(?<=/p/)[^/\s<]+")


class LinkTable(pandas.DataFrame):
    """A table whose column `url` holds participants' keys; what it shows leaves them out.

    run.links                   # shown, and saved with the notebook: without keys
    list(run.links["url"])      # the links themselves
    """

    @property
    def _constructor(self) -> type[LinkTable]:
        return LinkTable

    @property
    def _constructor_sliced(self) -> type[LinkColumn]:
        return LinkColumn

    def without_keys(self) -> pandas.DataFrame:
        """Return the table as it is shown."""
        shown = pandas.DataFrame(self)
        if "url" not in shown.columns:
            return shown
        return shown.assign(url=[_without_key(url) for url in shown["url"]])

    def __repr__(self) -> str:
        return _without_key(repr(self.without_keys()))

    def _repr_html_(self) -> Any:
        make: Any = self.without_keys()._repr_html_
        return make() and _without_key(make())


class LinkColumn(pandas.Series):
    """A column or a row of a `LinkTable`, shown without the keys as well.

    run.links["url"]            # shown: http://127.0.0.1:8600/p/…/
    run.links["url"].iloc[0]    # one player's own link
    """

    @property
    def _constructor(self) -> type[LinkColumn]:
        return LinkColumn

    @property
    def _constructor_expanddim(self) -> type[LinkTable]:
        return LinkTable

    def __repr__(self) -> str:
        shown = pandas.Series(self)
        shown = shown.map(lambda value: _without_key(value) if isinstance(value, str) else value)
        return _without_key(repr(shown))


def _without_key(text: Any) -> str:
    return _KEY.sub("…", str(text))
