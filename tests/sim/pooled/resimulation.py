"""A plain re-simulation of batching-and-routing dynamics, request by request, for comparison with the transition."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import numpy as np

from edge_llm_gym.models.llm import weight_bytes
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.scenario.sections import LinkSection
from edge_llm_gym.sim.outcomes import (
    BELOW_QUALITY,
    EXPIRED,
    LATE,
    REFUSED_DOWNLINK,
    REFUSED_MEMORY,
    REFUSED_UPLINK,
    SERVED,
    WAITING,
)
from edge_llm_gym.sim.simulator import Simulator
from tests.sim.costs_by_hand import costs_of_tape
from tests.sim.pooled.routing_by_hand import quality_at


def tape_of(simulator: Simulator, row: int = 0) -> dict[str, Any]:
    """A row's tape by last field name, with the costs of its requests.

    The costs are hosted_work_s and hosted_shared_s [n, P] and kv_bytes [n, K].
    """
    work_s, shared_s, kv_bytes = costs_of_tape(simulator, row)
    on_node = kv_bytes[:, simulator.parameters.network.first_hosted]
    tape = {name.split(".")[-1]: array for name, array in simulator.snapshot(row).tape.items()}
    return tape | {"hosted_work_s": work_s, "hosted_shared_s": shared_s, "kv_bytes": on_node}


class Resimulation:
    """One episode of batching-and-routing dynamics, request by request, as section 3 of the system model defines it.

    It shares the scenario, the tape with the costs of its requests, and the exit table with the package, and no code of
    the transition.
    """

    def __init__(self, scenario: Scenario, tape: Mapping[str, Any]) -> None:
        self.scenario, self.tape, self.epoch = scenario, tape, 0
        self.name = [node.name for node in scenario.nodes]
        self.hosts = [node.blocks or (0, len(scenario.block_layers) - 1) for node in scenario.nodes]
        methods = [node.method(scenario.shape.name) for node in scenario.nodes]
        self.quality = [method.quality for method in methods]
        self.capacity_bytes = [
            node.usable_bytes - weight_bytes(scenario.hosted_shape(index), methods[index].weight_bits)
            for index, node in enumerate(scenario.nodes)
        ]
        self.free_s = [0.0] * len(self.name)
        self.held: dict[int, list[tuple[float, float]]] = defaultdict(list)  # node -> (end in s, bytes) of batches
        self.outcome: dict[int, int] = {}
        self.latency_s: dict[int, float] = {}
        self.exit: dict[int, int] = {}
        self.way: dict[int, list[int]] = {}
        self.round_trips_s: dict[int, float] = defaultdict(float)
        self.refused: list[int] = []
        self.splits = 0
        self.busy: list[tuple[float, float]] = []
        self.held_by_epoch: dict[tuple[int, int], float] = defaultdict(float)  # (node, epoch) -> bytes of its batches
        self._turn_clock()

    @property
    def now_s(self) -> float:
        return (self.epoch + 1) * self.scenario.epoch_s

    def step(self, batch, bandwidth, offload, threshold) -> None:
        shown = self._pending()[: self.scenario.slots]
        requested = [(slot, request, batch[slot] - 1) for slot, request in enumerate(shown) if batch[slot] > 0]
        here = self._admitted(requested, bandwidth)
        reach_s = dict.fromkeys(here, self.now_s + self.scenario.uplink_slot_s)
        self.way.update({request: [node] for request, node in here.items()})
        done_s: dict[int, float] = {}
        while here:
            for node in sorted(set(here.values())):
                members = [request for request in here if here[request] == node]
                done_s |= self._compute(node, members, reach_s, threshold)
            here = {request: node for request, node in here.items() if request not in self.exit}
            for request, node in here.items():
                here[request] = sample_next_node = self._receiver(request, node, offload[node])
                reach_s[request] = done_s[request] + self._wire_s(request, node, sample_next_node)
                self.round_trips_s[request] += self._round_trips_s(request, node, sample_next_node)
                self.way[request].append(sample_next_node)
        for request in reach_s:
            answered_s = done_s[request] + self.round_trips_s[request] + self.scenario.downlink_slot_s
            self._settle(request, answered_s, threshold[self.way[request][-1]])
        self.epoch += 1
        self._turn_clock()

    def _pending(self) -> list[int]:
        waiting = [request for request, outcome in self.outcome.items() if outcome == WAITING]
        return sorted(waiting, key=lambda request: (self.tape["deadline_s"][request], request))

    def _admitted(self, requested: Iterable[tuple[int, int, int]], bandwidth) -> dict[int, int]:
        """Request -> entry node, in the order of the slots."""
        requested, joined, load = list(requested), {}, defaultdict(float)
        uplink_ends_s = self.now_s + self.scenario.uplink_slot_s
        for slot, request, node in requested:
            weights = [bandwidth[other] for other, _, its in requested if its == node]
            kv_bytes = self.tape["kv_bytes"][request, node]
            held = sum(size for end_s, size in self.held[node] if end_s > uplink_ends_s)
            if not self._carries(request, node, bandwidth[slot], weights, 0):
                self.refused.append(REFUSED_UPLINK)
            elif not self._carries(request, node, bandwidth[slot], weights, 1):
                self.refused.append(REFUSED_DOWNLINK)
            elif held + load[node] + kv_bytes > self.capacity_bytes[node]:
                self.refused.append(REFUSED_MEMORY)
            else:
                joined[request] = node
                load[node] += kv_bytes
        return joined

    def _carries(self, request: int, node: int, weight, weights, way: int) -> bool:
        total = sum(each[way] for each in weights)
        share = weight[way] / total if total > 0 else 1 / len(weights)
        section, slots_s = self.scenario.nodes[node], (self.scenario.uplink_slot_s, self.scenario.downlink_slot_s)
        efficiency = self.tape["spectral_efficiency"][self.epoch, self.tape["device"][request], node, way]
        bits = share * slots_s[way] * (section.uplink_hz, section.downlink_hz)[way] * float(efficiency)
        return bits * (1 + 1e-9) >= self.tape["bits"][request, way]

    def _compute(self, node: int, members: list[int], reach_s, threshold) -> dict[int, float]:
        """When each member of the batch is computed on the node; marks the requests that exit there."""
        release_s = max(reach_s[request] for request in members)
        costs = {request: self._cost(request, node, threshold[node]) for request in members}
        batches, held = [[]], 0.0
        for request in members:
            kv_bytes = self.tape["kv_bytes"][request, node]
            if batches[-1] and held + kv_bytes > self.capacity_bytes[node]:
                self.splits += 1
                batches.append([])
                held = 0.0
            batches[-1].append(request)
            held += kv_bytes
        done_s = {}
        for batch in batches:
            start_s = max(release_s, self.free_s[node])
            duration_s = sum(costs[request][0] for request in batch) + max(costs[request][1] for request in batch)
            self.free_s[node] = start_s + duration_s
            self.held[node].append((self.free_s[node], sum(self.tape["kv_bytes"][r, node] for r in batch)))
            self.held_by_epoch[node, self.epoch] += self.held[node][-1][1]
            self.busy.append((start_s, self.free_s[node]))
            done_s |= dict.fromkeys(batch, self.free_s[node])
        return done_s

    def _cost(self, request: int, node: int, threshold: float) -> tuple[float, float]:
        """w and v through the block after which the request leaves, or else all that the node hosts."""
        first, last = self.hosts[node]
        before = sum(final - begin + 1 for begin, final in self.hosts[:node])
        confidence = self.tape["confidence"][request]
        for block in range(first, last + 1):
            if confidence[block] >= threshold or block == len(self.scenario.block_layers) - 1:
                self.exit[request] = block + 1
                break
        index = before + block - first
        return self.tape["hosted_work_s"][request, index], self.tape["hosted_shared_s"][request, index]

    def _receiver(self, request: int, node: int, weights) -> int:
        links = [link for link in self.scenario.links if link.source == self.name[node]]
        targets = sorted(self.name.index(link.target) for link in links)
        shares = np.array([float(weights[target]) for target in targets])
        shares = shares if shares.sum() > 0 else np.ones(len(targets))
        uniform = self.tape["route"][request, len(self.way[request])]
        return targets[int(np.searchsorted(np.cumsum(shares) / shares.sum(), uniform, side="right"))]

    def _link(self, source: int, target: int) -> LinkSection:
        ends = self.name[source], self.name[target]
        (link,) = (link for link in self.scenario.links if (link.source, link.target) == ends)
        return link

    def _wire_s(self, request: int, source: int, target: int) -> float:
        link = self._link(source, target)
        return link.latency_s + self.tape["forward_bits"][request] / link.rate_bps

    def _round_trips_s(self, request: int, source: int, target: int) -> float:
        """Each token after the first goes down the link as a hidden vector with its token, and a token comes back."""
        link, scenario = self._link(source, target), self.scenario
        down_bits = scenario.shape.d_model * scenario.exits.hidden_bits + scenario.requests.bits_per_token
        down_s, back_s = down_bits / link.rate_bps, scenario.requests.bits_per_token / link.rate_bps
        tokens = int(self.tape["output_tokens"][request]) - 1
        return tokens * (link.latency_s + down_s + link.latency_s + back_s)

    def _settle(self, request: int, answered_s: float, threshold: float) -> None:
        factor = min(self.quality[node] for node in self.way[request])
        offered = offered_at(self.scenario.exits.profile, self.exit[request] - 1, float(threshold), factor)
        self.latency_s[request] = answered_s - self.tape["arrival_s"][request]
        if answered_s > self.tape["deadline_s"][request] + 1e-9:
            self.outcome[request] = LATE
        else:
            self.outcome[request] = SERVED if offered >= self.tape["quality_demand"][request] else BELOW_QUALITY

    def _turn_clock(self) -> None:
        for request in np.flatnonzero(self.tape["arrival_s"][: self.tape["length"]] < self.now_s).tolist():
            self.outcome.setdefault(request, WAITING)
        for request in self._pending():
            if not any(self._is_possible(request, node) for node in range(len(self.name))):
                self.outcome[request] = EXPIRED

    def _is_possible(self, request: int, node: int) -> bool:
        """Whether an answer at the first exit of an entry node, the request alone there at once, might still do."""
        if self.hosts[node][0] > 0:
            return False
        tape, index = self.tape, sum(last - first + 1 for first, last in self.hosts[:node])
        start_s = max(self.now_s + self.scenario.uplink_slot_s, self.free_s[node])
        answered_s = start_s + tape["hosted_work_s"][request, index] + tape["hosted_shared_s"][request, index]
        in_time = answered_s + self.scenario.downlink_slot_s <= tape["deadline_s"][request] + 1e-9
        good = tape["quality_demand"][request] <= self.quality[node]
        return in_time and good and tape["kv_bytes"][request, node] <= self.capacity_bytes[node]


offered_at = cache(quality_at)
