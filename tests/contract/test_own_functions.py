"""Own rewards and own features: single and vector environments call the same functions and agree."""

import pickle
import subprocess
import sys
from dataclasses import replace

import gymnasium
import numpy as np
import pytest
import yaml
from gymnasium import spaces
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode

from edge_llm_gym.scenario import ScenarioError, load_scenario
from edge_llm_gym.scenario.loading import scenario_data
from tests.contract.conftest import make_rows
from tests.env.own_functions import LOAD, half_of_arrivals
from tests.equality import assert_same

SINGLE, SHORT = "EdgeLLM/SingleNode-v0", {"horizon_epochs": 3}
PATHS = {"reward": "tests.env.own_functions:half_of_arrivals", "features": ["tests.env.own_functions:LOAD"]}
OBJECTS = {"reward": half_of_arrivals, "features": [LOAD]}


def make(**settings):
    return gymnasium.make(SINGLE, overrides=SHORT, **settings)


def test_the_own_reward_is_added_and_reported():
    env, plain = make(reward=half_of_arrivals), make()
    for one in (env, plain):
        one.action_space.seed(0)
        _, info = one.reset(seed=0)
    assert info["rewards"].keys() | {"own"} == env.reset(seed=0)[1]["rewards"].keys()
    for _ in range(3):
        action = env.action_space.sample()
        _, reward, *_, info = env.step(action)
        _, without, *_ = plain.step(action)
        own = -0.5 * info["metrics"]["arrived"] / env.unwrapped.scenario.epoch_s
        assert info["rewards"]["own"] == own != 0.0
        assert reward == without + own
        assert reward == pytest.approx(sum(info["rewards"].values()))


def test_features_are_keys_of_the_observation_with_their_space():
    env = make(features=[LOAD])
    observation, info = env.reset(seed=0)
    assert env.observation_space["load"] == LOAD.space
    for _ in range(3):
        expected = [observation["request_mask"].sum() / env.unwrapped.scenario.slots, info["totals"]["arrived"] / 1e3]
        np.testing.assert_allclose(observation["load"], expected, rtol=1e-6)
        assert observation["load"].dtype == np.float32
        observation, *_, info = env.step(env.action_space.sample())
    check_env(make(**OBJECTS).unwrapped, skip_render_check=True)


@pytest.mark.parametrize("mode", [AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP])
@pytest.mark.parametrize("settings", [PATHS, OBJECTS], ids=["paths", "objects"])
def test_rows_equal_single_environments(mode, settings):
    envs = make_rows(SINGLE, 2, overrides=SHORT, autoreset_mode=mode, **settings)
    singles = [make(**OBJECTS) for _ in range(2)]
    envs.action_space.seed(0)
    assert envs.single_observation_space == singles[0].observation_space
    seen, _ = envs.reset(seed=5)
    expected = [(env.reset(seed=5 + row)[0], 0.0, 0.0) for row, env in enumerate(singles)]
    rewards, info, ended = np.zeros(2), {"rewards": {"own": np.zeros(2)}}, False
    for _ in range(6):
        for row, (observation, reward, own) in enumerate(expected):
            assert_same({key: array[row] for key, array in seen.items()}, observation)
            assert rewards[row] == reward
            assert info["rewards"]["own"][row] == own
        actions = envs.action_space.sample()
        resets = ended and mode is AutoresetMode.NEXT_STEP
        expected = [stepped(env, row, actions, mode, resets) for row, env in enumerate(singles)]
        seen, rewards, _, truncated, info = envs.step(actions)
        ended = bool(truncated.all())
        if "final_obs" in info:
            assert info["final_obs"][0]["load"][1] > seen["load"][0, 1]


def stepped(env, row, actions, mode, resets):
    """Observation, reward and own term of one row after a step, reset as the mode does."""
    if resets:
        return env.reset()[0], 0.0, 0.0
    observation, reward, _, truncated, info = env.step({key: array[row] for key, array in actions.items()})
    if truncated and mode is AutoresetMode.SAME_STEP:
        return env.reset()[0], reward, 0.0
    return observation, reward, info["rewards"]["own"]


def test_specs_and_pickles_make_the_same_environment():
    env = make(**PATHS)
    again = gymnasium.make(EnvSpec.from_json(env.spec.to_json()))
    copies = (again, pickle.loads(pickle.dumps(env)), pickle.loads(pickle.dumps(make(**OBJECTS))))
    expected = env.reset(seed=1)[0]
    assert "load" in expected
    for copy in copies:
        assert_same(copy.reset(seed=1)[0], expected)
        assert copy.step(env.action_space.sample())[-1]["rewards"]["own"] != 0.0


def constant(value):
    return lambda *arguments: value


BAD_REWARDS = {
    "form": ("half_of_arrivals", "reward is given as 'package.module:name', got 'half_of_arrivals'"),
    "module": ("no_such_module:reward", "reward 'no_such_module:reward' cannot be imported: No module named"),
    "name": ("tests.env.own_functions:nothing", "cannot be imported: .*nothing"),
    "relative": (".own:reward", "cannot be imported"),
    "kind": ("tests.env.own_functions:NUMBER", "reward is a function .*got 'tests.env.own_functions:NUMBER'"),
    "weights": ({"served": 1.0}, "reward is a function .*overrides={'reward'"),
}
BAD_FEATURES = {
    "number": (3, "features is a list of Feature objects"),
    "function": ([half_of_arrivals], r"a feature is Feature\(key, Box space, function\)"),
    "space": ([replace(LOAD, space=spaces.Discrete(2))], r"a feature is Feature\(key, Box space, function\)"),
    "taken": ([replace(LOAD, key="requests")], "must be a new one, got 'requests'"),
    "twice": ([LOAD, LOAD], "must be a new one, got 'load'"),
}


@pytest.mark.parametrize("name", BAD_REWARDS)
def test_a_reward_that_is_none_is_refused(name):
    reward, message = BAD_REWARDS[name]
    with pytest.raises(ValueError, match=message):
        make(reward=reward)
    with pytest.raises(ValueError, match=message):
        make_rows(SINGLE, 2, reward=reward)


@pytest.mark.parametrize("name", BAD_FEATURES)
def test_features_that_are_none_are_refused(name):
    features, message = BAD_FEATURES[name]
    with pytest.raises(ValueError, match=message):
        make(features=features)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (1.0, r"the own reward must be an array of numbers of shape \(1,\).*got float64 of shape \(\)"),
        (np.zeros((1, 2)), r"got float64 of shape \(1, 2\)"),
        (np.array([np.nan]), r"the own reward must be finite, got \[nan\]"),
        (np.array(["a"]), "the own reward must be an array of numbers"),
    ],
)
def test_rewards_of_another_shape_or_without_a_value_are_refused(value, message):
    env = make(reward=constant(value))
    env.reset()
    with pytest.raises(ValueError, match=message):
        env.step(env.action_space.sample())


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.zeros(2), r"feature 'load' must be an array of numbers of shape \(1, 2\)"),
        (np.array([[0.0, 1.5]]), "feature 'load' must lie in its space .*got values from 0 to 1.5; clip them"),
        (np.array([[0.0, -0.5]]), "feature 'load' must lie in its space"),
        (np.array([[0.0, np.inf]]), "feature 'load' must be finite"),
    ],
)
def test_features_outside_their_space_are_refused(value, message):
    with pytest.raises(ValueError, match=message):
        make(features=[replace(LOAD, function=constant(value))]).reset()


def test_functions_cannot_change_what_they_get():
    """Metrics and observations are read-only, so a function cannot change the info or another feature."""

    def changes(numbers, *rest):
        next(iter(numbers.values()))[:] = 7.0

    env = make(reward=changes)
    env.reset()
    with pytest.raises(ValueError, match="read-only"):
        env.step(env.action_space.sample())
    with pytest.raises(ValueError, match="read-only"):
        make(features=[replace(LOAD, function=changes)]).reset()


def test_scenario_files_cannot_name_functions(tmp_path):
    """Loading a file runs no code: neither a reward nor features are given there."""
    (tmp_path / "own_code.py").write_text("raise SystemExit('the file was executed')\n")
    for key in ("reward", "features"):
        data = scenario_data(load_scenario("single-node")) | {key: "own_code:reward"}
        (tmp_path / "own.yaml").write_text(yaml.safe_dump(data))
        with pytest.raises(ScenarioError, match=key):
            load_scenario(tmp_path / "own.yaml")
    code = "from edge_llm_gym.scenario import load_scenario\ntry:\n  load_scenario('own.yaml')\n"
    code += "except ValueError: print(1)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"


def test_overrides_of_a_reset_keep_both():
    env = make(**OBJECTS)
    observation, _ = env.reset(seed=0, options={"overrides": {"nodes.0.memory_fraction": 0.5}})
    assert env.observation_space.contains(observation)
    assert "own" in env.step(env.action_space.sample())[-1]["rewards"]


@pytest.mark.parametrize("how", ["reset", "restore"])
def test_after_a_reward_that_fails_rows_are_observed_anew(how):
    fails = [False]

    def reward(metrics, scenario):
        if fails[0]:
            raise RuntimeError("no reward")
        return np.zeros_like(metrics["arrived"])

    rows = make_rows(SINGLE, 2, overrides=SHORT, reward=reward)
    first, _ = rows.reset(seed=3)
    saved = rows.snapshot()
    rows.action_space.seed(0)
    fails[0] = True
    with pytest.raises(RuntimeError, match="no reward"):
        rows.step(rows.action_space.sample())
    assert_same(rows.reset(seed=3)[0] if how == "reset" else rows.restore(saved), first)
