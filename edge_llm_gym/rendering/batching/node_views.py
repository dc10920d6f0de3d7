"""Builds the views of the nodes of batching dynamics: memory, latest batches, time until free."""

from edge_llm_gym.rendering.batching.history import Batch, batches
from edge_llm_gym.rendering.batching.view import NodeView
from edge_llm_gym.sim.pooled.admission import free_kv_bytes
from edge_llm_gym.sim.simulator import Simulator


def node_views(simulator: Simulator, row: int, time_s: float) -> tuple[NodeView, ...]:
    """The nodes of a row whose current decision time is `time_s`."""
    last_decision_s = time_s - simulator.scenario.epoch_s
    recent = batches(simulator, row, after_s=last_decision_s)
    last_uplink_ends_s = last_decision_s + simulator.scenario.uplink_slot_s
    held_bytes = [sum(batch.kv_bytes for batch in node if batch.end_s > last_uplink_ends_s) for node in recent]
    return tuple(_node(simulator, row, node, recent[node], held_bytes[node]) for node in range(simulator.nodes))


def _node(simulator: Simulator, row: int, index: int, recent: tuple[Batch, ...], held_bytes: float) -> NodeView:
    node, parameters, state = simulator.scenario.nodes[index], simulator.parameters, simulator.state
    capacity_bytes = float(parameters.room_bytes[index])
    free_bytes = max(float(free_kv_bytes(parameters, state, row, index)), 0.0)
    usable_bytes = node.device().memory_bytes * node.memory_fraction
    return NodeView(
        name=node.name,
        hardware=node.hardware if node.count == 1 else node.device().name,
        position_m=node.position_m,
        quality=float(parameters.quality[index]),
        usable_bytes=usable_bytes,
        weight_bytes=usable_bytes - capacity_bytes,
        kv_bytes=capacity_bytes - free_bytes,
        free_bytes=free_bytes,
        freed_bytes=max(held_bytes - (capacity_bytes - free_bytes), 0.0),
        free_at_s=float(state.node_free_s[row, index]),
        batches=recent,
    )
