"""ServedCode: the code that a session is served with, as it changes, and what the log has of it."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from uproot_nb.errors import UprootError
from uproot_nb.experiment.field_descriptions import describe_experiment, describe_fields
from uproot_nb.experiment.money.payment import Payment
from uproot_nb.experiment.pages import Page
from uproot_nb.experiment.setup import Setup, describe_order
from uproot_nb.experiment.source import hash_text
from uproot_nb.flow.flow import Flow
from uproot_nb.flow.frozen_code import PageCode
from uproot_nb.flow.journeys import Journeys
from uproot_nb.flow.participation.consents import texts_in
from uproot_nb.realtime.delivery import Delivery
from uproot_nb.session.error_reports import ErrorReports
from uproot_nb.session.steps import Cause
from uproot_nb.session.world import World
from uproot_nb.version import VERSION

__all__ = ["CodeLog", "ServedCode"]


class CodeLog:
    """Logs the code that a session is served with, where it is new."""

    def __init__(self, world: World, journeys: Journeys) -> None:
        self._world, self._journeys = world, journeys
        self._description: dict[str, Any] = {"entries": {}, "codebook": {}}
        self._notebook = ""
        """The hash of the notebook's source that the log has."""

    def note_opened(self, pages: Sequence[type[Page]], cause: Cause) -> None:
        """Log that the session is served; *cause* is that of its own code, new_session or restart.

        From here on, the log has all inputs as rows of their own.
        """
        world = self._world
        value = {
            "settings": dict(world.settings), "pages": [page.key for page in pages],
            "seed": world.seed, "inputs": True, "arrivals": True, "undoes_moves": True,
            "versions": {"uproot_nb": VERSION, "python": platform.python_version()},
            **({"help": True} if world.offers_help else {}),
        }  # fmt: skip
        with world.lock:
            text = world.codec.encode(value)
            world.journal.fold_for(cause, "open", "session", "", text)

    def note_page(self, page: type[Page]) -> None:
        """Log a page's source, its hash, and its form's fields."""
        source = page.source
        with self._world.lock:
            value: dict[str, Any] = {
                "hash": source.hash, "source": source.text, "page": page.key,
            }  # fmt: skip
            fields = getattr(page, "fields", None)
            if isinstance(fields, Mapping) and fields:
                value["fields"] = describe_fields(fields, page.key)
            texts = texts_in(page)
            if texts:
                value["texts"] = texts
            cause = Cause("researcher", page.key, f"class {page.__name__}", source.hash)
            text = self._world.codec.encode(value)
            self._world.journal.write_for(cause, "code", "session", page.key, text)

    def note_experiment(self) -> None:
        """Log the experiment's descriptions of its data, if they have changed."""
        world = self._world
        with world.lock:
            types = world.models.types.values()
            apps = self._journeys.setup.apps
            description = describe_experiment([app.namespace for app in apps], types)
            if description != self._description and not world.closing:
                self._description = description
                text = world.codec.encode(description)
                cause = Cause("researcher", "", "class Entry", "")
                world.journal.write_for(cause, "code", "session", "", text)

    def note_payment(self, rule: Payment | None) -> None:
        """Log how points and fees become money, if that is new."""
        world = self._world
        with world.lock:
            if rule is not None and rule.as_dict() != world.state.payment:
                text = world.codec.encode({"rule": rule.as_dict()})
                cause = world.lock.cause or Cause("researcher", "", "payment", "")
                world.journal.fold_for(cause, "pay", "session", "", text)

    def note_notebook(self, name: str, source: str) -> None:
        """Log the notebook's source, if it has changed."""
        found, world = hash_text(source), self._world
        with world.lock:
            if found != self._notebook:
                self._notebook = found
                text = world.codec.encode({"hash": found, "source": source, "notebook": name})
                cause = Cause("researcher", "", "class Notebook", found)
                world.journal.write_for(cause, "code", "session", name, text)


class ServedCode:
    """Takes up code that a cell or a reloaded module has changed, and shows it to participants."""

    redefined: Callable[[type[Page], bool], None] | None = None
    """Called under the lock with a page that has new code, and whether its browsers reload."""

    def __init__(
        self,
        world: World,
        flow: Flow,
        delivery: Delivery,
        reports: ErrorReports,
        log: CodeLog,
    ) -> None:
        self._world, self._flow, self._delivery, self._log = world, flow, delivery, log
        self.page_code = PageCode(world, flow.apps, reports, self._take_new_code)
        """The code of each page, which may be frozen."""

    def note(self, page: type[Page]) -> None:
        """Register and log a page as it is now."""
        self.page_code.note(page)
        self._log.note_page(page)

    def redefine(self, page: type[Page]) -> None:
        """Use a redefined page from now on; browsers that show it reload if it looks different."""
        flow = self._flow
        with self._world.lock:
            old = flow.journeys.pages.get(page.key)
            if old is None or old is page or not flow.replace(page):
                return
            self.note(page)
            looks_different = flow.apps.view_of(old) != flow.apps.view_of(page)
            self._show_new_code(page, looks_different, old.source.hash != page.source.hash)

    def reload_page(self, page: type[Page]) -> None:
        """Reload the browsers that show *page*."""
        names = [n for n, p in self._world.state.players.items() if p.page == page.key]
        if names:
            self._delivery.act(names, "reload")

    def adopt(self, setup: Setup) -> None:
        """Use a new page order and callbacks for a session that is served."""
        flow, world = self._flow, self._world
        with world.lock:
            for page in setup.pages:
                self.redefine(page)
            known = [page.key for page in flow.pages]
            if describe_order(setup) != describe_order(flow.journeys.setup):
                if any(p.position >= 0 for p in world.state.players.values()):
                    raise UprootError(
                        f"The page order of '{world.name}' changed while players are on it.\n"
                        "Close the run first, or serve under another name."
                    )
                for page in setup.pages:
                    if page.key not in known:
                        self.note(page)
                flow.journeys.pages.clear()
            flow.journeys.adopt(setup)
            flow.apps.forget()
            self._log.note_experiment()
            self._log.note_payment(setup.payment_rule)

    def _take_new_code(self, page: type[Page], looks_different: bool) -> None:
        """Use a page that a reloaded module has changed in place."""
        self.note(page)
        self._show_new_code(page, looks_different)

    def _show_new_code(self, page: type[Page], looks_different: bool, is_new: bool = True) -> None:
        """Bring a page's new code to those who are on it, and report whom it has reached."""
        if looks_different:
            self.reload_page(page)
        if page.waits:
            self._flow.wake_waiting(everybody=True)
        if self.redefined is not None and (is_new or looks_different):
            self.redefined(page, looks_different)
