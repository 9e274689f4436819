"""CodeLog: what the log knows of a session's code, its data's descriptions and its payment rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from uproot_nb.experiment.field_descriptions import describe_experiment, describe_fields
from uproot_nb.experiment.money.payment import Payment
from uproot_nb.experiment.pages import Page
from uproot_nb.experiment.source import hash_text
from uproot_nb.flow.journeys import Journeys
from uproot_nb.flow.participation.consents import texts_in
from uproot_nb.session.steps import Cause
from uproot_nb.session.world import World

__all__ = ["CodeLog"]


class CodeLog:
    """Logs the code that a session is served with, where it is new."""

    def __init__(self, world: World, journeys: Journeys) -> None:
        self._world, self._journeys = world, journeys
        self._description: dict[str, Any] = {"entries": {}, "codebook": {}}
        self._notebook = ""
        """The hash of the notebook's source that the log has."""

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
