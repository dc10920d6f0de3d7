"""A whole episode as a figure. Of batching dynamics: every node's batches, outcomes and queue, and who served whom."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.rendering.batch_log import decision_times_s
from edge_llm_gym.rendering.figures import draw_stacked, draw_table, empty_figure, rgb, tidy, whole_numbers
from edge_llm_gym.rendering.history import Batch, batches, outcome_counts, pending_levels
from edge_llm_gym.rendering.palette import MUTED, OUTCOMES
from edge_llm_gym.rendering.pictures import loaded, pictures_of
from edge_llm_gym.sim.outcomes import SERVED
from edge_llm_gym.sim.simulator import Simulator

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COMPUTED_NAMES: Final = ("served", "late", "below_quality")


@dataclass(frozen=True)
class Episode:
    """What the figure shows of a row: E epochs done, K nodes, D devices."""

    scenario: str
    node_names: tuple[str, ...]
    epoch_s: float
    decision_s: Array  # [E + 1]
    batches: tuple[tuple[Batch, ...], ...]  # per node
    pending: Array  # [E + 1] int64
    outcomes: dict[str, Array]  # each [E + 1] int64: by admitting epoch, expired by decision time
    served: Array  # [D, K] int64, requests of a device served by a node


def episode_of(simulator: Simulator, row: int) -> Episode:
    """The episode of a row so far; it need not have ended."""
    return Episode(
        scenario=simulator.scenario.name,
        node_names=tuple(node.name for node in simulator.scenario.nodes),
        epoch_s=simulator.scenario.epoch_s,
        decision_s=decision_times_s(simulator, row),
        batches=batches(simulator, row),
        pending=pending_levels(simulator, row),
        outcomes=outcome_counts(simulator, row),
        served=served_table(simulator, row),
    )


def served_table(simulator: Simulator, row: int) -> Array:
    """[D, K] int64, how many requests of each device each node served."""
    served = np.flatnonzero(simulator.state.requests.outcome[row] == SERVED)
    table = np.zeros((simulator.scenario.devices.count, simulator.nodes), np.int64)
    np.add.at(
        table, (simulator.tape.requests.device[row, served], simulator.state.requests.node[..., 0][row, served] - 1), 1
    )
    return table


def episode_timeline(simulator: Simulator, row: int) -> "Figure":
    """The figure of a row's episode so far, whatever its admission. Raises ImportError where matplotlib is missing."""
    figure: Figure = loaded(pictures_of(simulator).timeline)(simulator, row)
    return figure


def save_timeline(simulator: Simulator, row: int, path: str | Path) -> None:
    """Writes the figure to a file; the suffix chooses the format (png, pdf, svg)."""
    episode_timeline(simulator, row).savefig(path)


def epoch_timeline(simulator: Simulator, row: int) -> "Figure":
    """The figure of a row of batching dynamics."""
    return timeline_figure(episode_of(simulator, row))


def timeline_figure(episode: Episode) -> "Figure":
    """Batches above, outcomes and queue below, devices by nodes on the right; touches no global state of matplotlib."""
    nodes = len(episode.node_names)
    figure = empty_figure(height=max(8.0, 5.0 + 0.5 * nodes))
    # subfigures are laid out apart, so that long names in one move nothing in the other
    over_time, who = figure.subfigures(1, 2, squeeze=False, width_ratios=(3, 1))[0]
    gantt, epochs = over_time.subplots(2, 1, sharex=True, height_ratios=(max(1.5, 0.2 * nodes), 1))
    _draw_batches(gantt, episode)
    _draw_epochs(epochs, episode)
    table = who.subplots()
    draw_table(table, episode.served, None, episode.node_names, "Who serves whom: requests served")
    table.set_ylabel("device")
    figure.suptitle(f"{episode.scenario}: {episode.decision_s.size - 1} epochs of {episode.epoch_s:g} s")
    return figure


def _draw_batches(axes: "Axes", episode: Episode) -> None:
    """One strip per node; a batch is as high as it has requests, stacked by what became of them."""
    largest = max((batch.requests for node in episode.batches for batch in node), default=1)
    for index, node in enumerate(episode.batches):
        _draw_strip(axes, node, floor=index + 0.4, unit=-0.8 / largest)
        axes.axhline(index + 0.4, color=rgb(MUTED), linewidth=0.5)
    axes.set_yticks(range(len(episode.node_names)), episode.node_names)
    axes.set_ylim(len(episode.node_names) - 0.5, -0.5)
    axes.set_title(f"Batches of every node: height counts requests, {largest} at most", loc="left", fontsize=11)
    tidy(axes)


def _draw_strip(axes: "Axes", node: tuple[Batch, ...], floor: float, unit: float) -> None:
    begin_s = np.array([batch.begin_s for batch in node])
    length_s = np.array([batch.end_s - batch.begin_s for batch in node])
    bottom = np.full(len(node), floor)
    for name in COMPUTED_NAMES:
        height = unit * np.array([getattr(batch, name) for batch in node], float)
        axes.bar(
            begin_s, height, length_s, bottom, align="edge", color=rgb(OUTCOMES[name]), edgecolor="white", linewidth=0.3
        )
        bottom = bottom + height


def _draw_epochs(axes: "Axes", episode: Episode) -> None:
    """Stacked outcomes of every epoch, and the queue length as a line."""
    parts = {name: (counts, OUTCOMES[name]) for name, counts in episode.outcomes.items()}
    draw_stacked(axes, episode.decision_s, 0.9 * episode.epoch_s, parts)
    edges_s = np.append(episode.decision_s, episode.decision_s[-1] + episode.epoch_s)
    axes.stairs(episode.pending, edges_s, color=rgb(OUTCOMES["pending"]), linewidth=1.8, baseline=None, label="pending")
    axes.set_title("Requests per epoch, and the queue at its start", loc="left", fontsize=11)
    axes.set_xlabel("time (s)")
    axes.set_xlim(left=0.0)
    axes.yaxis.set_major_locator(whole_numbers())
    axes.legend(ncols=5, fontsize=9, frameon=False, loc="lower right", bbox_to_anchor=(1.0, 0.98))
    tidy(axes)
