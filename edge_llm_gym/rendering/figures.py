"""Parts of the figures of episodes: empty figure, titles, strips per node, stacked bars. Needs the extra `plots`."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.rendering.outcomes import outcome_label
from edge_llm_gym.rendering.palette import MUTED, OUTCOMES, Colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

FIGURE_WIDTH: Final = 14
TITLE_SIZE: Final = 11
LEGEND_SIZE: Final = 9
LEGEND_COLUMNS: Final = 8
LEGEND_ANCHOR: Final = (1.0, 0.97)
BAR_WIDTH: Final = 0.9  # of an epoch
STRIP_FLOOR: Final = 0.4  # below the middle of a node's strip, whose pitch is 1
STRIP_HEIGHT: Final = 0.8
Parts = Mapping[str, tuple[Array, Colour]]
"""Label -> heights [n] and colour of one part of stacked bars."""


def empty_figure(height: float) -> "Figure":
    """A wide figure of its own canvas, `height` inches high; raises ImportError where matplotlib is missing."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "drawing figures needs matplotlib; install it with: pip install 'edge-llm-gym[plots]'"
        ) from error
    figure = Figure(figsize=(FIGURE_WIDTH, height), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def rgb(colour: Colour) -> tuple[float, float, float]:
    """A palette colour as matplotlib takes it."""
    red, green, blue = colour
    return red / 255, green / 255, blue / 255


def tidy(axes: "Axes") -> None:
    """Removes the upper and right edge and draws faint vertical lines behind the data."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)


def titled(axes: "Axes", title: str, legend: bool = False) -> None:
    """Title at the left and, on its line, the legend at the right."""
    axes.set_title(title, loc="left", fontsize=TITLE_SIZE)
    if legend:
        axes.legend(
            ncols=LEGEND_COLUMNS, fontsize=LEGEND_SIZE, frameon=False, loc="lower right", bbox_to_anchor=LEGEND_ANCHOR
        )


def strip_floor(index: int) -> float:
    """Level on which the strip of a node stands; node 0 is at the top."""
    return index + STRIP_FLOOR


def label_strips(axes: "Axes", names: Sequence[str]) -> None:
    """A line under the strip of each node, and its name on the axis."""
    for index in range(len(names)):
        axes.axhline(strip_floor(index), color=rgb(MUTED), linewidth=0.5)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)


def outcome_parts(counts: Mapping[str, Array]) -> Parts:
    """Counts [n] per outcome as parts of stacked bars, with the colours and labels of the outcomes."""
    return {outcome_label(name): (count, OUTCOMES[name]) for name, count in counts.items()}


def whole_numbers() -> "MaxNLocator":
    """Ticks for counts."""
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(integer=True)


def draw_stacked(axes: "Axes", begin_s: Array, width_s: float, parts: Parts) -> None:
    """Bars from `begin_s` [n] on, stacked from parts."""
    bottom = np.zeros(begin_s.size)
    for name, (height, colour) in parts.items():
        axes.bar(begin_s, height, width_s, bottom, align="edge", color=rgb(colour), label=name)
        bottom = bottom + height
