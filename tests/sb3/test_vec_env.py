"""The VecEnv against the native vector environment stepped directly with the same actions."""

import gymnasium
import numpy as np
import pytest
from gymnasium.wrappers import TimeLimit

from agents.evaluation import make_envs
from edge_llm_gym.sb3 import NativeVecEnv

SEED = 5


def played(env: NativeVecEnv, steps: int):
    """Steps with random flat actions; the observation and the four results of each step."""
    env.seed(SEED)
    rng = np.random.default_rng(0)
    yield env.reset()
    for _ in range(steps):
        actions = rng.uniform(-1.0, 1.0, (env.num_envs, *env.action_space.shape)).astype(np.float32)
        yield env.step(actions)


def test_a_step_is_that_of_the_native_environment(tiny, tiny_env):
    by_hand = make_envs(tiny(), tiny().rows)
    raw, _ = by_hand.reset(seed=SEED)
    steps = played(tiny_env, 12)
    next(steps)
    for _, rewards, dones, _ in steps:
        action = tiny_env.last_action
        raw, expected, _, truncated, info = by_hand.step(action)
        assert rewards == pytest.approx(0.1 * expected, rel=1e-6)
        assert np.array_equal(dones, truncated)
        for key, array in raw.items():
            assert np.array_equal(tiny_env.raw[key], array)
        for name, array in info["metrics"].items():
            assert np.array_equal(tiny_env.last_info["metrics"][name], array)


def test_observations_lie_in_their_space(tiny_env):
    answers = played(tiny_env, 12)
    for observation in [next(answers), *(answer[0] for answer in answers)]:
        for row in range(tiny_env.num_envs):
            assert tiny_env.observation_space.contains({key: array[row] for key, array in observation.items()})


def test_infos_at_the_end_of_an_episode_follow_the_library(tiny_env):
    horizon, returns = 10, np.zeros(tiny_env.num_envs)
    for step, answer in enumerate(played(tiny_env, horizon)):
        if step == 0:
            continue
        observation, rewards, dones, infos = answer
        returns += rewards / tiny_env.reward_scale
        assert dones.all() == (step == horizon)
        assert [bool(info) for info in infos] == [step == horizon] * tiny_env.num_envs
    for row, info in enumerate(infos):
        assert info["TimeLimit.truncated"] is True
        assert info["episode"]["r"] == pytest.approx(returns[row], rel=1e-5)
        assert info["episode"]["l"] == horizon
        last = tiny_env.last_info["final_obs"][row]
        expected = tiny_env.tokens.read({key: array[None] for key, array in last.items()})
        for key, array in info["terminal_observation"].items():
            assert array == pytest.approx(np.clip(expected[key][0], -10, 10), abs=1e-6)
            assert array.shape == tiny_env.observation_space[key].shape
        assert not np.array_equal(info["terminal_observation"]["item"], observation["item"][row])


def test_returned_rewards_may_be_changed_in_place(tiny_env):
    answers = played(tiny_env, 3)
    next(answers)
    _, rewards, *_ = next(answers)
    kept = tiny_env.returns.copy()
    rewards += 1000.0  # as the library does for truncated rows
    assert np.array_equal(tiny_env.returns, kept)
    assert (next(answers)[1] < 100.0).all()


def test_seeds_determine_one_reset(tiny_env):
    tiny_env.seed(SEED)
    first, second = tiny_env.reset(), tiny_env.reset()
    tiny_env.seed(SEED)
    again = tiny_env.reset()
    assert all(np.array_equal(first[key], again[key]) for key in first)
    assert not np.array_equal(first["item"], second["item"])


def test_attributes_and_methods_are_looked_up_for_rows(tiny_env):
    tiny_env.reset()
    assert tiny_env.get_attr("scenario") == [tiny_env.envs.scenario] * 3
    assert len(tiny_env.get_attr("render_mode", indices=[0, 2])) == 2
    assert tiny_env.env_is_wrapped(TimeLimit) == [False] * 3
    masks = tiny_env.env_method("action_masks", indices=0) if tiny_env.codec.mask(tiny_env.raw) is not None else None
    assert masks is None or masks[0].dtype == np.bool_
    with pytest.raises(AttributeError):
        tiny_env.get_attr("no_such_thing")
    with pytest.raises(ValueError, match="all rows"):
        tiny_env.set_attr("render_mode", "ansi", indices=0)


def test_step_wait_requires_actions(tiny_env):
    tiny_env.reset()
    with pytest.raises(RuntimeError, match="step_async"):
        tiny_env.step_wait()


def test_the_native_environment_is_the_registered_one(tiny):
    assert gymnasium.spec(tiny().environment.id).vector_entry_point == "edge_llm_gym.env.vector_env:EdgeLLMVectorEnv"


def test_rows_must_reset_in_the_same_step(tiny_env):
    other = gymnasium.make_vec("EdgeLLM/SingleNode-v0", 1, autoreset_mode="NextStep").unwrapped
    with pytest.raises(ValueError, match=r"resets in the same step; got autoreset mode AutoresetMode\.NEXT_STEP"):
        NativeVecEnv(other, tiny_env.codec)
