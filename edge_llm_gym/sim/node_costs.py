"""What a node's hardware and its quantised model offer."""

from dataclasses import dataclass

from edge_llm_gym.models.cost_models import ModelPart, NodeRates
from edge_llm_gym.models.llm import weight_bytes
from edge_llm_gym.scenario import Scenario


@dataclass(frozen=True)
class NodeCosts:
    """Rates of the device, bytes of weights read per decode step, memory for KV caches, quality of the answers."""

    rates: NodeRates
    streamed_bytes: float
    kv_capacity_bytes: float
    quality: float


def node_costs(scenario: Scenario) -> tuple[NodeCosts, ...]:
    """Cost constants of every node of a scenario."""
    return tuple(_node_costs(scenario, index) for index in range(len(scenario.nodes)))


def _node_costs(scenario: Scenario, index: int) -> NodeCosts:
    node, shape = scenario.nodes[index], scenario.hosted_shape(index)
    method = node.method(shape.name)
    return NodeCosts(
        rates=node_rates(scenario, index),
        streamed_bytes=hosted_part(scenario, index).streamed_bytes,
        kv_capacity_bytes=node.usable_bytes - weight_bytes(shape, method.weight_bits),
        quality=method.quality,
    )


def node_rates(scenario: Scenario, index: int) -> NodeRates:
    """What the device of a node reaches: its peaks times the efficiencies, and its overheads."""
    node = scenario.nodes[index]
    device = node.device()
    return NodeRates(
        usable_flops=device.peak_flops * node.usable_flops_fraction,
        usable_bandwidth=device.memory_bandwidth_bytes_per_s * device.bandwidth_fraction,
        compute_scale=node.method(scenario.shape.name).compute_scale,
        step_overhead_s=device.step_overhead_s,
        prefill_overhead_s=device.prefill_overhead_s,
    )


def model_part(scenario: Scenario, index: int, layers: int) -> ModelPart:
    """Layers of the model as node ``index`` computes them, with an output head unless the scenario leaves it out."""
    method = scenario.nodes[index].method(scenario.shape.name)
    return ModelPart(scenario.shape, layers, scenario.lm_head, method.weight_bits, method.kv_bits)


def hosted_part(scenario: Scenario, index: int) -> ModelPart:
    """All layers that node ``index`` hosts, with one output head."""
    return model_part(scenario, index, scenario.hosted_shape(index).layers)
