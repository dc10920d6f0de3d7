"""Panels of a sweep over two parameters: heat maps of the reference's means and of the paired differences to it."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.evaluation.statistics import Interval
from edge_llm_gym.evaluation.sweeps.result import Sweep

MOST_COLUMNS: Final = 4
"""Panels beside one another."""
MEANS, DIFFERENCES = "cividis", "PuOr"
"""Colour maps: sequential, and diverging from white at 0."""
DARK: Final = 0.5
"""Luminance below which numbers on a colour are white."""
LUMINANCE: Final = (0.299, 0.587, 0.114)
"""Weights of red, green and blue (ITU-R BT.601)."""


def panel_shape(sweep: Sweep) -> tuple[int, int]:
    """Rows and columns of the panels of one metric."""
    count = 1 + len(sweep.others)
    columns = min(count, MOST_COLUMNS)
    return -(-count // columns), columns


def draw_heat_maps(sweep: Sweep, metric: str, axes: Sequence[Any]) -> None:
    """The means of the reference on the first axis, then the differences of the other policies on one scale.

    Colours of random decisions saturate beside those of other policies.
    """
    title, form = sweep.layout.described(metric)
    indices = range(len(sweep.grid.points))
    means = [sweep.mean(index, sweep.reference, metric) for index in indices]
    _draw(axes[0], sweep, means, form, {"cmap": MEANS})
    axes[0].set_title(f"{title}, {sweep.reference}", fontsize=10)
    differences = {p: [sweep.difference(index, p, metric) for index in indices] for p in sweep.others}
    compared = (each.mean for policy in sweep.rivals for each in differences[policy])
    largest = max((abs(mean) for mean in compared if mean == mean), default=0.0) or 1.0
    scale = {"cmap": DIFFERENCES, "vmin": -largest, "vmax": largest}
    for axis, (policy, row) in zip(axes[1:], differences.items(), strict=False):
        _draw(axis, sweep, row, form.replace("{:", "{:+"), scale)
        axis.set_title(f"{policy} - {sweep.reference}", fontsize=10)
    for axis in axes[1 + len(differences) :]:
        axis.set_visible(False)


def _draw(axis: Any, sweep: Sweep, intervals: Sequence[Interval], form: str, scale: dict[str, Any]) -> None:
    """One heat map: the second parameter to the right, the first one upwards, a number in every cell."""
    rows, columns = sweep.parameters
    values = np.array([each.mean for each in intervals]).reshape(len(rows.values), len(columns.values))
    image = axis.imshow(values, aspect="auto", origin="lower", **scale)
    for place, each in zip(np.ndindex(values.shape), intervals, strict=True):
        _write(axis, place, each, form, image)
    axis.set_xticks(range(len(columns.values)), columns.labels, fontsize=8)
    axis.set_yticks(range(len(rows.values)), rows.labels, fontsize=8)
    axis.set_xlabel(columns.path, fontsize=9)
    axis.set_ylabel(rows.path, fontsize=9)


def _write(axis: Any, place: tuple[int, ...], interval: Interval, form: str, image: Any) -> None:
    """The number of a cell: grey where it is undefined, bold where a difference's interval excludes 0."""
    row, column = place
    undefined = interval.mean != interval.mean
    text = "-" if undefined else form.format(interval.mean)
    colour = "black" if undefined else _ink(image.to_rgba(interval.mean))
    is_bold = image.get_cmap().name == DIFFERENCES and interval.excludes_zero
    axis.text(
        column, row, text, ha="center", va="center", fontsize=8, color=colour, weight="bold" if is_bold else "normal"
    )


def _ink(colour: Array) -> str:
    """Black or white, whichever is legible on the colour."""
    return "white" if np.dot(colour[:3], LUMINANCE) < DARK else "black"
