"""What a stream shows, against the state that it is read from."""

import numpy as np
import pytest

from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.sim.exit_observation import (
    LINK_FEATURES,
    QUANTILES,
    histogram_quantiles,
)
from edge_llm_gym.sim.simulator import Simulator
from edge_llm_gym.sim.streaming.observation import (
    NODE_FEATURES,
    StreamingObserver,
)

COLUMN = {name: column for column, name in enumerate(NODE_FEATURES)}


@pytest.fixture(scope="module")
def simulator() -> Simulator:
    simulator = Simulator(load_scenario("early-exit"), rows=2)
    rng = np.random.default_rng(0)
    for row in range(2):
        simulator.reset(row, rng)
    for _ in range(12):
        simulator.step(np.ones((2, 29, 9), np.float32), np.full((2, 9), 0.7, np.float32))
    return simulator


@pytest.fixture(scope="module")
def seen(simulator):
    return StreamingObserver(simulator).observe()


def test_what_changes(simulator, seen):
    state, scenario = simulator.state, simulator.scenario
    per_epoch = scenario.arrivals.rate_per_s * scenario.epoch_s
    np.testing.assert_allclose(seen["arrivals"], state.arrived_last / (per_epoch / 20), rtol=1e-6)
    np.testing.assert_allclose(seen["backlog"], state.open_visits / per_epoch, rtol=1e-6)
    np.testing.assert_allclose(
        seen["nodes"][:, :, COLUMN["committed"]], state.servers.committed_s / scenario.epoch_s, rtol=1e-6
    )
    np.testing.assert_allclose(
        seen["nodes"][:, :, COLUMN["utilisation"]], state.servers.busy_last_s / scenario.epoch_s, rtol=1e-6
    )
    np.testing.assert_allclose(seen["nodes"][:, :, COLUMN["sent"]], state.sent_last / per_epoch, rtol=1e-6)
    np.testing.assert_allclose(
        seen["spectral_efficiency"], simulator.tape.channels.spectral_efficiency[:, 12] / 7.4, rtol=1e-6
    )
    assert seen["backlog"].max() > 0.0
    assert seen["nodes"][:, :, COLUMN["committed"]].max() > 0.0


def test_what_does_not_change(simulator, seen):
    nodes = seen["nodes"][0]
    np.testing.assert_allclose(nodes[:, COLUMN["stage"]], [1 / 3] * 4 + [2 / 3] * 3 + [1.0] * 2, rtol=1e-6)
    assert nodes[0, COLUMN["flops"]] == pytest.approx(42e12 * 0.5 / 1e15)
    assert nodes[:, COLUMN["service"]].max() == 1.0
    assert nodes[4:, COLUMN["uplink_hz"]].tolist() == [0.0] * 5
    assert seen["links"].shape == (2, 9, 9, len(LINK_FEATURES))
    np.testing.assert_array_equal(seen["links"][0, :, :, 0], simulator.scenario.network.has_link)
    np.testing.assert_allclose(seen["links"][1, 0, 4], [1.0, 0.1, 0.0003], rtol=1e-6)
    assert (seen["links"][0][~simulator.scenario.network.has_link] == 0.0).all()


def test_the_speed_of_a_node_is_that_of_the_coming_epoch():
    slowdown = {"from_s": 2.0, "until_s": 4.5, "factor": 4.0}
    changes = {"horizon_epochs": 6, "epoch_s": 1.0, "nodes.3.slowdown": slowdown}
    simulator = Simulator(load_scenario("early-exit", changes))
    simulator.reset(0, np.random.default_rng(0))
    observer, seen = StreamingObserver(simulator), []
    for epoch in range(7):
        seen.append(observer.observe()["nodes"][0, :, COLUMN["speed"]])
        if epoch < 6:
            simulator.step(np.ones((1, 29, 9), np.float32), np.full((1, 9), 0.7, np.float32))
    others = np.delete(np.array(seen), 3, axis=1)
    assert np.array(seen)[:, 3].tolist() == [1.0, 1.0, 0.25, 0.25, 0.25, 1.0, 1.0]
    assert (others == 1.0).all()


def test_nothing_has_been_seen_at_the_start():
    simulator = Simulator(load_scenario("early-exit"))
    simulator.reset(0, np.random.default_rng(0))
    seen = StreamingObserver(simulator).observe()
    for field in ("exit_confidence", "arrivals", "backlog"):
        assert (seen[field] == 0.0).all(), field
    assert (seen["spectral_efficiency"] > 0.0).all()


@pytest.mark.parametrize("size", [1, 2, 7, 400])
def test_histogram_quantiles_lie_within_a_bin_of_the_samples(size):
    numbers = np.random.default_rng(size).beta(2.0, 1.0, size)
    count = np.bincount(np.minimum((numbers * 64).astype(int), 63), minlength=64)
    found = np.empty(len(QUANTILES))
    histogram_quantiles(count, np.array(QUANTILES), found)
    low, high = (np.quantile(numbers, QUANTILES, method=method) for method in ("lower", "higher"))
    assert (found >= low - 1 / 64).all()
    assert (found <= high + 1 / 64).all()
    assert (np.diff(found) >= 0).all()


def test_an_empty_histogram_has_quantiles_of_zero():
    found = np.ones(2)
    histogram_quantiles(np.zeros(8, np.int64), np.array([0.1, 0.9]), found)
    assert found.tolist() == [0.0, 0.0]


def test_numbers_in_one_bin_spread_over_it():
    count, found = np.zeros(4, np.int64), np.empty(3)
    count[2] = 10
    histogram_quantiles(count, np.array([0.0, 0.5, 1.0]), found)
    assert found.tolist() == [0.5, 0.625, 0.75]


def test_histogram_quantiles_equal_those_of_a_plain_search():
    rng, bins = np.random.default_rng(5), 64
    for _ in range(50):
        count = rng.poisson(rng.choice([0.05, 1.0, 5.0]), bins).astype(np.int32)
        found, total = np.zeros(len(QUANTILES), np.float32), int(count.sum())
        histogram_quantiles(count.copy(), np.array(QUANTILES), found)
        below = np.concatenate([[0], np.cumsum(count)])
        for value, probability in zip(found, QUANTILES, strict=True):
            column = int(np.argmax(below[1:] >= probability * total)) if total else 0
            share = (probability * total - below[column]) / count[column] if total else 0.0
            assert value == np.float32((column + share) / bins)
