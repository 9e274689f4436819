"""%%template: a cell that holds the template of a page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from uproot_nb.errors import UprootError
from uproot_nb.interop.namespace import CELL_TEMPLATES

__all__ = ["TemplateListener", "install_magics", "listen_for_templates", "stop_listening"]

LISTENERS = "_uproot_nb_template_listeners"


class TemplateListener(Protocol):
    """Uses the templates that cells hold."""

    def check_template(self, name: str) -> None:
        """Raise UprootError if the template of that page may not change now."""

    def take_template(self, name: str) -> None:
        """Use the changed template."""


def install_magics(shell: Any) -> None:
    """Let the notebook use `%%template PageName`. Idempotent."""
    shell.register_magic_function(_template_magic(shell), "cell", "template")


def _template_magic(shell: Any) -> Callable[[str, str], None]:
    def template(line: str, cell: str) -> None:
        """Use the cell's text as the template of a page: `%%template PageName`."""
        name = line.strip()
        if not name.isidentifier():
            raise UprootError(
                f"%%template {line!r} names no page.\nWrite %%template PageName in the first line."
            )
        listeners = list(shell.user_ns.get(LISTENERS, ()))
        for listener in listeners:
            listener.check_template(name)
        shell.user_ns.setdefault(CELL_TEMPLATES, {})[name] = cell
        for listener in listeners:
            listener.take_template(name)

    return template


def listen_for_templates(namespace: dict[str, Any], listener: TemplateListener) -> None:
    """Call *listener* with the name of each page whose template a cell changes."""
    namespace.setdefault(LISTENERS, []).append(listener)


def stop_listening(namespace: dict[str, Any], listener: TemplateListener) -> None:
    """Remove a listener. Idempotent."""
    listeners = namespace.get(LISTENERS, [])
    if listener in listeners:
        listeners.remove(listener)
