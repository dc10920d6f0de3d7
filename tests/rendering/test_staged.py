"""Batching-and-routing dynamics in the pictures of batches: what is recovered from the state against what the steps reported."""

import numpy as np
import pytest

from edge_llm_gym.rendering import render_row, view_of
from edge_llm_gym.rendering.history import admission_epochs, batches, outcome_counts, pending_levels
from edge_llm_gym.rendering.timeline import save_timeline
from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.scenario.metrics import COLUMN
from edge_llm_gym.sim.outcomes import BELOW_QUALITY, LATE, SERVED
from edge_llm_gym.sim.simulator import Simulator
from tests.rendering.conftest import Played

EPOCHS = 40


@pytest.fixture(scope="module")
def played() -> Played:
    """The joint network under random actions; not to be changed."""
    simulator = Simulator(load_scenario("joint", {"arrivals.rate_per_s": 4.0}))
    simulator.reset(0, np.random.default_rng(3))
    rng, nodes, slots = np.random.default_rng(4), simulator.nodes, simulator.scenario.slots
    entries = simulator.scenario.network.entry_nodes.size
    episode = Played(simulator, [], [], [])
    for _ in range(EPOCHS):
        batch = rng.integers(0, entries + 1, (1, slots)) * (rng.random((1, slots)) < 0.4)
        offload, threshold = rng.random((1, nodes, nodes), np.float32), rng.random((1, nodes), np.float32)
        episode.results.append(simulator.step(batch, rng.random((1, slots, 2)), offload, threshold))
    return episode


def recorded(played, metric: str) -> list[int]:
    return [round(result.metrics[0, COLUMN[metric]]) for result in played.results]


def test_levels_and_outcomes_are_those_of_the_metrics(played):
    assert pending_levels(played.simulator, 0)[1:].tolist() == recorded(played, "pending")
    counts = outcome_counts(played.simulator, 0)
    for name in ("served", "late", "below_quality"):
        assert counts[name][:-1].tolist() == recorded(played, name)
        assert counts[name].sum() > 0, name
    assert counts["expired"][1:].tolist() == recorded(played, "expired")


def test_admission_epochs_are_those_of_the_steps(played):
    expected = np.full(played.simulator.capacity, -1)
    for epoch, result in enumerate(played.results):
        computed = np.isin(result.slot_outcome[0], (SERVED, LATE, BELOW_QUALITY))
        expected[result.slot_request[0, computed]] = epoch
    np.testing.assert_array_equal(admission_epochs(played.simulator, 0), expected)


def test_batches_hold_whoever_came_by(played):
    state, network = played.simulator.state, played.simulator.scenario.network
    admitted = admission_epochs(played.simulator, 0)
    strips = batches(played.simulator, 0)
    for node, strip in enumerate(strips):
        stage = network.stage[node]
        came = state.requests.node[0, :, stage] == node + 1
        assert sum(batch.requests for batch in strip) == came.sum() > 0
        for batch in strip:
            finish_s = state.requests.finish_s[0, came & (admitted == batch.epoch), stage]
            assert (finish_s.size, finish_s.max()) == (batch.requests, batch.end_s)
            assert batch.begin_s < batch.end_s
    assert sum(map(len, strips[: network.entry_nodes.size])) > 0


def test_pictures_of_it(played, tmp_path):
    view = view_of(played.simulator, 0, played.results[-1])
    assert [node.name for node in view.nodes] == [node.name for node in played.simulator.scenario.nodes]
    for mode in ("ansi", "rgb_array"):
        assert np.size(render_row(played.simulator, 0, played.results[-1], mode)) > 0
    save_timeline(played.simulator, 0, tmp_path / "timeline.png")
    assert (tmp_path / "timeline.png").stat().st_size > 1000
