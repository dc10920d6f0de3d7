"""Reads the sequences of a row off its state: node, times and outcome of each."""

from dataclasses import dataclass

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.rendering.outcomes import ADMITTED
from edge_llm_gym.sim.outcomes import OUTCOME_NAMES, RUNNING
from edge_llm_gym.sim.simulator import Simulator


@dataclass(frozen=True, eq=False)
class Sequences:
    """The S sequences of a row that have begun, by the begin of their prefills."""

    node: Array  # [S] int64
    begin_s: Array  # [S] begin of the prefill
    end_s: Array  # [S] last token or eviction, inf for a sequence that runs
    outcome: tuple[str, ...]
    """A name of `ADMITTED` for each."""


def sequences_of(simulator: Simulator, row: int) -> Sequences:
    """The sequences of a row's episode so far, without those that wait for their prefill or were evicted before it."""
    state = simulator.state
    begun = np.flatnonzero((state.requests.node[row, :, 0] > 0) & (state.sequences.last_iteration[row] >= 0))
    request = begun[np.argsort(state.sequences.begin_s[row, begun], kind="stable")]
    codes = state.requests.outcome[row, request]
    return Sequences(
        node=state.requests.node[row, request, 0].astype(np.int64) - 1,
        begin_s=state.sequences.begin_s[row, request],
        end_s=np.where(codes == RUNNING, np.inf, state.requests.finish_s[row, request, 0]),
        outcome=tuple(OUTCOME_NAMES[code] for code in codes),
    )


def end_epochs(simulator: Simulator, row: int) -> Array:
    """[C] int64, epoch in which each admitted request left its node, -1 for the others."""
    state, epoch_s = simulator.state, simulator.scenario.epoch_s
    names = [OUTCOME_NAMES[code] for code in state.requests.outcome[row]]
    left = np.array([name in ADMITTED and name != "running" for name in names])
    epoch = np.ceil(state.requests.finish_s[row, :, 0] / epoch_s - 1e-9).astype(np.int64) - 2
    return np.where(left, np.clip(epoch, 0, int(state.epoch[row])), -1)
