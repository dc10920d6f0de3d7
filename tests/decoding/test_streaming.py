"""Estimates and routing problems of streaming dynamics against the scenario and observations made by hand."""

import gymnasium
import numpy as np
import pytest

from edge_llm_gym.decoding.difficulty_mix import NO_SHIFT
from edge_llm_gym.decoding.streaming import StreamingReader
from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.sim.exit_observation import QUANTILES
from edge_llm_gym.sim.streaming.observation import NODE_FEATURES

ENVIRONMENT = "EdgeLLM/EarlyExit-v0"
SCENARIO = load_scenario("early-exit")
MEAN_RATE_PER_S = SCENARIO.arrivals.rate_per_s
STEADY = {"arrivals": {"process": "poisson", "rate_per_s": 10.0}, "exits.drift": None}


def test_rates_converge_to_those_of_the_scenario():
    """Poisson counts: the mean over episodes of the estimated total lies within 4 standard errors of the true rate."""
    totals, reader = [], StreamingReader(load_scenario("early-exit", STEADY))
    for seed in range(12):
        env = gymnasium.make(ENVIRONMENT, overrides=STEADY)
        observation, _ = env.reset(seed=seed)
        estimate = reader.initial_estimate()
        for _ in range(60):
            observation, *_ = env.step({"offload": np.ones((29, 9), np.float32), "threshold": np.ones(9, np.float32)})
            estimate = reader.update(estimate, observation)
        rate = reader.rate_per_s(estimate)
        assert (rate > 0.2).all()
        totals.append(rate.sum())
    error = np.std(totals, ddof=1) / np.sqrt(len(totals))
    assert error < 0.6
    assert abs(np.mean(totals) - 10.0) < 4 * error


def test_devices_with_more_arrivals_get_a_higher_rate():
    reader = StreamingReader(SCENARIO)
    observation = by_hand()
    observation["arrivals"][:10] = 2.0
    observation["arrivals"][10:] = 0.0
    estimate = reader.initial_estimate()
    for _ in range(100):
        estimate = reader.update(estimate, observation)
    rate = reader.rate_per_s(estimate)
    assert rate.sum() == pytest.approx(MEAN_RATE_PER_S)
    assert (rate[:10] > 1.5 * rate[10:]).all()


def by_hand():
    """An observation with mean arrivals, no difficulty shift and an efficiency of half the cap everywhere."""
    confidence, _ = StreamingReader(SCENARIO).difficulty_mix.rows(NO_SHIFT)
    return {
        "spectral_efficiency": np.full((20, 4, 2), 0.5, np.float32),
        "exit_confidence": np.quantile(confidence, QUANTILES, axis=0).T.astype(np.float32),
        "arrivals": np.ones(20, np.float32),
        "backlog": np.zeros(9, np.float32),
        "nodes": np.ones((9, len(NODE_FEATURES)), np.float32),
    }


def test_the_routing_problem_of_an_observation_made_by_hand():
    reader, observation = StreamingReader(SCENARIO), by_hand()
    problem = reader.routing_problem(
        reader.update(reader.initial_estimate(), observation), observation, inner_threshold=1.0
    )
    constants = reader.constants
    np.testing.assert_allclose(problem.arrival_rate, MEAN_RATE_PER_S / 20)
    bits = np.array(constants.mean_bits)
    radio_s = (bits / (constants.band_hz * 0.5 * SCENARIO.channel.spectral_efficiency_cap)).sum(axis=1)
    np.testing.assert_allclose(problem.link_delay_s[:20, :4], np.tile(radio_s, (20, 1)))
    assert np.isinf(problem.link_delay_s[:20, 4:]).all()
    np.testing.assert_array_equal(np.isfinite(problem.link_delay_s[20:]), constants.network.has_link)
    np.testing.assert_allclose(problem.service_s, constants.whole_service()[0])
    np.testing.assert_allclose(problem.service_sq_s2, constants.whole_service()[1])
    weight_s = problem.early_exit.accuracy_weight_s
    accuracy_weight_s = SCENARIO.reward["accuracy"] / -SCENARIO.reward["mean_delay_s"]
    assert weight_s * constants.profile.full_accuracy == pytest.approx(accuracy_weight_s), "per unit relative to exit 4"
    np.testing.assert_array_equal(problem.early_exit.hosted_exit, [0] * 4 + [1] * 3 + [2] * 2)
    profile = constants.profile
    np.testing.assert_allclose(problem.early_exit.correct.mean(axis=0), profile.accuracy[[0, 1, 3]], atol=0.03)


def test_observed_slowdowns_lengthen_the_service_times_of_the_problem():
    reader, observation = StreamingReader(SCENARIO), by_hand()
    before = reader.routing_problem(reader.initial_estimate(), observation, inner_threshold=0.7)
    observation["nodes"][[1, 8], NODE_FEATURES.index("speed")] = 0.25, 0.5
    after = reader.routing_problem(reader.initial_estimate(), observation, inner_threshold=0.7)
    factor = np.array([1, 4, 1, 1, 1, 1, 1, 1, 2])
    np.testing.assert_allclose(after.service_s, factor * before.service_s)
    np.testing.assert_allclose(after.service_sq_s2, factor**2 * before.service_sq_s2)


def test_a_low_inner_threshold_shortens_the_service_at_the_last_stage():
    reader, observation = StreamingReader(SCENARIO), by_hand()
    never, always = (reader.routing_problem(reader.initial_estimate(), observation, inner) for inner in (1.0, 0.0))
    np.testing.assert_array_equal(never.service_s[:7], always.service_s[:7])
    assert (always.service_s[7:] < 0.7 * never.service_s[7:]).all()
    np.testing.assert_allclose(always.early_exit.correct[:, 2].mean(), reader.constants.profile.accuracy[2], atol=0.03)


@pytest.mark.parametrize("difficulty_shift", [0, 5, 10, 15, 20])
def test_the_difficulty_shift_is_estimated_from_confidences(difficulty_shift):
    """Quantiles of a sample drawn under a shift lead back to the shift within two steps of 21."""
    reader = StreamingReader(SCENARIO)
    confidence = reader.difficulty_mix.rows(difficulty_shift)[0]
    sample = np.random.default_rng(difficulty_shift).choice(confidence[:, 0], 400)
    observation = by_hand()
    observation["exit_confidence"][0] = np.quantile(sample, QUANTILES)
    assert abs(reader.update(reader.initial_estimate(), observation).difficulty_shift - difficulty_shift) <= 2


def test_without_confidences_the_shift_is_unchanged():
    reader, observation = StreamingReader(SCENARIO), by_hand()
    observation["exit_confidence"][:] = 0.0
    assert reader.update(reader.initial_estimate()._replace(difficulty_shift=3), observation).difficulty_shift == 3
