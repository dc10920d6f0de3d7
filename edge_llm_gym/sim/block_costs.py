"""What a block of the model costs on a node that hosts it.

A request passes the network once: a node computes prefill and decode of the layers that it hosts, for all tokens of the
request, with the output head at every exit on the way, and sends the hidden vectors of these tokens on. Work and
traffic are counted in full; that decoding over several nodes would go back and forth for each token is not.

Cost models are linear in FLOPs, in bytes of KV cache read and in decode steps, so a request's time on any node is a
weighted sum of four numbers: FLOPs of one layer, of the head, elements of KV cache read by one layer, decode steps.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from edge_llm_gym.models import cost
from edge_llm_gym.models.llm import streamed_weight_bytes
from edge_llm_gym.sim.scenario import Scenario
from edge_llm_gym.sim.state import Array
from edge_llm_gym.sim.tape import NodeCosts, computed_prompts, node_costs
from edge_llm_gym.units import BITS_PER_BYTE, bits_to_bytes


class HostedBlock(NamedTuple):
    """One block on one of the nodes that host it."""

    node: int
    block: int


def hosted_blocks(scenario: Scenario) -> tuple[HostedBlock, ...]:
    """The P pairs of a node and a block that it hosts, node by node, blocks in order."""
    network = scenario.network
    return tuple(
        HostedBlock(node, block)
        for node in range(len(scenario.nodes))
        for block in range(network.first_block[node], network.last_block[node] + 1)
    )


class BlockTimes:
    """Work and shared time of requests on a node, for each of the P hosted blocks of a scenario."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._layer = replace(scenario.shape, layers=1)
        costs = node_costs(scenario)
        columns = [_weights(scenario, one, costs[one.node]) for one in hosted_blocks(scenario)]
        self.weights = np.array(columns).transpose(2, 1, 0)
        """[2, 4, P]: seconds of w and of v that a hosted block takes for one unit of each demand."""

    def alone_s(self, prompt_tokens: Array, output_tokens: Array) -> Array:
        """[n, P] float64 s, w + v of requests with the given token counts [n]."""
        return self.demands(prompt_tokens, output_tokens) @ self.weights.sum(axis=0)

    def demands(self, prompt_tokens: Array, output_tokens: Array) -> Array:
        """[n, 4] what requests take of each of the four numbers."""
        prompt = np.asarray(computed_prompts(self._scenario, prompt_tokens), np.float64)
        output = np.asarray(output_tokens, np.float64)
        demands = np.empty((*output.shape, 4))
        demands[..., 0] = cost.layer_flops(self._layer, prompt, output)
        demands[..., 1] = cost.head_flops(self._layer, output)
        demands[..., 2] = cost.kv_read_bytes(self._layer, prompt, output, BITS_PER_BYTE)
        demands[..., 3] = np.maximum(output - 1.0, 0.0)
        return demands


def _weights(scenario: Scenario, hosted: HostedBlock, costs: NodeCosts) -> list[tuple[float, float]]:
    """Seconds of work and of shared time that a hosted block takes for one unit of each of the four numbers."""
    layers = scenario.block_layers[hosted.block]
    weight_bits = scenario.nodes[hosted.node].method(scenario.shape.name).weight_bits
    block_bytes = streamed_weight_bytes(replace(scenario.shape, layers=layers), weight_bits)
    rates = replace(costs.rates, weight_bytes=block_bytes)

    def times_s(scale: float, flops: float, kv_read_bytes: float, output: int) -> tuple[float, float]:
        work_s, shared_s = cost.COST_MODELS[scenario.cost](rates, flops, kv_read_bytes, output)
        return scale * float(work_s), scale * float(shared_s)

    return [
        times_s(layers, 1.0, 0.0, 1),
        times_s(1.0 if scenario.lm_head else 0.0, 1.0, 0.0, 1),
        times_s(layers, 0.0, bits_to_bytes(costs.kv_bits), 1),
        times_s(1.0, 0.0, 0.0, 2),
    ]


def forward_bits(scenario: Scenario, prompt_tokens: Array, output_tokens: Array) -> Array:
    """[n] float64, bits that a node sends on: for each token computed a hidden vector, and the token itself."""
    assert scenario.exits is not None
    per_token = scenario.shape.d_model * scenario.exits.hidden_bits + scenario.requests.bits_per_token
    return (computed_prompts(scenario, prompt_tokens) + output_tokens - 1) * per_token
