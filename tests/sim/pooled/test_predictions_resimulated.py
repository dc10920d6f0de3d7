"""Episodes with predicted output lengths against an independent re-simulation in plain Python."""

import numpy as np
import pytest

from edge_llm_gym.decoding.batching import BatchingReader
from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.scenario.metrics import COLUMN
from edge_llm_gym.sim.outcomes import BELOW_QUALITY, EXPIRED, LATE, REFUSED_UPLINK, SERVED, WAITING
from edge_llm_gym.sim.pooled.observation import NODE_FEATURES, PooledObserver
from edge_llm_gym.sim.simulator import Simulator
from tests.sim.pooled.predicted_resimulation import PredictedResimulation, predicted_tape_of
from tests.sim.pooled.routing_by_hand import HARSH, random_action

BUSY, FREE = NODE_FEATURES.index("time_until_free"), NODE_FEATURES.index("free_kv_bytes")
NARROW = {  # answers of text alone on narrow bands: their length matters to the radio, too
    "lengths.prediction.sigma": 0.8,
    "requests.bits_per_token": 400.0,
    "requests.downlink_payload": {"probability": 0.2, "bits": [0.0, 1e5]},
} | {f"nodes.{node}.uplink_hz": 2e8 for node in range(4)}


def with_tight_downlinks(scenario, observation, action):
    """The action with downlink weights at the minimum shares of the predicted answers."""
    batch, bandwidth, *routes = action
    shares = BatchingReader(scenario).read_rows(observation).downlink_share
    tight = np.take_along_axis(shares, np.maximum(batch - 1, 0)[..., None], axis=2)[..., 0]
    bandwidth[..., 1] = np.minimum(tight, 1.0)
    return batch, bandwidth, *routes


def check_observation(simulator: Simulator, observation, row: int, play: PredictedResimulation) -> None:
    """What is observed and masked is what the re-simulation expects."""
    scenario, nodes = simulator.scenario, observation["nodes"][row]
    until_s = play.now_s + scenario.uplink_slot_s
    busy = [max(free_s - until_s, 0.0) / scenario.epoch_s for free_s in play.expected_free_s]
    np.testing.assert_allclose(nodes[:, BUSY], busy, rtol=1e-6, atol=1e-6)
    free = [max(1.0 - held / size, 0.0) for held, size in zip(play.expected_held, play.capacity_bytes, strict=True)]
    np.testing.assert_allclose(nodes[:, FREE], free, rtol=1e-6, atol=1e-6)


def test_whole_episodes_agree_with_plain_python():
    scenario = load_scenario("joint", HARSH | NARROW)
    simulator, rng = Simulator(scenario, rows=2), np.random.default_rng(0)
    for row in range(2):
        simulator.reset(row, rng)
    observer = PooledObserver(simulator)
    plays = [PredictedResimulation(scenario, predicted_tape_of(simulator, row)) for row in range(2)]
    while not simulator.ended().any():
        observation = observer.observe()
        for row, play in enumerate(plays):
            check_observation(simulator, observation, row, play)
        action = with_tight_downlinks(scenario, observation, random_action(rng, simulator))
        before, refused = [len(play.evicted) for play in plays], [len(play.refused) for play in plays]
        result = simulator.step(*action)
        for row, play in enumerate(plays):
            play.step(*(part[row] for part in action))
            outcome = result.slot_outcome[row]
            assert outcome[outcome >= REFUSED_UPLINK].tolist() == play.refused[refused[row] :]
            evicted = set(result.slot_request[row, result.slot_evicted[row]].tolist())
            assert evicted <= play.evicted
            assert result.metrics[row, COLUMN["evicted"]] == len(evicted) == len(play.evicted) - before[row]
    for row, play in enumerate(plays):
        check_ends(simulator, row, play)
    assert simulator.conserves()
    ends = {outcome for play in plays for outcome in play.outcome.values()}
    assert ends == {WAITING, SERVED, LATE, BELOW_QUALITY, EXPIRED}
    for count in ("overdue", "stretched", "splits"):
        assert sum(getattr(play, count) for play in plays) > 5, count
    assert sum(len(play.evicted) for play in plays) > 20


def check_ends(simulator: Simulator, row: int, play: PredictedResimulation) -> None:
    """Outcome, latency and nodes of every request."""
    state = simulator.state
    arrived = np.flatnonzero(state.requests.outcome[row]).tolist()
    assert {request: int(state.requests.outcome[row, request]) for request in arrived} == play.outcome
    for request, latency_s in play.latency_s.items():
        assert state.requests.latency_s[row, request] == pytest.approx(latency_s, abs=1e-9)
        assert [node - 1 for node in state.requests.node[row, request] if node] == play.way[request]


def test_errors_next_to_zero_are_known_lengths():
    """Predictions that always hit the true number lead to the episodes of known lengths."""
    known, predicted = (
        Simulator(load_scenario("joint", HARSH | {"horizon_epochs": 60, "lengths.prediction.sigma": sigma}), rows=2)
        for sigma in (0.0, 1e-9)
    )
    for simulator in (known, predicted):
        for row in range(2):
            simulator.reset(row, np.random.default_rng(row))
    rng = np.random.default_rng(1)
    while not known.ended().any():
        for key, array in PooledObserver(known).observe().items():
            np.testing.assert_allclose(PooledObserver(predicted).observe()[key], array, atol=1e-6, err_msg=key)
        np.testing.assert_array_equal(predicted.admissible(), known.admissible())
        action = random_action(rng, known)
        expected, found = known.step(*action), predicted.step(*action)
        np.testing.assert_array_equal(found.slot_outcome, expected.slot_outcome)
        np.testing.assert_allclose(found.metrics, expected.metrics, atol=1e-9)
    assert known.state.totals[:, COLUMN["served"]].min() > 10
