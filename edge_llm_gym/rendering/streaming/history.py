"""What a row's episode of streaming dynamics did so far, read off its tape and state.

A request's way is settled in the epoch of its arrival and stays in the state, so nothing needs to be recovered: it is
only summed up by epoch, by link, by exit and by node.
"""

from dataclasses import dataclass

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.sim.exit_observation import (
    SEEN_EPOCHS,
)
from edge_llm_gym.sim.outcomes import BELOW_QUALITY, LATE, SERVED
from edge_llm_gym.sim.simulator import Simulator

OUTCOME_CODES = {"served": SERVED, "late": LATE, "below_quality": BELOW_QUALITY}


@dataclass(frozen=True, eq=False)
class Course:
    """E epochs of a model with B exits, by the epoch in which requests arrived."""

    arrived: Array  # [E] int64
    outcomes: dict[str, Array]  # served, late and below_quality, each [E] int64
    left: Array  # [E, B] int64, requests that left at each exit
    mean_delay_s: Array  # [E] float64, 0 where nobody arrived
    accuracy: Array  # [E] float64, as the metric of that name, 0 where nobody arrived


def course_of(simulator: Simulator, row: int) -> Course:
    """The episode of a row so far, epoch by epoch."""
    state, epochs = simulator.state, int(simulator.state.epoch[row])
    epoch = arrival_epochs(simulator, row)
    size = epoch.size
    blocks, exits = len(simulator.scenario.block_layers), state.requests.exit_block[row, :size] - 1
    outcome, arrived = state.requests.outcome[row, :size], np.bincount(epoch, minlength=epochs)
    delay_s = np.bincount(epoch, state.requests.delay_s[row, :size], minlength=epochs)
    correct = np.bincount(epoch, right_answers(simulator, row), minlength=epochs)
    return Course(
        arrived=arrived,
        outcomes={name: np.bincount(epoch[outcome == code], minlength=epochs) for name, code in OUTCOME_CODES.items()},
        left=np.bincount(epoch * blocks + exits, minlength=epochs * blocks).reshape(epochs, blocks),
        mean_delay_s=delay_s / np.maximum(arrived, 1),
        accuracy=correct / np.maximum(arrived, 1),
    )


def arrival_epochs(simulator: Simulator, row: int) -> Array:
    """[A] int64, the epoch in which each of the A requests arrived that have arrived so far."""
    epochs = int(simulator.state.epoch[row])
    return np.repeat(np.arange(epochs), np.diff(simulator.state.first_of_epoch[row, : epochs + 1]))


def right_answers(simulator: Simulator, row: int) -> Array:
    """[A] float64, the lowest quality factor on the way of each request whose answer is right, 0 for the others."""
    state, size = simulator.state, int(simulator.state.next_arrival[row])
    node = state.requests.node[row, :size].astype(np.int64)
    factor = np.where(node > 0, simulator.parameters.quality[node - 1], np.inf).min(axis=1)
    return factor * simulator.tape.exits.correct[row, np.arange(size), state.requests.exit_block[row, :size] - 1]


def traffic(simulator: Simulator, row: int, first: int, end: int) -> Array:
    """[D + K, K] int64, how many of the requests `first` to `end` (exclusive) took each link; rows as in `offload`."""
    return link_counts(
        simulator, simulator.tape.requests.device[row, first:end], simulator.state.requests.node[row, first:end]
    )


def link_counts(simulator: Simulator, device: Array, node: Array) -> Array:
    """[D + K, K] int64, how many requests took each link: from device [n] on, over 1 + node [n, S], 0 for none."""
    devices, nodes = simulator.scenario.devices.count, simulator.nodes
    counts = np.zeros((devices + nodes, nodes), np.int64)
    way = node.astype(np.int64) - 1
    np.add.at(counts, (device, way[:, 0]), 1)
    for here, there in zip(way.T[:-1], way.T[1:], strict=True):
        on = there >= 0
        np.add.at(counts, (devices + here[on], there[on]), 1)
    return counts


def confidences_seen(simulator: Simulator, row: int) -> tuple[Array, ...]:
    """Per exit, the confidences of the last epochs' requests that have been computed there by now."""
    state, epoch = simulator.state, int(simulator.state.epoch[row])
    recent = np.arange(state.first_of_epoch[row, max(epoch - SEEN_EPOCHS, 0)], state.next_arrival[row])
    return computed_confidences(
        simulator, row, recent, state.requests.node[row, recent], epoch * simulator.scenario.epoch_s
    )


def computed_confidences(
    simulator: Simulator, row: int, request: Array, node: Array, now_s: float
) -> tuple[Array, ...]:
    """Per exit, the confidences of those requests [n] that have been computed there by now.

    They pass 1 + node [n, S], 0 for none.
    """
    tape, state = simulator.tape, simulator.state
    computed = (node > 0) & (state.requests.finish_s[row, request] <= now_s)
    reached = state.requests.exit_block[row, request]
    stage_ends = np.unique(simulator.scenario.network.last_block)
    stages = np.searchsorted(stage_ends, np.arange(len(simulator.scenario.block_layers)))
    return tuple(
        tape.exits.confidence[row, request, block][computed[:, stage] & (block < reached)]
        for block, stage in enumerate(stages)
    )


def present(simulator: Simulator, row: int, node: int) -> tuple[Array, Array]:
    """Moments [n] in s, ascending, at which a node was reached or left, and how many requests were there from then on.

    Those that wait count, and so does the one that is computed.
    """
    state, size = simulator.state, int(simulator.state.next_arrival[row])
    here = state.requests.node[row, :size] == node + 1
    moments_s = np.concatenate([state.requests.reach_s[row, :size][here], state.requests.finish_s[row, :size][here]])
    order = np.argsort(moments_s, kind="stable")
    change = np.repeat([1, -1], moments_s.size // 2)
    return moments_s[order], np.cumsum(change[order])
