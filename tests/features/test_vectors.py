"""Vectors of all keys: order, scales and bounds, against the dictionary observations."""

import gymnasium
import numpy as np
import pytest

from edge_llm_gym.decoding.pair_features import FEATURE_BOUND
from edge_llm_gym.features import FlatVector, ScaledVector, make_reader
from edge_llm_gym.registration import ENVIRONMENTS
from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.sim.pooled.observation import NODE_FEATURES
from edge_llm_gym.sim.streaming.observation import NODE_FEATURES as STREAMING_FEATURES

ROWS = 2
RELATIVE = ("flops", "memory_bandwidth", "weights", "kv_capacity_bytes", "uplink_hz", "downlink_hz")


def seen(environment: str):
    """A vector environment after some random steps, and its observation."""
    envs = gymnasium.make_vec(environment, ROWS, vectorization_mode="vector_entry_point")
    envs.action_space.seed(0)
    observation, _ = envs.reset(seed=3)
    for _ in range(3):
        observation, *_ = envs.step(envs.action_space.sample())
    return envs, observation


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_number_of_the_observation_is_there_scaled(environment):
    """Of each key in the layout: the own numbers in `FlatVector`, proportional ones in `ScaledVector`."""
    envs, observation = seen(environment)
    space = envs.single_observation_space
    plain, scaled = FlatVector(space), ScaledVector(space, envs.scenario)
    own, vector = plain.read(observation), scaled.read(observation)
    assert list(plain.layout) == sorted(observation)
    for key, part in plain.layout.items():
        flat = np.asarray(observation[key], np.float32).reshape(ROWS, -1)
        np.testing.assert_array_equal(own[:, part], flat)
        assert ((vector[:, part] == 0) == (flat == 0)).all()
    for row in range(ROWS):
        assert plain.space.contains(own[row])
        assert scaled.space.contains(vector[row])
    assert scaled.space.high.max() == FEATURE_BOUND
    assert scaled.space.low.min() == 0


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_constants_of_nodes_are_relative_to_the_largest(environment):
    envs, observation = seen(environment)
    reader = ScaledVector(envs.single_observation_space, envs.scenario)
    nodes = reader.read(observation)[:, reader.layout["nodes"]].reshape(observation["nodes"].shape)
    names = STREAMING_FEATURES if envs.scenario.dynamics == "streaming" else NODE_FEATURES
    for column, name in enumerate(names):
        own = observation["nodes"][..., column]
        if name in RELATIVE and own.max() > 0:
            np.testing.assert_allclose(nodes[..., column], own / own.max(), rtol=1e-5)
            assert nodes[..., column].max() == pytest.approx(1.0)
        elif name in ("quality", "stage", "service", "utilisation", "free_kv_bytes", "speed"):
            np.testing.assert_array_equal(nodes[..., column], own)
    assert "flops" in names


def test_live_features_are_clipped_and_their_scale_is_that_of_the_tokens():
    scenario = load_scenario("multi-node")
    envs, observation = seen("EdgeLLM/MultiNode-v0")
    reader = ScaledVector(envs.single_observation_space, scenario)
    observation["nodes"][0, :, 0] = [0.0, 2.0, 10.0, 999.0]
    observation["backlog"][:] = [[0.5], [700.0]]
    vector = reader.read(observation)
    nodes = vector[0, reader.layout["nodes"]].reshape(observation["nodes"].shape[1:])
    assert nodes[:, 0].tolist() == [0.0, 0.5, 2.5, 4.0]
    assert vector[:, reader.layout["backlog"]].ravel().tolist() == [0.5, 4.0]


def test_links_are_relative_to_the_fastest_and_the_longest():
    envs, observation = seen("EdgeLLM/EarlyExit-v0")
    reader = ScaledVector(envs.single_observation_space, envs.scenario)
    links = reader.read(observation)[0, reader.layout["links"]].reshape(observation["links"].shape[1:])
    own = observation["links"][0]
    np.testing.assert_allclose(links, own / own.max(axis=(0, 1)), rtol=1e-5)


def test_unknown_readers_are_refused():
    envs, _ = seen("EdgeLLM/SingleNode-v0")
    with pytest.raises(ValueError, match=r"unknown observation 'tokenz'; did you mean 'tokens'"):
        make_reader("tokenz", envs.single_observation_space, envs.scenario)
