"""The course of a row's episode, computed from its tape and state: batches, expiries, queue lengths, outcomes."""

from dataclasses import dataclass

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.rendering.batching.row_batches import RowBatches, admission_epochs, row_batches
from edge_llm_gym.rendering.batching.starts import decision_times_s, earliest_starts_s
from edge_llm_gym.rendering.outcomes import COMPUTED
from edge_llm_gym.sim.outcomes import EXPIRED, SERVED, TIME_TOLERANCE_S
from edge_llm_gym.sim.simulator import Simulator


@dataclass(frozen=True)
class Batch:
    """One batch on one node: the epoch that began it, its times, its memory, and the outcomes of its requests."""

    epoch: int
    begin_s: float
    end_s: float
    kv_bytes: float
    served: int
    late: int
    below_quality: int

    @property
    def requests(self) -> int:
        """Requests in the batch."""
        return self.served + self.late + self.below_quality


def batches(simulator: Simulator, row: int, after_s: float = -np.inf) -> tuple[tuple[Batch, ...], ...]:
    """Per node, in order, the batches that end after `after_s`, finished or not."""
    found, outcome = row_batches(simulator, row), simulator.state.requests.outcome[row]
    return tuple(_node_batches(found, outcome, node, after_s) for node in range(simulator.nodes))


def _node_batches(found: RowBatches, outcome: Array, node: int, after_s: float) -> tuple[Batch, ...]:
    end_s = found.end_s[node]
    computed = (found.visited == node + 1).any(axis=1)
    counts = {
        name: np.bincount(found.admission_epoch[computed & (outcome == code)], minlength=end_s.size)
        for name, code in COMPUTED.items()
    }
    return tuple(
        Batch(
            epoch=int(epoch),
            begin_s=float(found.begin_s[node, epoch]),
            end_s=float(end_s[epoch]),
            kv_bytes=float(found.kv_bytes[node, epoch]),
            **{name: int(count[epoch]) for name, count in counts.items()},
        )
        for epoch in np.flatnonzero(end_s > max(after_s, 0.0))
    )


def expiry_epochs(simulator: Simulator, row: int) -> Array:
    """[C] int64, epoch at whose decision time each expired request was dropped, -1 for the others.

    If lengths are known, starts only move later, so a request expires at the first epoch whose start is too late on
    every node. Expiries by predictions are logged.
    """
    tape, state = simulator.tape, simulator.state
    if state.predictions is not None:
        return state.predictions.expired_epoch[row].astype(np.int64)
    expired = np.flatnonzero(state.requests.outcome[row] == EXPIRED)
    latest_s = tape.latest_start_s[row, expired] + TIME_TOLERANCE_S
    starts_s = earliest_starts_s(simulator, row)
    too_late = [
        np.searchsorted(starts_s[:, node], latest_s[:, node], side="right") for node in range(latest_s.shape[1])
    ]
    epochs = np.full(state.requests.outcome.shape[1], -1)
    epochs[expired] = np.maximum(np.max(too_late, axis=0), entry_epochs(simulator, row)[expired])
    return epochs


def entry_epochs(simulator: Simulator, row: int) -> Array:
    """[C] int64, epoch at whose decision time each request enters the queue; E + 1 for those yet to arrive."""
    tape, state = simulator.tape, simulator.state
    epochs = np.searchsorted(decision_times_s(simulator, row), tape.requests.arrival_s[row], side="right")
    epochs[tape.requests.length[row] :] = state.epoch[row] + 1
    return epochs


def pending_levels(simulator: Simulator, row: int) -> Array:
    """[E + 1] int64, requests pending at every decision time, after arrivals and expiries."""
    times = int(simulator.state.epoch[row]) + 1
    admitted, expired = admission_epochs(simulator.state, row), expiry_epochs(simulator, row)
    entered = per_epoch(entry_epochs(simulator, row), times)
    left = per_epoch(admitted[admitted >= 0] + 1, times) + per_epoch(expired[expired >= 0], times)
    return np.cumsum(entered - left)


def outcome_counts(simulator: Simulator, row: int) -> dict[str, Array]:
    """Requests per epoch, each [E + 1] int64: served, late and below_quality when admitted, expired when dropped."""
    state, times = simulator.state, int(simulator.state.epoch[row]) + 1
    admitted, expired = row_batches(simulator, row).admission_epoch, expiry_epochs(simulator, row)
    counts = {name: per_epoch(admitted[state.requests.outcome[row] == code], times) for name, code in COMPUTED.items()}
    return counts | {"expired": per_epoch(expired[expired >= 0], times)}


def served_table(simulator: Simulator, row: int) -> Array:
    """[D, K] int64, how many requests of each device each node served; of several stages, the entry node counts."""
    tape, state = simulator.tape, simulator.state
    served = np.flatnonzero(state.requests.outcome[row] == SERVED)
    table = np.zeros((simulator.scenario.devices.count, simulator.nodes), np.int64)
    entry_node = state.requests.node[row, served, 0].astype(np.int64) - 1
    np.add.at(table, (tape.requests.device[row, served], entry_node), 1)
    return table


def per_epoch(epochs: Array, times: int) -> Array:
    """How often each of 0..times - 1 occurs."""
    return np.bincount(epochs, minlength=times)[:times]
