"""The ParallelEnv: PettingZoo's own checks, spaces, parity with the single environment, errors."""

import pickle
import sys

import gymnasium
import numpy as np
import pytest

pytest.importorskip("pettingzoo", reason="needs the extra 'multiagent'")

from gymnasium import spaces
from pettingzoo.test import parallel_api_test, parallel_seed_test

from edge_llm_gym.actions import ActionError
from edge_llm_gym.env.own_functions import Feature
from edge_llm_gym.experts import make_expert
from edge_llm_gym.multiagent import AgentPolicy, SplitPolicy, parallel_env
from edge_llm_gym.scenario import ScenarioError
from edge_llm_gym.scenario.loading import scenario_data
from tests.equality import assert_same

SHORT = {"horizon_epochs": 4}


def sampled(env) -> dict:
    return {agent: env.action_space(agent).sample() for agent in env.agents}


@pytest.mark.parametrize(("observations", "rewards"), [("local", "shared"), ("global", "local")])
def test_pettingzoo_accepts_the_environment(environment, observations, rewards):
    make = {"observations": observations, "rewards": rewards, "overrides": SHORT}
    parallel_api_test(parallel_env(environment, **make), num_cycles=6)
    parallel_seed_test(lambda: parallel_env(environment, **make), num_cycles=6)


@pytest.mark.parametrize("observations", ["local", "global"])
def test_spaces_hold_what_is_returned(environment, observations):
    env = parallel_env(environment, observations=observations, overrides=SHORT)
    assert env.agents == []
    seen, infos = env.reset(seed=3)
    for epoch in range(5):
        assert env.state_space.contains(env.state())
        assert list(seen) == list(infos) == env.possible_agents
        for agent, observation in seen.items():
            assert env.observation_space(agent).contains(observation), agent
        if epoch == 4:
            break
        seen, rewards, terminations, truncations, infos = env.step(sampled(env))
        assert all(type(reward) is float for reward in rewards.values())
        assert not any(terminations.values())
        assert set(truncations.values()) == {epoch == 3}
    assert env.agents == []
    with pytest.raises(RuntimeError, match="reset"):
        env.step({})


def test_a_split_expert_equals_the_single_environment(environment, expert):
    overrides = {"horizon_epochs": 8}
    single, env = gymnasium.make(environment, overrides=overrides), parallel_env(environment, overrides=overrides)
    seen, info = single.reset(seed=5)
    _, infos = env.reset(seed=5)
    planner, split, memory, split_memory, total = make_expert(expert, single), SplitPolicy(expert, env), None, None, 0.0
    for epoch in range(8):
        assert_same(env.global_observation(), seen)
        assert_same(infos[env.possible_agents[-1]], info)
        action, memory = planner.predict(seen, memory, epoch == 0)
        actions, split_memory = split.predict(env.global_observation(), split_memory, epoch == 0)
        seen, reward, _, _, info = single.step(action)
        _, rewards, _, _, infos = env.step(actions)
        assert set(rewards.values()) == {reward}
        total += abs(reward)
    assert total > 0.0
    assert_same(env.global_observation(), seen)


@pytest.mark.parametrize("name", ["EdgeLLM/Joint-v0"])
def test_agents_that_plan_for_themselves_make_the_same_plan(name):
    env = parallel_env(name, observations="global", overrides=SHORT)
    seen, _ = env.reset(seed=1)
    policies = {agent: AgentPolicy(agent, "edf+dto-ee", env) for agent in env.agents}
    split, _ = SplitPolicy("edf+dto-ee", env).predict(env.global_observation())
    own = {agent: policies[agent].predict(seen[agent])[0] for agent in env.agents}
    assert_same(own, split)
    with pytest.raises(ValueError, match="l4-8bit"):
        AgentPolicy("l4-8bi", "edf+dto-ee", env)


def test_global_observations_tell_agents_apart():
    env = parallel_env("EdgeLLM/Joint-v0", observations="global")
    seen, _ = env.reset(seed=0)
    marks = np.stack([seen[agent]["agent"] for agent in env.possible_agents])
    np.testing.assert_array_equal(marks, np.eye(6))
    first, second = (env.observation_space(agent) for agent in env.possible_agents[:2])
    assert not set(map(id, first.spaces.values())) & set(map(id, second.spaces.values()))  # seeds of their own
    for agent in env.agents:
        assert_same({key: value for key, value in seen[agent].items() if key != "agent"}, env.global_observation())
    seen[env.agents[0]]["requests"][:] = 9.0
    assert seen[env.agents[1]]["requests"].max() <= 1.0
    assert env.global_observation()["requests"].max() <= 1.0


def test_a_copy_by_pickle_goes_on_alike():
    env = parallel_env("EdgeLLM/EarlyExit-v0", rewards="local")
    env.reset(seed=2)
    copy = pickle.loads(pickle.dumps(env))
    actions = sampled(env)
    assert_same(env.step(actions), copy.step(actions))
    assert_same(env.reset(), copy.reset())


def test_rendering_is_that_of_the_single_environment():
    env = parallel_env("EdgeLLM/SingleNode-v0", render_mode="ansi")
    env.reset(seed=0)
    assert env.render() == env.env.render()
    assert "l4-pair" in env.render()
    env.close()


def _density(observation, totals, scenario):
    return observation["request_mask"].mean(axis=1, keepdims=True)


def test_features_need_global_observations():
    feature = Feature("density", spaces.Box(0.0, 1.0, (1,), np.float32), _density)
    with pytest.raises(ValueError, match=r"global.*or leave features out"):
        parallel_env(features=[feature])
    seen, _ = parallel_env(features=[feature], observations="global").reset(seed=0)
    assert all(0.0 < observation["density"][0] <= 1.0 for observation in seen.values())
    with pytest.raises(ValueError, match="'agent' already"):
        parallel_env(features=[Feature("agent", feature.space, _density)], observations="global")


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"observations": "lokal"}, ValueError, "did you mean 'local'"),
        ({"rewards": "team"}, ValueError, "choose one of"),
        ({"environment": "CartPole-v1"}, TypeError, "CartPoleEnv"),
        ({"overrides": {"nods": 1}}, ScenarioError, "nodes"),
    ],
)
def test_wrong_arguments_are_refused(settings, error, message):
    with pytest.raises(error, match=message):
        parallel_env(**settings)


def test_malformed_actions_are_refused_and_change_nothing():
    env = parallel_env("EdgeLLM/Joint-v0")
    with pytest.raises(RuntimeError, match="reset"):
        env.step({})
    with pytest.raises(RuntimeError, match="reset"):
        env.state()
    env.reset(seed=0)
    state, good = env.state(), sampled(env)
    bad = {
        "lacks the key 'deep-8bit'": {name: action for name, action in good.items() if name != "deep-8bit"},
        "unknown action key": good | {"deep-9bit": good["deep-8bit"]},
        r"'l4-8bit': action 'bid' must lie in \[-1, 1\]": good
        | {"l4-8bit": good["l4-8bit"] | {"bid": np.full(32, 1.1)}},
        "'l4-8bit': action 'bid' must have shape": good | {"l4-8bit": good["l4-8bit"] | {"bid": np.zeros(31)}},
        "values from nan": good | {"l4-8bit": good["l4-8bit"] | {"bid": np.full(32, np.nan)}},
        r"'deep-8bit': action 'threshold' must lie in \[0, 1\]": good | {"deep-8bit": {"threshold": [-0.1]}},
        "dtype <U1": good | {"deep-8bit": {"threshold": ["x"]}},
        "'deep-8bit': unknown action key": good | {"deep-8bit": good["l4-8bit"]},
    }
    for message, actions in bad.items():
        with pytest.raises(ActionError, match=message):
            env.step(actions)
    np.testing.assert_array_equal(env.state(), state)
    with pytest.raises(ValueError, match="did you mean 'deep-8bit'"):
        env.action_space("deep-8bits")


def test_overrides_that_change_the_agents_are_refused():
    env = parallel_env("EdgeLLM/EarlyExit-v0")
    env.reset(seed=0, options={"overrides": {"arrivals.rate_per_s": 1.0}})
    nodes = scenario_data(env.scenario)["nodes"]
    with pytest.raises(ScenarioError, match="stage"):
        env.reset(options={"overrides": {"nodes": [nodes[4], *nodes[1:4], nodes[0], *nodes[5:]]}})


def test_a_missing_library_is_named(monkeypatch):
    monkeypatch.delitem(sys.modules, "edge_llm_gym.multiagent.parallel")
    monkeypatch.setitem(sys.modules, "pettingzoo", None)
    import edge_llm_gym.multiagent as package

    with pytest.raises(ImportError, match=r"edge-llm-gym\[multiagent\]"):
        package.parallel_env  # noqa: B018 - the attribute is loaded on use
    with pytest.raises(AttributeError, match="no attribute 'paralel_env'"):
        package.paralel_env  # noqa: B018
