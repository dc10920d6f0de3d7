"""Builds the views of the nodes of batching dynamics: memory, latest batches, time until free."""

from typing import Any

from edge_llm_gym.rendering.batching.history import Batch, batches
from edge_llm_gym.rendering.batching.view import NodeView
from edge_llm_gym.sim.simulator import Simulator


def node_views(simulator: Simulator, row: int, time_s: float) -> tuple[NodeView, ...]:
    """The nodes of a row whose current decision time is `time_s`."""
    recent = batches(simulator, row, after_s=time_s - simulator.scenario.epoch_s)
    return tuple(_node(simulator, row, node, recent[node], time_s) for node in range(simulator.nodes))


def usable_node(simulator: Simulator, index: int) -> dict[str, Any]:
    """The fields of a node's view that do not change."""
    node, parameters = simulator.scenario.nodes[index], simulator.parameters
    usable_bytes = node.device().memory_bytes * node.memory_fraction
    return {
        "name": node.name,
        "hardware": node.device().name,
        "position_m": node.position_m,
        "quality": float(parameters.quality[index]),
        "usable_bytes": usable_bytes,
        "weight_bytes": usable_bytes - float(parameters.kv_capacity_bytes[index]),
    }


def _node(simulator: Simulator, row: int, index: int, recent: tuple[Batch, ...], time_s: float) -> NodeView:
    parameters, state = simulator.parameters, simulator.state
    epoch_s, uplink_slot_s = simulator.scenario.epoch_s, simulator.scenario.uplink_slot_s
    capacity_bytes = float(parameters.kv_capacity_bytes[index])
    free_bytes = max(capacity_bytes - _held_bytes(recent, time_s + uplink_slot_s), 0.0)
    kv_bytes = capacity_bytes - free_bytes
    held_before = min(_held_bytes(recent, time_s - epoch_s + uplink_slot_s), capacity_bytes)
    return NodeView(
        **usable_node(simulator, index),
        kv_bytes=kv_bytes,
        free_bytes=free_bytes,
        freed_bytes=max(held_before - kv_bytes, 0.0),
        free_at_s=float(state.node_free_s[row, index]),
        batches=recent,
    )


def _held_bytes(recent: tuple[Batch, ...], at_s: float) -> float:
    """KV caches of the batches that are unfinished at a time, queued ones included; may exceed a deep node's memory."""
    return sum(batch.kv_bytes for batch in recent if batch.end_s > at_s)
