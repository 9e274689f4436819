"""Form: the questions of one visit to a page, with the answers and what is wrong with them.

    form = make_form(Survey.fields, values=None, pairs=request.form, translate=str)
    if form.validate():
        player.age = form.data["age"]

WTForms does the work; it is loaded when the first form is made.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from uproot_nb.errors import BadPage
from uproot_nb.experiment.declarations import check_fields, is_wtforms_field
from uproot_nb.experiment.fields import FileField
from uproot_nb.forms.parsing import ANSWER_TEXTS
from uproot_nb.forms.uploads import Upload, UploadedFile
from uproot_nb.languages.codes import ENGLISH

if TYPE_CHECKING:
    import wtforms
    from wtforms.form import BaseForm

__all__ = [
    "TEXTS", "Form", "Upload", "UploadedFile", "file_fields", "make_form", "render_field",
    "render_fields", "save_values", "say", "template_functions",
]  # fmt: skip

CHECK = "Please check the following:"

TEXTS = (
    *ANSWER_TEXTS, CHECK, "Please choose a file.", "Please choose…", "(optional)",
    "Clear my answer", "No answer yet", "Yes", "No",
)  # fmt: skip
"""Every sentence of forms that participants may read, for the languages."""


class Form:
    """The questions of a page. `{{ form.age }}` draws an input, `form.age.data` is the answer.

    Iterating gives the fields in order. A field whose name the form needs for itself, such as
    "data", is reached by `form["data"]`.
    """

    def __init__(
        self,
        inner: BaseForm,
        *,
        is_posted: bool,
        translate: Callable[[str], str],
        language: str = ENGLISH,
    ) -> None:
        self.language = language
        """The language of the page, by which its numbers were read."""
        self.form_errors: list[str] = []
        """What is wrong with the answers together; shown on top."""
        self._inner, self._is_posted, self._translate = inner, is_posted, translate

    def validate(self) -> bool:
        """Check what was posted; return whether every answer is valid. Nothing posted: False."""
        if not self._is_posted:
            return False
        checks = [_check(field, self._inner) for field in self]
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
        """Take what an author's `validate` has returned; return whether it names an error.

        Args:
            result: None; a text or a list of texts, shown on top; or a dict of these by field.
            source: who returned it, to be named if it cannot be understood.

        Raises:
            BadPage: it is none of these, or names a field that is not on the page.
        """
        by_field = result if isinstance(result, Mapping) else {None: result}
        found = [(name, text) for name, said in by_field.items() for text in _said(said, source)]
        for name, text in found:
            if name is None or name == "":
                self.form_errors.append(text)
            else:
                field = self._named(name, source)
                field.errors = [*field.errors, text]
        return bool(found)

    def __iter__(self) -> Iterator[wtforms.Field]:
        return iter(self._inner)

    def __len__(self) -> int:
        return len(self._inner._fields)

    def __contains__(self, name: object) -> bool:
        return name in self._inner._fields

    def __getitem__(self, name: str) -> wtforms.Field:
        return self._inner[name]

    def __getattr__(self, name: str) -> wtforms.Field:
        if not name.startswith("__") and name in self:
            return self[name]
        raise AttributeError(f"The form has no field '{name}'; it has {self._listed()}.")

    def _named(self, name: Any, source: str) -> wtforms.Field:
        if name in self:
            return self[name]
        remedy = "Name fields of this page as they are written in 'fields'; None stands for all."
        what = f"it found an error in {name!r}, but the form has {self._listed()}."
        raise BadPage(source, what, remedy)

    def _listed(self) -> str:
        return ", ".join(self._inner._fields) or "no fields"


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
        translate: puts one of TEXTS into the participant's language.
        language: of the page, which decides how numbers are written on it.

    Raises:
        BadField: an entry of *fields* is no field, or its name cannot be one.
    """
    # lazy: WTForms is needed by pages with questions alone
    from uproot_nb.forms.wtforms_fields import Posted, bind

    posted = None if pairs is None else Posted(pairs, files)
    inner = bind(check_fields(fields), values or {}, posted, translate, language)
    return Form(inner, is_posted=posted is not None, translate=translate, language=language)


def file_fields(fields: Mapping[str, Any]) -> list[str]:
    """Return the names of the fields that take files: such a form is sent as multipart."""
    return [name for name, field in fields.items() if _takes_files(field)]


def save_values(form: Form, skip: Collection[str] = ()) -> dict[str, Any]:
    """Return what is to be stored on the player: the answers without files and those in *skip*."""
    return {
        field.short_name: field.data
        for field in form
        if field.short_name not in skip and not _takes_files(field)
    }


def say(form: Form, text: str) -> str:
    """Say one of our texts in the language of the form's participant."""
    return form._translate(text)


# ---- drawing --------------------------------------------------------------------------------


def render_field(field: wtforms.Field) -> Markup:
    """Draw one question: its label, input, help and errors."""
    # lazy: it needs WTForms, which the form has loaded
    from uproot_nb.forms.rendering import draw_field

    return draw_field(field)


def render_fields(form: Form) -> Markup:
    """Draw all questions, below a list of what is wrong with the answers."""
    return Markup("\n").join([render_errors(form), *map(render_field, form)])


def render_errors(form: Form) -> Markup:
    """Draw the list of what is wrong with the answers; nothing if all is well."""
    # lazy: it needs WTForms, which the form has loaded
    from uproot_nb.forms.rendering import draw_errors

    return draw_errors(form.form_errors, list(form), say(form, CHECK))


def template_functions(form: Form) -> dict[str, Callable[..., Markup]]:
    """Return what a page's template may call to draw the form.

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


def _likert_grid(*fields: wtforms.Field) -> Markup:
    # lazy: it needs WTForms, which the form has loaded
    from uproot_nb.forms.rendering import draw_likert_grid

    return draw_likert_grid(fields)


# ---- checking -------------------------------------------------------------------------------


def _check(field: wtforms.Field, inner: BaseForm) -> bool:
    if hasattr(field, "declaration"):
        return field.validate(inner)
    # lazy: the author has loaded WTForms already
    from uproot_nb.forms.wtforms_fields import check_wtforms_field

    return check_wtforms_field(field, inner)


def _said(said: Any, source: str) -> list[str]:
    """Return the texts that an author returned for one field, or for the form."""
    if said is None:
        return []
    texts = [said] if isinstance(said, str) else said
    if not isinstance(texts, (list, tuple)) or not all(isinstance(text, str) for text in texts):
        raise BadPage(
            source,
            f"it returned {said!r}, which says neither that all is well nor what is wrong.",
            "Return None if all is well, else a text, a list of texts, or a dict of these by "
            "field name.",
        )
    return [text for text in texts if text]


def _takes_files(field: Any) -> bool:
    if isinstance(getattr(field, "declaration", field), FileField):
        return True
    if not is_wtforms_field(field) and not hasattr(field, "short_name"):
        return False
    # lazy: the author has loaded WTForms already
    from uproot_nb.forms.wtforms_fields import is_file_field

    return is_file_field(field)
