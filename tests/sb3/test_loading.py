"""Trained policies from their archives: they act as trained, are compared by path, and refuse what they do not fit."""

import gymnasium
import numpy as np
import pytest

from agents.evaluation import make_envs
from agents.training import make_env, train
from edge_llm_gym.evaluation import compare
from edge_llm_gym.evaluation.policies import policy_sources
from edge_llm_gym.sb3 import DecodedPolicy, load_policy
from edge_llm_gym.settings import ConfigError

TINY_SIZE = {"slots": 6, "horizon_epochs": 10}


@pytest.fixture
def run(tiny, tmp_path):
    """The folder of a short run and its model."""
    folder = tmp_path / "run"
    return folder, train(tiny(), folder)


def test_a_loaded_policy_acts_as_the_trained_one(tiny, run):
    folder, model = run
    env = make_env(tiny())
    trained = DecodedPolicy(model.policy, env.envs, env.codec)
    loaded = load_policy(folder / "model.zip", env.envs)
    observations, _ = env.envs.reset(seed=4)
    for _ in range(5):
        expected, got = (policy.predict(observations, deterministic=True)[0] for policy in (trained, loaded))
        one = loaded.predict({key: array[0] for key, array in observations.items()}, deterministic=True)[0]
        for key in expected:
            assert np.array_equal(expected[key], got[key])
            assert np.array_equal(one[key], got[key][0])
        observations, *_ = env.envs.step(got)


def test_compare_takes_its_path(run):
    path = str(run[0] / "model.zip")
    table = compare("EdgeLLM/MultiNode-v0", [path, "edf"], seeds=[0, 1], overrides=TINY_SIZE)
    assert set(table.policies) == {path, "edf"}
    assert table.mean(path, "served_share").mean > 0


def test_a_set_policy_acts_in_networks_of_other_sizes(run):
    env = gymnasium.make("EdgeLLM/SingleNode-v0", overrides={"slots": 9})
    policy = load_policy(run[0] / "model.zip", env)
    observation, _ = env.reset(seed=0)
    action, _ = policy.predict(observation)
    assert env.action_space.contains({key: value.astype(env.action_space[key].dtype) for key, value in action.items()})


def test_an_mlp_acts_only_in_its_own_size(tiny, tmp_path):
    train(tiny(policy={"kind": "mlp", "hidden": [8]}, steps=12), tmp_path / "run")
    with pytest.raises(ConfigError, match=r"weights .* do not fit scenario 'multi-node'"):
        load_policy(tmp_path / "run" / "model.zip", gymnasium.make("EdgeLLM/MultiNode-v0", overrides={"slots": 7}))


def test_other_dynamics_are_refused(run):
    with pytest.raises(ConfigError, match="dynamics 'batching', and cannot act in scenario 'early-exit'"):
        load_policy(run[0] / "model.zip", gymnasium.make("EdgeLLM/EarlyExit-v0"))


def test_files_are_checked_before_anything_runs(tmp_path):
    with pytest.raises(ValueError, match=r"no trained policy at 'none\.zip'"):
        policy_sources(["none.zip"])
    stray = tmp_path / "model.zip"
    stray.write_bytes(b"no zip")
    with pytest.raises(ValueError, match=r"model\.zip holds no trained policy: it is no zip archive"):
        policy_sources([str(stray)])


def test_a_file_that_is_no_archive_is_refused(tiny, run):
    path = run[0] / "best.zip"
    path.write_bytes(b"no zip")
    with pytest.raises(ConfigError, match="no archive"):
        load_policy(path, make_envs(tiny(), 1))
