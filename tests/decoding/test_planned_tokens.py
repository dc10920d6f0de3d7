"""Experts that plan with a quantile of the output tokens."""

import gymnasium
import numpy as np
import pytest

from edge_llm_gym.decoding.batching import BatchingReader
from edge_llm_gym.evaluation.policies import policy_sources
from edge_llm_gym.evaluation.rollout import run_episode
from edge_llm_gym.experts import make_expert
from edge_llm_gym.scenario import load_scenario
from tests.equality import assert_same

SIGMA = "lengths.prediction.sigma"
HIGH = np.exp(0.5**2 / 2 + 0.5 * 1.2815516)  # of the quantile .9 under sigma .5
LOW = np.exp(0.5**2 / 2 - 0.5 * 1.2815516)


@pytest.fixture(scope="module")
def env():
    env = gymnasium.make("EdgeLLM/MultiNode-v0", overrides={SIGMA: 0.5})
    env.reset(seed=4)
    for _ in range(3):
        env.step(dict(env.action_space.sample(), batch=np.zeros(32, np.int64)))
    return env


def read(env, quantile):
    observation = env.unwrapped._observer.observe()
    return BatchingReader(env.unwrapped.scenario, quantile=quantile).read_rows(observation)


def test_a_high_quantile_plans_with_more_of_everything(env):
    plain, high = read(env, None), read(env, 0.9)
    visible = plain.visible
    assert visible.sum() > 5
    simulator = env.unwrapped.simulator
    request = simulator.state.queue.request[0, : visible.sum()]
    predicted = simulator.tape.requests.predicted_tokens[0, request]
    assert plain.output_tokens[visible].tolist() == predicted.tolist()
    tokens = np.clip(np.rint(predicted * HIGH), 1, 512)
    np.testing.assert_array_equal(high.output_tokens[visible], tokens)
    assert (tokens < 512).sum() > 3
    costs, prompt = simulator.tape_generator.costs, simulator.tape.requests.prompt_tokens[0, request]
    time_s, shared_time_s, kv_bytes = costs.costs(prompt, tokens)
    np.testing.assert_allclose(high.time_s[visible], time_s)
    np.testing.assert_allclose(high.shared_time_s[visible], shared_time_s)
    np.testing.assert_allclose(high.kv_bytes[visible], kv_bytes)
    bits = simulator.tape.requests.bits[0, request, 1]
    more = 1.0 + simulator.scenario.requests.bits_per_token * (tokens - predicted) / bits
    ratio = high.downlink_share[visible] / plain.downlink_share[visible]
    np.testing.assert_allclose(ratio, np.tile(more[:, None], 4), rtol=1e-5)
    np.testing.assert_array_equal(high.uplink_share, plain.uplink_share)
    np.testing.assert_array_equal(high.budget_s, plain.budget_s)


def test_a_low_quantile_saves_time_but_reserves_what_admission_checks(env):
    plain, low = read(env, None), read(env, 0.1)
    visible = plain.visible
    tokens = np.clip(np.rint(plain.output_tokens[visible] * LOW), 1, 512)
    np.testing.assert_array_equal(low.output_tokens[visible], tokens)
    assert (low.shared_time_s[visible] < plain.shared_time_s[visible]).mean() > 0.9
    np.testing.assert_array_equal(low.kv_bytes, plain.kv_bytes)
    np.testing.assert_array_equal(low.downlink_share, plain.downlink_share)


def test_empty_slots_need_nothing(env):
    high = read(env, 0.9)
    assert (~high.visible).any()
    assert not high.time_s[~high.visible].any()
    assert not high.kv_bytes[~high.visible].any()


@pytest.mark.parametrize(("name", "environment"), [("edf", "EdgeLLM/MultiNode-v0"), ("edf", "EdgeLLM/Joint-v0")])
def test_known_lengths_have_only_one_quantile(name, environment):
    env = gymnasium.make(environment)
    observation, _ = env.reset(seed=0)
    plain, _ = make_expert(name, env).predict(observation)
    assert plain["batch"].any()
    assert_same(make_expert(name, env, quantile=0.9).predict(observation)[0], plain)


@pytest.mark.parametrize("environment", ["EdgeLLM/SingleNode-v0", "EdgeLLM/Joint-v0"])
def test_a_higher_quantile_misses_fewer_deadlines(environment):
    env = gymnasium.make(environment, overrides={SIGMA: 0.8, "horizon_epochs": 25})
    late = {}
    for source in policy_sources(["edf[quantile=0.3]", "edf[quantile=0.95]"]):
        episodes = [run_episode(env, source.make(env, seed), seed) for seed in range(3)]
        computed = sum(each["late"] + each["on_time"] * each["arrived"] for each in episodes)
        late[source.name] = sum(each["late"] for each in episodes) / computed
    low, high = late.values()
    assert high < 0.7 * low


@pytest.mark.parametrize("scenario", ["single-node", "joint"])
@pytest.mark.parametrize("quantile", [0.0, 1.0, 1.5])
def test_a_quantile_is_checked(scenario, quantile):
    with pytest.raises(
        ValueError, match=r"must (lie between 0 and 1, both excluded|be finite and zero or more and at most 1), got"
    ):
        make_expert("edf", load_scenario(scenario), quantile=quantile)


def test_experts_that_form_no_batches_have_no_quantile():
    with pytest.raises(TypeError, match="has no setting 'quantile'"):
        make_expert("dto-ee", load_scenario("early-exit"), quantile=0.5)
