"""PageForms: the forms of pages, for a player and in the player's language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from uproot_nb.bridge.messages import HttpRequest
from uproot_nb.experiment.declarations import check_fields
from uproot_nb.experiment.field_descriptions import describe_fields
from uproot_nb.experiment.pages import Page
from uproot_nb.flow.served_apps import ServedApps
from uproot_nb.forms.field_translation import TranslatedFields
from uproot_nb.forms.form import Form, make_form
from uproot_nb.forms.uploads import Upload
from uproot_nb.session.entities import Player
from uproot_nb.session.steps import Cause
from uproot_nb.session.world import World

__all__ = ["PageForms"]


class PageForms:
    """Makes pages' forms, and logs the fields that a hook returns."""

    def __init__(self, world: World, apps: ServedApps) -> None:
        self._world, self._apps = world, apps
        self._translated = TranslatedFields()
        self._returned: dict[tuple[str, str], dict[str, Any]] = {}
        """By page and hash of its source: the fields that its hook `fields` has returned."""

    def make(
        self,
        player: Player,
        page: type[Page],
        fields: Any,
        request: HttpRequest | None = None,
        accepted: str = "",
    ) -> Form:
        """Return a page's form, filled with what was posted, or with the player's data.

        Args:
            request: the request that posted the form; None for a form that is shown.
            accepted: the browser's header Accept-Language, without a *request*.
        """
        fields = check_fields(fields, f"{page.__name__}.fields")
        if not isinstance(getattr(page, "fields", None), Mapping):
            self._note_fields(player, page, fields)
        values = {name: player.get(name) for name in fields} if page.keep_values else None
        language = self._apps.language(player, page, request.languages if request else accepted)
        catalogues = self._apps.templates(self._apps.app_of(page)).catalogues
        fields = self._translated.translate(fields, language, catalogues, bool(page.app))
        translate = catalogues.translator(language)
        if request is None:
            return make_form(fields, values=values, translate=translate, language=language)
        return make_form(
            fields,
            values=values,
            pairs=request.form,
            files=[Upload(*file) for file in request.files],
            translate=translate,
            language=language,
        )

    def fields_of(self, page: type[Page]) -> Mapping[str, Any]:
        """Return a page's fields; if `fields` is a hook, all that it has returned so far."""
        fields = getattr(page, "fields", None)
        if isinstance(fields, Mapping):
            return fields
        return self._returned.get((page.key, page.source.hash), {})

    def _note_fields(self, player: Player, page: type[Page], fields: Mapping[str, Any]) -> None:
        """Log what the hook `fields` has returned, each field once, with its first label."""
        known = self._returned.setdefault((page.key, page.source.hash), {})
        new = {name: field for name, field in fields.items() if name not in known}
        if not new:
            return
        known.update(new)
        value = {"page": page.key, "fields": describe_fields(new, page.key)}
        cause = Cause(player.name, page.key, f"{page.__name__}.fields", page.source.hash)
        with self._world.lock:
            text = self._world.codec.encode(value)
            self._world.journal.write_for(cause, "code", "session", page.key, text)
