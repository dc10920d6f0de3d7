"""One moment of one environment of batching-and-routing dynamics as plain numbers and strings: all that a picture of it needs."""

from dataclasses import dataclass

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.rendering.streaming.exits import ExitView, Flow, exit_views, flows_of, wires_of
from edge_llm_gym.rendering.streaming.history import computed_confidences, link_counts
from edge_llm_gym.rendering.view import EpochView, NodeView, view_of
from edge_llm_gym.scenario.metrics import ROUTING_COLUMN
from edge_llm_gym.sim.exit_observation import (
    SEEN_EPOCHS,
)
from edge_llm_gym.sim.pooled.records import PooledResult
from edge_llm_gym.sim.simulator import Simulator


@dataclass(frozen=True)
class StagedNode(NodeView):
    """A node, its stage counted from 1. Threshold and counts of requests are those of the last epoch."""

    stage: int
    threshold: float | None
    """None before the first epoch."""
    took: int
    """Requests that it computed, or will."""
    sent_on: int | None
    """Those of them that went on to the next stage; None where no link leads on."""


@dataclass(frozen=True)
class StagedView(EpochView):
    """One row at one decision time. What the last epoch settled is that of the requests that it admitted."""

    nodes: tuple[StagedNode, ...]
    wires: tuple[tuple[int, int], ...]
    """From node to node."""
    flows: tuple[Flow, ...]
    """Of the requests that the last epoch admitted."""
    exits: tuple[ExitView, ...]
    settled: int
    """Requests that the last epoch admitted."""
    settled_in_all: int

    @property
    def forwarded(self) -> int:
        """Times that the last epoch sent a request on to the next stage."""
        return sum(node.sent_on or 0 for node in self.nodes)


def staged_view_of(simulator: Simulator, row: int, result: PooledResult | None) -> StagedView:
    """A row now. `result` is what the last step returned; at an episode's start it is ignored, for nothing preceded."""
    state, last = simulator.state, _admitted(simulator, row, epochs=1)
    counts = link_counts(simulator, simulator.tape.requests.device[row, last], state.requests.node[row, last])
    plain = view_of(simulator, row, result)
    nodes = tuple(_node(simulator, row, index, node, counts) for index, node in enumerate(plain.nodes))
    return StagedView(
        **vars(plain) | {"nodes": nodes},
        wires=wires_of(simulator),
        flows=flows_of(counts),
        exits=_exits(simulator, row, last),
        settled=last.size,
        settled_in_all=int(state.admissions.until[row, state.epoch[row]]),
    )


def _admitted(simulator: Simulator, row: int, epochs: int) -> Array:
    """[n] the requests that the last epochs admitted."""
    state, epoch = simulator.state, int(simulator.state.epoch[row])
    first, end = state.admissions.until[row, max(epoch - epochs, 0)], state.admissions.until[row, epoch]
    requests: Array = state.admissions.request[row, first:end]
    return requests


def _node(simulator: Simulator, row: int, index: int, plain: NodeView, counts: Array) -> StagedNode:
    state, network = simulator.state, simulator.scenario.network
    sent_on = int(counts[simulator.scenario.devices.count + index].sum())
    return StagedNode(
        **vars(plain),
        stage=int(network.stage[index]) + 1,
        threshold=float(state.threshold_last[row, index]) if state.epoch[row] else None,
        took=int(counts[:, index].sum()),
        sent_on=sent_on if network.has_link[index].any() else None,
    )


def _exits(simulator: Simulator, row: int, last: Array) -> tuple[ExitView, ...]:
    state, scenario = simulator.state, simulator.scenario
    left = np.bincount(state.requests.exit_block[row, last] - 1, minlength=len(scenario.block_layers))
    recent, now_s = _admitted(simulator, row, SEEN_EPOCHS), (state.epoch[row] + 1) * scenario.epoch_s
    seen = computed_confidences(simulator, row, recent, state.requests.node[row, recent], now_s)
    return exit_views(simulator, row, left, state.totals[row, len(ROUTING_COLUMN) :], seen)
