"""Style: axes that are legible at the width of a journal's column, for the colour-blind too."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from uproot_nb.errors import UprootError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.legend import Legend

__all__ = [
    "BLACK", "COLOURS", "GREY", "MARKERS", "axes_or_new", "draw_equilibrium", "finished",
    "point_style",
]  # fmt: skip

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""The palette of Okabe and Ito (2008), which the colour-blind can tell apart."""

MARKERS = ("o", "s", "^", "D", "v", "P")
"""A shape for each colour, for print without colours."""

BLACK, GREY = "#000000", "#7F7F7F"

_INCHES = (3.3, 2.5)
"""A column of a journal with two columns."""
_LABEL, _TICK = 8.0, 7.0
"""Sizes of text, in points."""
_BELOW = 32
"""How many points below the axes a legend begins: under the numbers and the label."""
_LONGEST = 40
"""Characters of a line of a legend: no more fit into a column."""
_OWN = "a figure of uproot_nb"
"""The label of figures that are made here, which become higher with their legends."""


def point_style(number: int) -> dict[str, Any]:
    """Return colour and marker of a line or kind of points; no two of 36 have both alike."""
    turn, place = divmod(number, len(COLOURS))
    marker = MARKERS[(place + turn) % len(MARKERS)]
    return {"color": COLOURS[place], "marker": marker}


def axes_or_new(ax: Axes | None) -> Axes:
    """Return the axes to draw on; new ones, as wide as a column, if there are none.

    Raises:
        UprootError: matplotlib is not installed.
    """
    if ax is not None:
        return ax
    try:
        from matplotlib import pyplot  # lazy: it is an extra
    except ImportError:
        raise UprootError(
            "Plots need the package matplotlib, which is not installed.\n"
            'Install it: pip install "uproot_nb[plots]"'
        ) from None
    figure, made = pyplot.subplots(figsize=_INCHES, layout="constrained")
    figure.set_label(_OWN)
    return made


def finished(ax: Axes, x: str, y: str, legend: bool = True) -> Axes:
    """Label the axes, and return them."""
    ax.set_xlabel(x, fontsize=_LABEL)
    ax.set_ylabel(y, fontsize=_LABEL)
    ax.tick_params(labelsize=_TICK)
    ax.spines[["top", "right"]].set_visible(False)
    if legend and ax.get_legend_handles_labels()[1]:
        _make_room(ax, _legend_below(ax))
    return ax


def _legend_below(ax: Axes) -> Legend:
    """Put the legend under the axes, where its markers do not pass for data."""
    from matplotlib.transforms import ScaledTranslation  # lazy: as above

    figure = ax.figure
    handles, labels = ax.get_legend_handles_labels()
    texts = [textwrap.fill(label, _LONGEST) for label in labels]
    under = ax.transAxes + ScaledTranslation(0, -_BELOW / 72, figure.dpi_scale_trans)

    def drawn(columns: int) -> Legend:
        return ax.legend(
            handles, texts, ncols=columns, loc="upper left", bbox_to_anchor=(0.0, 0.0),
            bbox_transform=under, fontsize=_TICK, frameon=False, handlelength=1.6,
            columnspacing=1.2, borderaxespad=0.0, borderpad=0.0,
        )  # fmt: skip

    columns = len(labels)
    while columns > 1 and drawn(columns).get_window_extent().width > ax.bbox.width:
        columns -= 1
    rows = -(-len(labels) // columns)
    return drawn(-(-len(labels) // rows))


def _make_room(ax: Axes, legend: Legend) -> None:
    """Make an own figure higher by its legend; let an author's keep its legend in itself."""
    figure = ax.figure.figure  # the whole one, where ax is in a part of it
    if figure.get_label() == _OWN:
        high = legend.get_window_extent().height / figure.dpi
        figure.set_size_inches(_INCHES[0], _INCHES[1] + high)
    elif figure.get_layout_engine() is None:
        figure.set_layout_engine("constrained")


def draw_equilibrium(ax: Axes, low: Any, high: Any, left: float, right: float, label: str) -> None:
    """Draw an interval of equilibrium prices as a band with its bounds; one price as a line."""
    label = "" if label in ax.get_legend_handles_labels()[1] else label
    bounds = sorted({float(low), float(high)})
    if len(bounds) == 2:
        bottom, top = bounds
        ax.fill_between(
            [left, right], bottom, top, color=GREY, alpha=0.25, linewidth=0, label=label
        )
        label = ""
    ax.hlines(
        bounds, left, right, colors=GREY, linewidth=0.9, linestyles="dashed", label=label, zorder=1
    )
