"""LinkTable: who goes where, shown without the keys, which a saved notebook would give away."""

from __future__ import annotations

import re
from typing import Any

import pandas

__all__ = ["LinkTable"]

_KEY = re.compile(r"(?<=/p/)[^/\s]+")


class LinkTable(pandas.DataFrame):
    """A table whose column `url` holds participants' keys; what it shows leaves them out.

    run.links                   # shown, and saved with the notebook: without keys
    list(run.links["url"])      # the links themselves
    """

    @property
    def _constructor(self) -> type[LinkTable]:
        return LinkTable

    def without_keys(self) -> pandas.DataFrame:
        """Return the table as it is shown."""
        shown = pandas.DataFrame(self)
        if "url" not in shown.columns:
            return shown
        return shown.assign(url=[_KEY.sub("…", str(url)) for url in shown["url"]])

    def __repr__(self) -> str:
        return repr(self.without_keys())

    def _repr_html_(self) -> Any:
        make: Any = self.without_keys()._repr_html_
        return make()
