"""The weighted-priority codec: the effect of its weights, biases and caps."""

import gymnasium
import numpy as np
import pytest

import edge_llm_gym  # noqa: F401  registers the ids
from edge_llm_gym.codecs import make_codec
from edge_llm_gym.codecs.weighted_priority import WEIGHTED_FEATURES, WeightedPriority
from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.sim.pooled.observation import REQUEST_FEATURES

ROWS, NODES = 8, 4


@pytest.fixture(scope="module")
def crowded():
    """The codec, and rows whose queues have grown while no request was served."""
    envs = gymnasium.make_vec("EdgeLLM/MultiNode-v0", num_envs=ROWS, vectorization_mode="vector_entry_point")
    observation, _ = envs.reset(seed=3)
    for _ in range(3):
        waiting = {key: np.zeros_like(array) for key, array in envs.action_space.sample().items()}
        observation, *_ = envs.step(waiting)
    return make_codec("weighted_priority", envs.scenario), observation


def action_of(index: int, value: float) -> np.ndarray:
    action = np.zeros((ROWS, len(WEIGHTED_FEATURES) + 2 * NODES), np.float32)
    action[:, index] = value
    return action


def test_weights_change_the_order_in_which_requests_are_admitted(crowded):
    codec, observation = crowded
    demand, mean = observation["requests"][..., REQUEST_FEATURES.index("quality_demand")], {}
    for value in (-1.0, 1.0):
        admitted = codec.decode(action_of(WEIGHTED_FEATURES.index("demand"), value), observation)["batch"] > 0
        assert admitted.any(axis=1).all()
        mean[value] = demand[admitted].mean()
    assert mean[1.0] > mean[-1.0]


def test_a_bias_moves_requests_to_its_node(crowded):
    codec, observation = crowded
    index = len(WEIGHTED_FEATURES) + 1
    few, many = ((codec.decode(action_of(index, value), observation)["batch"] == 2).sum() for value in (-1.0, 1.0))
    assert many > few


def test_it_has_no_inverse_and_requires_batching_dynamics(crowded):
    codec, observation = crowded
    with pytest.raises(NotImplementedError, match="priority"):
        codec.encode({}, observation)
    with pytest.raises(ValueError, match="dynamics 'batching', got 'streaming'"):
        WeightedPriority(load_scenario("early-exit"))
