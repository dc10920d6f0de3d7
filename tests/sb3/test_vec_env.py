"""The VecEnv against the native vector environment stepped directly with the same actions."""

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.wrappers import TimeLimit
from stable_baselines3 import PPO

from agents.config import read_config
from agents.evaluation import make_envs
from edge_llm_gym.codecs import make_codec
from edge_llm_gym.sb3 import ConstantPolicy, ForkCallback, NativeVecEnv
from edge_llm_gym.sb3.observations import BlindReader
from tests.tiny_runs import TINY

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
        expected = tiny_env.reader.read({key: array[None] for key, array in last.items()})
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


GROUP = 3


def grouped(rows=6, group=GROUP, **sections) -> NativeVecEnv:
    envs = make_envs(read_config(TINY | sections), rows)
    env = NativeVecEnv(envs, make_codec("parameters", envs.scenario), 1.0, BlindReader(envs.scenario), group=group)
    env.seed(SEED)
    env.reset()
    return env


def actions_of(env, seed):
    return np.random.default_rng(seed).uniform(-0.5, 0.5, (env.num_envs, *env.action_space.shape)).astype(np.float32)


def test_rows_of_a_group_share_their_tapes_over_episodes():
    env = grouped()
    for epoch in range(12):  # an episode has 10
        arrival_s = env.envs.simulator.tape.requests.arrival_s
        assert (arrival_s[0] == arrival_s[:GROUP]).all()
        assert (arrival_s[GROUP] == arrival_s[GROUP:]).all()
        assert not np.array_equal(arrival_s[0], arrival_s[GROUP])
        env.step(actions_of(env, epoch))


def test_rewards_are_less_the_mean_of_the_others_in_the_group():
    env = grouped()
    for epoch in range(4):
        before = env.returns.copy()
        _, learned, _, _ = env.step(actions_of(env, epoch))
        reward = env.returns - before
        for row in range(env.num_envs):
            first = row // GROUP * GROUP
            others = [other for other in range(first, first + GROUP) if other != row]
            assert learned[row] == pytest.approx(reward[row] - reward[others].mean(), abs=1e-5)
    assert np.ptp(reward[:GROUP]) > 0.0


def test_a_fork_continues_every_row_from_the_first_of_its_group():
    env = grouped()
    for epoch in range(3):
        env.step(actions_of(env, epoch))
    leaders = [env.envs.simulator.snapshot(row) for row in range(env.num_envs)]
    returns = env.returns.copy()
    env.fork()
    for row in range(env.num_envs):
        first = row // GROUP * GROUP
        forked, leader = env.envs.simulator.snapshot(row), leaders[first]
        for part in ("tape", "state"):
            for name, array in getattr(forked, part).items():
                np.testing.assert_array_equal(array, getattr(leader, part)[name], err_msg=name)
        assert env.returns[row] == returns[first]
        for array in env.raw.values():
            np.testing.assert_array_equal(array[row], array[first])
    same = np.repeat(actions_of(env, 9)[::GROUP], GROUP, axis=0)
    _, learned, _, _ = env.step(same)
    assert learned == pytest.approx(0.0, abs=1e-6)  # the same action in the same state


def test_a_fork_changes_no_other_group():
    env, alone = grouped(), grouped()
    for epoch in range(3):
        for one in (env, alone):
            one.step(actions_of(one, epoch))
    env.fork()
    for row in (0, GROUP):  # the first rows themselves are unchanged
        for name, array in env.envs.simulator.snapshot(row).state.items():
            np.testing.assert_array_equal(array, alone.envs.simulator.snapshot(row).state[name])


def test_groups_divide_the_rows():
    with pytest.raises(ValueError, match="got 6 rows and group 4"):
        grouped(group=4)


def test_a_callback_forks_at_the_start_of_each_rollout():
    env, forks = grouped(), []
    fork, env.fork = env.fork, lambda: forks.append(int(env.lengths[0])) or fork()
    model = PPO("MlpPolicy", env, n_steps=4, batch_size=24, n_epochs=1, device="cpu")
    model.learn(48, callback=ForkCallback())
    assert forks == [0, 4]
    plain = PPO("MlpPolicy", grouped(group=1), n_steps=4, batch_size=24, device="cpu")
    with pytest.raises(ValueError, match="group=2 or more"):
        plain.learn(24, callback=ForkCallback())


def test_a_constant_policy_learns_one_number_for_each_action_and_its_gain_scales_it():
    env = grouped()
    model = PPO(ConstantPolicy, env, n_steps=4, batch_size=24, policy_kwargs={"gain": 3.0}, device="cpu", seed=0)
    assert not model.predict(np.ones((2, 1), np.float32), deterministic=True)[0].any()
    model.learn(24)
    bias = model.policy.action_net.bias.detach().numpy()
    assert bias.any()
    for observation in (np.ones((1, 1), np.float32), np.zeros((1, 1), np.float32)):
        action, _ = model.predict(observation, deterministic=True)
        np.testing.assert_allclose(action[0], np.clip(3.0 * bias, -1, 1), rtol=1e-6)
    with pytest.raises(ValueError, match="actions in a Box"):
        ConstantPolicy(env.observation_space, spaces.Discrete(3), lambda _: 0.1)
