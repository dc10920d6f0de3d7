"""The conservation law, causality, and agreement with the routing problem, on the shipped streaming scenario."""

import numpy as np
import pytest

from edge_llm_gym.problems.routing import RoutingProblem
from edge_llm_gym.problems.routing_outcome import evaluate
from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.scenario.metrics import STREAMING_COLUMN
from edge_llm_gym.sim.exit_observation import (
    SEEN_EPOCHS,
)
from edge_llm_gym.sim.outcomes import BELOW_QUALITY, EMPTY, LATE, SERVED
from edge_llm_gym.sim.simulator import Simulator
from edge_llm_gym.sim.streaming.constants import streaming_constants
from edge_llm_gym.sim.streaming.observation import (
    StreamingObserver,
)
from tests.sim.fields import array_of
from tests.sim.totals_by_hand import LEVELS, MEANS

DEMANDING = {"requests.accuracy": [0.5, 1.0], "nodes.1.quantization": "w4a16-gptq"}
"""So that some answers are below_quality."""


def random_action(rng, simulator):
    """Sparse and dense weights, thresholds of all kinds: some requests leave at once, some go all the way."""
    senders = simulator.scenario.devices.count + simulator.nodes
    offload = rng.random((simulator.rows, senders, simulator.nodes), np.float32)
    offload[rng.random(offload.shape) < rng.random()] = 0.0
    return offload, rng.random((simulator.rows, simulator.nodes), np.float32)


def test_random_actions_conserve_requests():
    simulator = Simulator(load_scenario("early-exit", DEMANDING), rows=10)
    rng = np.random.default_rng(0)
    seen = np.zeros(5)
    for _ in range(3):
        for row in range(simulator.rows):
            simulator.reset(row, rng)
        for _ in range(simulator.scenario.horizon_epochs):
            before = simulator.state.totals.copy()
            result = simulator.step(*random_action(rng, simulator))
            assert simulator.conserves()
            others = np.arange(result.metrics.shape[1]) != STREAMING_COLUMN["accuracy"]
            assert (result.metrics[:, others] >= 0).all()
            flows = [name not in LEVELS | MEANS.keys() for name in simulator.scenario.metrics]
            np.testing.assert_allclose((simulator.state.totals - before)[:, flows], result.metrics[:, flows])
            assert (result.metrics[:, STREAMING_COLUMN["utilisation"]] <= 1.0 + 1e-12).all()
        for row in range(simulator.rows):
            seen += np.bincount(simulator.state.requests.outcome[row], minlength=5)
            check_ways(simulator, row)
            check_outcomes(simulator, row)
    assert (seen[[SERVED, LATE, BELOW_QUALITY]] > 0).all(), "the actions must reach every outcome"


def check_ways(simulator: Simulator, row: int) -> None:
    """Every request goes over links that exist, from stage to stage, and leaves where its exit is hosted."""
    network, state, size = simulator.scenario.network, simulator.state, simulator.tape.requests.length[row]
    node = state.requests.node[row, :size] - 1
    assert (network.stage[node[:, 0]] == 0).all()
    for stage in range(1, network.stages):
        went_on = node[:, stage] >= 0
        assert network.has_link[node[went_on, stage - 1], node[went_on, stage]].all()
    last = node[np.arange(size), (node >= 0).sum(axis=1) - 1]
    block = state.requests.exit_block[row, :size] - 1
    assert ((network.first_block[last] <= block) & (block <= network.last_block[last])).all()


def check_outcomes(simulator: Simulator, row: int) -> None:
    """Late requests miss their deadline, no request is faster than alone in the network, no outcome stays empty."""
    tape, state, size = simulator.tape, simulator.state, simulator.tape.requests.length[row]
    outcome, delay_s = state.requests.outcome[row, :size], state.requests.delay_s[row, :size]
    late = tape.requests.arrival_s[row, :size] + delay_s > tape.requests.deadline_s[row, :size] + 1e-9
    np.testing.assert_array_equal(outcome == LATE, late)
    assert (outcome != EMPTY).all()
    computed_s = (state.requests.finish_s - state.requests.start_s)[row, :size].sum(axis=1)
    assert (delay_s > computed_s + state.requests.round_trip_s[row, :size]).all()
    forwarded = (state.requests.node[row, :size] > 0).sum(axis=1) > 1
    several = tape.exits.round_trips[row, :size] > 0
    np.testing.assert_array_equal(state.requests.round_trip_s[row, :size] > 0, forwarded & several)


def test_observations_never_read_ahead():
    """Scrambling what lies in the future, or has not been computed yet, leaves the observation as it is."""
    simulator = Simulator(load_scenario("early-exit"))
    simulator.reset(0, np.random.default_rng(3))
    rng, observer = np.random.default_rng(4), StreamingObserver(simulator)
    uncomputed = 0
    for _ in range(30):
        simulator.step(*random_action(rng, simulator))
        before, saved = observer.observe(), simulator.snapshot()
        tape, state = simulator.tape, simulator.state
        now_s, next_arrival = state.epoch[0] * simulator.scenario.epoch_s, int(state.next_arrival[0])
        for field in (
            "deadline_s",
            "bits",
            "quality_demand",
            "value",
            "service_s",
            "forward_bits",
            "round_trips",
            "confidence",
            "route",
        ):
            array_of(tape, field)[0, next_arrival:] = 0.77
        tape.requests.device[0, next_arrival:] = 3
        tape.channels.spectral_efficiency[0, state.epoch[0] + 1 :] = 7.0
        for request, stage in np.argwhere((state.requests.node[0] > 0) & (state.requests.finish_s[0] > now_s)):
            node = state.requests.node[0, request, stage] - 1
            tape.exits.confidence[0, request, simulator.parameters.network.first_block[node] :] = 0.77
            uncomputed += 1
        for field, array in observer.observe().items():
            np.testing.assert_array_equal(array, before[field], err_msg=field)
        simulator.restore(saved)
    assert uncomputed > 100


def test_seen_confidences_are_those_of_the_last_epochs():
    """Quantiles by numpy over the requests whose nodes have finished, to the width of a bin."""
    simulator = Simulator(load_scenario("early-exit"))
    simulator.reset(0, np.random.default_rng(0))
    rng, observer, compared = np.random.default_rng(1), StreamingObserver(simulator), 0
    for _ in range(40):
        simulator.step(*random_action(rng, simulator))
        state, tape, parameters = simulator.state, simulator.tape, simulator.parameters
        now_s = state.epoch[0] * simulator.scenario.epoch_s
        since_s = now_s - SEEN_EPOCHS * simulator.scenario.epoch_s
        recent = (tape.requests.arrival_s[0] >= since_s) & (tape.requests.arrival_s[0] < now_s)
        for block, quantiles in enumerate(observer.observe()["exit_confidence"][0]):
            stage = int(np.argmax(parameters.network.last_block[[0, 4, 7]] >= block))
            computed = (state.requests.node[0, :, stage] > 0) & (state.requests.finish_s[0, :, stage] <= now_s)
            seen = tape.exits.confidence[0, recent & computed & (state.requests.exit_block[0] > block), block]
            if seen.size:
                low, high = (np.quantile(seen, (0.1, 0.25, 0.5, 0.75, 0.9), method=m) for m in ("lower", "higher"))
                assert (quantiles >= low - 1 / 64 - 1e-6).all()
                assert (quantiles <= high + 1 / 64 + 1e-6).all()
                compared += 1
            else:
                assert (quantiles == 0.0).all()
    assert compared > 100


@pytest.mark.parametrize("rate_per_s", [3.0, 8.0])
def test_the_mean_delay_is_close_to_what_the_routing_problem_foresees(rate_per_s):
    """M/G/1 nodes and mean links, built from constants and the observed channel; arrivals at later nodes are not quite
    Poisson and services of one request are alike at all its nodes, hence the tolerance."""
    changes = {
        "arrivals": {"process": "poisson", "rate_per_s": rate_per_s},
        "exits.drift": None,
        "channel.correlation": 1.0,
        "horizon_epochs": 400,
    }
    scenario = load_scenario("early-exit", changes)
    constants = streaming_constants(scenario)
    simulator, rng = Simulator(scenario, rows=8), np.random.default_rng(0)
    for row in range(simulator.rows):
        simulator.reset(row, rng)
    service_s, service_sq_s2 = constants.whole_service()
    has_link = np.isfinite(constants.link_delay_s(simulator.tape.channels.spectral_efficiency[0, 0]))
    offload = has_link / service_s
    offload /= np.maximum(offload.sum(axis=1, keepdims=True), 1e-12)
    threshold = np.array([0.5, 0.7, 1.0], np.float32)[constants.network.stage]
    block_threshold = [0.5, 0.7, 1.0, 0.0]
    passed = constants.profile.pass_ratio(block_threshold)[constants.network.last_block]
    foreseen = [
        evaluate(
            RoutingProblem(
                constants.device_rate_per_s,
                constants.link_delay_s(simulator.tape.channels.spectral_efficiency[row, 0]),
                service_s,
                service_sq_s2,
                passed,
            ),
            offload,
        ).mean_delay_s
        for row in range(simulator.rows)
    ]
    action = np.tile(offload, (8, 1, 1)).astype(np.float32), np.tile(threshold, (8, 1))
    while not simulator.ended()[0]:
        simulator.step(*action)
    totals = simulator.state.totals
    mean_s = totals[:, STREAMING_COLUMN["response_s"]].sum() / totals[:, STREAMING_COLUMN["arrived"]].sum()
    assert mean_s == pytest.approx(np.mean(foreseen), rel=0.05)
