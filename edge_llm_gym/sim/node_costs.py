"""What a node's hardware and its quantised model offer."""

from dataclasses import dataclass

from edge_llm_gym.models import cost
from edge_llm_gym.models.llm import streamed_weight_bytes, weight_bytes
from edge_llm_gym.scenario import Scenario


@dataclass(frozen=True)
class NodeCosts:
    """Rates of the hardware, bits of an element of the KV cache, memory for KV caches, quality of the answers."""

    rates: cost.NodeRates
    kv_bits: float
    kv_capacity_bytes: float
    quality: float


def node_costs(scenario: Scenario) -> tuple[NodeCosts, ...]:
    """Cost constants of every node of a scenario."""
    return tuple(_node_costs(scenario, index) for index in range(len(scenario.nodes)))


def _node_costs(scenario: Scenario, index: int) -> NodeCosts:
    node, shape = scenario.nodes[index], scenario.hosted_shape(index)
    device, method = node.device(), node.method(shape.name)
    return NodeCosts(
        rates=cost.NodeRates(
            usable_flops=device.peak_flops * node.usable_flops_fraction,
            memory_bandwidth=device.memory_bandwidth_bytes_per_s,
            weight_bytes=streamed_weight_bytes(shape, method.weight_bits),
            compute_scale=method.compute_scale,
        ),
        kv_bits=method.kv_bits,
        kv_capacity_bytes=node.usable_bytes - weight_bytes(shape, method.weight_bits),
        quality=method.quality,
    )
