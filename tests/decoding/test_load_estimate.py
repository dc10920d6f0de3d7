"""Load estimates and routing problems of the scenario joint."""

import numpy as np
import pytest

from edge_llm_gym.decoding.composite import CompositeReader
from edge_llm_gym.decoding.difficulty_mix import NO_SHIFT
from edge_llm_gym.decoding.exit_forecast import ExitForecast
from edge_llm_gym.decoding.load_estimate import LoadEstimate, with_assignment
from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.sim.exit_observation import QUANTILES
from edge_llm_gym.sim.simulator import Simulator
from tests.decoding.two_stages import OFFLOAD, SCENARIO, sampled_rows
from tests.sim.costs_by_hand import costs_of_tape


@pytest.fixture(scope="module")
def reader() -> CompositeReader:
    return CompositeReader(SCENARIO)


def test_initially_half_of_the_mean_arrivals_are_admitted_and_half_of_these_forwarded(reader):
    first = reader.initial_estimate()
    assert first.admitted.sum() == pytest.approx(0.5 * SCENARIO.arrivals.rate_per_s * 4.0, rel=0.02)
    assert first.forwarded.tolist() == pytest.approx([0.0] * 4 + [0.25 * first.admitted.sum()] * 2)
    assert first.difficulty_shift == NO_SHIFT


def test_loads_are_exponential_moving_averages(reader):
    forecast = ExitForecast(np.zeros((4, 12)), np.full(4, 0.5), OFFLOAD[:4] / 2, np.zeros((4, 12)))
    estimate = LoadEstimate(np.array([1.0, 0.0, 2.0, 0.0]), np.array([0.0, 0.0, 0.0, 0.0, 1.0, 0.0]), 3)
    after = with_assignment(estimate, np.array([1, 1, 0, 4, 1]), forecast.reach_probability)
    assert after.admitted.tolist() == pytest.approx([0.8 + 0.6, 0.0, 1.6, 0.2])
    assert after.forwarded.tolist() == pytest.approx([0, 0, 0, 0, 0.8 + 0.2 * 3 * 0.125, 0.2 * (3 * 0.375 + 0.5)])
    assert after.difficulty_shift == 3


@pytest.mark.parametrize("difficulty_shift", [0, 5, 10, 15, 20])
def test_the_difficulty_shift_is_estimated_from_confidences(reader, difficulty_shift):
    """Quantiles of a sample of rows drawn under a shift lead back to the shift within two steps of 21."""
    rows, observation = sampled_rows(reader, difficulty_shift, 400), {"exit_confidence": np.zeros((4, 5))}
    observation["exit_confidence"][0] = np.quantile(reader.constants.profile.confidence[rows, 0], QUANTILES)
    assert abs(reader.update(reader.initial_estimate(), observation).difficulty_shift - difficulty_shift) <= 2


def test_the_routing_problem_by_hand(reader):
    estimate = LoadEstimate(np.array([8.0, 2.0, 0.0, 1.0]), np.zeros(6), NO_SHIFT)
    problem = reader.routing_problem(estimate, {}, inner_threshold=1.0)
    np.testing.assert_allclose(problem.arrival_rate, [2.0, 0.5, 1e-3, 0.25])
    exists = np.zeros((4 + 6, 6), bool)
    exists[range(4), range(4)] = True  # an entry node is fed by a device of its own
    exists[4:8, 4:] = True
    np.testing.assert_array_equal(problem.has_link, exists)
    assert (problem.link_delay_s[:4][exists[:4]] < 1e-5).all()
    simulator = Simulator(load_scenario("joint", {"horizon_epochs": 500}))
    simulator.reset(0, np.random.default_rng(0))
    size = int(simulator.tape.requests.length[0])
    bits = simulator.tape.exits.forward_bits[0, :size].mean()
    trips, trip_bits = simulator.tape.exits.round_trips[0, :size].mean(), simulator.parameters.network.round_trip_bits
    wire_s = [
        latency_s + bits / rate_bps + trips * (2 * latency_s + trip_bits / rate_bps)
        for latency_s, rate_bps in ((0.0005, 10e9), (0.001, 1e9))
    ]
    np.testing.assert_allclose(problem.link_delay_s[4:8, 4:], [wire_s, wire_s[::-1], wire_s[::-1], wire_s], rtol=0.05)
    # A request takes its work and, among four, a quarter of the shared time.
    hosted_work_s, hosted_shared_s, _ = costs_of_tape(simulator)
    work_s = hosted_work_s[:, 1::2] + hosted_shared_s[:, 1::2].mean(0) / 4
    np.testing.assert_allclose(problem.service_s, work_s.mean(axis=0), rtol=0.05)
    np.testing.assert_allclose(problem.service_sq_s2, (work_s**2).mean(axis=0), rtol=0.15)
    assert problem.early_exit.hosted_exit.tolist() == [0] * 4 + [1] * 2
