"""Draws the tape of staged admission."""

from typing import Any, NamedTuple

import numpy as np

from edge_llm_gym.compiled import kernel
from edge_llm_gym.models import cost
from edge_llm_gym.models.exits import ExitProfile
from edge_llm_gym.sim.block_costs import BlockTimes, forward_bits, hosted_blocks
from edge_llm_gym.sim.drift import ProfileRows
from edge_llm_gym.sim.recording import Generator, Recorder
from edge_llm_gym.sim.scenario import Scenario
from edge_llm_gym.sim.state import Array
from edge_llm_gym.sim.stream.physics import answers_by_threshold
from edge_llm_gym.sim.tape import computed_prompts, node_costs
from edge_llm_gym.units import BITS_PER_BYTE, bits_to_bytes


class StagedCosts:
    """What requests cost on every node of a scenario, by hosted block; `last` and `first` are places among the P.

    Costs are linear in the demands of `BlockTimes` and in the tokens that a cache holds.
    """

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._times = BlockTimes(scenario)
        network, self.nodes = scenario.network, node_costs(scenario)
        hosted = network.last_block - network.first_block + 1
        self.first = np.concatenate([[0], np.cumsum(hosted)[:-1]])
        self.last = self.first + hosted - 1
        places = np.arange(hosted.sum())
        node = np.repeat(np.arange(hosted.size), hosted)
        through = (node[:, None] == node) & (places[:, None] <= places)
        self.weights = self._times.weights @ through
        """[2, 4, P]: seconds of w and of v, through a hosted block, for one unit of each demand."""
        layers = [scenario.hosted_shape(index).layers for index in range(len(self.nodes))]
        bits = [count / scenario.shape.layers * each.kv_bits for count, each in zip(layers, self.nodes, strict=True)]
        self.kv_bytes_per_element = bits_to_bytes(np.array(bits))
        """[K] bytes that a node holds for an element of the cache of all layers."""

    def hosted_s(self, prompt_tokens: Array, output_tokens: Array) -> tuple[Array, Array]:
        """w and v, each [n, P] float64 s, from a node's first block through each of its blocks and their exits."""
        work_s, shared_s = self.demands(prompt_tokens, output_tokens) @ self.weights
        return work_s, shared_s

    def demands(self, prompt_tokens: Array, output_tokens: Array) -> Array:
        """[n, 4], those of `BlockTimes`."""
        return self._times.demands(prompt_tokens, output_tokens)

    def kv_bytes(self, prompt_tokens: Array, output_tokens: Array) -> Array:
        """[n, K] float64, cache of all layers that a node hosts."""
        return self.kv_elements(prompt_tokens, output_tokens)[:, None] * self.kv_bytes_per_element

    def kv_elements(self, prompt_tokens: Array, output_tokens: Array) -> Array:
        """[n] float64, elements of the cache of all layers."""
        prompt = computed_prompts(self._scenario, prompt_tokens)
        return cost.kv_bytes(self._scenario.shape, prompt, output_tokens, BITS_PER_BYTE)


class _Constants(NamedTuple):
    """What the kernel takes beside a request's demands: what they cost, and what bounds its service."""

    weights: Array  # [2, P, 4] float64, those of `StagedCosts`
    kv_bytes_per_element: Array  # [K] float64
    downlink_slot_s: float
    first: Array  # [K] int64, places of the nodes' first blocks
    is_entry: Array  # [K] bool
    room_bytes: Array  # [K] float64
    offers: Array  # [K] float64, the best quality on offer


class StagedRecorder(Recorder):
    """Draws the episodes of a scenario of staged admission; the first decision already sees an epoch's arrivals."""

    def __init__(self, scenario: Scenario) -> None:
        assert scenario.exits is not None
        entry = scenario.network.entry_nodes
        super().__init__(scenario, entry, scenario.horizon_epochs + 1)
        self.hosted = hosted_blocks(scenario)
        self._costs = StagedCosts(scenario)
        self._rows = ProfileRows(scenario.exits)
        self.profile = self._rows.profile
        self._constants = _Constants(
            np.ascontiguousarray(self._costs.weights.transpose(0, 2, 1)),
            self._costs.kv_bytes_per_element,
            scenario.downlink_slot_s,
            self._costs.first,
            np.isin(np.arange(len(scenario.nodes)), entry),
            np.array([node.room_bytes for node in self._costs.nodes]),
            _most_offered(self._costs, self.profile),
        )

    def _write_rest(self, rng: Generator, tape: Any, row: int, size: int) -> None:
        prompt, output = tape.prompt_tokens[row, :size], tape.output_tokens[row, :size]
        tape.route[row, :size] = rng.random((size, tape.route.shape[2]))
        chosen = self._rows.draw(rng, tape.arrival_s[row, :size])
        _write_answers(self.profile.confidence, self.profile.correct, chosen, tape.confidence[row], tape.correct[row])
        demands, elements = self._costs.demands(prompt, output), self._costs.kv_elements(prompt, output)
        _write_costs(self._constants, row, demands, elements, tape)
        tape.forward_bits[row, :size] = forward_bits(self.scenario, prompt, output)


@kernel
def _write_answers(confidence, correct, chosen, tape_confidence, tape_correct):  # type: ignore[no-untyped-def]
    """Copies the chosen [n] rows of a profile into a row of the tape."""
    for request in range(chosen.size):
        for block in range(confidence.shape[1]):
            tape_confidence[request, block] = confidence[chosen[request], block]
            tape_correct[request, block] = correct[chosen[request], block]


@kernel
def _weighed(weight, flops, head_flops, kv_read, steps):  # type: ignore[no-untyped-def]
    return weight[0] * flops + weight[1] * head_flops + weight[2] * kv_read + weight[3] * steps


@kernel
def _write_hosted(weights, demands, request, work_s, shared_s):  # type: ignore[no-untyped-def]
    """Writes w and v [P] of a request, through each hosted block."""
    demand = demands[request]
    flops, head_flops, kv_read, steps = demand[0], demand[1], demand[2], demand[3]
    for place in range(work_s.size):
        work_s[place] = _weighed(weights[0, place], flops, head_flops, kv_read, steps)
        shared_s[place] = _weighed(weights[1, place], flops, head_flops, kv_read, steps)


@kernel
def _write_costs(constants, row, demands, kv_elements, tape):  # type: ignore[no-untyped-def]
    """Writes what demands [n, 4] and caches [n] cost into a row of the tape, and until when an entry node may start.

    That is when an answer at its first exit would just be in time; -inf where no answer could be good, and at nodes
    that no device gets to.
    """
    for request in range(kv_elements.size):
        work_s, shared_s = tape.hosted_work_s[row, request], tape.hosted_shared_s[row, request]
        _write_hosted(constants.weights, demands, request, work_s, shared_s)
        by_s = tape.deadline_s[row, request] - constants.downlink_slot_s
        for node in range(constants.first.size):
            first = constants.first[node]
            held = kv_elements[request] * constants.kv_bytes_per_element[node]
            can = constants.is_entry[node] and held <= constants.room_bytes[node]
            can = can and tape.accuracy[row, request] <= constants.offers[node]
            tape.kv_bytes[row, request, node] = held
            alone_s = work_s[first] + shared_s[first]
            tape.latest_start_s[row, request, node] = by_s - alone_s if can else -np.inf


def _most_offered(costs: StagedCosts, profile: ExitProfile) -> Array:
    """[K] the best quality that requests may be offered which come in at a node, at any exit under any threshold.

    The surest answers are right more often than those of the full model are on average, so it may exceed the factor of
    the node's quantisation.
    """
    _, tail_accuracy = answers_by_threshold(profile)
    relative = max(tail_accuracy[:-1].max(initial=0.0), 1.0)
    return np.minimum(np.array([node.quality for node in costs.nodes]) * relative, 1.0)
