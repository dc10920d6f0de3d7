"""Draws the tape: everything random about an episode, from one Generator, before the first step."""

from dataclasses import dataclass

import numpy as np

from edge_llm_gym.models import cost
from edge_llm_gym.models.llm import streamed_weight_bytes, weight_bytes
from edge_llm_gym.sim.recording import Recorder
from edge_llm_gym.sim.scenario import Scenario
from edge_llm_gym.sim.state import Array, Tape
from edge_llm_gym.units import BITS_PER_BYTE, bits_to_bytes


@dataclass(frozen=True)
class NodeCosts:
    """What a request costs on one node: rates of the hardware, bits of the KV cache, quality of the answers."""

    rates: cost.NodeRates
    kv_bits: float
    room_bytes: float
    quality: float


def node_costs(scenario: Scenario) -> tuple[NodeCosts, ...]:
    """Cost constants of every node of a scenario."""
    return tuple(_node_costs(scenario, index) for index in range(len(scenario.nodes)))


def _node_costs(scenario: Scenario, index: int) -> NodeCosts:
    node, shape = scenario.nodes[index], scenario.hosted_shape(index)
    device, method = node.device(), node.method(shape.name)
    weights = weight_bytes(shape, method.weight_bits)
    rates = cost.NodeRates(
        usable_flops=device.peak_flops * node.usable_flops_fraction,
        memory_bandwidth=device.memory_bandwidth_bytes_per_s,
        weight_bytes=streamed_weight_bytes(shape, method.weight_bits),
        compute_scale=method.compute_scale,
    )
    return NodeCosts(rates, method.kv_bits, node.usable_bytes - weights, method.quality)


class TapeRecorder(Recorder):
    """Draws the episodes of a scenario of epoch admission; the first decision already sees an epoch's arrivals."""

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario, np.arange(len(scenario.nodes)), scenario.horizon_epochs + 1)
        self.costs = node_costs(scenario)

    def _write_rest(self, rng: np.random.Generator, tape: Tape, row: int, size: int) -> None:
        """Time and memory on every node, and the latest start that still meets the deadline there."""
        prompt, output = tape.prompt_tokens[row, :size], tape.output_tokens[row, :size]
        work_s, shared_s, kv_bytes = request_costs(self.scenario, self.costs, prompt, output)
        latest_s = tape.deadline_s[row, :size, None] - self.scenario.downlink_slot_s - work_s - shared_s
        fits = kv_bytes <= [node.room_bytes for node in self.costs]
        suffices = tape.accuracy[row, :size, None] <= [node.quality for node in self.costs]
        tape.work_s[row, :size] = work_s
        tape.shared_s[row, :size] = shared_s
        tape.kv_bytes[row, :size] = kv_bytes
        tape.latest_start_s[row, :size] = np.where(fits & suffices, latest_s, -np.inf)


def computed_prompts(scenario: Scenario, prompt_tokens: Array) -> Array:
    """Prompt tokens that nodes compute: those given, or all padded to the longest."""
    if scenario.pad_prompts:
        return np.full_like(prompt_tokens, scenario.lengths.max_prompt_tokens)
    return prompt_tokens


def request_costs(
    scenario: Scenario, nodes: tuple[NodeCosts, ...], prompt_tokens: Array, output_tokens: Array
) -> tuple[Array, Array, Array]:
    """work_s, shared_s and kv_bytes, each [n, K] float64, of requests with the given token counts [n]."""
    shape = scenario.shape
    padded = computed_prompts(scenario, prompt_tokens)
    flops = cost.request_flops(shape, padded, output_tokens, head=scenario.lm_head)
    kv_elements = cost.kv_bytes(shape, padded, output_tokens, BITS_PER_BYTE)
    read_elements = cost.kv_read_bytes(shape, padded, output_tokens, BITS_PER_BYTE)
    kv_width = np.array([bits_to_bytes(node.kv_bits) for node in nodes])
    times = [
        cost.COST_MODELS[scenario.cost](node.rates, flops, read_elements * width, output_tokens)
        for node, width in zip(nodes, kv_width, strict=True)
    ]
    work_s, shared_s = (np.stack(column, axis=-1) for column in zip(*times, strict=True))
    return work_s, shared_s, kv_elements[:, None] * kv_width
