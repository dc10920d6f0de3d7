"""Exits and links as the pictures of streams and of batching-and-routing dynamics show them: who left where, who went which way."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.sim.exit_observation import (
    QUANTILES,
)
from edge_llm_gym.sim.simulator import Simulator


@dataclass(frozen=True)
class Flow:
    """Requests of the last epoch that took a link. Senders are counted as in `offload`: devices, then nodes."""

    sender: int
    node: int
    requests: int


@dataclass(frozen=True)
class ExitView:
    """An exit, counted from 1, and the thresholds of the last epoch that held there; none at the last exit."""

    exit: int
    left: int
    """Requests of the last epoch that left there."""
    left_in_all: int
    quantiles: tuple[float, ...]
    """Of the confidences seen in the last epochs, at `QUANTILES`; empty where none were."""
    thresholds: tuple[float, ...]


class Named(Protocol):
    """A node of any admission."""

    @property
    def name(self) -> str:
        """As in the scenario."""
        ...


class Exiting(Protocol):
    """A view of an admission with exits, as far as these are shown."""

    @property
    def exits(self) -> Sequence[ExitView]:
        """All of them."""
        ...

    @property
    def settled(self) -> int:
        """Requests whose way the last epoch settled: each left at one of the exits."""
        ...

    @property
    def settled_in_all(self) -> int:
        """Requests whose way any epoch settled."""
        ...


def exit_views(
    simulator: Simulator, row: int, left: Array, left_in_all: Array, seen: Sequence[Array]
) -> tuple[ExitView, ...]:
    """The exits of a row: how many left there in the last epoch [E] and in all [E], and confidences seen there."""
    return tuple(
        ExitView(
            exit=block + 1,
            left=int(left[block]),
            left_in_all=round(left_in_all[block]),
            quantiles=tuple(np.quantile(confidences, QUANTILES).tolist()) if confidences.size else (),
            thresholds=_thresholds(simulator, row, block),
        )
        for block, confidences in enumerate(seen)
    )


def _thresholds(simulator: Simulator, row: int, block: int) -> tuple[float, ...]:
    state, network = simulator.state, simulator.scenario.network
    if state.epoch[row] == 0 or block == network.last_block.max():
        return ()
    hosts: Array = (network.first_block <= block) & (block <= network.last_block)
    return tuple(state.threshold_last[row, hosts].tolist())


def flows_of(counts: Array) -> tuple[Flow, ...]:
    """The links in use among counts [D + K, K]."""
    return tuple(Flow(int(sender), int(node), int(counts[sender, node])) for sender, node in np.argwhere(counts > 0))


def wires_of(simulator: Simulator) -> tuple[tuple[int, int], ...]:
    """All wired links, from node to node."""
    return tuple((int(source), int(target)) for source, target in np.argwhere(simulator.scenario.network.has_link))
