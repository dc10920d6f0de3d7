"""Linear policies: the effect of their parameters, computed by hand, and their files."""

import gymnasium
import numpy as np
import pytest

import edge_llm_gym  # noqa: F401  registers the ids
from edge_llm_gym.codecs.residual_routing import ResidualRouting
from edge_llm_gym.decoding.batching import BatchingReader
from edge_llm_gym.evaluation.policies import trained_policy_factory
from edge_llm_gym.linear import LinearBatching, LinearStreaming, is_linear, load_linear, make_linear
from edge_llm_gym.linear.batching import FEATURES, NODE_TIME_SHARE
from edge_llm_gym.linear.streaming import COMMITTED, MEDIAN
from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.settings import ConfigError
from tests.equality import assert_same

BATCHING, STREAMING = load_scenario("multi-node"), load_scenario("early-exit")
ENVIRONMENTS = {
    "EdgeLLM/SingleNode-v0": 14,
    "EdgeLLM/MultiNode-v0": 17,
    "EdgeLLM/Continuous-v0": 17,
    "EdgeLLM/EarlyExit-v0": 39,
    "EdgeLLM/Joint-v0": 32,
}


def observations(environment, rows=3):
    envs = gymnasium.make_vec(environment, num_envs=rows, vectorization_mode="vector_entry_point")
    observation, _ = envs.reset(seed=1)
    envs.action_space.seed(0)
    for _ in range(5):
        observation, *_ = envs.step(envs.action_space.sample())
    return envs, observation


def parameters_of(**features):
    """Parameters of the policy, all zero but the weights of some features."""
    parameters = np.zeros(LinearBatching.size(BATCHING))
    for name, weight in features.items():
        parameters[FEATURES.index(name)] = weight
    return parameters


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_rows_alone_and_together_agree_and_stay_in_the_action_space(environment):
    envs, observation = observations(environment)
    policy = make_linear(envs.scenario)
    assert policy.parameters.size == ENVIRONMENTS[environment]
    policy = policy.with_parameters(np.random.default_rng(0).normal(0, 0.3, policy.parameters.size))
    together = policy.predict(observation)[0]
    assert envs.action_space.contains(together)
    for row in range(3):
        alone = policy.predict({key: value[row] for key, value in observation.items()})[0]
        assert_same(alone, {key: value[row] for key, value in together.items()})


def test_a_file_restores_the_policy_for_the_scenarios_that_it_fits(tmp_path):
    path = tmp_path / "linear.zip"
    policy = make_linear(BATCHING, np.linspace(-1, 1, 17))
    policy.save(path)
    assert is_linear(path)
    _, observation = observations("EdgeLLM/MultiNode-v0")
    loaded = trained_policy_factory(str(path))(gymnasium.make("EdgeLLM/MultiNode-v0"))
    assert_same(loaded.predict(observation)[0], policy.predict(observation)[0])
    with pytest.raises(ConfigError, match="dynamics 'batching', and cannot act in scenario 'early-exit'"):
        load_linear(path, STREAMING)
    with pytest.raises(ConfigError, match=r"'single-node' takes a linear policy of 14 numbers, got shape \(17,\)"):
        load_linear(path, load_scenario("single-node"))


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"takes a linear policy of 39 numbers, got shape \(3,\)"):
        make_linear(STREAMING, np.zeros(3))
    with pytest.raises(ValueError, match="and none for 'other' of scenario 'multi-node'"):
        make_linear(BATCHING.model_copy(update={"dynamics": "other"}))


def test_prices_at_zero_are_the_values_and_node_time_costs_a_share_of_arriving_value():
    _, observation = observations("EdgeLLM/MultiNode-v0")
    rows, policy = BatchingReader(BATCHING).read_rows(observation), LinearBatching(BATCHING)
    value = np.broadcast_to(rows.value[..., None], rows.time_s.shape)
    priced = policy.priced(observation, policy.parameters[None])
    np.testing.assert_array_equal(priced.price, value)
    # 4 nodes
    np.testing.assert_allclose(priced.node_time_price, NODE_TIME_SHARE * BATCHING.arrivals.rate_per_s / 4)


def test_prices_by_hand():
    """At a weight of 0.4, a request with half an epoch of work counts exp(0.5 * 0.4) times its value."""
    _, observation = observations("EdgeLLM/MultiNode-v0")
    rows = BatchingReader(BATCHING).read_rows(observation)
    prices = LinearBatching(BATCHING).priced(observation, parameters_of(work=0.4)[None]).price
    work = np.minimum(rows.time_s / BATCHING.epoch_s, 4.0)
    np.testing.assert_allclose(prices, rows.value[..., None] * np.exp(0.4 * work))


def test_requests_that_cannot_be_served_an_epoch_later_are_urgent():
    _, observation = observations("EdgeLLM/MultiNode-v0")
    reader, policy = BatchingReader(BATCHING), LinearBatching(BATCHING, parameters_of(urgent=1.0))
    prices = policy.priced(observation, policy.parameters[None]).price
    for row in range(3):
        one = {key: value[row] for key, value in observation.items()}
        urgent, shown = reader.read(one).urgent, one["request_mask"].astype(bool)
        assert 0 < urgent.sum() < urgent.size
        np.testing.assert_allclose(prices[row, shown, 0], np.where(urgent, np.e, 1.0))


def test_node_time_prices_by_hand():
    _, observation = observations("EdgeLLM/MultiNode-v0")
    rows = BatchingReader(BATCHING).read_rows(observation)
    parameters = parameters_of()
    parameters[-3:] = np.log(3.0), np.log(2.0), 0.5
    node_time = LinearBatching(BATCHING).priced(observation, parameters[None]).node_time_price
    rate_per_s = BATCHING.arrivals.rate_per_s
    queue = rows.visible.sum(axis=1) / (rate_per_s * BATCHING.epoch_s) - 1.0
    expected = NODE_TIME_SHARE * rate_per_s / 4 * np.exp(0.5 * queue)[:, None] * [1.0, 1.0, 3.0, 2.0]
    np.testing.assert_allclose(node_time, expected)


def test_zero_parameters_decode_to_zero_corrections():
    _, observation = observations("EdgeLLM/EarlyExit-v0")
    assert_same(
        LinearStreaming(STREAMING).predict(observation)[0],
        ResidualRouting(STREAMING).decode(np.zeros((3, 20)), observation),
    )


def test_corrections_by_hand():
    """The penalty follows the first stage's committed time, the last threshold the confidence; one node has a bias."""
    parameters = np.zeros(LinearStreaming.size(STREAMING))
    weights = parameters[:30].reshape(6, 5)
    weights[3, 0], weights[0, 1], weights[1, 4], parameters[30 + 2] = 0.1, -0.3, 0.2, 0.5
    _, observation = observations("EdgeLLM/EarlyExit-v0")
    flat = LinearStreaming(STREAMING).corrections(observation, parameters[None])
    committed = np.minimum(observation["nodes"][:, :4, COMMITTED], 3.0).mean(axis=1)
    np.testing.assert_allclose(flat[:, 0], 0.1 * committed, rtol=1e-6)
    np.testing.assert_array_equal(flat[:, 1], np.float32(-0.3))
    np.testing.assert_array_equal(flat[:, 2:11], np.tile([0, 0, 0.5, 0, 0, 0, 0, 0, 0], (3, 1)))
    np.testing.assert_array_equal(flat[:, 11:18], 0.0)
    confidence = 3.0 * (observation["exit_confidence"][:, 0, MEDIAN] - 0.5)
    np.testing.assert_allclose(flat[:, 18:], np.tile(0.2 * confidence[:, None], 2), rtol=1e-5)
