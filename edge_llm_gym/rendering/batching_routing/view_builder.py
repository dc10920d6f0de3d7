"""Builds the view of one row of batching-and-routing dynamics: that of batching dynamics, with routes and exits."""

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.rendering.batching.row_batches import admitted_total, last_admitted
from edge_llm_gym.rendering.batching.view import NodeView
from edge_llm_gym.rendering.batching.view_builder import batching_view
from edge_llm_gym.rendering.batching_routing.view import RoutingNodeView, RoutingView
from edge_llm_gym.rendering.exits import ExitView, exit_views, observed_confidences
from edge_llm_gym.rendering.links import flows_of, link_counts, wires_of
from edge_llm_gym.scenario.metrics import ROUTING_COLUMN
from edge_llm_gym.sim.exit_observation import SEEN_EPOCHS
from edge_llm_gym.sim.pooled.records import PooledResult
from edge_llm_gym.sim.simulator import Simulator


def routing_view(simulator: Simulator, row: int, result: PooledResult | None) -> RoutingView:
    """A row now. `result` is what the last step returned; before the first epoch of an episode it is ignored."""
    tape, state, last = simulator.tape, simulator.state, last_admitted(simulator, row, epochs=1)
    counts = link_counts(simulator, tape.requests.device[row, last], state.requests.node[row, last])
    base = batching_view(simulator, row, result)
    nodes = tuple(_node(simulator, row, index, node, counts) for index, node in enumerate(base.nodes))
    return RoutingView(
        **vars(base) | {"nodes": nodes},
        wires=wires_of(simulator),
        flows=flows_of(counts),
        exits=_exits(simulator, row, last, base.time_s),
        routed=last.size,
        routed_total=admitted_total(simulator, row),
    )


def _node(simulator: Simulator, row: int, index: int, base: NodeView, counts: Array) -> RoutingNodeView:
    state, network = simulator.state, simulator.scenario.network
    forwarded = int(counts[simulator.scenario.devices.count + index].sum())
    return RoutingNodeView(
        **vars(base),
        stage=int(network.stage[index]) + 1,
        threshold=float(state.threshold_last[row, index]) if state.epoch[row] else None,
        received=int(counts[:, index].sum()),
        forwarded=forwarded if network.has_link[index].any() else None,
    )


def _exits(simulator: Simulator, row: int, last: Array, now_s: float) -> tuple[ExitView, ...]:
    state, scenario = simulator.state, simulator.scenario
    left = np.bincount(state.requests.exit_block[row, last] - 1, minlength=len(scenario.block_layers))
    left_total = state.totals[row, len(ROUTING_COLUMN) :]
    recent = last_admitted(simulator, row, SEEN_EPOCHS)
    observed = observed_confidences(simulator, row, recent, state.requests.node[row, recent], now_s)
    return exit_views(simulator, row, left, left_total, observed)
