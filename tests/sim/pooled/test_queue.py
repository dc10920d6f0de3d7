"""The queue of pooled dynamics at high rates against a sorted list in plain Python, request by request."""

from bisect import insort

import numpy as np
import pytest

from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.scenario.metrics import COLUMN
from edge_llm_gym.sim.outcomes import BELOW_QUALITY, EXPIRED, LATE, RUNNING, SERVED
from edge_llm_gym.sim.simulator import Simulator

JOINED = (SERVED, LATE, BELOW_QUALITY, RUNNING)
GRID_S = 0.25
"""Deadlines are multiples of it, so that many are equal."""
CROWDED = {"arrivals.rate_per_s": 120.0, "horizon_epochs": 6}
PREDICTED = {"lengths.prediction.sigma": 0.8}


class PlainQueue:
    """Pending requests of a row: a sorted list of (deadline, place on the tape)."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator, requests = simulator, simulator.tape.requests
        self.arrival_s = requests.arrival_s[0, : requests.length[0]].tolist()
        self.deadline_s = requests.deadline_s[0].tolist()
        self.pending: list[tuple[float, int]] = []
        self.arrived = self.expired = 0

    def drop(self, requests: set[int]) -> None:
        self.pending = [entry for entry in self.pending if entry[1] not in requests]

    def turn_clock(self) -> None:
        """Arrivals up to the decision time, then expiry."""
        before, now_s = self.arrived, (self.simulator.state.epoch[0] + 1) * self.simulator.scenario.epoch_s
        while self.arrived < len(self.arrival_s) and self.arrival_s[self.arrived] < now_s:
            insort(self.pending, (self.deadline_s[self.arrived], self.arrived))
            self.arrived += 1
        late = {request for _, request in self.pending if not self._is_possible(request, now_s)}
        self.drop(late)
        self.arrived_last, self.expired_last = self.arrived - before, len(late)

    def _is_possible(self, request: int, now_s: float) -> bool:
        ready_s = np.maximum(now_s + self.simulator.scenario.uplink_slot_s, expected_free_s(self.simulator.state))
        latest_s = self.simulator.tape.latest_start_s[0, request]
        return bool((ready_s[: latest_s.size] <= latest_s + 1e-9).any())

    @property
    def requests(self) -> list[int]:
        return [request for _, request in self.pending]


def expected_free_s(state) -> np.ndarray:
    """When each node is free, as far as the scheduler knows: of the state of any pooled dynamics."""
    if hasattr(state, "nodes"):
        return state.nodes.boundary_s[0]
    return state.node_free_s[0] if state.predictions is None else state.predictions.node_free_s[0]


def crowded(name: str, **overrides) -> Simulator:
    """An episode whose deadlines are rounded to a grid, at its first decision."""
    simulator = Simulator(load_scenario(name, CROWDED | overrides))
    simulator.reset(0, np.random.default_rng(0))
    deadline_s = simulator.tape.requests.deadline_s
    deadline_s[:] = np.ceil(deadline_s / GRID_S) * GRID_S
    simulator._dynamics.begin(simulator.tape, simulator.state, [0])
    return simulator


def random_action(rng, simulator: Simulator) -> tuple[np.ndarray, ...]:
    """Few requests join, so that some are admitted in spite of the narrow bands."""
    slots, nodes = simulator.scenario.slots, simulator.nodes
    entry_nodes = simulator.tape.latest_start_s.shape[2]
    batch = rng.integers(1, entry_nodes + 1, (1, slots)) * (rng.random((1, slots)) < 12 / slots)
    action = batch, rng.random((1, slots, 2))
    if simulator.scenario.exits is None:
        return action
    return *action, rng.random((1, nodes, nodes), np.float32), rng.random((1, nodes), np.float32)


@pytest.mark.parametrize(
    ("name", "overrides"),
    [
        ("single-node", {}),
        ("multi-node", {"slots": 1}),
        ("multi-node", {"slots": 1024, "arrivals.rate_per_s": 400.0}),
        ("multi-node", PREDICTED),
        ("continuous", {}),
        ("joint", {}),
        ("joint", PREDICTED),
    ],
)
def test_the_queue_is_a_list_sorted_by_deadline_and_arrival(name, overrides):
    simulator, rng = crowded(name, **overrides), np.random.default_rng(1)
    plain, slots = PlainQueue(simulator), simulator.scenario.slots
    plain.turn_clock()
    joined = expired = longest = 0
    while not simulator.ended()[0]:
        queue = simulator.state.queue
        assert queue.request[0, : queue.length[0]].tolist() == plain.requests
        longest = max(longest, len(plain.requests))
        shown = plain.requests[:slots]
        result = simulator.step(*random_action(rng, simulator))
        assert result.slot_request[0].tolist() == shown + [-1] * (slots - len(shown))
        taken = set(result.slot_request[0, np.isin(result.slot_outcome[0], JOINED)].tolist())
        plain.drop(taken)
        plain.turn_clock()
        counts = {name: result.metrics[0, COLUMN[name]] for name in ("arrived", "expired", "pending", "hidden")}
        pending = len(plain.requests)
        hidden = max(pending - slots, 0)
        values = plain.arrived_last, plain.expired_last, pending, hidden
        assert counts == dict(zip(counts, values, strict=True))
        joined, expired = joined + len(taken), expired + plain.expired_last
    assert (simulator.state.requests.outcome[0] == EXPIRED).sum() >= expired
    assert longest > 500
    assert joined > 0
    assert expired > 100
    assert len(set(plain.deadline_s[: plain.arrived])) < plain.arrived / 2
