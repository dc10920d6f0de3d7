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
        kv_capacity_bytes=node.usable_bytes - weight_bytes(shape, method.weight_bits, method.table_bits),
        quality=method.quality,
    )


def node_rates(scenario: Scenario, index: int) -> NodeRates:
    """What the device of a node reaches: by its efficiencies, or by its hardware profile."""
    node = scenario.nodes[index]
    fitted = node.measured_times(scenario.shape.name)
    if fitted is not None:
        return NodeRates.of_fit(fitted, model_part(scenario, index, scenario.shape.layers).whole())
    return NodeRates.of(node.device(), node.method(scenario.shape.name).compute_scale)


def model_part(scenario: Scenario, index: int, layers: int) -> ModelPart:
    """Layers of the model as node ``index`` computes them, with an output head unless the scenario leaves it out."""
    method = scenario.nodes[index].method(scenario.shape.name)
    return ModelPart(scenario.shape, layers, scenario.lm_head, method.weight_bits, method.kv_bits, method.table_bits)


def hosted_part(scenario: Scenario, index: int) -> ModelPart:
    """All layers that node ``index`` hosts, with one output head."""
    return model_part(scenario, index, scenario.hosted_shape(index).layers)
