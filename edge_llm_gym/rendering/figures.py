"""What the figures of episodes share: an empty figure, colours, axes, tables of counts. Needs the extra `plots`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.rendering.palette import Colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

MOST_TICKS: Final = 40
MOST_NUMBERED: Final = 400  # cells of a table that still have room for a number


def empty_figure(height: float) -> "Figure":
    """A wide figure of its own canvas, `height` inches high; raises ImportError where matplotlib is missing."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "drawing figures needs matplotlib; install it with: pip install 'edge-llm-gym[plots]'"
        ) from error
    figure = Figure(figsize=(14, height), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def rgb(colour: Colour) -> tuple[float, float, float]:
    """A palette colour as matplotlib takes it."""
    red, green, blue = colour
    return red / 255, green / 255, blue / 255


def tidy(axes: "Axes") -> None:
    """No box, and faint vertical lines behind what is drawn."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)


def whole_numbers() -> "MaxNLocator":
    """Ticks for counts."""
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(integer=True)


def draw_stacked(axes: "Axes", begin_s: Array, width_s: float, parts: dict[str, tuple[Array, Colour]]) -> None:
    """Bars from `begin_s` [n] on, stacked from parts (heights [n], colour) by their names for the legend."""
    bottom = np.zeros(begin_s.size)
    for name, (height, colour) in parts.items():
        axes.bar(begin_s, height, width_s, bottom, align="edge", color=rgb(colour), label=name)
        bottom = bottom + height


def draw_table(axes: "Axes", table: Array, rows: Sequence[str] | None, columns: Sequence[str], title: str) -> None:
    """A table of counts as shades, with the numbers where there is room; rows without names are counted."""
    height, width = table.shape
    image = axes.imshow(table, aspect="auto", cmap="Blues", interpolation="nearest", vmin=0, vmax=max(table.max(), 1))
    axes.set_xticks(range(width), columns, rotation=90 if width > 4 else 0)
    shown = range(0, height, -(-height // MOST_TICKS))
    axes.set_yticks(shown, None if rows is None else [rows[index] for index in shown])
    axes.set_title(title, loc="left", fontsize=11)
    if height * width <= MOST_NUMBERED:
        _number_cells(axes, table)
    else:
        axes.figure.colorbar(image, ax=axes, ticks=whole_numbers())


def _number_cells(axes: "Axes", table: Array) -> None:
    pale = table.max() / 2
    for (row, column), count in np.ndenumerate(table):
        if count:
            colour = "black" if count <= pale else "white"
            axes.text(column, row, f"{count}", ha="center", va="center", fontsize=8, color=colour)
