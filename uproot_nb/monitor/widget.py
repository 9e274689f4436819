"""The widgets: the browser's part of monitors and views, and its messages."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["make_widget", "monitor_module"]

STATIC = Path(__file__).parent.parent / "static"
_IMPORT = re.compile(r"^import .* from \"\./.*\";\n", re.MULTILINE)
_EXPORT = re.compile(r"^export (?!default)", re.MULTILINE)


@cache
def _widget_class() -> type[Any]:
    import anywidget  # lazy: only monitors and views need ipywidgets
    import traitlets

    class Window(anywidget.AnyWidget):
        """A window on a session; what it shows comes by messages, so none of it is saved."""

        _esm = _script()
        _css = "\n".join(
            (STATIC / name).read_text("utf-8")
            for name in ("vendor/uplot/uPlot.min.css", "monitor/monitor.css")
        )
        kind = traitlets.Unicode().tag(sync=True)
        snapshot = traitlets.Unicode().tag(sync=True)

    return Window


def _script() -> str:
    """Return the monitor's module, with uPlot in front of it: nothing is fetched from anywhere."""
    chart = (STATIC / "vendor/uplot/uPlot.iife.min.js").read_text("utf-8")
    return f"{chart}\n{monitor_module()}"


def monitor_module() -> str:
    """Return the files of static/monitor as one module.

    They share one scope then, so what they declare at their top has different names.
    """
    parts = sorted((STATIC / "monitor").glob("*.js"))
    return "\n".join(_EXPORT.sub("", _IMPORT.sub("", part.read_text("utf-8"))) for part in parts)


def make_widget(kind: str, snapshot: str, receive: Callable[[Any], None]) -> Any:
    """Return a widget of a kind ("monitor", "view"); *receive* gets its browsers' messages."""
    widget = _widget_class()(kind=kind, snapshot=snapshot)
    widget.on_msg(lambda _widget, content, _buffers: receive(content))
    _answer_beside_cells(widget)
    return widget


def _answer_beside_cells(widget: Any) -> None:
    """Keep ipykernel 7.4 from sending browsers' messages to the shell, which a cell may block."""
    comm = getattr(widget, "comm", None)
    if comm is not None and hasattr(comm, "_reply_subshell_for"):
        comm._reply_subshell_for = lambda _details, default: default
