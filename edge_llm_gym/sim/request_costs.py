"""Costs of requests on the hosted blocks of a scenario; a model without early exits is one block.

A request passes the network once: a node computes prefill and decode of the layers that it hosts, for all tokens of the
request, with the output head at every exit on the way. The work of all tokens is accounted as one piece per stage. By
wire, the prefill forwards the hidden vectors of the prompt at once; each later token makes a round trip of its own.

The cost law (`edge_llm_gym.models.cost_models`) is linear in five cost drivers of a request, which are the same for all
nodes. The cost of a request on any node is therefore their weighted sum, with one table of coefficients.
"""

from typing import Final, NamedTuple

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import kernel
from edge_llm_gym.compiled.fused import fused
from edge_llm_gym.compiled.streams import stream_kernel
from edge_llm_gym.models import cost
from edge_llm_gym.models.cost_models import NodeRates, cost_model
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.columns import KV, SHARED, WORK
from edge_llm_gym.sim.node_costs import hosted_part, model_part, node_costs

COST_DRIVERS: Final = (
    "prefills",  # 1 per request
    "prefill_flops",  # of the computed prompt in one layer
    "decode_steps",  # n - 1
    "context",  # tokens attended to, summed over the decode steps
    "kv_tokens",  # s + n
)
"""Names of the Q cost drivers, in the order of their columns."""
PREFILLS, PREFILL_FLOPS, DECODE_STEPS, CONTEXT, KV_TOKENS = range(len(COST_DRIVERS))


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
        self.nodes = node_costs(scenario)
        hosted = hosted_blocks(scenario)
        node, nodes = np.array([one.node for one in hosted]), np.arange(len(self.nodes))
        self.first_hosted = np.searchsorted(node, nodes)
        self.last_hosted = np.searchsorted(node, nodes, side="right") - 1
        block_s = np.array([_block_s(scenario, one, self.nodes[one.node].rates) for one in hosted])
        self.cost_coefficients = np.zeros((len(hosted), len(COST_DRIVERS), 3))
        self.cost_coefficients[..., [WORK, SHARED]] = _through_each_block(node, block_s)
        self.cost_coefficients[:, KV_TOKENS, KV] = _kv_bytes_per_token(scenario)[node]
        self._block_alone_s = np.ascontiguousarray(block_s.sum(axis=2).T)
        self._law = _DriverLaw(
            padded_prompt=padded_prompt(scenario),
            token_flops=float(cost.layer_token_flops(scenario.shape)),
            context_flops=float(cost.layer_context_flops(scenario.shape)),
        )

    def drivers(self, prompt_tokens: Array, output_tokens: Array) -> Array:
        """[n, Q] float64, COST_DRIVERS of requests with the given token counts [n]."""
        work = cost.token_work(computed_prompts(self._scenario, prompt_tokens), output_tokens)
        drivers = np.empty((*work.output.shape, len(COST_DRIVERS)))
        drivers[..., PREFILLS] = work.output > 0
        drivers[..., PREFILL_FLOPS] = cost.layer_prefill_flops(self._scenario.shape, work.prompt)
        drivers[..., DECODE_STEPS] = work.steps
        drivers[..., CONTEXT] = work.context
        drivers[..., KV_TOKENS] = work.prompt + work.output
        return drivers

    def write_drivers(
        self, prompt_tokens: Array, output_tokens: Array, first: Array, drivers: Array, rows: Array
    ) -> None:
        """Writes `drivers` of int64 token counts [m] into rows [n] of [R, C, Q] float64, in one pass.

        Those of first[i] to first[i + 1] - 1 go into rows[i]. Raises as `drivers` does.
        """
        if not _write_drivers(prompt_tokens, output_tokens, self._law, first, drivers, rows):
            self.drivers(prompt_tokens, output_tokens)

    def costs(self, prompt_tokens: Array, output_tokens: Array) -> Array:
        """[3, n, P] float64: WORK, SHARED and KV of requests [n] through every hosted block."""
        return self.drivers(prompt_tokens, output_tokens) @ self.cost_coefficients.transpose(2, 1, 0)

    def block_alone_s(self, prompt_tokens: Array, output_tokens: Array) -> Array:
        """[n, P] float64 s, w + v of requests [n] on every hosted block by itself; raises as `drivers` does."""
        alone_s = np.empty((1, prompt_tokens.size, self._block_alone_s.shape[1]))
        first, rows = np.array([0, prompt_tokens.size]), np.zeros(1, np.int64)
        self.write_block_alone_s(prompt_tokens, output_tokens, first, alone_s, rows)
        return np.asarray(alone_s[0])

    def write_block_alone_s(
        self, prompt_tokens: Array, output_tokens: Array, first: Array, alone_s: Array, rows: Array
    ) -> None:
        """Writes `block_alone_s` of token counts [m] into rows [n] of [R, C, P] float64, as `write_drivers` does."""
        if not _write_block_alone_s(prompt_tokens, output_tokens, self._law, self._block_alone_s, first, alone_s, rows):
            self.drivers(prompt_tokens, output_tokens)


class _DriverLaw(NamedTuple):
    """The numbers from which the cost drivers of a request follow, as the kernel takes them."""

    padded_prompt: int  # tokens that are computed of every prompt, 0 for those of the prompt
    token_flops: float  # of one layer
    context_flops: float  # of one layer, for each token attended to


@kernel
def _write_drivers_of(prompt_tokens: int, output_tokens: int, law: _DriverLaw, drivers: Array) -> None:
    """Fills drivers [Q] of a request."""
    prompt, output = float(law.padded_prompt or prompt_tokens), float(output_tokens)
    steps = max(output - 1.0, 0.0)
    drivers[PREFILLS] = 1.0 if output > 0.0 else 0.0
    drivers[PREFILL_FLOPS] = law.token_flops * prompt + law.context_flops * prompt * prompt
    drivers[DECODE_STEPS] = steps
    drivers[CONTEXT] = steps * (prompt + (steps + 1.0) / 2.0)
    drivers[KV_TOKENS] = prompt + output


@stream_kernel
def _write_drivers(
    prompt_tokens: Array, output_tokens: Array, law: _DriverLaw, first: Array, drivers: Array, rows: Array
) -> bool:
    """Fills rows [n] of drivers [R, C, Q] with those of token counts [m]; False where a token count is negative."""
    least = 0
    for index in range(rows.size):
        row, begin = rows[index], first[index]
        for drawn in range(begin, first[index + 1]):
            prompt, output = prompt_tokens[drawn], output_tokens[drawn]
            least = min(least, prompt, output)
            _write_drivers_of(prompt, output, law, drivers[row, drawn - begin])
    return least >= 0


@kernel
def weighted_drivers(drivers: Array, coefficients: Array, column: int) -> float:
    """Sum of drivers [Q] times a column of coefficients [Q, X], whose terms are rounded once; without a loop, in which
    a request would take twice as long."""
    total = drivers[PREFILLS] * coefficients[PREFILLS, column]
    total = fused(drivers[PREFILL_FLOPS], coefficients[PREFILL_FLOPS, column], total)
    total = fused(drivers[DECODE_STEPS], coefficients[DECODE_STEPS, column], total)
    total = fused(drivers[CONTEXT], coefficients[CONTEXT, column], total)
    return fused(drivers[KV_TOKENS], coefficients[KV_TOKENS, column], total)


@stream_kernel
def _write_block_alone_s(
    prompt_tokens: Array,
    output_tokens: Array,
    law: _DriverLaw,
    coefficients: Array,
    first: Array,
    alone_s: Array,
    rows: Array,
) -> bool:
    """Fills rows [n] of alone_s [R, C, P]; coefficients are [Q, P]. False where a token count is negative."""
    least, drivers = 0, np.empty(coefficients.shape[0])
    for index in range(rows.size):
        row, begin = rows[index], first[index]
        for drawn in range(begin, first[index + 1]):
            prompt, output = prompt_tokens[drawn], output_tokens[drawn]
            least = min(least, prompt, output)
            _write_drivers_of(prompt, output, law, drivers)
            for column in range(coefficients.shape[1]):
                alone_s[row, drawn - begin, column] = weighted_drivers(drivers, coefficients, column)
    return least >= 0


def _block_s(scenario: Scenario, hosted: HostedBlock, rates: NodeRates) -> Array:
    """[Q, 2] seconds of work and of shared time that a hosted block takes for one unit of each cost driver."""
    part = model_part(scenario, hosted.node, scenario.block_layers[hosted.block])
    law = cost_model(scenario.cost)(rates, part)
    block_s = np.zeros((len(COST_DRIVERS), 2))
    block_s[PREFILLS, WORK] = law.p0_s
    block_s[PREFILL_FLOPS, WORK] = law.p1_s_per_layer_flop
    block_s[DECODE_STEPS, WORK] = law.c1_s
    block_s[DECODE_STEPS, SHARED] = law.c0_s
    block_s[CONTEXT, WORK] = law.c2_s_per_token
    return block_s


def _through_each_block(node: Array, block_s: Array) -> Array:
    """[P, Q, 2] sums of block_s over the blocks of a node up to each one; node [P] ascends."""
    through_s = block_s.copy()
    for index in range(1, node.size):
        if node[index] == node[index - 1]:
            through_s[index] += through_s[index - 1]
    return through_s


def _kv_bytes_per_token(scenario: Scenario) -> Array:
    """[K] bytes that a node holds of a token's KV cache: those of the layers that it hosts."""
    return np.array([hosted_part(scenario, node).kv_bytes_per_token for node in range(len(scenario.nodes))])


def padded_prompt(scenario: Scenario) -> int:
    """Tokens that nodes compute of every prompt if prompts are padded, 0 if they are not."""
    return scenario.lengths.max_prompt_tokens if scenario.pad_prompts else 0


def computed_prompts(scenario: Scenario, prompt_tokens: Array) -> Array:
    """Prompt tokens that nodes compute: those given, or the longest for all if prompts are padded."""
    padded = padded_prompt(scenario)
    return np.full_like(prompt_tokens, padded) if padded else prompt_tokens


def forward_bits(scenario: Scenario, prompt_tokens: Array) -> Array:
    """[n] float64, bits that the prefill forwards: for each computed token a hidden vector and the token itself."""
    return computed_prompts(scenario, prompt_tokens) * forward_bits_per_token(scenario)


def round_trip_bits(scenario: Scenario) -> float:
    """Bits of the round trip of a token between two stages: a hidden vector and the token forth, a token back.

    0 without early exits, whose network has one stage.
    """
    if scenario.exits is None:
        return 0.0
    return forward_bits_per_token(scenario) + scenario.requests.bits_per_token


def forward_bits_per_token(scenario: Scenario) -> float:
    """Bits that the prefill forwards of a token: its hidden vector and itself. Only with early exits."""
    assert scenario.exits is not None
    return scenario.shape.d_model * scenario.exits.hidden_bits + scenario.requests.bits_per_token
