"""Episodes of continuous batching under random actions, beside their re-simulation token by token."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from edge_llm_gym.models.llm import weight_bytes
from edge_llm_gym.scenario import Scenario, load_scenario
from edge_llm_gym.sim.outcomes import EMPTY, REFUSED_MEMORY, WAITING
from edge_llm_gym.sim.simulator import Simulator
from tests.sim.pooled.continuous.token_by_token import Sequence, TokenNode

CONTINUOUS = {"batching": "continuous"}
NEVER_JOINED = (EMPTY, WAITING, 6, 7, 8)


class TokenEpisode:
    """One row re-simulated: memory checks, all operations token by token, and the sequences that left."""

    def __init__(self, scenario: Scenario, simulator: Simulator, row: int = 0) -> None:
        self.scenario, self.tape, self.row = scenario, simulator.tape, row
        coefficients = simulator.parameters.cost_coefficients
        self.prefill_s = coefficients[:, 0, 0], coefficients[:, 1, 0]
        self.token_bytes = coefficients[:, 4, 2]
        self.capacity_bytes = [
            node.usable_bytes - weight_bytes(scenario.shape, node.method(scenario.shape.name).weight_bits)
            for node in scenario.nodes
        ]
        self.nodes = [
            TokenNode(
                step_s=coefficients[node, 2, 1],
                sequence_s=coefficients[node, 2, 0],
                context_s=coefficients[node, 3, 0],
                capacity_tokens=self.capacity_bytes[node] / self.token_bytes[node],
            )
            for node in range(len(scenario.nodes))
        ]
        self.sequences: dict[int, Sequence] = {}
        self.node_of: dict[int, int] = {}
        self.left: dict[int, Sequence] = {}
        self.answer_s: dict[int, float] = {}

    def request(self, name: str, request: int) -> Any:
        return getattr(self.tape.requests, name)[self.row, request]

    def prompt(self, request: int) -> int:
        longest = self.scenario.lengths.max_prompt_tokens
        return int(longest if self.scenario.pad_prompts else self.request("prompt_tokens", request))

    def reserved(self, request: int) -> int:
        return self.prompt(request) + int(self.request("predicted_tokens", request))

    def step(self, epoch: int, batch: np.ndarray, slot_request: np.ndarray, slot_outcome: np.ndarray) -> int:
        """Admits what the radio admits, checks refusals for memory, and computes to the next decision time.

        Returns the number of refusals for memory.
        """
        now_s, refused = (epoch + 1) * self.scenario.epoch_s, 0
        free = [
            self.capacity_bytes[node] - self.token_bytes[node] * sum(map(self.reserved, self._unfinished(node)))
            for node in range(len(self.nodes))
        ]
        asked = (batch > 0) & (slot_request >= 0)
        for slot in np.flatnonzero(asked):
            request, node, outcome = int(slot_request[slot]), int(batch[slot]) - 1, int(slot_outcome[slot])
            needed = self.token_bytes[node] * self.reserved(request)
            if outcome in NEVER_JOINED and outcome != REFUSED_MEMORY:
                continue
            assert (outcome == REFUSED_MEMORY) == (needed > free[node]), (epoch, slot)
            refused += outcome == REFUSED_MEMORY
            if outcome != REFUSED_MEMORY:
                free[node] -= needed
                self._join(request, node, now_s + self.scenario.uplink_slot_s)
                share = 1.0 / (asked & (batch == node + 1)).sum()
                self.answer_s[request] = self._answer_s(epoch, request, node, share)
        for node in self.nodes:
            self.left |= {one.name: one for one in node.run(now_s + self.scenario.epoch_s)}
        return refused

    def _answer_s(self, epoch: int, request: int, node: int, share: float) -> float:
        """The downlink slot, or the time in which the share of the band carries the answer, if that is longer."""
        efficiency = self.tape.channels.spectral_efficiency[self.row, epoch, self.request("device", request), node, 1]
        rate_bps = share * self.scenario.nodes[node].downlink_hz * float(efficiency)
        return max(self.scenario.downlink_slot_s, self.request("answer_bits", request) / rate_bps)

    def _unfinished(self, node: int) -> list[int]:
        return [request for request, its in self.node_of.items() if its == node and request not in self.left]

    def _join(self, request: int, node: int, ready_s: float) -> None:
        flops = self.tape.cost_drivers[self.row, request, 1]
        prefill_s = self.prefill_s[0][node] + self.prefill_s[1][node] * flops
        output = int(self.request("output_tokens", request))
        sequence = Sequence(request, ready_s, self.prompt(request), output, prefill_s)
        self.sequences[request], self.node_of[request] = sequence, node
        self.nodes[node].join(sequence)


def random_batches(rng: np.random.Generator, simulator: Simulator) -> tuple[np.ndarray, np.ndarray]:
    shape = (simulator.rows, simulator.scenario.slots)
    batch = rng.integers(simulator.nodes + 1, size=shape)
    batch[rng.random(shape) < rng.random()] = 0
    return batch, np.ones((*shape, 2))


def random_episode(seed: int, overrides: Mapping[str, Any]) -> Iterator[tuple[Simulator, TokenEpisode, Any]]:
    """Simulator, re-simulation and result after every step; actions are random."""
    scenario = load_scenario("multi-node", CONTINUOUS | dict(overrides))
    simulator, rng = Simulator(scenario), np.random.default_rng(seed)
    simulator.reset(0, rng)
    episode = TokenEpisode(scenario, simulator)
    while not simulator.ended()[0]:
        epoch, action = int(simulator.state.epoch[0]), random_batches(rng, simulator)
        result = simulator.step(*action)
        episode.refused = episode.step(epoch, action[0][0], result.slot_request[0], result.slot_outcome[0])
        yield simulator, episode, result
