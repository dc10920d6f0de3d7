"""Figures of sweeps: lines over one parameter, heat maps over two. Matplotlib is imported on first use."""

from typing import Any

from edge_llm_gym.evaluation.plots import new_figure
from edge_llm_gym.evaluation.sweeps.heat_maps import draw_heat_maps, panel_shape
from edge_llm_gym.evaluation.sweeps.lines import draw_lines, legend_below
from edge_llm_gym.evaluation.sweeps.result import Sweep
from edge_llm_gym.evaluation.tables import seeds_text

TITLE_SIZE = 11


def sweep_figure(sweep: Sweep) -> Any:
    """The metrics of a sweep with 95 % intervals. Raises ImportError if matplotlib is not installed.

    Over one parameter, a row of panels per metric: means, and paired differences to the reference. Over two parameters,
    heat maps: the mean of the reference, and the paired difference of every other policy.
    """
    is_line = len(sweep.parameters) == 1
    figure = _line_figure(sweep) if is_line else _heat_figure(sweep)
    has_bold = not is_line and len(sweep.seeds) > 1 and sweep.others
    note = "\nbold: the interval of the difference excludes 0" if has_bold else ""
    figure.suptitle(f"{sweep.environment}, {seeds_text(sweep.comparisons[0])}{note}", fontsize=TITLE_SIZE)
    return figure


def _line_figure(sweep: Sweep) -> Any:
    columns = 2 if sweep.others else 1
    figure = new_figure(1.0 + 5.0 * columns, 1.2 + 2.9 * len(sweep.metrics))
    axes = figure.subplots(len(sweep.metrics), columns, squeeze=False, sharex=True)
    for row, metric in zip(axes, sweep.metrics, strict=True):
        draw_lines(sweep, metric, row)
    for axis in axes[-1]:
        axis.set_xlabel(sweep.parameters[0].path)
    legend_below(figure, axes[0][0])
    return figure


def _heat_figure(sweep: Sweep) -> Any:
    rows, columns = panel_shape(sweep)
    across, down = (len(parameter.values) for parameter in reversed(sweep.parameters))
    figure = new_figure(1.0 + columns * (1.2 + 0.75 * across), 0.8 + len(sweep.metrics) * rows * (1.1 + 0.5 * down))
    axes = figure.subplots(len(sweep.metrics) * rows, columns, squeeze=False)
    for index, metric in enumerate(sweep.metrics):
        draw_heat_maps(sweep, metric, axes[index * rows : (index + 1) * rows].ravel())
    return figure
