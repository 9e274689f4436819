"""Languages: the texts that participants read, from files that are named for a language.

    from uproot_nb.languages import load_catalogues

    catalogues = load_catalogues(Path("."))
    catalogues.missing("fr")   # what is still to be translated

Experiments and the participant server read the same files. The server runs no authors' code and
imports no templates, so this floor stands below both.
"""

from __future__ import annotations

from uproot_nb.languages.catalogs import Catalogues, load_catalogues

__all__ = ["Catalogues", "load_catalogues"]
