"""Fields of an oTree app's models, as fields of our pages."""

from __future__ import annotations

import ast

import libcst as cst

from uproot_nb.otree.app import OtreeApp, code_of
from uproot_nb.otree.code import Translator

__all__ = ["FieldWriter", "initial_values"]

_KINDS = {
    "IntegerField": "IntegerField", "PositiveIntegerField": "IntegerField",
    "FloatField": "FloatField", "CurrencyField": "DecimalField",
    "RealWorldCurrencyField": "DecimalField", "DecimalField": "DecimalField",
    "StringField": "StringField", "CharField": "StringField",
    "LongStringField": "TextAreaField", "TextField": "TextAreaField",
    "MultiStringField": "BoundedChoiceField", "BooleanField": "RadioField",
}  # fmt: skip
_NUMBERS = ("IntegerField", "FloatField", "DecimalField")
_TIMED_OUT = {
    "IntegerField": "0", "FloatField": "0.0", "DecimalField": "cu(0)", "RadioField": "False",
    "BooleanField": "False",
}  # fmt: skip
"""What oTree stores for an answer that was not given in time; texts are empty."""
_KNOWN = {
    "label", "verbose_name", "help_text", "blank", "initial", "default", "choices", "widget",
    "min", "max", "doc", "max_length", "null", "unit",
}  # fmt: skip
_DYNAMIC = ("choices", "min", "max")


class FieldWriter:
    """Writes the fields of one app's models as our fields.

    writer = FieldWriter(app, translator)
    writer.field("player", "age")  # 'IntegerField(label="Age", min=18)'
    """

    def __init__(self, app: OtreeApp, translator: Translator) -> None:
        self._app, self._translator = app, translator

    def is_known(self, model: str, name: str) -> bool:
        """Return whether the model has such a field."""
        return name in self._app.models[model].fields

    def is_truth(self, model: str, name: str) -> bool:
        """Return whether it is a BooleanField."""
        return code_of(self._app.models[model].fields[name].func).endswith("BooleanField")

    def depends(self, model: str, name: str) -> bool:
        """Return whether a function such as `age_max(player)` decides about the field."""
        return any(f"{name}_{what}" in self._app.functions for what in _DYNAMIC)

    def field(self, model: str, name: str, subject: str = "player", checkbox: bool = False) -> str:
        """Return our field; functions such as `age_max` are called with *subject*."""
        call = self._app.models[model].fields[name]
        given = {a.keyword.value: a for a in call.args if a.keyword is not None}
        for other in sorted(given.keys() - _KNOWN):
            self._translator.remark(call, f"the field '{name}': '{other}' is not translated.")
        values = {key: self._translator.text(arg.value) for key, arg in given.items()}
        values |= self._decided(name, subject)
        values |= {"widget": "Checkbox"} if checkbox else {}
        kind = self._kind(code_of(call.func).rpartition(".")[2], values)
        return f"{kind}({', '.join(self._arguments(kind, name, values))})"

    def timed_out(self, model: str, name: str) -> str:
        """Return what is stored where no answer came in time."""
        call = self._app.models[model].fields[name]
        kind = _KINDS.get(code_of(call.func).rpartition(".")[2], "StringField")
        return _TIMED_OUT.get(kind, '""')

    def _decided(self, name: str, subject: str) -> dict[str, str]:
        functions = {what: f"{name}_{what}" for what in _DYNAMIC}
        return {w: f"{f}({subject})" for w, f in functions.items() if f in self._app.functions}

    def _kind(self, theirs: str, values: dict[str, str]) -> str:
        kind, widget = _KINDS.get(theirs, "StringField"), values.get("widget", "")
        if theirs == "BooleanField":
            return "BooleanField" if "Checkbox" in widget else "RadioField"
        if "choices" in values and kind != "BoundedChoiceField":
            return "RadioField" if "Radio" in widget else "SelectField"
        return kind

    def _arguments(self, kind: str, name: str, values: dict[str, str]) -> list[str]:
        label = values.get("label", values.get("verbose_name", repr(_title(name))))
        found = {"label": label if label != "None" else repr(_title(name))}
        if "help_text" in values:
            found["description"] = values["help_text"]
        if "choices" in values:
            found["choices"] = _pairs(values["choices"])
        found |= self._bounds(kind, values)
        if "Horizontal" in values.get("widget", ""):
            found["layout"] = '"horizontal"'
        if values.get("blank") == "True":
            found["optional"] = "True"
        default = values.get("initial", values.get("default", "None"))
        if default != "None" and not self._is_no_choice(name, default, values):
            found["default"] = default
        if "max_length" in values and kind in ("StringField", "TextAreaField"):
            found["max_length"] = values["max_length"]
        return [f"{key}={value}" for key, value in found.items()]

    def _is_no_choice(self, name: str, default: str, values: dict[str, str]) -> bool:
        """Return whether a default is not among the choices: oTree then chooses nothing."""
        try:
            choices = ast.literal_eval(values.get("choices", "None")) or ()
            default_is = ast.literal_eval(default)
        except (ValueError, SyntaxError):
            return False  # computed
        known = [one[0] if isinstance(one, (list, tuple)) else one for one in choices]
        return bool(known) and default_is not in known

    def _bounds(self, kind: str, values: dict[str, str]) -> dict[str, str]:
        """Return the bounds of a number; oTree's smallest one is 0 unless another is given."""
        if kind not in _NUMBERS:
            return {}
        found = {"min": values.get("min", "0"), "max": values.get("max", "None")}
        return {key: value for key, value in found.items() if value != "None"}


def initial_values(app: OtreeApp, translator: Translator, model: str) -> dict[str, str]:
    """Return the fields that begin with a value, and that value."""
    found = {}
    for name, call in app.models[model].fields.items():
        for arg in call.args:
            if arg.keyword is not None and arg.keyword.value in ("initial", "default"):
                found[name] = translator.text(arg.value)
    return {name: value for name, value in found.items() if value != "None"}


def _title(name: str) -> str:
    return name.replace("_", " ").title()


def _pairs(choices: str) -> str:
    """Return choices with their pairs as tuples; oTree also takes lists."""
    tree = cst.parse_expression(choices)
    if not isinstance(tree, (cst.List, cst.Tuple)):
        return f"[tuple(c) if isinstance(c, list) else c for c in {choices}]"
    pairs = [_pair(element) for element in tree.elements]
    return code_of(tree.with_changes(elements=pairs))


def _pair(element: cst.BaseElement) -> cst.BaseElement:
    if not isinstance(element.value, cst.List):
        return element
    return element.with_changes(value=cst.Tuple(element.value.elements))
