"""Exits as they are shown: how many requests leave at each, the observed confidences and the thresholds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.sim.exit_observation import QUANTILES
from edge_llm_gym.sim.simulator import Simulator


@dataclass(frozen=True)
class ExitView:
    """An exit, counted from 1, and the thresholds of the last epoch that held there; none at the last exit."""

    exit: int
    left: int
    """Requests of the last epoch that left there."""
    left_total: int
    """Requests of the episode so far that left there."""
    quantiles: tuple[float, ...]
    """Of the confidences observed in the last epochs, at `QUANTILES`; empty where none were."""
    thresholds: tuple[float, ...]


class ExitsView(Protocol):
    """A view of dynamics with exits, as far as these are shown."""

    @property
    def exits(self) -> Sequence[ExitView]:
        """All exits, in the order of the model's blocks."""
        ...

    @property
    def routed(self) -> int:
        """Requests whose route and exit the last epoch determined."""
        ...

    @property
    def routed_total(self) -> int:
        """Requests whose route and exit any epoch determined."""
        ...


def share_left(view: ExitsView, one: ExitView) -> float:
    """Share of the last epoch's requests that left at an exit."""
    return one.left / max(view.routed, 1)


def share_left_total(view: ExitsView, one: ExitView) -> float:
    """Share of the episode's requests that left at an exit."""
    return one.left_total / max(view.routed_total, 1)


def exit_views(
    simulator: Simulator, row: int, left: Array, left_total: Array, observed: Sequence[Array]
) -> tuple[ExitView, ...]:
    """The exits of a row: counts of the last epoch [E] and of the episode [E], and confidences observed at each."""
    return tuple(
        ExitView(
            exit=block + 1,
            left=int(left[block]),
            left_total=round(left_total[block]),
            quantiles=tuple(np.quantile(confidences, QUANTILES).tolist()) if confidences.size else (),
            thresholds=_thresholds(simulator, row, block),
        )
        for block, confidences in enumerate(observed)
    )


def _thresholds(simulator: Simulator, row: int, block: int) -> tuple[float, ...]:
    state, network = simulator.state, simulator.scenario.network
    if state.epoch[row] == 0 or block == network.last_block.max():
        return ()
    hosts: Array = (network.first_block <= block) & (block <= network.last_block)
    return tuple(state.threshold_last[row, hosts].tolist())


def observed_confidences(
    simulator: Simulator, row: int, request: Array, visited: Array, now_s: float
) -> tuple[Array, ...]:
    """Per exit, the confidences of those of the requests [n] that have been computed there by `now_s`.

    `visited` [n, S] int holds 1 + node in each stage, 0 for none. A request that leaves at an exit counts at the exits
    before it, where its confidence was below the threshold, and at its own.
    """
    tape, state = simulator.tape, simulator.state
    computed = (visited > 0) & (state.requests.finish_s[row, request] <= now_s)
    reached = state.requests.exit_block[row, request]
    stage_ends = np.unique(simulator.scenario.network.last_block)
    stages = np.searchsorted(stage_ends, np.arange(len(simulator.scenario.block_layers)))
    return tuple(
        tape.exits.confidence[row, request, block][computed[:, stage] & (block < reached)]
        for block, stage in enumerate(stages)
    )
