"""Who was computed where, in the batch of which epoch: how each admission that batches lets it be read off its state.

Batching dynamics keeps no log. It keeps the end of every batch and the latency of every computed request, and since all
requests of a batch end together, that is enough. Batching-and-routing dynamics notes admissions, visits and the starts of batches.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.sim.simulator import Simulator


@dataclass(frozen=True)
class BatchLog:
    """How to read a row's batches, for a tape of C requests, K nodes and E epochs done."""

    admission_epochs: Callable[[Simulator, int], Array]
    """[C] int64, epoch that admitted each request of the tape, -1 for none."""
    computed_on: Callable[[Simulator, int, int], Array]
    """(simulator, row, node) -> [C] bool, requests that the node computed."""
    begins_s: Callable[[Simulator, int], Array]
    """[K, at least E] s, when each epoch's batch began on each node; only where there was one."""


def batch_log(simulator: Simulator) -> BatchLog:
    """That of the simulator's admission."""
    return LOGS[simulator.scenario.dynamics]


def decision_times_s(simulator: Simulator, row: int) -> Array:
    """[E + 1] s, decision times of the E epochs done and of the current one."""
    return np.arange(1, simulator.state.epoch[row] + 2) * simulator.scenario.epoch_s


def earliest_starts_s(simulator: Simulator, row: int) -> Array:
    """[E + 1, K] s, when a batch of each epoch could start on each node: after its uplink and the batches before."""
    done = simulator.state.epoch[row]
    ends_s = simulator.state.batches.end_s[row, :, :done].T
    free_s = np.maximum.accumulate(np.vstack([np.zeros(simulator.nodes), ends_s]))
    uplink_ends_s = decision_times_s(simulator, row) + simulator.scenario.uplink_slot_s
    return np.maximum(uplink_ends_s[:, None], free_s)


def _epochs_by_latency(simulator: Simulator, row: int) -> Array:
    """The batch whose end is the request's."""
    tape, state = simulator.tape, simulator.state
    finish_s = tape.requests.arrival_s[row] + state.requests.latency_s[row] - simulator.scenario.downlink_slot_s
    epochs = np.full(finish_s.size, -1)
    for node in range(simulator.nodes):
        ends_s = state.batches.end_s[row, node]
        begun = np.flatnonzero(np.isfinite(ends_s))
        between_s = (ends_s[begun][:-1] + ends_s[begun][1:]) / 2  # nearest end, so that rounding cannot matter
        mine = state.requests.node[..., 0][row] == node + 1
        epochs[mine] = begun[np.searchsorted(between_s, finish_s[mine])]
    return epochs


def _epochs_as_noted(simulator: Simulator, row: int) -> Array:
    state, done = simulator.state, int(simulator.state.epoch[row])
    until = state.admissions.until[row, : done + 1]
    epochs = np.full(state.requests.outcome.shape[1], -1)
    epochs[state.admissions.request[row, : until[-1]]] = np.repeat(np.arange(done), np.diff(until))
    return epochs


LOGS: Final[Mapping[str, BatchLog]] = MappingProxyType(
    {
        "batching": BatchLog(
            admission_epochs=_epochs_by_latency,
            computed_on=lambda simulator, row, node: simulator.state.requests.node[..., 0][row] == node + 1,
            begins_s=lambda simulator, row: earliest_starts_s(simulator, row).T,
        ),
        "batching_routing": BatchLog(
            admission_epochs=_epochs_as_noted,
            computed_on=lambda simulator, row, node: (simulator.state.requests.node[row] == node + 1).any(axis=1),
            begins_s=lambda simulator, row: simulator.state.batches.begin_s[row],
        ),
    }
)
"""Admission -> its log."""
