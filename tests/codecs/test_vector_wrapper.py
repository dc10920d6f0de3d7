"""Flat actions of all rows: native rows and Gymnasium's vectors against the wrapper of single environments."""

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

import edge_llm_gym  # noqa: F401  registers the ids
from edge_llm_gym.codecs import make_codec
from edge_llm_gym.codecs.wrappers import CodecVectorWrapper, CodecWrapper
from edge_llm_gym.scenario import scenario_of
from tests.equality import assert_same

MULTI = "EdgeLLM/MultiNode-v0"
SIZE = {"slots": 4, "horizon_epochs": 3}
VECTORS = {
    "native": {"vectorization_mode": "vector_entry_point"},
    "sync": {"vectorization_mode": "sync", "vector_kwargs": {"autoreset_mode": AutoresetMode.SAME_STEP}},
}


def vector(kind: str = "native", codec="multidiscrete", **settings):
    return CodecVectorWrapper(gymnasium.make_vec(MULTI, 2, overrides=SIZE, **VECTORS[kind]), codec, **settings)


@pytest.mark.parametrize("kind", VECTORS)
def test_rows_equal_wrapped_single_environments(kind):
    envs = vector(kind, levels=3)
    singles = [CodecWrapper(gymnasium.make(MULTI, overrides=SIZE), "multidiscrete", levels=3) for _ in range(2)]
    envs.reset(seed=4)
    for index, env in enumerate(singles):
        env.reset(seed=4 + index)
    assert envs.single_action_space == singles[0].action_space
    envs.action_space.seed(0)
    for step in range(5):
        assert_same(envs.action_masks()[1], singles[1].action_masks())
        actions = envs.action_space.sample()
        observation, reward, *_ = envs.step(actions)
        for index, env in enumerate(singles):
            alone, expected, *_ = env.step(actions[index])
            assert reward[index] == expected
            if step % 3 == 2:
                alone, _ = env.reset()
            assert_same({key: array[index] for key, array in observation.items()}, alone)


@pytest.mark.parametrize("kind", VECTORS)
def test_it_follows_overrides_of_a_reset(kind):
    envs, changed = vector(kind, codec="priority"), {"nodes.0.uplink_hz": 2e4}
    envs.reset(seed=0)
    before = envs.codec
    envs.reset(seed=0)
    assert envs.codec is before
    envs.reset(seed=0, options={"overrides": changed})
    assert envs.codec is not before
    assert scenario_of(envs).nodes[0].uplink_hz == 2e4
    fixed = vector(kind, codec=make_codec("priority", scenario_of(vector(kind))))
    with pytest.raises(ValueError, match="give the codec by its name"):
        fixed.reset(options={"overrides": changed})


def test_misuse_is_refused():
    envs = vector(codec="priority")
    with pytest.raises(RuntimeError, match="reset"):
        envs.step(envs.action_space.sample())
    envs.reset(seed=0)
    with pytest.raises(TypeError, match="no masks"):
        envs.action_masks()
    with pytest.raises(TypeError, match="directly around the environment's dictionaries"):
        CodecVectorWrapper(envs, "priority")
    with pytest.raises(TypeError, match="settings go with a codec's name"):
        CodecVectorWrapper(envs.env, envs.codec, caps=True)


def test_the_scenario_of_rows_is_the_common_one():
    sync = gymnasium.make_vec(MULTI, 2, overrides=SIZE, vectorization_mode="sync")
    assert scenario_of(sync) == gymnasium.make(MULTI, overrides=SIZE).unwrapped.scenario
    sync.envs[1] = gymnasium.make(MULTI, overrides=SIZE | {"slots": 5})
    with pytest.raises(ValueError, match="need the same scenario"):
        scenario_of(sync)
    for other in (gymnasium.make_vec("CartPole-v1", 2, vectorization_mode="sync"), np.zeros(2)):
        with pytest.raises(TypeError, match="expected an Edge LLM Gym environment"):
            scenario_of(other)
