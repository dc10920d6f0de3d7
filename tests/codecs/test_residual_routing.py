"""The residual-routing codec against the plan that it corrects."""

import gymnasium
import numpy as np
import pytest

import edge_llm_gym  # noqa: F401  registers the ids
from edge_llm_gym.codecs import make_codec
from edge_llm_gym.codecs.residual_routing import ResidualRouting
from edge_llm_gym.decoding.difficulty_mix import DIFFICULTY_SHIFTS, NO_SHIFT
from edge_llm_gym.decoding.streaming import StreamingReader
from edge_llm_gym.linear.residual_plan import PLANNED_SHIFTS, steady_plans
from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.sim.exit_observation import QUANTILES
from edge_llm_gym.sim.streaming.observation import NODE_FEATURES


def test_without_penalty_and_preference_it_is_the_plan_and_a_penalty_avoids_the_long_queue():
    envs = gymnasium.make_vec("EdgeLLM/EarlyExit-v0", num_envs=2, vectorization_mode="vector_entry_point")
    codec, plans = make_codec("residual_routing", envs.scenario), steady_plans(StreamingReader(envs.scenario))
    plan = plans[PLANNED_SHIFTS.index(NO_SHIFT)]
    observation, _ = envs.reset(seed=0)
    observation["nodes"][1, 2, NODE_FEATURES.index("committed")] = 2.0
    none, half = np.zeros((2, 2, 20), np.float32)
    none[:, :2], half[:, 1] = -1.0, -1.0
    share = codec.decode(none, observation)["offload"]
    share /= np.maximum(share.sum(axis=2, keepdims=True), 1e-12)
    np.testing.assert_allclose(share[0], plan.solution.offload, atol=1e-6)
    np.testing.assert_array_equal(share[0], share[1])
    corrected = codec.decode(half, observation)
    assert envs.action_space.contains(corrected)
    np.testing.assert_allclose(corrected["threshold"][0], plan.threshold, atol=1e-6)
    # Half of the largest penalty is two per epoch of committed time, here two epochs: the weight has a factor exp(-4).
    expected = plan.solution.offload[0, :4] * np.array([1.0, 1.0, np.exp(-4.0), 1.0])
    np.testing.assert_allclose(corrected["offload"][1, 0, :4], expected / expected.max(), rtol=1e-5)


@pytest.mark.parametrize(("preference", "exponent"), [(-1.0, 0.0), (0.0, 1.0), (1.0, 2.0)])
def test_devices_prefer_the_node_with_the_better_uplink(preference, exponent):
    """Weights have a power of the relative spectral efficiency; those of nodes, which send by wire, have none."""
    envs = gymnasium.make_vec("EdgeLLM/EarlyExit-v0", num_envs=1, vectorization_mode="vector_entry_point")
    codec, plans = make_codec("residual_routing", envs.scenario), steady_plans(StreamingReader(envs.scenario))
    plan, observation = plans[PLANNED_SHIFTS.index(NO_SHIFT)].solution.offload, envs.reset(seed=0)[0]
    correction = np.zeros((1, 20), np.float32)
    correction[:, :2] = -1.0, preference
    offload = codec.decode(correction, observation)["offload"][0]
    expected = plan[:20, :4] * observation["spectral_efficiency"][0, :, :, 0].astype(float) ** exponent
    assert observation["spectral_efficiency"][0, :, :, 0].min() > 1e-3
    np.testing.assert_allclose(offload[:20, :4], expected / expected.max(axis=1, keepdims=True), rtol=1e-5)
    np.testing.assert_allclose(offload[20:24], plan[20:24] / plan[20:24].max(axis=1, keepdims=True), rtol=1e-5)


def test_confidences_choose_the_plan_of_the_nearest_mix():
    """The quantiles of each mix, seen at the first exit, lead to the plan of its shift or of the next one."""
    shifts = DIFFICULTY_SHIFTS.size
    envs = gymnasium.make_vec("EdgeLLM/EarlyExit-v0", num_envs=shifts, vectorization_mode="vector_entry_point")
    codec, reader = make_codec("residual_routing", envs.scenario), StreamingReader(envs.scenario)
    plans, observation = steady_plans(reader), envs.reset(seed=0)[0]
    for shift in range(shifts):
        confidence, _ = reader.difficulty_mix.rows(shift)
        observation["exit_confidence"][shift, 0] = np.quantile(confidence[:, 0], QUANTILES)
    threshold = codec.decode(np.zeros((shifts, 20), np.float32), observation)["threshold"]
    for shift in range(shifts):
        expected = plans[(shift + 1) // 2].threshold
        np.testing.assert_allclose(threshold[shift], expected, atol=1e-6)
    assert np.ptp(threshold[:, 0]) > 0.2


def test_it_has_no_inverse_and_requires_streaming_dynamics():
    with pytest.raises(NotImplementedError, match="through codec 'box'"):
        ResidualRouting(load_scenario("early-exit")).encode({}, {})
    with pytest.raises(ValueError, match="dynamics 'streaming', got 'batching'"):
        ResidualRouting(load_scenario("multi-node"))
