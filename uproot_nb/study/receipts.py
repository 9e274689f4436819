"""Receipts: one page for each paid player, with a line to sign, and a sheet with the total."""

from __future__ import annotations

import os
from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from uproot_nb.errors import BadLanguage, UprootError
from uproot_nb.experiment.hints import advise
from uproot_nb.languages.catalogs import Catalogues
from uproot_nb.languages.codes import direction, normal_code
from uproot_nb.study.new_files import write_new
from uproot_nb.study.payment_line import PaymentLine, losses
from uproot_nb.study.selection import payable, selected

__all__ = ["write_receipts"]

_FOLDER = Path(__file__).resolve().parent.parent / "templates"


def write_receipts(
    lines: Sequence[PaymentLine],
    session: str,
    path: str | os.PathLike[str],
    *,
    players: Any,
    language: str,
    title: str,
    overwrite: bool,
) -> Path:
    """Write receipts, and return the file's path; see `StudyTables.receipts`."""
    shown = payable(selected(lines, players))
    if not shown:
        raise UprootError(
            "There are no receipts to write: nobody gets anything by the payment rule.\n"
            "run.payments shows how everybody ended."
        )
    if losses(shown):
        advise(losses(shown))
    content = receipts_page(shown, title or session, language)
    return write_new(Path(path).expanduser(), content.encode(), overwrite)


def receipts_page(lines: Sequence[PaymentLine], title: str, language: str) -> str:
    """Return receipts and the sheet with the total, as an HTML page of its own.

    Raises:
        BadLanguage: *language* is no language's code.
    """
    code = normal_code(language)
    if code is None:
        raise BadLanguage(language)
    texts = Catalogues()
    nearest = texts.nearest(code)
    currency = lines[0].currency
    total = sum((line.amount for line in lines if line.amount is not None), Decimal(0))
    page: str = _template().render(
        lines=lines, total=total, title=title, language=nearest, direction=direction(nearest),
        _=texts.translator(nearest), money=lambda amount: _money(amount, currency, code),
    )  # fmt: skip
    return page


def _money(amount: Decimal, currency: str, language: str) -> str:
    """Return an amount as it is written in a language: 7,50 €."""
    from babel.core import Locale, UnknownLocaleError  # lazy: only receipts need it
    from babel.numbers import format_currency

    try:
        locale = Locale.parse(language.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        locale = Locale("en")
    return str(format_currency(amount, currency, locale=locale))


@cache
def _template() -> Any:
    import jinja2  # lazy: as `import uproot_nb` is to be quick

    loader = jinja2.FileSystemLoader(_FOLDER)
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    return environment.get_template("Receipts.html")
