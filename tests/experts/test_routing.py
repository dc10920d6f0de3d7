"""Experts of streams: what they estimate is what the scenario does, and what they do is an action."""

from itertools import pairwise

import gymnasium
import numpy as np
import pytest

from edge_llm_gym.decoding.difficulty_mix import SWINGS
from edge_llm_gym.decoding.streaming import StreamingReader
from edge_llm_gym.evaluation import compare
from edge_llm_gym.experts import expert_names, make_expert
from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.sim.exit_observation import (
    QUANTILES,
)
from edge_llm_gym.sim.streaming.observation import (
    NODE_FEATURES,
)
from tests.equality import assert_same
from tests.experts.acting import assert_actions_fit_single_and_batched

ENVIRONMENT = "EdgeLLM/EarlyExit-v0"
SCENARIO = load_scenario("early-exit")
QUICK = ("random", "dto-ee", "uniform", "compute-proportional", "bandwidth-proportional", "fixed-threshold", "no-exit")
STEADY = {"arrivals": {"process": "poisson", "rate_per_s": 10.0}, "exits.drift": None}


@pytest.mark.parametrize("name", QUICK)
def test_actions_lie_in_the_action_space_single_and_batched(name):
    assert_actions_fit_single_and_batched(ENVIRONMENT, name, epochs=4)


def test_rates_converge_to_those_of_the_scenario():
    """Poisson counts: the mean over episodes of the estimated total lies within 4 standard errors of the true rate."""
    totals, reader = [], StreamingReader(load_scenario("early-exit", STEADY))
    for seed in range(12):
        env = gymnasium.make(ENVIRONMENT, overrides=STEADY)
        observation, _ = env.reset(seed=seed)
        estimate = reader.first()
        for _ in range(60):
            observation, *_ = env.step({"offload": np.ones((29, 9), np.float32), "threshold": np.ones(9, np.float32)})
            estimate = reader.update(estimate, observation)
        rate = reader.rate_per_s(estimate)
        assert (rate > 0.2).all()
        totals.append(rate.sum())
    error = np.std(totals, ddof=1) / np.sqrt(len(totals))
    assert error < 0.6
    assert abs(np.mean(totals) - 10.0) < 4 * error


def test_a_busy_device_is_told_from_a_silent_one():
    reader = StreamingReader(SCENARIO)
    observation = by_hand()
    observation["arrivals"][:10] = 2.0
    observation["arrivals"][10:] = 0.0
    estimate = reader.first()
    for _ in range(100):
        estimate = reader.update(estimate, observation)
    rate = reader.rate_per_s(estimate)
    assert rate.sum() == pytest.approx(10.0)
    assert (rate[:10] > 1.5 * rate[10:]).all()


def by_hand():
    """An observation with mean arrivals, an even mix and an efficiency of half the cap everywhere."""
    confidence, _ = StreamingReader(SCENARIO).mix.rows(SWINGS.size // 2)
    return {
        "spectral_efficiency": np.full((20, 4, 2), 0.5, np.float32),
        "exit_confidence": np.quantile(confidence, QUANTILES, axis=0).T.astype(np.float32),
        "arrivals": np.ones(20, np.float32),
        "backlog": np.zeros(9, np.float32),
        "nodes": np.ones((9, len(NODE_FEATURES)), np.float32),
    }


def test_an_observation_made_by_hand_becomes_its_problem():
    reader, observation = StreamingReader(SCENARIO), by_hand()
    problem = reader.problem(reader.update(reader.first(), observation), observation, inner=1.0)
    constants = reader.constants
    np.testing.assert_allclose(problem.arrival_rate, 0.5)
    bits = np.array(constants.mean_bits)
    radio_s = (bits / (constants.band_hz * 0.5 * SCENARIO.channel.spectral_efficiency_cap)).sum(axis=1)
    np.testing.assert_allclose(problem.link_delay_s[:20, :4], np.tile(radio_s, (20, 1)))
    assert np.isinf(problem.link_delay_s[:20, 4:]).all()
    np.testing.assert_array_equal(np.isfinite(problem.link_delay_s[20:]), constants.network.has_link)
    np.testing.assert_allclose(problem.service_s, constants.whole_service()[0])
    np.testing.assert_allclose(problem.service_sq_s2, constants.whole_service()[1])
    assert problem.early_exit.accuracy_weight_s == 20.0
    np.testing.assert_array_equal(problem.early_exit.hosted_exit, [0] * 4 + [1] * 3 + [2] * 2)
    profile = constants.profile
    np.testing.assert_allclose(problem.early_exit.correct.mean(axis=0), profile.accuracy[[0, 1, 3]], atol=0.03)


def test_a_node_that_is_seen_to_slow_down_serves_slower_in_the_problem():
    reader, observation = StreamingReader(SCENARIO), by_hand()
    before = reader.problem(reader.first(), observation, inner=0.7)
    observation["nodes"][[1, 8], NODE_FEATURES.index("speed")] = 0.25, 0.5
    after = reader.problem(reader.first(), observation, inner=0.7)
    factor = np.array([1, 4, 1, 1, 1, 1, 1, 1, 2])
    np.testing.assert_allclose(after.service_s, factor * before.service_s)
    np.testing.assert_allclose(after.service_sq_s2, factor**2 * before.service_sq_s2)


@pytest.mark.parametrize("name", ["dto-ee", "selfish", "compute-proportional", "fixed-threshold"])
def test_fewer_requests_go_to_a_node_that_slows_down(name):
    assert sent_to_slowed(name, 4.0) < 0.7 * sent_to_slowed(name, 1.0)


def test_a_rule_that_looks_at_no_speed_goes_on_as_before():
    assert sent_to_slowed("uniform", 4.0) == sent_to_slowed("uniform", 1.0)


def sent_to_slowed(name: str, factor: float) -> int:
    """Requests that an expert sends to the third cell in the eight epochs after it has become slower."""
    changes = STEADY | {"nodes.2.slowdown": {"from_s": 4.0, "factor": factor}}
    env = gymnasium.make(ENVIRONMENT, overrides=changes)
    expert, state, sent = make_expert(name, env, seed=0), None, 0
    observation, _ = env.reset(seed=0)
    for epoch in range(12):
        action, state = expert.predict(observation, state)
        observation, _, _, _, info = env.step(action)
        sent += info["nodes"]["sent"][2] if epoch >= 4 else 0
    return sent


def test_an_inner_exit_saves_time_and_answers_earlier():
    reader, observation = StreamingReader(SCENARIO), by_hand()
    never, always = (reader.problem(reader.first(), observation, inner) for inner in (1.0, 0.0))
    np.testing.assert_array_equal(never.service_s[:7], always.service_s[:7])
    assert (always.service_s[7:] < 0.7 * never.service_s[7:]).all()
    np.testing.assert_allclose(always.early_exit.correct[:, 2].mean(), reader.constants.profile.accuracy[2], atol=0.03)


@pytest.mark.parametrize("difficulty_shift", [0, 5, 10, 15, 20])
def test_the_mix_is_told_from_confidences(difficulty_shift):
    """Quantiles of a sample of the mix, as the environment would show them, lead back to it within two steps of 21."""
    reader = StreamingReader(SCENARIO)
    confidence = reader.mix.rows(difficulty_shift)[0]
    sample = np.random.default_rng(difficulty_shift).choice(confidence[:, 0], 400)
    observation = by_hand()
    observation["exit_confidence"][0] = np.quantile(sample, QUANTILES)
    assert abs(reader.update(reader.first(), observation).difficulty_shift - difficulty_shift) <= 2


def test_an_unseen_mix_stays_what_it_was():
    reader, observation = StreamingReader(SCENARIO), by_hand()
    observation["exit_confidence"][:] = 0.0
    assert reader.update(reader.first()._replace(difficulty_shift=3), observation).difficulty_shift == 3


def test_dto_ee_is_ahead_of_the_rules():
    table = compare(ENVIRONMENT, ["dto-ee", "uniform", "bandwidth-proportional", "no-exit"], seeds=range(3))
    assert table.best == "dto-ee"
    for policy in table.policies[1:]:
        assert table.difference(policy).high < 0


def test_state_starts_anew_with_the_episode_and_must_fit():
    env = gymnasium.make(ENVIRONMENT)
    expert = make_expert("dto-ee", env)
    first, _ = env.reset(seed=0)
    action, state = expert.predict(first)
    second, *_ = env.step(action)
    _, later = expert.predict(second, state)
    anew, _ = expert.predict(first, later, episode_start=np.ones(1, np.bool_))
    assert_same(anew, action)
    with pytest.raises(ValueError, match="memory of 1 rows, got 2"):
        expert.predict(first, state * 2)


def test_plans_hold_for_as_long_as_asked():
    env = gymnasium.make(ENVIRONMENT)
    expert = make_expert("compute-proportional", env, replan_every=3)
    observation, _ = env.reset(seed=0)
    state, plans = None, []
    for _ in range(7):
        action, state = expert.predict(observation, state)
        plans.append(state[0].plan)
        observation, *_ = env.step(action)
    changes = [before is not after for before, after in pairwise(plans)]
    assert changes == [False, False, True, False, False, True]


def test_selfish_and_genetic_act():
    env = gymnasium.make(ENVIRONMENT, overrides={"horizon_epochs": 3})
    for name in ("selfish", "genetic"):
        observation, _ = env.reset(seed=0)
        action, _ = make_expert(name, env, seed=0).predict(observation)
        assert env.action_space.contains(action)


def test_names_belong_to_admissions():
    assert set(expert_names(SCENARIO)) == {*QUICK, "selfish", "genetic"}
    assert "dto-ee" not in expert_names(load_scenario("multi-node"))
    with pytest.raises(ValueError, match="does not serve dynamics 'streaming'"):
        compare(ENVIRONMENT, ["edf"], seeds=[0])


def test_an_observation_of_another_scenario_is_refused():
    observation = by_hand()
    observation["spectral_efficiency"] = np.zeros((3, 4, 2), np.float32)
    with pytest.raises(ValueError, match="was made for scenario 'early-exit'"):
        make_expert("dto-ee", SCENARIO).predict(observation)
