"""Draws the tape: everything random about an episode, from one Generator, before the first step."""

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from edge_llm_gym.compiled import kernel
from edge_llm_gym.models import cost
from edge_llm_gym.models.llm import streamed_weight_bytes, weight_bytes
from edge_llm_gym.sim.recording import Recorder
from edge_llm_gym.sim.scenario import Scenario
from edge_llm_gym.sim.state import Array, Tape
from edge_llm_gym.units import BITS_PER_BYTE, bits_to_bytes


@dataclass(frozen=True)
class NodeCosts:
    """What a request costs on one node: rates of the hardware, bits of the KV cache, quality of the answers.

    A cost model is linear in FLOPs, KV elements read and decode steps; `s_per_...` are its seconds for one of each, the
    last shared over a batch.
    """

    rates: cost.NodeRates
    kv_bits: float
    room_bytes: float
    quality: float
    s_per_flop: float
    s_per_kv_element: float
    s_per_decode_step: float


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
    time_s = partial(cost.COST_MODELS[scenario.cost], rates)
    return NodeCosts(
        rates=rates,
        kv_bits=method.kv_bits,
        room_bytes=node.usable_bytes - weights,
        quality=method.quality,
        s_per_flop=float(time_s(1.0, 0.0, 1)[0]),
        s_per_kv_element=float(time_s(0.0, bits_to_bytes(method.kv_bits), 1)[0]),
        s_per_decode_step=float(time_s(0.0, 0.0, 2)[1]),
    )


class _Limits(NamedTuple):
    """What bounds the service of a request beside its costs, as the kernel takes it."""

    downlink_slot_s: float
    room_bytes: Array  # [K] float64
    quality: Array  # [K] float64


class TapeRecorder(Recorder):
    """Draws the episodes of a scenario of epoch admission; the first decision already sees an epoch's arrivals."""

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario, np.arange(len(scenario.nodes)), scenario.horizon_epochs + 1)
        self.costs = node_costs(scenario)
        self._unit_costs = _unit_costs(self.costs)
        self._limits = _Limits(
            scenario.downlink_slot_s,
            np.array([node.room_bytes for node in self.costs]),
            np.array([node.quality for node in self.costs]),
        )

    def _write_rest(self, rng: np.random.Generator, tape: Tape, row: int, size: int) -> None:
        """Time and memory on every node, and the latest start that still meets the deadline there."""
        prompt, output = tape.prompt_tokens[row, :size], tape.output_tokens[row, :size]
        costs = _all_costs(self.scenario, self._unit_costs, prompt, output)
        out = tape.work_s, tape.shared_s, tape.kv_bytes, tape.latest_start_s
        _write_costs(self._limits, row, costs, tape.deadline_s, tape.accuracy, *out)


def computed_prompts(scenario: Scenario, prompt_tokens: Array) -> Array:
    """Prompt tokens that nodes compute: those given, or all padded to the longest."""
    if scenario.pad_prompts:
        return np.full_like(prompt_tokens, scenario.lengths.max_prompt_tokens)
    return prompt_tokens


def request_costs(
    scenario: Scenario, nodes: tuple[NodeCosts, ...], prompt_tokens: Array, output_tokens: Array
) -> tuple[Array, Array, Array]:
    """work_s, shared_s and kv_bytes, each [n, K] float64, of requests with the given token counts [n]."""
    costs = _all_costs(scenario, _unit_costs(nodes), prompt_tokens, output_tokens)
    return costs[:, 0], costs[:, 1], costs[:, 2]


def _all_costs(scenario: Scenario, unit_costs: Array, prompt_tokens: Array, output_tokens: Array) -> Array:
    """[n, 3, K]: seconds of work, seconds shared and KV bytes of n requests on K nodes."""
    shape, output = scenario.shape, np.asarray(output_tokens, np.float64)
    prompt = np.asarray(computed_prompts(scenario, prompt_tokens), np.float64)
    demands = np.empty((output.size, 4))
    demands[:, 0] = cost.request_flops(shape, prompt, output, head=scenario.lm_head)
    demands[:, 1] = cost.kv_read_bytes(shape, prompt, output, BITS_PER_BYTE)
    demands[:, 2] = np.maximum(output - 1.0, 0.0)
    demands[:, 3] = cost.kv_bytes(shape, prompt, output, BITS_PER_BYTE)
    return (demands @ unit_costs.reshape(4, -1)).reshape(-1, *unit_costs.shape[1:])


def _unit_costs(nodes: tuple[NodeCosts, ...]) -> Array:
    """[4, 3, K]: the three costs of one FLOP, one KV element read, one decode step, one KV element held."""
    unit_costs = np.zeros((4, 3, len(nodes)))
    unit_costs[0, 0] = [node.s_per_flop for node in nodes]
    unit_costs[1, 0] = [node.s_per_kv_element for node in nodes]
    unit_costs[2, 1] = [node.s_per_decode_step for node in nodes]
    unit_costs[3, 2] = [bits_to_bytes(node.kv_bits) for node in nodes]
    return unit_costs


@kernel
def _write_costs(limits, row, costs, deadline_s, accuracy, work_s, shared_s, kv_bytes, latest_start_s):  # type: ignore[no-untyped-def]
    """Writes costs [n, 3, K] into a row, with the latest start that meets the deadline, -inf where none ever does."""
    for request in range(costs.shape[0]):
        by_s = deadline_s[row, request] - limits.downlink_slot_s
        for node in range(costs.shape[2]):
            work, shared, held = costs[request, 0, node], costs[request, 1, node], costs[request, 2, node]
            can = held <= limits.room_bytes[node] and accuracy[row, request] <= limits.quality[node]
            work_s[row, request, node] = work
            shared_s[row, request, node] = shared
            kv_bytes[row, request, node] = held
            latest_start_s[row, request, node] = by_s - work - shared if can else -np.inf
