"""An episode of continuous batching as a figure: running sequences of every node, outcomes and queue, served requests.

Outcomes stand at the epoch in which the sequence left its node, expiries at the decision time that found them.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.rendering.batching.history import expiry_epochs, pending_levels, per_epoch, served_table
from edge_llm_gym.rendering.batching.starts import decision_times_s
from edge_llm_gym.rendering.batching.timeline import timeline_figure
from edge_llm_gym.rendering.continuous_batching.sequences import Sequences, end_epochs, sequences_of
from edge_llm_gym.rendering.figures import STRIP_HEIGHT, label_strips, rgb, strip_floor, tidy, titled
from edge_llm_gym.rendering.outcomes import ADMITTED, COLOURS, COMPUTED
from edge_llm_gym.sim.simulator import Simulator

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class ContinuousEpisode:
    """What the figure shows of a row: E epochs done, K nodes, D devices."""

    node_names: tuple[str, ...]
    epoch_s: float
    decision_s: Array  # [E + 1]
    sequences: Sequences
    pending: Array  # [E + 1] int64
    outcomes: dict[str, Array]  # each [E + 1] int64: by the epoch of the end, expired by decision time
    served: Array  # [D, K] int64, requests of a device served by a node


def continuous_timeline(simulator: Simulator, row: int) -> "Figure":
    """The figure of a row's episode so far."""
    return timeline_figure(continuous_episode(simulator, row), draw_sequence_counts)


def continuous_episode(simulator: Simulator, row: int) -> ContinuousEpisode:
    """The episode of a row so far; it need not have ended."""
    scenario = simulator.scenario
    return ContinuousEpisode(
        node_names=tuple(node.name for node in scenario.nodes),
        epoch_s=scenario.epoch_s,
        decision_s=decision_times_s(simulator, row),
        sequences=sequences_of(simulator, row),
        pending=pending_levels(simulator, row),
        outcomes=_outcome_counts(simulator, row),
        served=served_table(simulator, row),
    )


def _outcome_counts(simulator: Simulator, row: int) -> dict[str, Array]:
    outcome, times = simulator.state.requests.outcome[row], int(simulator.state.epoch[row]) + 1
    ended, expired = end_epochs(simulator, row), expiry_epochs(simulator, row)
    counts = {name: per_epoch(ended[outcome == code], times) for name, code in COMPUTED.items()}
    return counts | {"expired": per_epoch(expired[expired >= 0], times)}


def running_levels(sequences: Sequences, node: int, until_s: float) -> tuple[Array, dict[str, Array]]:
    """Times [T] in s at which the sequences on a node change, and for each outcome how many there are from then on."""
    its = sequences.node == node
    begin_s, end_s = sequences.begin_s[its], np.minimum(sequences.end_s[its], until_s)
    times_s = np.unique(np.concatenate([begin_s, end_s, [until_s]]))
    levels, outcome = {}, np.array(sequences.outcome, dtype=str)[its]
    for name in ADMITTED:
        began, ended = np.sort(begin_s[outcome == name]), np.sort(end_s[outcome == name])
        levels[name] = np.searchsorted(began, times_s, "right") - np.searchsorted(ended, times_s, "right")
    return times_s, levels


def draw_sequence_counts(axes: "Axes", episode: ContinuousEpisode) -> None:
    """One strip per node: the number of its sequences over time, stacked by their outcomes."""
    counts = [
        running_levels(episode.sequences, node, float(episode.decision_s[-1]))
        for node in range(len(episode.node_names))
    ]
    most = max(1, *(int(np.sum(list(levels.values()), axis=0).max()) for _, levels in counts))
    for index, (times_s, levels) in enumerate(counts):
        bottom = np.full(times_s.size, strip_floor(index))
        for name in ADMITTED:
            top = bottom - STRIP_HEIGHT / most * levels[name]
            axes.fill_between(times_s, bottom, top, step="post", color=rgb(COLOURS[name]), linewidth=0)
            bottom = top
    label_strips(axes, episode.node_names)
    titled(axes, f"Sequences of every node, {most} at most")
    tidy(axes)
