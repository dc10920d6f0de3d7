"""The contract of the single environment: Gymnasium's API, seeding, snapshots, spaces and rewards."""

import copy
import pickle
import warnings
from itertools import pairwise

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from edge_llm_gym.registration import ENVIRONMENTS
from tests.contract.conftest import DYNAMICS
from tests.equality import assert_same, differs

UNAVOIDABLE_FOR_SB3 = (
    "The action space is not based off a numpy array",  # SB3 takes no Dict actions; wrappers flatten them
    "unconventional shape",  # set-structured observations are two-dimensional ...
    "is an image",  # ... and spectral_efficiency three-dimensional
    "image space",
    "minimal resolution for an image",
)


def play(env, seed, steps=30):
    env.action_space.seed(seed)
    observation, info = env.reset(seed=seed)
    trail = [(observation, 0.0, info)]
    for _ in range(steps):
        observation, reward, _, _, info = env.step(env.action_space.sample())
        trail.append((observation, reward, info))
    return trail


def test_gymnasium_checker_passes_without_warnings(env):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped, skip_render_check=True)


@pytest.mark.parametrize("mode", ["ansi", "rgb_array"])
def test_render_modes(environment, mode):
    env = gymnasium.make(environment, render_mode=mode)
    env.reset(seed=0)
    frames = [env.render()]
    for _ in range(2):
        env.step(env.action_space.sample())
        frames.append(env.render())
    assert all(isinstance(frame, str if mode == "ansi" else np.ndarray) for frame in frames)
    assert all(np.any(before != after) for before, after in pairwise(frames))


def test_sb3_checker_warns_only_of_what_wrappers_change(env):
    checker = pytest.importorskip("stable_baselines3.common.env_checker", reason="needs stable-baselines3")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        checker.check_env(env.unwrapped, skip_render_check=True)
    unexpected = [str(w.message) for w in caught if not any(text in str(w.message) for text in UNAVOIDABLE_FOR_SB3)]
    assert unexpected == []


def test_same_seed_repeats(environment):
    first, second = (play(gymnasium.make(environment), seed=7) for _ in range(2))
    for left, right in zip(first, second, strict=True):
        for a, b in zip(left, right, strict=True):
            assert_same(a, b)


def test_different_seeds_differ_and_so_do_later_resets(env):
    observations = [env.reset(seed=0)[0], env.reset(seed=1)[0], env.reset()[0], env.reset()[0]]
    for index, observation in enumerate(observations):
        assert all(differs(observation, other) for other in observations[index + 1 :])


def test_seeded_again_later_episodes_repeat(env):
    def three_episodes():
        return [env.reset(seed=3)[0], env.reset()[0], env.reset()[0]]

    for left, right in zip(three_episodes(), three_episodes(), strict=True):
        assert_same(left, right)


def test_pickling_mid_episode_keeps_the_future(env):
    play(env, seed=0, steps=5)
    twin = pickle.loads(pickle.dumps(env))
    action = env.action_space.sample()
    for _ in range(5):
        for a, b in zip(env.step(action), twin.step(action), strict=True):
            assert_same(a, b)
    assert_same(env.reset()[0], twin.reset()[0])


def test_returned_arrays_are_never_written_again(env):
    observation, info = env.reset(seed=0)
    kept = [({"observation": observation} | info, copy.deepcopy({"observation": observation} | info))]
    for _ in range(10):
        observation, _, _, _, info = env.step(env.action_space.sample())
        kept.append(({"observation": observation} | info, copy.deepcopy({"observation": observation} | info)))
    for live, saved in kept:
        assert_same(live, saved)


ANYWHERE = [
    {"arrivals": {"process": "poisson", "rate_per_s": 60.0}},
    {"arrivals": {"process": "poisson", "rate_per_s": 1e-3}},
    {"arrivals": {"process": "azure-code-2023", "rate_per_s": 10.0}},
    {"requests.budget_s": [1e-3, 1e3]},
    {"requests.accuracy": [1.0, 1.0]},
    {"channel.shadowing_db": 30.0},
    {"channel.correlation": 1.0},
    {"devices.count": 1},
    {"horizon_epochs": 1},
    {"requests.uplink_payload": {"probability": 1.0, "bits": [0.0, 1e12]}},
]
EXTREMES = {
    "batching": [*ANYWHERE, {"slots": 1}, {"slots": 300}],
    "streaming": [
        *ANYWHERE,
        {"epoch_s": 0.01},
        {"epoch_s": 500.0, "horizon_epochs": 2},
        {"exits.drift": None},
        {"links.0.latency_s": 50.0, "links.1.rate_bps": 1.0},
    ],
    "batching_routing": [
        *ANYWHERE,
        {"slots": 1},
        {"slots": 300},
        {"exits.drift": None},
        {"links.0.latency_s": 50.0, "links.1.rate_bps": 1.0},
    ],
}


@pytest.mark.parametrize(
    ("environment", "extreme"),
    [(environment, extreme) for environment in ENVIRONMENTS for extreme in EXTREMES[DYNAMICS[environment]]],
    ids=str,
)
def test_observations_stay_in_their_space_at_the_extremes(environment, extreme):
    env = gymnasium.make(environment, overrides=extreme)
    observation, _ = env.reset(seed=0)
    env.action_space.seed(0)
    for _ in range(40):
        assert env.observation_space.contains(observation)
        observation, reward, _, truncated, _ = env.step(env.action_space.sample())
        assert np.isfinite(reward)
        assert env.unwrapped.simulator.conserves()
        if truncated:
            observation, _ = env.reset()


def test_truncated_at_the_horizon_and_never_terminated(environment):
    env = gymnasium.make(environment, overrides={"horizon_epochs": 3})
    env.reset(seed=0)
    ends = [env.step(env.action_space.sample())[2:4] for _ in range(3)]
    assert ends == [(False, False), (False, False), (False, True)]
    assert all(type(flag) is bool for pair in ends for flag in pair)
    with pytest.raises(RuntimeError, match="episode has ended"):
        env.step(env.action_space.sample())


def test_step_and_masks_before_reset_are_refused(env):
    for call in (lambda: env.unwrapped.step({}), env.unwrapped.action_masks, env.unwrapped.snapshot):
        with pytest.raises(RuntimeError, match=r"call reset\(\) first"):
            call()


def test_spaces_are_not_rebuilt_at_reset(env):
    spaces = env.unwrapped.observation_space, env.unwrapped.action_space
    env.reset(seed=0)
    assert (env.unwrapped.observation_space, env.unwrapped.action_space) == spaces
    assert env.unwrapped.action_space is spaces[1]


def test_snapshot_and_restore_replay_the_future(env):
    play(env, seed=0, steps=8)
    snapshot = env.unwrapped.snapshot()
    actions = [env.action_space.sample() for _ in range(6)]

    def future():
        return [env.unwrapped.step(action) for action in actions] + [env.unwrapped.reset()]

    first = future()
    env.unwrapped.restore(snapshot)
    for left, right in zip(first, future(), strict=True):
        for a, b in zip(left, right, strict=True):
            assert_same(a, b)


def test_snapshot_restores_into_another_environment_of_the_same_scenario(environment, env):
    play(env, seed=0, steps=4)
    other = gymnasium.make(environment)
    other.reset(seed=99)
    restored = other.unwrapped.restore(env.unwrapped.snapshot())
    action = env.action_space.sample()
    assert_same(restored, env.unwrapped.restore(env.unwrapped.snapshot()))
    for a, b in zip(env.step(action), other.step(action), strict=True):
        assert_same(a, b)


def test_snapshot_of_another_scenario_is_refused(environment, env):
    env.reset(seed=0)
    other = gymnasium.make(environment, overrides={"devices.count": 5})
    other.reset(seed=0)
    before = other.unwrapped.snapshot()
    with pytest.raises(ValueError, match="only be restored into the scenario"):
        other.unwrapped.restore(env.unwrapped.snapshot())
    assert_same(before.simulator.state, other.unwrapped.snapshot().simulator.state)


WEIGHTS = {
    "batching": {"served_value": 1.0, "late_value": -0.5, "expired": -0.25, "refused_uplink": -0.125},
    "streaming": {"mean_delay_s": -1.0, "late_value": -0.5, "accuracy": 8.0, "exit_2": -0.125},
    "batching_routing": {"served_value": 1.0, "late_value": -0.5, "forwarded": -0.25, "exit_2": -0.125},
}


def test_rewards_add_up_to_the_reward(environment):
    weights = WEIGHTS[DYNAMICS[environment]]
    env = gymnasium.make(environment, overrides={"reward": weights})
    for _, reward, info in play(env, seed=0)[1:]:
        assert set(info["rewards"]) == set(weights)
        assert reward == pytest.approx(sum(info["rewards"].values()))
        assert info["rewards"]["late_value"] == -0.5 * info["metrics"]["late_value"]


def test_unknown_names_are_refused_with_a_suggestion(env):
    with pytest.raises(ValueError, match="did you mean 'rgb_array'"):
        type(env.unwrapped)("single-node", render_mode="rgb_aray")
    with pytest.raises(ValueError, match="unknown reset options"):
        env.unwrapped.reset(options={"rate": 3})
