"""Reads the batches of a row off its state: admitting epoch and nodes of every request, times and memory of batches."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.sim.simulator import Simulator


@dataclass(frozen=True, eq=False)
class RowBatches:
    """A row's batches, for a tape of C requests, K nodes in S stages and E epochs done."""

    admission_epoch: Array
    """[C] int64, epoch that admitted each request, -1 for none."""
    visited: Array
    """[C, S] int8, 1 + node that computed the request in each stage, 0 for none."""
    begin_s: Array
    """[K, E] float64, when each epoch's batch began on each node; only where there was one."""
    end_s: Array
    """[K, E] float64, when it ended, -inf where there was none."""
    kv_bytes: Array
    """[K, E] float64, its KV caches."""


def row_batches(simulator: Simulator, row: int) -> RowBatches:
    """The batches of a row's episode so far."""
    state, epochs = simulator.state, int(simulator.state.epoch[row])
    return RowBatches(
        admission_epoch=admission_epochs(state, row),
        visited=state.requests.node[row],
        begin_s=state.batches.begin_s[row, :, :epochs],
        end_s=state.batches.end_s[row, :, :epochs],
        kv_bytes=state.batches.kv_bytes[row, :, :epochs],
    )


def last_admitted(simulator: Simulator, row: int, epochs: int) -> Array:
    """[n] int32, requests that the last epochs admitted."""
    state, epoch = simulator.state, int(simulator.state.epoch[row])
    first, end = state.admissions.until[row, max(epoch - epochs, 0)], state.admissions.until[row, epoch]
    requests: Array = state.admissions.request[row, first:end]
    return requests


def admitted_total(simulator: Simulator, row: int) -> int:
    """Requests admitted since the reset."""
    state = simulator.state
    return int(state.admissions.until[row, state.epoch[row]])


def admission_epochs(state: Any, row: int) -> Array:
    """[C] int64, epoch that admitted each request of a row, -1 for none."""
    epochs = int(state.epoch[row])
    until = state.admissions.until[row, : epochs + 1]
    admission_epoch = np.full(state.requests.outcome.shape[1], -1)
    admission_epoch[state.admissions.request[row, : until[-1]]] = np.repeat(np.arange(epochs), np.diff(until))
    return admission_epoch
