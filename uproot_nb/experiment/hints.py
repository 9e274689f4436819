"""Hints: what to write instead of oTree's names, and warnings of likely mistakes."""

from __future__ import annotations

import ast
import inspect
import linecache
import re
import sys
import textwrap
import warnings
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

__all__ = [
    "ENTITY_NAMES", "NOTEBOOK_NAMES", "PAGE_NAMES", "advise", "hint_for_template",
    "returns_nothing",
]  # fmt: skip

PAGE_NAMES: Mapping[str, str] = {
    "is_displayed": "write the hook 'def show(page, player)'",
    "vars_for_template": "write the hook 'def templatevars(page, player)'",
    "js_vars": "write the hook 'def jsvars(page, player)'; scripts read uproot.vars",
    "timeout_seconds": "write timeout = 60, or a hook 'def timeout(page, player)'",
    "get_timeout_seconds": "write the hook 'def timeout(page, player)'",
    "timeout_submission": "set values in the hook 'def timeout_reached(page, player)'",
    "timer_text": "show the time left in the page's template",
    "form_model": "remove it: the answers to a page's 'fields' become fields of the player",
    "form_fields": "write fields = dict(age=IntegerField(label='Your age')) on the page",
    "get_form_fields": "write the hook 'def fields(page, player)', which returns a dict of fields",
    "error_message": "write the hook 'def validate(page, player, data)', which returns it",
    "before_next_page": "write the hook 'def after_once(page, player)' (in rounds, "
    "after_always_once); 'def timeout_reached(page, player)' runs when the time is up",
    "app_after_this_page": "call move_to_page(player, SomePage) in 'def after_once(page, player)'",
    "live_method": "put @live above a method of the page, one for each kind of message",
    "template_name": "write template = 'Name.html'",
    "preserve_unsubmitted_inputs": "remove it",
    "allow_back_button": "write allow_back = True",
    "after_all_players_arrive": "write a SynchronizingWait with 'def all_here(page, group)'",
    "wait_for_all_groups": "write a SynchronizingWait with synchronize = 'session'",
    "group_by_arrival_time": "write a GroupCreatingWait with group_size = 2, for example",
    "title_text": "write the text in the class's docstring, or in its template",
    "body_text": "write the text in the class's docstring, or in its template",
}
"""oTree's names on pages, and what to write instead."""

NOTEBOOK_NAMES: Mapping[str, str] = {
    "page_sequence": "call it page_order, or write serve([FirstPage, SecondPage])",
    "creating_session": "write 'def new_session(session)', and 'def new_player(player)'",
    "group_by_arrival_time_method": "write a GroupCreatingWait",
    "vars_for_admin_report": "write 'def digest(session)'",
    "custom_export": "write 'def pipeline(session)', which returns rows",
}
"""oTree's names in modules, and what to write instead."""

ENTITY_NAMES: Mapping[str, str] = {
    "id_in_group": "member_id, which counts from 0",
    "id_in_subsession": "id, which counts from 0",
    "participant": "the player itself",
    "subsession": "session",
    "round_number": "round",
    "code": "name",
    "vars": "a field of its own, as in player.x = 3",
    "config": "settings",
    "in_round": "within(round=2)",
    "in_rounds": "within(round=2)",
    "in_previous_rounds": "history('x'), or within(round=2)",
    "in_all_rounds": "history('x'), or within(round=2)",
    "field_maybe_none": "get('x')",
    "set_players": "create_groups(session, [[a, b], [c, d]])",
    "get_others_in_group": "others_in_group",
    "get_others_in_subsession": "others_in_session",
    "get_players": "players",
    "get_player_by_id": "players[0], which counts from 0",
    "get_player_by_role": "players.find_one(role='buyer')",
    "get_groups": "groups",
    "set_group_matrix": "create_groups(session, [[a, b], [c, d]])",
    "group_randomly": "create_groups(session, [[a, b], [c, d]])",
}
"""oTree's names on players, groups and sessions, and the names here."""

TEMPLATE_NAMES: Mapping[str, str] = {
    "formfields": "{{ fields() }}",
    "formfield": "{{ field(form.age) }}",
    "next_button": "nothing, as each page has a Next button",
    "subsession": "session",
    "participant": "player",
    "Constants": "C",
}
"""oTree's names in templates, and what to write instead."""

_UNDEFINED = re.compile(r"'(\w+)' is undefined")
_TAG = re.compile(r"\{\{-?\s*(if|elif|else|endif|for|endfor|block|endblock|include|formfield)\b")
_OWN = f"{__name__.partition('.')[0]}."


def hint_for_template(message: str, line: str) -> str:
    """Return what to write instead of oTree's words in a template; "" if it has none.

    Args:
        message: Jinja2's error message.
        line: the line of the template.
    """
    found = _UNDEFINED.match(message)
    if found is not None and found[1] in TEMPLATE_NAMES:
        return f"This is oTree's name. Write instead: {TEMPLATE_NAMES[found[1]]}.\n"
    tag = _TAG.search(line)
    if tag is None:
        return ""
    if tag[1] in TEMPLATE_NAMES:
        return f"This is oTree's tag. Write instead: {TEMPLATE_NAMES[tag[1]]}.\n"
    return f"Instead of oTree's {{{{ {tag[1]} … }}}}, write {{% {tag[1]} … %}}.\n"


def advise(text: str) -> None:
    """Warn about the author's line that is running, each time it runs.

    Python would warn once per line and text, and not when a cell runs again.
    """
    frame = _authors_frame()
    file, line = ("<cell>", 1) if frame is None else (frame.f_code.co_filename, frame.f_lineno)
    warnings.warn_explicit(text, UserWarning, file, line, registry={})


def _authors_frame() -> FrameType | None:
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and str(frame.f_globals.get("__name__", "")).startswith(_OWN):
        frame = frame.f_back
    return frame


def returns_nothing(function: Callable[..., Any]) -> bool:
    """Return whether a function has no `return` with a value.

    False also for functions without source, for generators, for those that raise, and for `...`.
    """
    body = _body_of(function)
    if not body:
        return False
    own = list(_own_statements(body))
    if len(own) == 2 and isinstance(own[1], ast.Constant) and own[1].value is ...:
        return False
    gives = (ast.Yield, ast.YieldFrom, ast.Raise)
    return not any(
        isinstance(node, gives) or (isinstance(node, ast.Return) and node.value is not None)
        for node in own
    )


def _body_of(function: Callable[..., Any]) -> list[ast.stmt]:
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is None:
        return []
    lines = linecache.getlines(code.co_filename)[code.co_firstlineno - 1 :]
    if not lines:
        return []
    try:
        tree = ast.parse(textwrap.dedent("".join(inspect.getblock(lines))))
    except (SyntaxError, ValueError):
        return []
    first = tree.body[0] if tree.body else None
    is_function = isinstance(first, (ast.FunctionDef, ast.AsyncFunctionDef))
    return first.body if is_function and first.name == code.co_name else []  # type: ignore[union-attr]


def _own_statements(body: list[ast.stmt]) -> Any:
    """Yield all nodes of a body except those of inner functions and classes."""
    inner = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
    todo: list[ast.AST] = list(body)
    while todo:
        node = todo.pop()
        yield node
        if not isinstance(node, inner):
            todo.extend(ast.iter_child_nodes(node))
