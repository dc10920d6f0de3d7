"""An episode of streaming dynamics as a figure: requests at nodes, outcomes, exits, delay, accuracy, traffic table."""

from typing import TYPE_CHECKING, Final

import numpy as np

from edge_llm_gym.arrays import Array
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
from edge_llm_gym.rendering.palette import BUSY, MUTED, Colour
from edge_llm_gym.rendering.streaming.episode import StreamingEpisode, streaming_episode_of
from edge_llm_gym.rendering.tables import draw_table
from edge_llm_gym.sim.simulator import Simulator

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FIRST_EXIT_COLOUR: Final = np.array([198.0, 219.0, 239.0])
LAST_EXIT_COLOUR: Final = np.array([8.0, 48.0, 107.0])
ACCURACY_TOP: Final = 1.05


def streaming_timeline(simulator: Simulator, row: int) -> "Figure":
    """The figure of a row's episode so far."""
    return streaming_timeline_figure(streaming_episode_of(simulator, row))


def streaming_timeline_figure(episode: StreamingEpisode) -> "Figure":
    """Nodes, outcomes, exits, delay and accuracy over time on the left, requests over each link on the right."""
    nodes = len(episode.node_names)
    figure = empty_figure(height=max(10.0, 7.0 + 0.4 * nodes))
    over_time, by_link = figure.subfigures(1, 2, squeeze=False, width_ratios=(2.4, 1))[0]
    axes = over_time.subplots(5, 1, sharex=True, height_ratios=(max(2.0, 0.3 * nodes), 1, 1, 1, 1))
    for one, draw in zip(axes, (_draw_present, _draw_outcomes, _draw_exits, _draw_delay, _draw_accuracy), strict=True):
        draw(one, episode)
        tidy(one)
    axes[-1].set_xlabel("time (s)")
    axes[-1].set_xlim(0.0, max(episode.begin_s.size, 1) * episode.epoch_s)
    table = by_link.subplots()
    draw_table(table, episode.sent, episode.senders, episode.node_names, "Requests over each link")
    table.axhline(len(episode.senders) - episode.sending_nodes - 0.5, color=rgb(MUTED), linewidth=0.8)
    table.set_ylabel("sender: devices, then nodes")
    return figure


def _draw_present(axes: "Axes", episode: StreamingEpisode) -> None:
    """One strip per node, filled as high as requests wait there or are in service."""
    largest = max((int(count.max()) for _, count in episode.present if count.size), default=1)
    for index, (times_s, count) in enumerate(episode.present):
        floor = strip_floor(index)
        level = floor - STRIP_HEIGHT * count / largest
        axes.fill_between(times_s, floor, level, step="post", color=rgb(BUSY), linewidth=0)
    label_strips(axes, episode.node_names)
    titled(axes, f"Requests at every node, waiting or in service: {largest} at most")


def _draw_outcomes(axes: "Axes", episode: StreamingEpisode) -> None:
    draw_stacked(axes, episode.begin_s, BAR_WIDTH * episode.epoch_s, outcome_parts(episode.series.outcomes))
    axes.yaxis.set_major_locator(whole_numbers())
    titled(axes, "Requests by epoch of arrival", legend=True)


def _draw_exits(axes: "Axes", episode: StreamingEpisode) -> None:
    share = episode.series.left / np.maximum(episode.series.arrived, 1)[:, None]
    parts = {
        f"exit {index + 1}": (share[:, index], colour) for index, colour in enumerate(_exit_colours(share.shape[1]))
    }
    draw_stacked(axes, episode.begin_s, BAR_WIDTH * episode.epoch_s, parts)
    axes.set_ylim(0.0, 1.0)
    titled(axes, "Shares of requests by exit", legend=True)


def _exit_colours(exits: int) -> list[Colour]:
    """From pale to dark."""
    steps = np.linspace(0.0, 1.0, exits)[:, None]
    colours = np.rint(FIRST_EXIT_COLOUR * (1 - steps) + LAST_EXIT_COLOUR * steps).astype(int)
    return [(int(red), int(green), int(blue)) for red, green, blue in colours]


def _draw_delay(axes: "Axes", episode: StreamingEpisode) -> None:
    _draw_means(axes, episode, episode.series.mean_delay_s)
    axes.set_ylim(bottom=0.0)
    titled(axes, "Mean response delay (s); line: episode")


def _draw_accuracy(axes: "Axes", episode: StreamingEpisode) -> None:
    _draw_means(axes, episode, episode.series.accuracy)
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, 0.0), max(high, ACCURACY_TOP))
    titled(axes, "Accuracy relative to the last exit; line: episode")


def _draw_means(axes: "Axes", episode: StreamingEpisode, means: Array) -> None:
    """A bar per epoch, and a line at the mean over all requests."""
    axes.bar(episode.begin_s, means, BAR_WIDTH * episode.epoch_s, align="edge", color=rgb(BUSY))
    arrived = episode.series.arrived
    axes.axhline((means * arrived).sum() / max(arrived.sum(), 1), color="black", linewidth=1.0)
