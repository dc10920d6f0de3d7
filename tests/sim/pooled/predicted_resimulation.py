"""A plain re-simulation of batching-and-routing dynamics with predicted output lengths."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge_llm_gym.sim.outcomes import EXPIRED, LATE, REFUSED_DOWNLINK, REFUSED_MEMORY, REFUSED_UPLINK, WAITING
from edge_llm_gym.sim.simulator import Simulator
from tests.sim.costs_by_hand import costs_of_tape
from tests.sim.pooled.resimulation import Resimulation, tape_of


def predicted_tape_of(simulator: Simulator, row: int = 0) -> dict[str, Any]:
    """`tape_of` with the costs of the predicted lengths: predicted_work_s, predicted_shared_s, predicted_kv_bytes."""
    work_s, shared_s, kv_bytes = costs_of_tape(simulator, row, simulator.tape.predicted_drivers)
    on_node = kv_bytes[:, simulator.parameters.network.first_hosted]
    predicted = {"predicted_work_s": work_s, "predicted_shared_s": shared_s, "predicted_kv_bytes": on_node}
    return tape_of(simulator, row) | predicted


@dataclass
class Visit:
    """The batches of one node and one epoch."""

    begin_s: float
    end_s: float
    ready_s: float
    expected_s: float
    reserved_bytes: float
    used_bytes: float


class PredictedResimulation(Resimulation):
    """As `Resimulation`, where what is decided rests on predictions and what happens on the true lengths."""

    def __init__(self, scenario, tape) -> None:
        self.visits: dict[int, list[Visit]] = defaultdict(list)
        self.evicted: set[int] = set()
        self.expected_end_s: dict[int, float] = {}
        self.expected_reach_s: dict[int, float] = {}
        self.downlink_share: dict[int, float] = {}
        self.overdue = self.stretched = 0
        super().__init__(scenario, tape)

    def _expect(self) -> None:
        """When each node is free, and what it holds, as far as one can tell now."""
        self.expected_free_s = [self.now_s] * len(self.name)
        self.expected_held = [0.0] * len(self.name)
        until_s = self.now_s + self.scenario.uplink_slot_s
        for node, visits in self.visits.items():
            for visit in visits:
                if visit.end_s <= self.now_s:
                    continue
                if visit.begin_s <= self.now_s:
                    end_s = visit.begin_s + visit.expected_s
                else:
                    end_s = max(visit.ready_s, self.expected_free_s[node]) + visit.expected_s
                self.overdue += end_s <= self.now_s
                self.expected_free_s[node] = self.now_s + abs(end_s - self.now_s)
                if not self.now_s < end_s <= until_s:
                    self.expected_held[node] += visit.reserved_bytes

    def _admitted(self, requested, bandwidth) -> dict[int, int]:
        requested, joined, load = list(requested), {}, defaultdict(float)
        for slot, request, node in requested:
            weights = [bandwidth[other] for other, _, its in requested if its == node]
            kv_bytes = self.tape["predicted_kv_bytes"][request, node]
            if not self._carries(request, node, bandwidth[slot], weights, 0):
                self.refused.append(REFUSED_UPLINK)
            elif not self._carries(request, node, bandwidth[slot], weights, 1):
                self.refused.append(REFUSED_DOWNLINK)
            elif self.expected_held[node] + load[node] + kv_bytes > self.capacity_bytes[node]:
                self.refused.append(REFUSED_MEMORY)
            else:
                joined[request] = node
                load[node] += kv_bytes
                total = sum(each[1] for each in weights)
                self.downlink_share[request] = bandwidth[slot][1] / total if total > 0 else 1 / len(weights)
        start_s = self.now_s + self.scenario.uplink_slot_s
        self.expected_reach_s.update(dict.fromkeys(joined, start_s))
        self.admission_epoch = self.epoch
        return joined

    def _compute(self, node: int, members: list[int], reach_s, threshold) -> dict[int, float]:
        release_s = max(reach_s[request] for request in members)
        ready_s = max(self.expected_reach_s[request] for request in members)
        is_entry, uplink_ends_s = self.hosts[node][0] == 0, self.now_s + self.scenario.uplink_slot_s
        free = self.capacity_bytes[node]
        if is_entry:
            free -= sum(visit.used_bytes for visit in self.visits[node] if visit.end_s > uplink_ends_s)
        costs = {request: self._cost(request, node, threshold[node]) for request in members}
        expected = {request: self._predicted_cost(request, node) for request in members}
        done_s: dict[int, float] = {}
        visit = Visit(np.inf, 0.0, ready_s, 0.0, 0.0, 0.0)
        for batch in self._split(node, members):
            start_s = max(release_s, self.free_s[node])
            self.free_s[node] = start_s + sum(costs[r][0] for r in batch) + max(costs[r][1] for r in batch)
            lasts_s = sum(expected[r][0] for r in batch) + max(expected[r][1] for r in batch)
            self.expected_free_s[node] = max(ready_s, self.expected_free_s[node]) + lasts_s
            kept = self._keep(node, batch, free)
            visit.begin_s, visit.end_s = min(visit.begin_s, start_s), self.free_s[node]
            visit.expected_s += lasts_s
            visit.used_bytes += sum(self.tape["kv_bytes"][r, node] for r in kept)
            visit.reserved_bytes += sum(self.tape["predicted_kv_bytes"][r, node] for r in batch)
            self.evicted |= set(batch) - set(kept)
            self.busy.append((start_s, self.free_s[node]))
            done_s |= dict.fromkeys(batch, self.free_s[node])
            self.expected_end_s.update(dict.fromkeys(batch, self.expected_free_s[node]))
        self.visits[node].append(visit)
        return done_s

    def _split(self, node: int, members: list[int]) -> list[list[int]]:
        """Batches whose reservations fit together, in the order of admission."""
        batches: list[list[int]] = [[]]
        for request in members:
            reserved = sum(self.tape["predicted_kv_bytes"][r, node] for r in (*batches[-1], request))
            if batches[-1] and reserved > self.capacity_bytes[node] and self.hosts[node][0] > 0:
                self.splits += 1
                batches.append([])
            batches[-1].append(request)
        return batches

    def _keep(self, node: int, batch: list[int], free: float) -> list[int]:
        """Evicts the most recently admitted requests, one after the other, until the rest fits."""
        kept = list(batch)
        while kept and sum(self.tape["kv_bytes"][r, node] for r in kept) > free:
            kept.pop()
        return kept

    def _predicted_cost(self, request: int, node: int) -> tuple[float, float]:
        """Predicted w and v through the block after which the request leaves, or else all that the node hosts."""
        first, last = self.hosts[node]
        before = sum(final - begin + 1 for begin, final in self.hosts[:node])
        index = before + min(self.exit.get(request, last + 1) - 1, last) - first
        return self.tape["predicted_work_s"][request, index], self.tape["predicted_shared_s"][request, index]

    def _wire_s(self, request: int, source: int, target: int) -> float:
        ends = self.name[source], self.name[target]
        (link,) = (link for link in self.scenario.links if (link.source, link.target) == ends)
        wired_s = link.latency_s + self.tape["forward_bits"][request] / link.rate_bps
        self.expected_reach_s[request] = self.expected_end_s[request] + wired_s
        return super()._wire_s(request, source, target)

    def _settle(self, request: int, answered_s: float, threshold: float) -> None:
        node, slot_s = self.way[request][0], self.scenario.downlink_slot_s
        efficiency = self.tape["spectral_efficiency"][self.epoch, self.tape["device"][request], node, 1]
        rate_bps = self.downlink_share[request] * self.scenario.nodes[node].downlink_hz * float(efficiency)
        needed_s = self.tape["answer_bits"][request] / rate_bps
        self.stretched += needed_s > slot_s * (1 + 1e-6)
        super()._settle(request, answered_s - slot_s + max(slot_s, needed_s), threshold)
        if request in self.evicted:
            self.outcome[request], self.latency_s[request] = LATE, 0.0

    def _turn_clock(self) -> None:
        self._expect()
        for request in np.flatnonzero(self.tape["arrival_s"][: self.tape["length"]] < self.now_s).tolist():
            self.outcome.setdefault(request, WAITING)
        for request in self._pending():
            if not any(self._is_possible(request, node) for node in range(len(self.name))):
                self.outcome[request] = EXPIRED

    def _is_possible(self, request: int, node: int) -> bool:
        if self.hosts[node][0] > 0:
            return False
        tape, index = self.tape, sum(last - first + 1 for first, last in self.hosts[:node])
        start_s = max(self.now_s + self.scenario.uplink_slot_s, self.expected_free_s[node])
        answered_s = start_s + tape["predicted_work_s"][request, index] + tape["predicted_shared_s"][request, index]
        in_time = answered_s + self.scenario.downlink_slot_s <= tape["deadline_s"][request] + 1e-9
        good = tape["quality_demand"][request] <= self.quality[node]
        return in_time and good and tape["predicted_kv_bytes"][request, node] <= self.capacity_bytes[node]
