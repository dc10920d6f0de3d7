"""An episode of batching dynamics as a figure: batches of every node, outcomes and queue, served requests by device."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_llm_gym.rendering.batching.episode import Episode, episode_of
from edge_llm_gym.rendering.batching.history import Batch
from edge_llm_gym.rendering.figures import (
    BAR_WIDTH,
    STRIP_HEIGHT,
    draw_stacked,
    empty_figure,
    label_strips,
    outcome_parts,
    rgb,
    strip_floor,
    tidy,
    titled,
    whole_numbers,
)
from edge_llm_gym.rendering.outcomes import COMPUTED
from edge_llm_gym.rendering.palette import OUTCOMES
from edge_llm_gym.rendering.tables import draw_table
from edge_llm_gym.sim.simulator import Simulator

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

EDGE_WIDTH: Final = 0.3
TABLE_TITLE: Final = "Served, by device and admitting node"


def batching_timeline(simulator: Simulator, row: int) -> "Figure":
    """The figure of a row's episode so far."""
    return timeline_figure(episode_of(simulator, row))


def timeline_figure(episode: Any, draw_nodes: "Callable[[Axes, Any], None] | None" = None) -> "Figure":
    """Nodes above, outcomes and queue below, devices by nodes on the right; touches no global state of matplotlib.

    `draw_nodes` draws the nodes' part of the episode, by default its batches.
    """
    nodes = len(episode.node_names)
    figure = empty_figure(height=max(8.0, 5.0 + 0.5 * nodes))
    # subfigures are laid out apart, so that long names in one move nothing in the other
    over_time, by_device = figure.subfigures(1, 2, squeeze=False, width_ratios=(3, 1))[0]
    gantt, epochs = over_time.subplots(2, 1, sharex=True, height_ratios=(max(1.5, 0.2 * nodes), 1))
    (draw_nodes or _draw_batches)(gantt, episode)
    _draw_epochs(epochs, episode)
    table = by_device.subplots()
    draw_table(table, episode.served, None, episode.node_names, TABLE_TITLE)
    table.set_ylabel("device")
    return figure


def _draw_batches(axes: "Axes", episode: Episode) -> None:
    """One strip per node; a batch is as high as it has requests, stacked by their outcomes."""
    largest = max((batch.requests for node in episode.batches for batch in node), default=1)
    for index, node in enumerate(episode.batches):
        _draw_strip(axes, node, strip_floor(index), unit=-STRIP_HEIGHT / largest)
    label_strips(axes, episode.node_names)
    titled(axes, f"Batches of every node: height counts requests, {largest} at most")
    tidy(axes)


def _draw_strip(axes: "Axes", node: tuple[Batch, ...], floor: float, unit: float) -> None:
    begin_s = np.array([batch.begin_s for batch in node])
    length_s = np.array([batch.end_s - batch.begin_s for batch in node])
    bottom = np.full(len(node), floor)
    for name in COMPUTED:
        height = unit * np.array([getattr(batch, name) for batch in node], float)
        colour = rgb(OUTCOMES[name])
        axes.bar(begin_s, height, length_s, bottom, align="edge", color=colour, edgecolor="white", linewidth=EDGE_WIDTH)
        bottom = bottom + height


def _draw_epochs(axes: "Axes", episode: Episode) -> None:
    """Stacked outcomes of every epoch, and the queue length as a line."""
    draw_stacked(axes, episode.decision_s, BAR_WIDTH * episode.epoch_s, outcome_parts(episode.outcomes))
    edges_s = np.append(episode.decision_s, episode.decision_s[-1] + episode.epoch_s)
    axes.stairs(episode.pending, edges_s, color=rgb(OUTCOMES["pending"]), linewidth=1.8, baseline=None, label="pending")
    titled(axes, "Requests per epoch, and the queue at its start", legend=True)
    axes.set_xlabel("time (s)")
    axes.set_xlim(left=0.0)
    axes.yaxis.set_major_locator(whole_numbers())
    tidy(axes)
