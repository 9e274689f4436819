"""Code: functions of an oTree app, with our names for what they use."""

from __future__ import annotations

from typing import Any

import libcst as cst

from uproot_nb.otree.app import OtreeApp, code_of
from uproot_nb.otree.remarks import Remarks

__all__ = ["Translator"]

_COUNTED_FROM_ONE = {
    "id_in_group": "member_id", "id_in_subsession": "id", "id_in_session": "id",
}  # fmt: skip
_AS_ATTRIBUTE = {
    "get_players": "players", "get_others_in_group": "others_in_group",
    "get_others_in_subsession": "others_in_session", "get_groups": "groups",
    "get_participants": "players",
}  # fmt: skip
_SAME_CALL = {
    "field_maybe_none": "{0}.get({1})",
    "get_player_by_id": "{0}.players[{1} - 1]",
    "get_player_by_role": "{0}.players.find_one(role={1})",
    "in_round": "{0}.within(round={1})",
    "in_rounds": "rounds_of({0})[{1} - 1 : {2}]",
    "in_all_rounds": "rounds_of({0})",
    "in_previous_rounds": "rounds_of({0})[:-1]",
    "field_display": "label_of({0}, {1})",
    "get_field_display": "label_of({0}, {1})",
    "get_group_matrix": "group_matrix({0})",
    "set_group_matrix": "regroup({0}, {1})",
    "group_randomly": "regroup_randomly({0})",
    "group_like_round": "regroup_like_round({0}, {1})",
}
_FOR_NUMBERS = frozenset(
    f"{module}.{name}"
    for module, names in (
        ("random", ("uniform", "gauss", "normalvariate", "triangular", "expovariate")),
        ("math", ("sqrt", "exp", "log", "log2", "log10", "pow", "sin", "cos")),
    )
    for name in names
)
"""Functions of numbers, to which amounts are given as floats."""
_NOT_HERE = {
    "payoff_plus_participation_fee": "add the participation fee yourself",
    "set_players": "call create_group(session, [...], overwrite=True)",
    "payoff_in_real_world_currency": "convert the amount yourself",
}
_SELF = {
    "player": "player", "participant": "player", "group": "player.group",
    "session": "player.session", "subsession": "player.session",
}  # fmt: skip
_WHOLE = (cst.Integer,)
_ARITHMETIC = (cst.Add, cst.Subtract, cst.Multiply, cst.Divide)
_ARITHMETIC_ASSIGN = (cst.AddAssign, cst.SubtractAssign, cst.MultiplyAssign, cst.DivideAssign)


class Translator(cst.CSTTransformer):
    """Rewrites expressions and statements; what it cannot rewrite becomes a remark.

    translator = Translator(app, remarks)
    translator.text(function)
    """

    def __init__(self, app: OtreeApp, remarks: Remarks) -> None:
        super().__init__()
        self._app, self._remarks = app, remarks
        self._owners: dict[str, str] = {}
        self._model = ""
        self._amounts: set[str] = set()
        self._money = {"payoff"} | {
            name
            for model in app.models.values()
            for name, call in model.fields.items()
            if code_of(call.func).endswith("CurrencyField")
        }
        self.stand_ins: set[str] = set()
        """Functions that the translated code calls, and that the notebook has to define."""

    def node(self, node: Any, model: str = "") -> Any:
        """Return a part in our terms; in a method of a model `self` is that model."""
        self._owners, self._amounts, self._model = {}, set(), model
        return node.visit(self)

    def text(self, node: cst.CSTNode, model: str = "") -> str:
        """Return a part in our terms, as Python."""
        return code_of(self.node(node, model)).strip("\n")

    def remark(self, node: cst.CSTNode, text: str) -> None:
        """Note what is not translated."""
        self._remarks.add(self._app.file, self._app.line(node), text)

    # ---- attributes and names ----

    def leave_Attribute(self, original: cst.Attribute, updated: cst.Attribute) -> Any:
        """Rename attributes of players, groups, subsessions and sessions."""
        name, base = updated.attr.value, updated.value
        of_page = isinstance(original.value, cst.Name) and original.value.value == "self"
        if of_page and not self._model:
            return self._of_self(name, updated)
        if name == "participant":
            return base
        if name == "num_participants":
            return _parsed(f"len({code_of(base)}.players)")
        if name in _COUNTED_FROM_ONE:
            return _parsed(f"({code_of(base)}.{_COUNTED_FROM_ONE[name]} + 1)")
        if name == "round_number":
            return self._round_of(original, base)
        if name == "session" and _last_name(original.value) == "subsession":
            return base  # the session itself stands for each round's subsession
        if name == "subsession":
            return updated.with_changes(attr=cst.Name("session"))
        if name == "config" and code_of(original.value).endswith("session"):
            return updated.with_changes(attr=cst.Name("settings"))
        if _is_participant(original.value) and name in ("code", "payoff"):
            return self._of_participant(name, base)
        if name in _NOT_HERE:
            self.remark(original, f"there is no '{name}' here: {_NOT_HERE[name]}.")
        return updated

    def _of_self(self, name: str, updated: cst.Attribute) -> Any:
        if name in _SELF:
            return _parsed(_SELF[name])
        if name == "round_number":
            return _parsed("1" if self._app.rounds == 1 else "player.round")
        return updated

    def _round_of(self, original: cst.Attribute, base: Any) -> Any:
        """Return the round of whom a subsession belongs to: groups need not be in the same one."""
        if self._app.rounds == 1:
            return cst.Integer("1")
        name = code_of(original.value)
        if name in self._owners:
            base = _parsed(self._owners[name])
        elif name.endswith(".subsession"):
            base = _parsed(name.removesuffix(".subsession"))
        return cst.Attribute(base, cst.Name("round"))

    def _of_participant(self, name: str, base: Any) -> Any:
        if name == "code":
            return cst.Attribute(base, cst.Name("name"))
        if self._app.rounds == 1:
            return cst.Attribute(base, cst.Name("payoff"))
        self.stand_ins |= {"total_payoff", "rounds_of"}
        return _parsed(f"total_payoff({code_of(base)})")

    def visit_Assign(self, node: cst.Assign) -> None:
        """Note whose subsession a variable is, and which variables are amounts."""
        target, value = node.targets[0].target, node.value
        if not isinstance(target, cst.Name):
            return
        if isinstance(value, cst.Attribute) and value.attr.value == "subsession":
            self._owners[target.value] = code_of(value.value)
        if self._is_amount(value):
            self._amounts.add(target.value)

    def leave_Name(self, original: cst.Name, updated: cst.Name) -> Any:
        """Rename oTree's own names."""
        if updated.value == "self" and self._model:
            return cst.Name(self._model)
        if updated.value == "__name__":
            return cst.SimpleString(repr(self._app.name))
        renamed = {"Currency": "cu", "Constants": "C", "creating_session": "set_up_round"}
        return updated.with_changes(value=renamed.get(updated.value, updated.value))

    def leave_Param(self, original: cst.Param, updated: cst.Param) -> Any:
        """Remove annotations: Player, Group and Subsession are no classes here."""
        return updated.with_changes(annotation=None)

    def leave_FunctionDef(self, original: cst.FunctionDef, updated: cst.FunctionDef) -> Any:
        """Do the same with what a function returns."""
        return updated.with_changes(returns=None)

    def leave_AnnAssign(self, original: cst.AnnAssign, updated: cst.AnnAssign) -> Any:
        """Leave a variable without its annotation."""
        if updated.value is None:
            return cst.Pass()
        return cst.Assign([cst.AssignTarget(updated.target)], updated.value)

    # ---- participant.vars ----

    def leave_Subscript(self, original: cst.Subscript, updated: cst.Subscript) -> Any:
        """Turn `participant.vars["x"]` and `session.vars["x"]` into fields."""
        if not _is_vars(original.value):
            return updated
        element = original.slice[0].slice
        key = element.value if isinstance(element, cst.Index) else None
        owner = self._owner_of_vars(original.value)
        if isinstance(key, cst.SimpleString) and str(key.evaluated_value).isidentifier():
            return _parsed(f"{owner}.{key.evaluated_value!s}")
        if key is None:
            return updated
        inner: Any = key.visit(self)
        return _parsed(f"getattr({owner}, {code_of(inner)})")

    def _set_in_vars(self, original: cst.Assign, updated: cst.Assign) -> Any:
        """Turn `participant.vars[name] = value` into a call of setattr."""
        target: Any = original.targets[0].target
        owner, key = self._owner_of_vars(target.value), target.slice[0].slice.value
        name = code_of(key.visit(self))
        return cst.Expr(_parsed(f"setattr({owner}, {name}, {code_of(updated.value)})"))

    def leave_Comparison(self, original: cst.Comparison, updated: cst.Comparison) -> Any:
        """Turn `"x" in participant.vars` into a look at the fields."""
        if len(original.comparisons) != 1 or not _is_vars(original.comparisons[0].comparator):
            return updated
        owner = self._owner_of_vars(original.comparisons[0].comparator)
        target = updated.comparisons[0].with_changes(comparator=_parsed(f"{owner}.fields()"))
        return updated.with_changes(comparisons=[target])

    def _owner_of_vars(self, node: Any) -> str:
        return code_of(node.value.visit(self))

    # ---- calls ----

    def leave_Call(self, original: cst.Call, updated: cst.Call) -> Any:
        """Turn calls of oTree's methods into ours."""
        if isinstance(updated.func, cst.Name) and updated.func.value == "currency_range":
            self.stand_ins.add("currency_range")
        if isinstance(updated.func, cst.Name) and updated.func.value == "read_csv":
            return self._read_csv(original, updated)
        if code_of(original.func) in _FOR_NUMBERS:
            return updated.with_changes(args=self._as_numbers(original, updated))
        if not isinstance(original.func, cst.Attribute):
            return updated
        name, func = original.func.attr.value, updated.func
        if _is_vars(original.func.value) and name in ("get", "setdefault", "update"):
            return self._call_on_vars(original, updated, name)
        base = code_of(func.value) if isinstance(func, cst.Attribute) else ""
        if name in _AS_ATTRIBUTE and not updated.args:
            return _parsed(f"{base}.{_AS_ATTRIBUTE[name]}")
        if name in self._app.methods:
            given = [cst.Arg(_parsed(base)), *updated.args]
            return updated.with_changes(func=cst.Name(name), args=given)
        if name in _SAME_CALL:
            return self._same_call(original, updated, name, base)
        if name.startswith("get_") and name.endswith("_display") and not updated.args:
            self.stand_ins.add("label_of")
            return _parsed(f"label_of({base}, {name[4:-8]!r})")
        return updated

    def _read_csv(self, original: cst.Call, updated: cst.Call) -> Any:
        """Leave out the class that names the columns' types; our tables are dicts of texts."""
        if len(updated.args) == 2:
            self.remark(original, "read_csv gives texts: convert the numbers in the table.")
        return updated.with_changes(args=[_last(arg) for arg in updated.args[:1]])

    def _same_call(self, original: cst.Call, updated: cst.Call, name: str, base: str) -> Any:
        values = [code_of(arg.value) for arg in updated.args if arg.keyword is None]
        try:
            text = _SAME_CALL[name].format(base, *values)
        except IndexError:
            self.remark(original, f"'{name}' has other arguments than expected.")
            return updated
        if len(values) < len(updated.args):
            self.remark(original, f"the named arguments of '{name}' were left out.")
        called = text.partition("(")[0]
        if called.isidentifier():
            self.stand_ins.add(called)
        return _parsed(text)

    def _call_on_vars(self, original: cst.Call, updated: cst.Call, name: str) -> Any:
        owner = self._owner_of_vars(original.func.value)  # type: ignore[attr-defined]
        if name == "get":
            return updated.with_changes(func=_parsed(f"{owner}.get"))
        self.remark(original, f"'vars.{name}' is not translated: assign to fields, one by one.")
        return updated

    # ---- amounts ----

    def leave_BinaryOperation(
        self, original: cst.BinaryOperation, updated: cst.BinaryOperation
    ) -> Any:
        """Let amounts, which are exact decimals here, meet only amounts and whole numbers."""
        if not isinstance(original.operator, _ARITHMETIC):
            return updated
        left, right = self._is_amount(original.left), self._is_amount(original.right)
        if left and not right:
            return updated.with_changes(right=self._as_amount(original.right, updated.right))
        if right and not left:
            return updated.with_changes(left=self._as_amount(original.left, updated.left))
        return updated

    def leave_AugAssign(self, original: cst.AugAssign, updated: cst.AugAssign) -> Any:
        """Do the same in `player.payoff += …`."""
        arithmetic = isinstance(original.operator, _ARITHMETIC_ASSIGN)
        if arithmetic and self._is_amount(original.target) and not self._is_amount(original.value):
            return updated.with_changes(value=self._as_amount(original.value, updated.value))
        return updated

    def leave_Assign(self, original: cst.Assign, updated: cst.Assign) -> Any:
        """Make what is assigned to a field for amounts an amount, as oTree's field does."""
        target = original.targets[0].target
        if isinstance(updated.targets[0].target, cst.Call):  # see leave_Subscript
            return self._set_in_vars(original, updated)
        if isinstance(target, cst.Name) and _is_list_of_players(original.value):
            return updated.with_changes(value=_parsed(f"list({code_of(updated.value)})"))
        is_field = isinstance(target, cst.Attribute) and target.attr.value in self._money
        if not is_field or self._is_amount(original.value) or code_of(original.value) == "None":
            return updated
        return updated.with_changes(value=_parsed(f"cu({_bare(updated.value)})"))

    def _is_amount(self, node: Any) -> bool:
        """Return whether an expression is seen to be an amount of money or points."""
        if isinstance(node, cst.Name):
            return node.value in self._amounts
        if isinstance(node, cst.Attribute):
            if code_of(node.value) in ("C", "Constants"):
                return self._app.is_money(node.attr.value)
            return node.attr.value in self._money
        if isinstance(node, cst.BinaryOperation):
            arithmetic = isinstance(node.operator, _ARITHMETIC)
            return arithmetic and (self._is_amount(node.left) or self._is_amount(node.right))
        if isinstance(node, cst.Call):
            return self._is_amount_call(node)
        if isinstance(node, (cst.ListComp, cst.GeneratorExp)):
            return self._is_amount(node.elt)
        return isinstance(node, cst.UnaryOperation) and self._is_amount(node.expression)

    def _is_amount_call(self, node: cst.Call) -> bool:
        name = code_of(node.func)
        if name in ("cu", "c", "Currency"):
            return True
        if name in ("sum", "max", "min", "abs", "round"):
            return bool(node.args) and self._is_amount(node.args[0].value)
        return False

    def _as_numbers(self, original: cst.Call, updated: cst.Call) -> list[cst.Arg]:
        """Return arguments in which amounts are floats."""
        return [
            new.with_changes(value=_parsed(f"float({_bare(new.value)})"))
            if self._is_amount(old.value)
            else new
            for old, new in zip(original.args, updated.args, strict=True)
        ]

    def _as_amount(self, original: Any, updated: Any) -> Any:
        if isinstance(original, _WHOLE) or self._is_whole_constant(original):
            return updated
        return _parsed(f"cu({_bare(updated)})")

    def _is_whole_constant(self, node: Any) -> bool:
        if not isinstance(node, cst.Attribute) or code_of(node.value) not in ("C", "Constants"):
            return False
        value = self._app.constant(node.attr.value)
        return isinstance(value, int)


def _is_vars(node: Any) -> bool:
    return isinstance(node, cst.Attribute) and node.attr.value == "vars"


def _is_participant(node: Any) -> bool:
    return _last_name(node) == "participant"


def _last(arg: cst.Arg) -> cst.Arg:
    return arg.with_changes(comma=cst.MaybeSentinel.DEFAULT)


def _is_list_of_players(node: Any) -> bool:
    """Return whether oTree gives a list, which authors sort and shuffle; ours is another."""
    return (
        isinstance(node, cst.Call)
        and isinstance(node.func, cst.Attribute)
        and node.func.attr.value in _AS_ATTRIBUTE
    )


def _bare(node: Any) -> str:
    """Return an expression's code without brackets around it."""
    return code_of(node.with_changes(lpar=[], rpar=[]) if hasattr(node, "lpar") else node)


def _last_name(node: Any) -> str:
    return code_of(node).rpartition(".")[2]


def _parsed(text: str) -> cst.BaseExpression:
    return cst.parse_expression(text)
