"""Costs of requests on the hosted blocks of a scenario; a model without early exits is one block.

A request passes the network once: a node computes prefill and decode of the layers that it hosts, for all tokens of the
request, with the output head at every exit on the way. The work of all tokens is accounted as one piece per stage. By
wire, the prefill forwards the hidden vectors of the prompt at once; each later token makes a round trip of its own.

Cost models are linear in FLOPs, in bytes of KV cache read and in decode steps. The cost of a request on any node is
therefore a weighted sum of five cost drivers, which are the same for all nodes, with one table of coefficients.
"""

from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.models import cost
from edge_llm_gym.models.llm import streamed_weight_bytes
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.columns import KV, SHARED, WORK
from edge_llm_gym.sim.node_costs import NodeCosts, node_costs
from edge_llm_gym.units import BITS_PER_BYTE, bits_to_bytes

COST_DRIVERS: Final = (
    "layer_flops",
    "head_flops",
    "layer_kv_reads",  # elements of the cache that one layer reads
    "decode_steps",
    "kv_elements",  # of the cache of all layers
)
"""Names of the Q cost drivers, in the order of their columns."""
LAYER_FLOPS, HEAD_FLOPS, LAYER_KV_READS, DECODE_STEPS, KV_ELEMENTS = range(len(COST_DRIVERS))


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


class RequestCosts:
    """Costs of requests on the P hosted blocks of a scenario.

    `first_hosted` and `last_hosted` [K] int64 are the indices of each node's first and last block among the P.
    `cost_coefficients` [P, Q, 3] float64 is the cost of one unit of each of the Q cost drivers: WORK in s and SHARED in
    s from the node's first block through this one and its exit, and KV in bytes of all blocks that the node hosts.
    """

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._layer = replace(scenario.shape, layers=1)
        self._elements_per_token = cost.kv_bytes_per_token(scenario.shape, BITS_PER_BYTE)
        self.nodes = node_costs(scenario)
        hosted = hosted_blocks(scenario)
        node, nodes = np.array([one.node for one in hosted]), np.arange(len(self.nodes))
        self.first_hosted = np.searchsorted(node, nodes)
        self.last_hosted = np.searchsorted(node, nodes, side="right") - 1
        block_s = np.array([_block_s(scenario, one, self.nodes[one.node]) for one in hosted])
        through = (node[:, None] == node) & np.tri(len(hosted), dtype=np.bool_)
        self.cost_coefficients = np.zeros((len(hosted), len(COST_DRIVERS), 3))
        self.cost_coefficients[..., [WORK, SHARED]] = np.tensordot(through, block_s, 1)
        self.cost_coefficients[:, KV_ELEMENTS, KV] = _kv_bytes_per_element(scenario, self.nodes)[node]
        self._block_alone_s = block_s.sum(axis=2).T

    def drivers(self, prompt_tokens: Array, output_tokens: Array) -> Array:
        """[n, Q] float64, COST_DRIVERS of requests with the given token counts [n]."""
        work = cost.token_work(computed_prompts(self._scenario, prompt_tokens), output_tokens)
        drivers = np.empty((*work.output.shape, len(COST_DRIVERS)))
        drivers[..., LAYER_FLOPS] = cost.layer_flops_of(self._layer, work)
        drivers[..., HEAD_FLOPS] = cost.head_flops(self._layer, work.output)
        drivers[..., LAYER_KV_READS] = cost.kv_bytes_per_token(self._layer, BITS_PER_BYTE) * work.context
        drivers[..., DECODE_STEPS] = work.steps
        drivers[..., KV_ELEMENTS] = self._elements_per_token * (work.prompt + work.output)
        return drivers

    def costs(self, prompt_tokens: Array, output_tokens: Array) -> Array:
        """[3, n, P] float64: WORK, SHARED and KV of requests [n] through every hosted block."""
        return self.drivers(prompt_tokens, output_tokens) @ self.cost_coefficients.transpose(2, 1, 0)

    def block_alone_s(self, prompt_tokens: Array, output_tokens: Array) -> Array:
        """[n, P] float64 s, w + v of requests [n] on every hosted block by itself."""
        return self.drivers(prompt_tokens, output_tokens) @ self._block_alone_s


def _block_s(scenario: Scenario, hosted: HostedBlock, costs: NodeCosts) -> list[tuple[float, float]]:
    """Seconds of work and of shared time that a hosted block takes for one unit of each cost driver."""
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
        (0.0, 0.0),  # a cache takes memory; reading it is a driver of its own
    ]


def _kv_bytes_per_element(scenario: Scenario, nodes: tuple[NodeCosts, ...]) -> Array:
    """[K] bytes that a node holds for an element of the cache of all layers: it hosts only some of them."""
    share = [scenario.hosted_shape(index).layers / scenario.shape.layers for index in range(len(nodes))]
    return np.array([bits_to_bytes(part * node.kv_bits) for part, node in zip(share, nodes, strict=True)])


def computed_prompts(scenario: Scenario, prompt_tokens: Array) -> Array:
    """Prompt tokens that nodes compute: those given, or the longest for all if prompts are padded."""
    if scenario.pad_prompts:
        return np.full_like(prompt_tokens, scenario.lengths.max_prompt_tokens)
    return prompt_tokens


def forward_bits(scenario: Scenario, prompt_tokens: Array) -> Array:
    """[n] float64, bits that the prefill forwards: for each computed token a hidden vector and the token itself."""
    return computed_prompts(scenario, prompt_tokens) * _forward_bits_per_token(scenario)


def round_trip_bits(scenario: Scenario) -> float:
    """Bits of the round trip of a token between two stages: a hidden vector and the token forth, a token back.

    0 without early exits, whose network has one stage.
    """
    if scenario.exits is None:
        return 0.0
    return _forward_bits_per_token(scenario) + scenario.requests.bits_per_token


def _forward_bits_per_token(scenario: Scenario) -> float:
    assert scenario.exits is not None
    return scenario.shape.d_model * scenario.exits.hidden_bits + scenario.requests.bits_per_token
