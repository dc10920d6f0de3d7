"""The course of a row's episode of streaming dynamics, read from its tape and state.

Route and exit of a request are determined in the epoch of its arrival and stay in the state, so nothing is inferred:
requests are only counted by epoch, link, exit and node.
"""

from dataclasses import dataclass

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.rendering.exits import observed_confidences
from edge_llm_gym.rendering.links import link_counts
from edge_llm_gym.rendering.outcomes import COMPUTED
from edge_llm_gym.sim.exit_observation import SEEN_EPOCHS
from edge_llm_gym.sim.exits import mean_accuracy
from edge_llm_gym.sim.simulator import Simulator


@dataclass(frozen=True, eq=False)
class EpochSeries:
    """E epochs of a model with B exits, by the epoch in which requests arrived."""

    arrived: Array  # [E] int64
    outcomes: dict[str, Array]  # served, late and below_quality, each [E] int64
    left: Array  # [E, B] int64, requests that left at each exit
    mean_delay_s: Array  # [E] float64, 0 for epochs without arrivals
    accuracy: Array  # [E] float64, as the metric of that name, 0 for epochs without arrivals


def epoch_series(simulator: Simulator, row: int) -> EpochSeries:
    """The episode of a row so far, epoch by epoch."""
    state, epochs = simulator.state, int(simulator.state.epoch[row])
    epoch = arrival_epochs(simulator, row)
    size = epoch.size
    blocks, exits = len(simulator.scenario.block_layers), state.requests.exit_block[row, :size] - 1
    outcome, arrived = state.requests.outcome[row, :size], np.bincount(epoch, minlength=epochs)
    delay_s = np.bincount(epoch, state.requests.delay_s[row, :size], minlength=epochs)
    correct = np.bincount(epoch, correct_answers(simulator, row), minlength=epochs)
    full_correct = np.bincount(epoch, simulator.tape.exits.correct[row, :size, -1], minlength=epochs)
    full_accuracy = simulator.parameters.exits.full_accuracy
    accuracy = mean_accuracy(correct, full_correct, np.maximum(arrived, 1), full_accuracy)
    return EpochSeries(
        arrived=arrived,
        outcomes={name: np.bincount(epoch[outcome == code], minlength=epochs) for name, code in COMPUTED.items()},
        left=np.bincount(epoch * blocks + exits, minlength=epochs * blocks).reshape(epochs, blocks),
        mean_delay_s=delay_s / np.maximum(arrived, 1),
        accuracy=np.where(arrived > 0, accuracy, 0.0),
    )


def arrival_epochs(simulator: Simulator, row: int) -> Array:
    """[A] int64, arrival epoch of each of the A requests that have arrived so far."""
    state, epochs = simulator.state, int(simulator.state.epoch[row])
    return np.repeat(np.arange(epochs), np.diff(state.first_of_epoch[row, : epochs + 1]))


def correct_answers(simulator: Simulator, row: int) -> Array:
    """[A] float64, the lowest quality factor on the route of each request with a correct answer, 0 for the others."""
    tape, state, quality = simulator.tape, simulator.state, simulator.parameters.quality
    size = int(state.next_arrival[row])
    node = state.requests.node[row, :size].astype(np.int64)
    factor = np.where(node > 0, quality[node - 1], np.inf).min(axis=1)
    return factor * tape.exits.correct[row, np.arange(size), state.requests.exit_block[row, :size] - 1]


def arrivals_of_last_epoch(simulator: Simulator, row: int) -> tuple[int, int]:
    """The first of the requests that arrived in the last epoch, and one past the last of them."""
    state = simulator.state
    return int(state.first_of_epoch[row, max(state.epoch[row] - 1, 0)]), int(state.next_arrival[row])


def traffic(simulator: Simulator, row: int, first: int = 0, end: int | None = None) -> Array:
    """[D + K, K] int64, how many of the requests `first` to `end` (exclusive) took each link; rows as in `offload`.

    By default, all requests that have arrived so far.
    """
    tape, state = simulator.tape, simulator.state
    requests = slice(first, int(state.next_arrival[row]) if end is None else end)
    return link_counts(simulator, tape.requests.device[row, requests], state.requests.node[row, requests])


def recent_confidences(simulator: Simulator, row: int) -> tuple[Array, ...]:
    """Per exit, the confidences of the requests of the last SEEN_EPOCHS epochs that have been computed there by now."""
    state, epoch = simulator.state, int(simulator.state.epoch[row])
    recent = np.arange(state.first_of_epoch[row, max(epoch - SEEN_EPOCHS, 0)], state.next_arrival[row])
    now_s = epoch * simulator.scenario.epoch_s
    return observed_confidences(simulator, row, recent, state.requests.node[row, recent], now_s)


def present(simulator: Simulator, row: int, node: int) -> tuple[Array, Array]:
    """Times [n] in s, ascending, at which requests reach or leave a node, and how many are present from then on.

    Both waiting requests and the one in service count.
    """
    state, size = simulator.state, int(simulator.state.next_arrival[row])
    here = state.requests.node[row, :size] == node + 1
    times_s = np.concatenate([state.requests.reach_s[row, :size][here], state.requests.finish_s[row, :size][here]])
    order = np.argsort(times_s, kind="stable")
    change = np.repeat([1, -1], times_s.size // 2)
    return times_s[order], np.cumsum(change[order])
