"""Reads the batches of a row off its state: admitting epoch and nodes of every request, times and memory of batches."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.rendering.batching.inferred_log import has_admission_log, inferred_log
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
    if has_admission_log(state):
        admission_epoch, visited, begin_s = _admission_epochs(state, row), state.visited[row], state.batch_begin_s[row]
    else:
        admission_epoch, visited, begin_s = inferred_log(simulator, row)
    return RowBatches(
        admission_epoch=admission_epoch,
        visited=visited,
        begin_s=begin_s[:, :epochs],
        end_s=state.batch_end_s[row, :, :epochs],
        kv_bytes=state.batch_kv_bytes[row, :, :epochs],
    )


def last_admitted(simulator: Simulator, row: int, epochs: int) -> Array:
    """[n] int32, requests that the last epochs admitted, for states that hold an admission log."""
    state, epoch = simulator.state, int(simulator.state.epoch[row])
    first, end = state.admitted_until[row, max(epoch - epochs, 0)], state.admitted_until[row, epoch]
    requests: Array = state.admitted[row, first:end]
    return requests


def admitted_total(simulator: Simulator, row: int) -> int:
    """Requests admitted since the reset, for states that hold an admission log."""
    state = simulator.state
    return int(state.admitted_until[row, state.epoch[row]])


def _admission_epochs(state: Any, row: int) -> Array:
    epochs = int(state.epoch[row])
    until = state.admitted_until[row, : epochs + 1]
    admission_epoch = np.full(state.outcome.shape[1], -1)
    admission_epoch[state.admitted[row, : until[-1]]] = np.repeat(np.arange(epochs), np.diff(until))
    return admission_epoch
