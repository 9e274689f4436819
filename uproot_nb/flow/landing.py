"""The landing page that an app with LANDING_PAGE = True begins with."""

from __future__ import annotations

from functools import cache

from uproot_nb.experiment.pages import Page

__all__ = ["landing_page"]


@cache
def landing_page(app: str) -> type[Page]:
    """Return the page that greets those who come to an app; always the same class."""

    class Landing(Page):
        template = '{% extends "uproot_nb/Landing.html" %}'

    Landing.belong_to(app)
    return Landing
