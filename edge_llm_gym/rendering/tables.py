"""Tables of counts as parts of the figures of episodes. Needs the extra `plots`."""

from collections.abc import Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Final

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.rendering.figures import titled, whole_numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NUMBER_SIZE: Final = 8
NOTE_WIDTH: Final = 44  # characters of a line
MAX_TICKS: Final = 40
MAX_NUMBERED: Final = 400  # largest number of cells in which numbers still fit
MAX_LEVEL_LABELS: Final = 4  # more columns than that have their names turned upright


def draw_table(axes: "Axes", table: Array, rows: Sequence[str] | None, columns: Sequence[str], title: str) -> None:
    """A table of counts as shades, with the numbers where they fit; rows without names are numbered.

    Columns without any count are left out, and named below.
    """
    table, columns = _without_empty_columns(axes, table, columns)
    height, width = table.shape
    image = axes.imshow(table, aspect="auto", cmap="Blues", interpolation="nearest", vmin=0, vmax=max(table.max(), 1))
    axes.set_xticks(range(width), columns, rotation=90 if width > MAX_LEVEL_LABELS else 0)
    labelled = range(0, height, -(-height // MAX_TICKS))
    axes.set_yticks(labelled, None if rows is None else [rows[index] for index in labelled])
    titled(axes, title)
    if height * width <= MAX_NUMBERED:
        _number_cells(axes, table)
    else:
        axes.figure.colorbar(image, ax=axes, ticks=whole_numbers())


def _without_empty_columns(axes: "Axes", table: Array, columns: Sequence[str]) -> tuple[Array, list[str]]:
    """The table and the names of its columns; all of them as long as nothing is counted."""
    used = np.asarray(table.any(axis=0)) if table.any() else np.ones(len(columns), bool)
    empty = [name for name, is_used in zip(columns, used, strict=True) if not is_used]
    if empty:
        names = ", ".join(empty) if len(empty) <= MAX_LEVEL_LABELS else f"{len(empty)} nodes"
        axes.set_xlabel(fill(f"none: {names}", NOTE_WIDTH), fontsize=NUMBER_SIZE)
    return table[:, used], [name for name, is_used in zip(columns, used, strict=True) if is_used]


def _number_cells(axes: "Axes", table: Array) -> None:
    pale = table.max() / 2
    for (row, column), count in np.ndenumerate(table):
        if count:
            colour = "black" if count <= pale else "white"
            axes.text(column, row, f"{count}", ha="center", va="center", fontsize=NUMBER_SIZE, color=colour)
