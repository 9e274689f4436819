"""The HTML of every kind of field, compared with a file that browsers and bots have been tried on.

After a wanted change, write the file anew: `python tests/forms/test_html.py`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
import pytest
from markupsafe import Markup

from uproot_nb.errors import BadPage
from uproot_nb.experiment.fields import (
    BICField,
    BooleanField,
    BoundedChoiceField,
    DateField,
    DecimalField,
    DecimalRangeField,
    EmailField,
    FileField,
    FloatField,
    FloatRangeField,
    IBANField,
    IntegerField,
    LikertField,
    RadioField,
    SelectField,
    StringField,
    TextAreaField,
)
from uproot_nb.forms.form import Form, make_form, render_fields, template_functions

FILE = Path(__file__).with_name("fields.html")
SAFE = Markup("<em>you</em>")
CHOICES = [("r", "Red"), (2, "Blue"), (None, SAFE)]

FIELDS = {
    "text": StringField(label="Name", description="Help", optional=True),
    "framed": StringField(label_floating="Name", addon_start="€", addon_end="<each>", max_length=5),
    "attributes": StringField(
        label=SAFE, label_floating="In", class_wrapper="mb-5", default="Ann",
        render_kw={"placeholder": Markup('"'), "data_unit": "cm", "class_": "x", "readonly": True},
    ),
    "area": TextAreaField(label="Comments", default="</textarea>\nx", max_length=50),
    "email": EmailField(label="Mail"),
    "iban": IBANField(label="IBAN"),
    "bic": BICField(optional=True),
    "whole": IntegerField(label="Age", min=0, max=100),
    "negative": IntegerField(min=-5, step=5, default=7),
    "decimal": DecimalField(label="P", min=0, max=10, step=0.25, default=1.5, places=2),
    "browsers": DecimalField(render_kw={"type": "number"}, default=0.5),
    "float": FloatField(default=1e-7, optional=True),
    "slider": DecimalRangeField(label="S", default=0.5, step=0.5, label_min="No"),
    "untouched": FloatRangeField(label="U", anchoring=False, min=-1, max=7),
    "plain": FloatRangeField(anchoring=False, optional=True, hide_popover=True, label_max=""),
    "date": DateField(label="Day", default=dt.date(2030, 1, 2)),
    "box": BooleanField(label="I agree", description="Read it"),
    "checked": BooleanField(default=True, optional=True),
    "yes": RadioField(label="Sure?"),
    "radio": RadioField(choices=CHOICES, layout="horizontal", optional=True, default=2),
    "list": SelectField(label="Where", choices=CHOICES),
    "chosen": SelectField(choices=[("", "Please select"), (1, "One")], default=1),
    "scale": LikertField(label="How?", label_min="Not", label_max=SAFE, min=1, max=3),
    "words": LikertField(choices=[(1, "a"), (2, "b")], breakpoint=1000, optional=True),
    "boxes": BoundedChoiceField(label="W", choices=CHOICES, min=1, max=2, default=["r"]),
    "any": BoundedChoiceField(choices=["a", "b"], layout="horizontal", min=2, optional=True),
    "file": FileField(label="CV"),
}  # fmt: skip

BY_HAND = """{{ form.x }}|{{ form.x(class_="extra", aria_label="L", id="other") }}
{{ form.x.label }}|{{ form.x.label("Other", class_="k") }}|{{ form.x.label.text }}
{{ form.x.id }} {{ form.x.name }} {{ form.x.description }} {{ form.x.flags.required }}
{{ form.x.data }} {{ form.x.raw_data }} {{ form.x.errors | list }}
{% for field in form %}{{ field.name }}{% endfor %} {{ "x" in form }} {{ form | length }}"""
OPTIONS = """{{ form.x.choices }}
{% for option in form.x %}{{ option.id }} {{ option.checked }} {{ option.label }} {{ option }}
{{ option(class_="form-check-input") }}
{% endfor %}"""


def forms(field: Any) -> Iterator[Form]:
    """Yield a form as it is shown, and as it is shown again, in two languages."""
    yield make_form({"x": field})
    for texts in ([], ["2"], ['"><script>']):
        form = make_form(
            {"x": field},
            pairs=[("x", text) for text in texts],
            translate=lambda text: f"«{text}»",
            language="de",
        )
        form.validate()
        yield form


def template(text: str) -> jinja2.Template:
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(text)


def drawn(name: str, field: Any) -> str:
    """Return all that is drawn of a field, below a heading by which the file is divided."""
    parts = [f"\n<!-- {name} -->"]
    for form in forms(field):
        parts += [render_fields(form), template(BY_HAND).render(form=form)]
        if hasattr(field, "choices"):
            parts.append(template(OPTIONS).render(form=form))
    return "\n".join(parts)


def written() -> dict[str, str]:
    sections = FILE.read_text("utf-8").split("\n<!-- ")[1:]
    return {section.partition(" ")[0]: f"\n<!-- {section}" for section in sections}


@pytest.mark.long
@pytest.mark.parametrize("name", FIELDS)
def test_a_field_is_drawn_as_it_is_in_the_file(name: str) -> None:
    assert drawn(name, FIELDS[name]) == written()[name]


def test_the_file_has_all_fields() -> None:
    assert list(written()) == list(FIELDS)


def test_a_grid_is_for_scales_alone() -> None:
    form = make_form({"a": LikertField(), "b": IntegerField()})
    with pytest.raises(BadPage, match="'b' is a IntegerField, not a LikertField"):
        template_functions(form)["likert_grid"](form.a, form.b)


def test_only_questions_with_options_can_be_iterated() -> None:
    form = make_form({"x": IntegerField()})
    with pytest.raises(TypeError, match="'x' has no options"):
        iter(form.x)
    with pytest.raises(jinja2.UndefinedError):
        template("{{ form.x.choices }}").render(form=form)


if __name__ == "__main__":
    FILE.write_text("".join(drawn(name, field) for name, field in FIELDS.items()), "utf-8")
