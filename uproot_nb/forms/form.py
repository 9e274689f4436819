"""Form: the questions of one visit to a page, with the answers and what is wrong with them.

    form = make_form(Survey.fields, values=None, pairs=request.form, translate=str)
    if form.validate():
        player.age = form.data["age"]

Declared fields are bound as they are; an author's WTForms fields are adapted in wtforms_fields.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from uproot_nb.errors import BadPage
from uproot_nb.experiment.declarations import Field, check_fields
from uproot_nb.forms.bound_field import BoundField
from uproot_nb.forms.parsing import ANSWER_TEXTS
from uproot_nb.forms.posted import Posted
from uproot_nb.forms.rendering import draw_errors, draw_field, draw_likert_grid
from uproot_nb.forms.uploads import Upload, UploadedFile
from uproot_nb.languages.codes import ENGLISH

__all__ = [
    "TEXTS", "Form", "Upload", "UploadedFile", "make_form", "render_field", "render_fields",
    "save_values", "template_functions",
]  # fmt: skip

CHECK = "Please check the following:"

TEXTS = (
    *ANSWER_TEXTS, CHECK, "Please choose…", "(optional)",
    "Clear my answer", "No answer yet", "Yes", "No",
)  # fmt: skip
"""All texts of forms that participants may read, to be translated."""


class Form:
    """The questions of a page. `{{ form.age }}` draws an input, `form.age.data` is the answer.

    Iterating gives the fields in order. A field whose name the form needs for itself, such as
    "data", is reached by `form["data"]`.
    """

    def __init__(
        self,
        fields: dict[str, Any],
        *,
        is_posted: bool,
        translate: Callable[[str], str],
        language: str = ENGLISH,
    ) -> None:
        self.language = language
        """The language of the page, in which its numbers were read."""
        self.translate = translate
        """Returns one of our texts in the language of the form's participant."""
        self.form_errors: list[str] = []
        """What is wrong with the answers together; shown on top."""
        self._fields, self._is_posted = fields, is_posted

    def validate(self) -> bool:
        """Check what was posted; return whether every answer is valid. Nothing posted: False."""
        if not self._is_posted:
            return False
        checks = [_adapted(field).validate(self) for field in self]
        return all(checks)

    @property
    def data(self) -> dict[str, Any]:
        """The answers by field name, with their types; None where there is none."""
        return {field.short_name: field.data for field in self}

    @property
    def errors(self) -> dict[str, list[str]]:
        """What is wrong, by field name; empty if nothing is."""
        return {field.short_name: list(field.errors) for field in self if field.errors}

    def add_errors(self, result: Any, source: str = "validate") -> bool:
        """Add the errors that an author's `validate` returned; return whether there are any.

        Args:
            result: None; a text or a list of texts, shown on top; or a dict of these by field.
            source: the hook that returned it, for the message if it is of another type.

        Raises:
            BadPage: it is something else, or names a field that is not on the page.
        """
        by_field = result if isinstance(result, Mapping) else {None: result}
        found = [(name, text) for name, r in by_field.items() for text in _texts(r, source)]
        for name, text in found:
            if name is None or name == "":
                self.form_errors.append(text)
            else:
                field = self._named(name, source)
                field.errors = [*field.errors, text]
        return bool(found)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._fields.values())

    def __len__(self) -> int:
        return len(self._fields)

    def __contains__(self, name: object) -> bool:
        return name in self._fields

    def __getitem__(self, name: str) -> Any:
        return self._fields[name]

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("__") and name in self:
            return self[name]
        raise AttributeError(f"The form has no field '{name}'; it has {self._listed()}.")

    def _named(self, name: Any, source: str) -> Any:
        if name in self:
            return self[name]
        remedy = "Name fields of this page as they are written in 'fields'; None stands for all."
        what = f"it found an error in {name!r}, but the form has {self._listed()}."
        raise BadPage(source, what, remedy)

    def _listed(self) -> str:
        return ", ".join(self._fields) or "no fields"


def make_form(
    fields: Mapping[str, Any],
    *,
    values: Mapping[str, Any] | None = None,
    pairs: Sequence[tuple[str, str]] | None = None,
    files: Sequence[Upload] = (),
    translate: Callable[[str], str] = str,
    language: str = ENGLISH,
) -> Form:
    """Make the form of a page.

    Args:
        fields: the questions by name; ours, or an author's own WTForms fields.
        values: what to fill in at first instead of the fields' defaults, such as what the player
            has answered before.
        pairs: what the browser posted, in order; None: nothing, the page is only shown.
        files: what it uploaded.
        translate: returns one of TEXTS in the participant's language.
        language: of the page, which decides how numbers are written on it.

    Raises:
        BadField: an entry of *fields* is no field, or its name cannot be one.
    """
    values, posted = values or {}, None if pairs is None else Posted(pairs, files)
    bound: dict[str, Any] = dict.fromkeys(check_fields(fields))
    for name, field in fields.items():
        if isinstance(field, Field):
            default = field.default() if callable(field.default) else field.default
            bound[name] = BoundField(name, field, translate, language)
            bound[name].fill(values.get(name, default), posted)
    theirs = {name: field for name, field in fields.items() if not isinstance(field, Field)}
    if theirs:
        # lazy: the author has loaded WTForms already
        from uproot_nb.forms.wtforms_fields import bind

        bind(theirs, bound, values, posted, translate)
    return Form(bound, is_posted=posted is not None, translate=translate, language=language)


def save_values(form: Form, skip: Collection[str] = ()) -> dict[str, Any]:
    """Return what is to be stored on the player: the answers without files and those in *skip*."""
    return {
        field.short_name: field.data
        for field in form
        if field.short_name not in skip and not _adapted(field).takes_files
    }


# ---- drawing --------------------------------------------------------------------------------


def render_field(field: Any) -> Markup:
    """Draw one question: its label, input, help and errors."""
    return draw_field(_adapted(field))


def render_fields(form: Form) -> Markup:
    """Draw all questions, below a list of what is wrong with the answers."""
    return Markup("\n").join([render_errors(form), *map(render_field, form)])


def render_errors(form: Form) -> Markup:
    """Draw the list of what is wrong with the answers; nothing if all is well."""
    wrong = [_adapted(field) for field in form if field.errors]
    return draw_errors(form.form_errors, wrong, form.translate(CHECK))


def template_functions(form: Form) -> dict[str, Callable[..., Markup]]:
    """Return the functions by which a page's template draws the form.

    `fields()` draws all questions, `field(form.age)` one, `errors()` the list of what is wrong
    (which `fields()` then leaves out), and `likert_grid(form.a, form.b)` several scales as a grid.
    """
    drawn: list[Markup] = []

    def errors() -> Markup:
        if not drawn:
            drawn.append(render_errors(form))
            return drawn[0]
        return Markup("")

    def fields() -> Markup:
        return Markup("\n").join([errors(), *map(render_field, form)])

    return {
        "fields": fields,
        "field": render_field,
        "errors": errors,
        "likert_grid": _likert_grid,
        "likert_matrix": _likert_grid,
    }


def _likert_grid(*fields: Any, breakpoint: int = 0) -> Markup:
    """Draw scales as a grid; *breakpoint* has no effect, and is there for the framework's apps."""
    for field in fields:
        if not isinstance(field, BoundField) or field.shape != "likert":
            what = f"'{field.name}' is a {field.type}, not a LikertField."
            raise BadPage("likert_grid", what, f"Write {{{{ field(form.{field.name}) }}}}.")
    return draw_likert_grid(fields)


def _adapted(field: Any) -> Any:
    """Return a field as our templates draw it; an author's WTForms field in an adapter."""
    if isinstance(field, BoundField):
        return field
    # lazy: the author has loaded WTForms already
    from uproot_nb.forms.wtforms_fields import AdaptedField

    return AdaptedField(field)


def _texts(returned: Any, source: str) -> list[str]:
    """Return the texts that an author returned for one field, or for the form."""
    if returned is None:
        return []
    texts = [returned] if isinstance(returned, str) else returned
    if not isinstance(texts, (list, tuple)) or not all(isinstance(text, str) for text in texts):
        raise BadPage(
            source,
            f"it returned {returned!r}, which is neither None nor a message.",
            "Return None if all is well, else a text, a list of texts, or a dict of these by "
            "field name.",
        )
    return [text for text in texts if text]
