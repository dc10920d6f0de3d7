"""What a row's episode did so far, recovered from its tape and state: batches, admissions, expiries, queue lengths."""

from dataclasses import dataclass

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.rendering.batch_log import batch_log, decision_times_s, earliest_starts_s
from edge_llm_gym.sim.outcomes import BELOW_QUALITY, EXPIRED, LATE, SERVED, TIME_TOLERANCE_S
from edge_llm_gym.sim.simulator import Simulator

COMPUTED = (SERVED, LATE, BELOW_QUALITY)


@dataclass(frozen=True)
class Batch:
    """One batch on one node: the epoch that began it, its times, its memory, and what becomes of its requests."""

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


def admission_epochs(simulator: Simulator, row: int) -> Array:
    """[C] int64, epoch that admitted each request of the tape, -1 for none."""
    return batch_log(simulator).admission_epochs(simulator, row)


def expiry_epochs(simulator: Simulator, row: int) -> Array:
    """[C] int64, epoch at whose decision time each expired request was dropped, -1 for the others.

    Starts only move later, so a request expires at the first epoch whose start is too late on every node.
    """
    tape, state = simulator.tape, simulator.state
    expired = np.flatnonzero(state.requests.outcome[row] == EXPIRED)
    latest_s = tape.latest_start_s[row, expired] + TIME_TOLERANCE_S
    starts_s = earliest_starts_s(simulator, row)
    hopeless = [
        np.searchsorted(starts_s[:, node], latest_s[:, node], side="right") for node in range(latest_s.shape[1])
    ]
    epochs = np.full(state.requests.outcome.shape[1], -1)
    epochs[expired] = np.maximum(np.max(hopeless, axis=0), entry_epochs(simulator, row)[expired])
    return epochs


def entry_epochs(simulator: Simulator, row: int) -> Array:
    """[C] int64, epoch at whose decision time each request enters the queue; E + 1 for those yet to come."""
    epochs = np.searchsorted(decision_times_s(simulator, row), simulator.tape.requests.arrival_s[row], side="right")
    epochs[simulator.tape.requests.length[row] :] = simulator.state.epoch[row] + 1
    return epochs


def pending_levels(simulator: Simulator, row: int) -> Array:
    """[E + 1] int64, requests pending at every decision time, after arrivals and expiries."""
    moments = int(simulator.state.epoch[row]) + 1
    admitted, expired = admission_epochs(simulator, row), expiry_epochs(simulator, row)
    entered = _per_epoch(entry_epochs(simulator, row), moments)
    left = _per_epoch(admitted[admitted >= 0] + 1, moments) + _per_epoch(expired[expired >= 0], moments)
    return np.cumsum(entered - left)


def outcome_counts(simulator: Simulator, row: int) -> dict[str, Array]:
    """Requests per epoch, each [E + 1] int64: served, late and below_quality when admitted, expired when dropped."""
    moments = int(simulator.state.epoch[row]) + 1
    admitted, expired = admission_epochs(simulator, row), expiry_epochs(simulator, row)
    outcome = simulator.state.requests.outcome[row]
    counts = {
        name: _per_epoch(admitted[outcome == code], moments)
        for name, code in zip(("served", "late", "below_quality"), COMPUTED, strict=True)
    }
    return counts | {"expired": _per_epoch(expired[expired >= 0], moments)}


def batches(simulator: Simulator, row: int, after_s: float = -np.inf) -> tuple[tuple[Batch, ...], ...]:
    """Per node, in order, the batches that end after `after_s`, finished or not."""
    admitted = admission_epochs(simulator, row)
    begins_s = batch_log(simulator).begins_s(simulator, row)
    return tuple(
        _node_batches(simulator, row, node, after_s, admitted, begins_s[node]) for node in range(simulator.nodes)
    )


def _node_batches(
    simulator: Simulator, row: int, node: int, after_s: float, admitted: Array, begins_s: Array
) -> tuple[Batch, ...]:
    state = simulator.state
    ends_s = state.batches.end_s[row, node, : state.epoch[row]]
    mine = batch_log(simulator).computed_on(simulator, row, node)
    counts = {
        code: np.bincount(admitted[mine & (state.requests.outcome[row] == code)], minlength=ends_s.size)
        for code in COMPUTED
    }
    return tuple(
        Batch(
            epoch=int(epoch),
            begin_s=float(begins_s[epoch]),
            end_s=float(ends_s[epoch]),
            kv_bytes=float(state.batches.kv_bytes[row, node, epoch]),
            served=int(counts[SERVED][epoch]),
            late=int(counts[LATE][epoch]),
            below_quality=int(counts[BELOW_QUALITY][epoch]),
        )
        for epoch in np.flatnonzero(ends_s > max(after_s, 0.0))
    )


def _per_epoch(epochs: Array, moments: int) -> Array:
    """How often each of 0..moments - 1 occurs."""
    return np.bincount(epochs, minlength=moments)[:moments]
