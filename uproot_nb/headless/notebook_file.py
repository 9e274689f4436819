"""NotebookFile: a notebook's code cells as they were when the run began."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from uproot_nb.errors import UprootError

__all__ = ["CannotStart", "NotebookFile"]

SKIPPED = "skip-execution"
"""The tag of cells to skip, as in nbclient and Jupyter Book."""


class CannotStart(UprootError):
    """A headless run cannot begin with these options."""


@dataclass(frozen=True)
class NotebookFile:
    """A notebook that was read; later changes of the file have no effect.

    notebook = NotebookFile.read("market.ipynb")
    notebook.cells[0]
    """

    path: Path
    cells: tuple[str, ...]
    """The code, without blank cells and those with the tag "skip-execution"."""

    @classmethod
    def read(cls, path: str | Path) -> NotebookFile:
        """Read a notebook.

        Raises:
            CannotStart: the file is missing, or is not a notebook in Python.
        """
        file = Path(path).absolute()
        try:
            content = _parsed(file.read_text("utf-8"))
            cells = [cell for cell in content.cells if cell.cell_type == "code"]
            sources = [
                cell.source for cell in cells if SKIPPED not in cell.metadata.get("tags", ())
            ]
            language = content.metadata.get("kernelspec", {}).get("language", "python")
        except OSError as error:
            raise CannotStart(f"{path} cannot be read: {error.strerror}.") from error
        except Exception as error:  # nbformat raises many kinds of errors for other files
            raise CannotStart(f"{path} is not a Jupyter notebook.") from error
        if language != "python":
            raise CannotStart(f"{path} is a notebook in {language}, not in Python.")
        return cls(file, tuple(code for code in sources if code.strip()))


def _parsed(text: str) -> Any:
    import nbformat  # lazy: it loads jsonschema, which takes a second or two

    return nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call]
