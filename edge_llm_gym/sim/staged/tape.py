"""Draws the tape of staged admission."""

import numpy as np

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
    """What requests cost on every node of a scenario, by hosted block; `last` and `first` are places among the P."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._times = BlockTimes(scenario)
        network, self.nodes = scenario.network, node_costs(scenario)
        hosted = network.last_block - network.first_block + 1
        self.first = np.concatenate([[0], np.cumsum(hosted)[:-1]])
        self.last = self.first + hosted - 1
        shapes = [scenario.hosted_shape(index) for index in range(len(self.nodes))]
        bits = [
            shape.layers / scenario.shape.layers * node.kv_bits for shape, node in zip(shapes, self.nodes, strict=True)
        ]
        self._kv_bytes_per_element = bits_to_bytes(np.array(bits))

    def hosted_s(self, prompt_tokens: Array, output_tokens: Array) -> tuple[Array, Array]:
        """w and v, each [n, P] float64 s, from a node's first block through each of its blocks and their exits."""
        work_s, shared_s = self._times(prompt_tokens, output_tokens)
        for place in np.flatnonzero(~np.isin(np.arange(work_s.shape[1]), self.first)):
            work_s[:, place] += work_s[:, place - 1]
            shared_s[:, place] += shared_s[:, place - 1]
        return work_s, shared_s

    def kv_bytes(self, prompt_tokens: Array, output_tokens: Array) -> Array:
        """[n, K] float64, cache of all layers that a node hosts."""
        prompt = computed_prompts(self._scenario, prompt_tokens)
        elements = cost.kv_bytes(self._scenario.shape, prompt, output_tokens, BITS_PER_BYTE)
        return elements[:, None] * self._kv_bytes_per_element


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
        self._is_entry = np.isin(np.arange(len(scenario.nodes)), entry)
        self._room_bytes = np.array([node.room_bytes for node in self._costs.nodes])
        self._offers = _most_offered(self._costs, self.profile)

    def _write_rest(self, rng: Generator, tape: object, row: int, size: int) -> None:
        rows = _Rows(tape, row, size)
        rows.route[:] = rng.random(rows.route.shape)
        chosen = self._rows.draw(rng, rows.arrival_s)
        rows.confidence[:] = self.profile.confidence[chosen]
        rows.correct[:] = self.profile.correct[chosen]
        prompt, output = rows.prompt_tokens, rows.output_tokens
        work_s, shared_s = self._costs.hosted_s(prompt, output)
        rows.hosted_work_s[:], rows.hosted_shared_s[:] = work_s, shared_s
        rows.work_s[:], rows.shared_s[:] = work_s[:, self._costs.last], shared_s[:, self._costs.last]
        rows.kv_bytes[:] = self._costs.kv_bytes(prompt, output)
        rows.forward_bits[:] = forward_bits(self.scenario, prompt, output)
        rows.latest_start_s[:] = self._latest_start_s(rows, work_s + shared_s)

    def _latest_start_s(self, rows: "_Rows", through_s: Array) -> Array:
        """[n, K] s, when an answer at a node's first exit would just be in time; -inf where no answer could be good.

        So it is where no device gets to the node.
        """
        by_s = rows.deadline_s[:, None] - self.scenario.downlink_slot_s
        can = (rows.kv_bytes <= self._room_bytes) & (rows.accuracy[:, None] <= self._offers) & self._is_entry
        return np.where(can, by_s - through_s[:, self._costs.first], -np.inf)


def _most_offered(costs: StagedCosts, profile: ExitProfile) -> Array:
    """[K] the best quality that requests may be offered which come in at a node, at any exit under any threshold.

    The surest answers are right more often than those of the full model are on average, so it may exceed the factor of
    the node's quantisation.
    """
    _, tail_accuracy = answers_by_threshold(profile)
    relative = max(tail_accuracy[:-1].max(initial=0.0), 1.0)
    return np.minimum(np.array([node.quality for node in costs.nodes]) * relative, 1.0)


class _Rows:
    """The first requests of a row of a tape, field by field."""

    def __init__(self, tape: object, row: int, size: int) -> None:
        self._tape, self._row, self._size = tape, row, size

    def __getattr__(self, name: str) -> Array:
        return getattr(self._tape, name)[self._row, : self._size]
