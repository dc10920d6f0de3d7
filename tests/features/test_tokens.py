"""Pair features against the problems that experts read off the same observation."""

import gymnasium
import numpy as np
import pytest

from edge_llm_gym.decoding.batching import BatchingReader
from edge_llm_gym.decoding.pair_features import FEATURE_BOUND, PAIR_FEATURES
from edge_llm_gym.features.batching import BatchFeatures
from edge_llm_gym.features.tokens import KEYS, LIMIT, make_tokens, read_tokens, token_space
from edge_llm_gym.registration import ENVIRONMENTS

ROWS = 3


def seen(environment: str, steps: int = 4):
    """A vector environment after some random steps, and its observation."""
    envs = gymnasium.make_vec(environment, num_envs=ROWS, vectorization_mode="vector_entry_point")
    envs.action_space.seed(0)
    observation, _ = envs.reset(seed=3)
    for _ in range(steps):
        observation, *_ = envs.step(envs.action_space.sample())
    return envs, observation


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_arrays_have_the_declared_shapes_and_lie_in_their_space(environment):
    envs, observation = seen(environment)
    tokens = make_tokens(envs.scenario)
    arrays = read_tokens(tokens, observation)
    assert tuple(arrays) == KEYS
    space = token_space(tokens)
    for row in range(ROWS):
        assert space.contains({key: array[row] for key, array in arrays.items()})
    assert max(np.abs(array).max() for array in arrays.values()) <= LIMIT


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_rows_are_read_one_by_one(environment):
    envs, observation = seen(environment)
    tokens = make_tokens(envs.scenario)
    together = tokens.read(observation)
    for row in range(ROWS):
        alone = tokens.read({key: array[row : row + 1] for key, array in observation.items()})
        for key in KEYS:
            assert np.array_equal(alone[key][0], together[key][row])


@pytest.mark.parametrize("environment", ["EdgeLLM/SingleNode-v0", "EdgeLLM/MultiNode-v0"])
def test_pair_features_equal_the_arrays_of_the_experts_problems(environment):
    envs, observation = seen(environment)
    scenario = envs.scenario
    pairs = BatchFeatures(scenario).read(observation)["pair"]
    column = {name: pairs[..., index] for index, name in enumerate(PAIR_FEATURES)}
    for row in range(ROWS):
        one = {key: array[row] for key, array in observation.items()}
        shown = one["request_mask"].astype(bool)
        epoch = BatchingReader(scenario).read(one)
        for k, problem in enumerate(epoch.problem.nodes):
            part = {name: array[row, shown, k] for name, array in column.items()}
            expected = {
                "work": problem.time_s / scenario.epoch_s,
                "shared": problem.shared_time_s / scenario.epoch_s,
                "memory": problem.kv_bytes / max(problem.memory_bytes, 1.0),
                "uplink": problem.uplink_share,
                "downlink": problem.downlink_share,
            }
            for name, wanted in expected.items():
                assert part[name] == pytest.approx(np.minimum(wanted, FEATURE_BOUND), rel=1e-4, abs=1e-5)
            alone = [problem.feasible(np.arange(problem.request_count) == i) for i in range(problem.request_count)]
            assert np.array_equal(part["feasible"] > 0.5, alone)


def test_empty_slots_are_zero_and_masked():
    envs, observation = seen("EdgeLLM/SingleNode-v0", steps=0)
    empty = observation["request_mask"] == 0
    assert empty.any()
    arrays = make_tokens(envs.scenario).read(observation)
    assert not arrays["pair"][empty].any()
    assert not arrays["item_mask"][empty].any()


def test_link_masks_follow_the_network_of_the_scenario():
    envs, observation = seen("EdgeLLM/EarlyExit-v0")
    network, devices = envs.scenario.network, envs.scenario.devices.count
    mask = make_tokens(envs.scenario).read(observation)["pair_mask"][0]
    assert np.array_equal(np.flatnonzero(mask[0]), network.entry_nodes)
    assert np.array_equal(mask[devices:] > 0, network.rate_bps > 0)
    assert (mask[:devices] == mask[0]).all()
