"""Expected costs and values at the entry nodes, against the tape and against simulated outcomes."""

import numpy as np
import pytest

from edge_llm_gym.decoding.composite import CompositeReader
from edge_llm_gym.decoding.difficulty_mix import NO_SHIFT
from edge_llm_gym.decoding.load_estimate import LoadEstimate
from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.sim.outcomes import BELOW_QUALITY, SERVED
from edge_llm_gym.sim.pooled.observation import NODE_FEATURES, PooledObserver
from edge_llm_gym.sim.simulator import Simulator
from tests.decoding.two_stages import OFFLOAD, SCENARIO, THRESHOLDS, observed_after
from tests.sim.costs_by_hand import costs_of_tape
from tests.sim.pooled.routing_by_hand import quality_at


@pytest.fixture(scope="module")
def reader() -> CompositeReader:
    return CompositeReader(SCENARIO)


def expected_epoch(reader, simulator, observation, threshold, loads=None):
    """Indices of the visible requests, forecast and epoch problem under thresholds [6] and OFFLOAD."""
    visible = int(observation["request_mask"].sum())
    assert visible > 5
    threshold = np.float32(threshold).astype(float)
    estimate = reader.initial_estimate() if loads is None else loads
    forecast = reader.forecast(estimate.difficulty_shift, OFFLOAD, threshold)
    return simulator.state.queue.request[0, :visible], forecast, reader.expected_epoch(observation, estimate, forecast)


@pytest.mark.parametrize("threshold", THRESHOLDS, ids=str)
def test_costs_are_those_of_the_tape_averaged_over_the_exits(reader, threshold):
    simulator, observation = observed_after(6)
    request, forecast, epoch = expected_epoch(reader, simulator, observation, threshold)
    tape, (work_s, shared_s, kv_bytes) = simulator.tape, costs_of_tape(simulator)[:, request]
    for node, problem in enumerate(epoch.problem.nodes):
        first, last = 2 * node, 2 * node + 1
        here = forecast.exit_probability[node]
        mean_s = here[first] * work_s[:, first] + (1 - here[first]) * work_s[:, last]
        np.testing.assert_allclose(problem.time_s, mean_s, rtol=1e-6)
        np.testing.assert_allclose(problem.shared_time_s, shared_s[:, last], rtol=1e-6)
        np.testing.assert_allclose(problem.kv_bytes, kv_bytes[:, first], rtol=1e-6)
        efficiency = tape.channels.spectral_efficiency[0, 6, tape.requests.device[0, request], node].astype(float)
        exact = tape.requests.bits[0, request] / (0.4 * 5e6 * np.maximum(efficiency, 1e-300))
        assert (problem.uplink_share >= exact[:, 0] * (1 - 1e-9)).all()
        assert (problem.downlink_share >= exact[:, 1] * (1 - 1e-9)).all()
        np.testing.assert_allclose(problem.uplink_share, exact[:, 0], rtol=1e-4)


def test_at_threshold_0_the_expected_value_is_the_value_if_the_first_exit_is_good_enough(reader):
    simulator, observation = observed_after(6, **{"requests.accuracy": [0.5, 0.9]})
    request, _, epoch = expected_epoch(reader, simulator, observation, [0.0] * 6)
    demand, total = simulator.tape.requests.quality_demand[0, request], 0
    budget_s = simulator.tape.requests.deadline_s[0, request] - 0.4
    for node, problem in enumerate(epoch.problem.nodes):
        offered = quality_at(simulator.scenario.exits.profile, 0, 0.0, simulator.parameters.quality[node])
        np.testing.assert_allclose(problem.value, simulator.tape.requests.value[0, request] * (demand <= offered))
        total += problem.value.sum()
        start_s = max(7 * 4.0 + 0.4, simulator.state.node_free_s[0, node])
        np.testing.assert_allclose(problem.budget_s, budget_s - start_s, atol=1e-3)
        assert (problem.budget_s <= budget_s - start_s).all()
    assert 0 < total < 4 * len(request)


def test_at_threshold_1_the_budget_leaves_time_for_the_deeper_nodes():
    simulator, observation = observed_after(6, **{"requests.budget_s": [4.0, 30.0], "requests.accuracy": [0.9, 0.97]})
    reader = CompositeReader(simulator.scenario)
    estimate = LoadEstimate(np.ones(4), np.array([0, 0, 0, 0, 2.0, 3.0]), NO_SHIFT)
    request, _, epoch = expected_epoch(reader, simulator, observation, [1.0] * 6, estimate)
    tape, state = simulator.tape, simulator.state
    hosted_s = costs_of_tape(simulator)[:2, request].sum(axis=0)
    mean_work_s = reader.constants.mean_work_s[[4, 5], 3]
    busy_s = observation["nodes"][4:, NODE_FEATURES.index("time_until_free")].astype(float) * 4.0
    queue_s = np.maximum(busy_s - 2.0, 0.0) + np.array([2.0, 3.0]) / 2 * mean_work_s
    network = simulator.scenario.network
    rate, latency_s = network.rate_bps[:4, 4:], network.latency_s[:4, 4:]
    coarse = {False: 1.0, True: 6.14 / 6.5}
    kinds = set()
    for node, problem in enumerate(epoch.problem.nodes):
        bits, trips = (field[0, request, None] for field in (tape.exits.forward_bits, tape.exits.round_trips))
        trip_s = 2 * latency_s[node] + simulator.parameters.network.round_trip_bits / rate[node]
        wire_s = latency_s[node] + bits / rate[node] + trips * trip_s
        deep_s = hosted_s[:, [9, 11]]
        after_s = (deep_s + queue_s + wire_s) @ OFFLOAD[node, 4:]
        start_s = max(7 * 4.0 + 0.4, state.node_free_s[0, node])
        left_s = tape.requests.deadline_s[0, request] - 0.4 - start_s
        alone_s = hosted_s[:, 2 * node + 1]
        good = tape.requests.quality_demand[0, request] <= simulator.parameters.quality[node]
        in_time = (alone_s <= left_s - after_s) & good
        np.testing.assert_allclose(problem.budget_s[in_time], (left_s - after_s)[in_time], atol=1e-3)
        np.testing.assert_allclose(problem.budget_s[~in_time], np.where(good, left_s, -1.0)[~in_time], atol=1e-3)
        offered = np.array([min(coarse[node in (1, 2)], factor) for factor in (1.0, coarse[True])])
        chance = (offered[None] >= tape.requests.quality_demand[0, request, None]) @ OFFLOAD[node, 4:]
        np.testing.assert_allclose(problem.value, np.where(in_time, chance, 0.0), rtol=1e-6)
        kinds |= {*zip(in_time.tolist(), (chance > 0).tolist(), strict=True)}
    assert {(True, True), (False, True)} <= kinds


def test_the_expected_value_is_the_mean_served_value():
    """Alone in an idle network, requests are served as often as forecast, within 4.5 standard errors."""
    ample = {"requests.budget_s": [60.0, 80.0], "channel.spectral_efficiency_floor": 0.2}
    ample |= {"requests.uplink_payload": {}, "requests.downlink_payload": {}}
    demands = {"requests.accuracy": [0.5, 1.0], "arrivals.rate_per_s": 1.0, "horizon_epochs": 1}
    scenario = load_scenario("joint", ample | demands)
    reader, simulator, rng = CompositeReader(scenario), Simulator(scenario, rows=100), np.random.default_rng(0)
    for row in range(simulator.rows):
        simulator.reset(row, rng)
    threshold, entry = np.float32([0.2, 0.3, 0.12, 0.25, 0.1, 0.15]), 2
    forecast, observations = (
        reader.forecast(NO_SHIFT, OFFLOAD, threshold.astype(float)),
        PooledObserver(simulator).observe(),
    )
    rows = np.flatnonzero(observations["request_mask"][:, 0])
    chance = np.array([first_value(reader, forecast, observations, row, entry) for row in rows])
    before = [simulator.snapshot(row) for row in range(simulator.rows)]
    batch = np.zeros((simulator.rows, scenario.slots), np.int64)
    batch[:, 0] = entry + 1
    offload = np.tile(OFFLOAD, (simulator.rows, 1, 1)).astype(np.float32)
    served = []
    for _ in range(30):  # the same requests, with other confidences and routes each time
        drawn = rng.integers(reader.constants.profile.rows, size=simulator.tape.exits.confidence.shape[:2])
        simulator.tape.exits.confidence[:] = reader.constants.profile.confidence[drawn]
        simulator.tape.exits.route[:] = rng.random(simulator.tape.exits.route.shape)
        action = batch, np.ones((simulator.rows, scenario.slots, 2)), offload, np.tile(threshold, (simulator.rows, 1))
        outcome = simulator.step(*action).slot_outcome[rows, 0]
        assert np.isin(outcome, (SERVED, BELOW_QUALITY)).all()
        served.append(outcome == SERVED)
        for row, snapshot in enumerate(before):
            simulator.restore(snapshot, row)
    assert np.unique(chance).size > 2
    for value in np.unique(chance):
        often = np.array(served)[:, chance == value]
        assert often.mean() == pytest.approx(value, abs=4.5 * np.sqrt(value * (1 - value) / often.size) + 0.01)


def first_value(reader, forecast, observations, row, entry) -> float:
    """Value of the request in the first slot of a row on an entry node."""
    one = {key: array[row] for key, array in observations.items()}
    return float(reader.expected_epoch(one, reader.initial_estimate(), forecast).problem.nodes[entry].value[0])
