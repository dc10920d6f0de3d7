"""A whole episode of streaming dynamics as a figure: queues, outcomes, exits, delay, accuracy, and who sent where."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.rendering.figures import draw_stacked, draw_table, empty_figure, rgb, tidy, whole_numbers
from edge_llm_gym.rendering.palette import BUSY, MUTED, OUTCOMES, Colour
from edge_llm_gym.rendering.streaming.history import Course, course_of, present, traffic
from edge_llm_gym.sim.simulator import Simulator

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FIRST_EXIT_COLOUR: Final = np.array([198.0, 219.0, 239.0])
LAST_EXIT_COLOUR: Final = np.array([8.0, 48.0, 107.0])


@dataclass(frozen=True, eq=False)
class StreamEpisode:
    """What the figure shows of a row: E epochs done, K nodes, D devices."""

    scenario: str
    node_names: tuple[str, ...]
    epoch_s: float
    begin_s: Array  # [E], of the epochs
    course: Course
    present: tuple[tuple[Array, Array], ...]  # per node, moments and how many requests were there from then on
    senders: tuple[str, ...]  # the D devices, then the nodes that send on
    sending_nodes: int
    sent: Array  # [senders, K] int64, requests that took each link


def stream_episode_of(simulator: Simulator, row: int) -> StreamEpisode:
    """The episode of a row so far; it need not have ended."""
    scenario, devices = simulator.scenario, simulator.scenario.devices.count
    names = tuple(node.name for node in scenario.nodes)
    sends_on = np.flatnonzero(scenario.network.has_link.any(axis=1))
    sent = traffic(simulator, row, 0, int(simulator.state.next_arrival[row]))
    return StreamEpisode(
        scenario=scenario.name,
        node_names=names,
        epoch_s=scenario.epoch_s,
        begin_s=np.arange(simulator.state.epoch[row]) * scenario.epoch_s,
        course=course_of(simulator, row),
        present=tuple(present(simulator, row, node) for node in range(simulator.nodes)),
        senders=(*(f"{device}" for device in range(devices)), *(names[node] for node in sends_on)),
        sending_nodes=sends_on.size,
        sent=np.vstack([sent[:devices], sent[devices + sends_on]]),
    )


def stream_timeline(simulator: Simulator, row: int) -> "Figure":
    """The figure of a row of streaming dynamics."""
    return stream_timeline_figure(stream_episode_of(simulator, row))


def stream_timeline_figure(episode: StreamEpisode) -> "Figure":
    """Over time on the left, from the nodes to the accuracy; who sent where on the right."""
    nodes = len(episode.node_names)
    figure = empty_figure(height=max(10.0, 7.0 + 0.4 * nodes))
    over_time, who = figure.subfigures(1, 2, squeeze=False, width_ratios=(2.4, 1))[0]
    axes = over_time.subplots(5, 1, sharex=True, height_ratios=(max(2.0, 0.3 * nodes), 1, 1, 1, 1))
    for one, draw in zip(axes, (_draw_present, _draw_outcomes, _draw_exits, _draw_delay, _draw_accuracy), strict=True):
        draw(one, episode)
        tidy(one)
    axes[-1].set_xlabel("time (s)")
    axes[-1].set_xlim(0.0, max(episode.begin_s.size, 1) * episode.epoch_s)
    table = who.subplots()
    draw_table(table, episode.sent, episode.senders, episode.node_names, "Who sends where: requests")
    table.axhline(len(episode.senders) - episode.sending_nodes - 0.5, color=rgb(MUTED), linewidth=0.8)
    table.set_ylabel("device, then node")
    figure.suptitle(f"{episode.scenario}: {episode.begin_s.size} epochs of {episode.epoch_s:g} s")
    return figure


def _draw_present(axes: "Axes", episode: StreamEpisode) -> None:
    """One strip per node, filled as high as requests wait there or are computed."""
    most = max((int(count.max()) for _, count in episode.present if count.size), default=1)
    for index, (moments_s, count) in enumerate(episode.present):
        floor = index + 0.4
        axes.fill_between(moments_s, floor, floor - 0.8 * count / most, step="post", color=rgb(BUSY), linewidth=0)
        axes.axhline(floor, color=rgb(MUTED), linewidth=0.5)
    axes.set_yticks(range(len(episode.node_names)), episode.node_names)
    axes.set_ylim(len(episode.node_names) - 0.5, -0.5)
    axes.set_title(f"Requests at every node, waiting or computed: {most} at most", loc="left", fontsize=11)


def _draw_outcomes(axes: "Axes", episode: StreamEpisode) -> None:
    parts = {name: (counts, OUTCOMES[name]) for name, counts in episode.course.outcomes.items()}
    draw_stacked(axes, episode.begin_s, 0.9 * episode.epoch_s, parts)
    axes.yaxis.set_major_locator(whole_numbers())
    _finish(axes, "Requests by the epoch of their arrival")


def _draw_exits(axes: "Axes", episode: StreamEpisode) -> None:
    share = episode.course.left / np.maximum(episode.course.arrived, 1)[:, None]
    parts = {
        f"exit {index + 1}": (share[:, index], colour) for index, colour in enumerate(_exit_colours(share.shape[1]))
    }
    draw_stacked(axes, episode.begin_s, 0.9 * episode.epoch_s, parts)
    axes.set_ylim(0.0, 1.0)
    _finish(axes, "Shares of them that leave at each exit")


def _exit_colours(exits: int) -> list[Colour]:
    """From pale to dark."""
    steps = np.linspace(0.0, 1.0, exits)[:, None]
    colours = np.rint(FIRST_EXIT_COLOUR * (1 - steps) + LAST_EXIT_COLOUR * steps).astype(int)
    return [(int(red), int(green), int(blue)) for red, green, blue in colours]


def _finish(axes: "Axes", title: str) -> None:
    axes.set_title(title, loc="left", fontsize=11)
    axes.legend(ncols=8, fontsize=9, frameon=False, loc="lower right", bbox_to_anchor=(1.0, 0.96))


def _draw_delay(axes: "Axes", episode: StreamEpisode) -> None:
    _draw_level(axes, episode, episode.course.mean_delay_s)
    axes.set_ylim(bottom=0.0)
    axes.set_title("Mean response delay (s), and that of the episode", loc="left", fontsize=11)


def _draw_accuracy(axes: "Axes", episode: StreamEpisode) -> None:
    _draw_level(axes, episode, episode.course.accuracy)
    axes.set_ylim(0.0, 1.05)
    axes.set_title("Accuracy, and that of the episode", loc="left", fontsize=11)


def _draw_level(axes: "Axes", episode: StreamEpisode, level: Array) -> None:
    """A bar per epoch, and a line at the mean over all requests."""
    axes.bar(episode.begin_s, level, 0.9 * episode.epoch_s, align="edge", color=rgb(BUSY))
    arrived = episode.course.arrived
    axes.axhline((level * arrived).sum() / max(arrived.sum(), 1), color="black", linewidth=1.0)
