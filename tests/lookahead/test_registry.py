"""Rollout policies by name: settings, base policies, errors, and comparisons."""

import gymnasium
import numpy as np
import pytest

import edge_llm_gym  # noqa: F401  registers the ids
from edge_llm_gym.evaluation import compare
from edge_llm_gym.evaluation.policies import PolicySource, is_trained, policy_sources
from edge_llm_gym.linear import make_linear
from edge_llm_gym.lookahead import RolloutPolicy, make_rollout
from edge_llm_gym.lookahead.registry import base_policy, checked_settings
from edge_llm_gym.lookahead.rollouts import RolloutSettings


@pytest.fixture
def env():
    return gymnasium.make("EdgeLLM/SingleNode-v0", overrides={"horizon_epochs": 3})


def test_compare_takes_the_name_with_settings(env):
    policies = ["rollout[horizon=2;futures=2;candidates=3;expert=edf]", "edf"]
    result = compare("EdgeLLM/SingleNode-v0", policies, seeds=[0], overrides={"horizon_epochs": 3})
    assert result.policies == tuple(policies) or list(result.episodes) == policies
    again = compare("EdgeLLM/SingleNode-v0", policies, seeds=[0], overrides={"horizon_epochs": 3})
    assert result.episodes[policies[0]][0]["reward"] == again.episodes[policies[0]][0]["reward"]


def test_settings_reach_the_policy(env):
    policy = PolicySource("x", "rollout[horizon=2;futures=5;candidates=3;margin=0.5]").make(env, 0)
    assert isinstance(policy, RolloutPolicy)
    assert policy.last_returns.shape == (3, 5)
    assert checked_settings({"horizon": 2, "margin": 0.5}) == RolloutSettings(horizon=2, margin=0.5)


def test_a_file_of_a_linear_policy_is_a_base(env, tmp_path):
    parameters = np.linspace(-1.0, 1.0, 14)
    make_linear(env.unwrapped.scenario, parameters).save(tmp_path / "own.zip")
    found = base_policy(str(tmp_path / "own.zip"), env.unwrapped.scenario)
    np.testing.assert_array_equal(found.parameters, parameters)
    name = f"rollout[base={tmp_path / 'own.zip'}]"
    assert not is_trained(name)
    assert policy_sources([name])[0].make(env, 0)._base.parameters[0] == -1.0


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"horizons": 2}, TypeError, "no setting 'horizons'; did you mean 'horizon'"),
        ({"futures": 0}, ValueError, "futures must be .*1.*got 0"),
        ({"candidates": 2.5}, ValueError, "candidates must be a whole number"),
        ({"discount": 1.5}, ValueError, "discount must be .*got 1.5"),
        ({"margin": -1.0}, ValueError, "margin must be"),
        ({"candidates": 100, "futures": 100}, ValueError, "may be 4096 at most, got 100 times 100"),
        ({"expert": "ot-gahh"}, ValueError, "did you mean 'ot-gah'"),
        ({"base": "/no/such/file.zip"}, ValueError, "/no/such/file.zip"),
        ({"base": "pretrained:nothing"}, ValueError, "unknown pretrained policy 'nothing'"),
        ({"base": 3}, ValueError, "must be linear.*got 3"),
    ],
)
def test_what_is_wrong_with_a_setting_is_said(env, settings, error, message):
    with pytest.raises(error, match=message):
        make_rollout(env, **settings)


def test_vector_environments_are_refused():
    envs = gymnasium.make_vec("EdgeLLM/SingleNode-v0", num_envs=2, vectorization_mode="vector_entry_point")
    with pytest.raises(TypeError, match="needs a single environment, whose state it reads"):
        make_rollout(envs)
