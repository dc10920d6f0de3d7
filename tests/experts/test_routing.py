"""Experts of streaming dynamics through `predict`: valid actions, reaction to slow nodes, state, names and errors."""

from itertools import pairwise

import gymnasium
import numpy as np
import pytest

from edge_llm_gym.evaluation import compare
from edge_llm_gym.experts import expert_names, make_expert
from edge_llm_gym.scenario import load_scenario
from tests.decoding.test_streaming import SCENARIO, STEADY, by_hand
from tests.equality import assert_same
from tests.experts.predictions import assert_actions_fit_single_and_batched

ENVIRONMENT = "EdgeLLM/EarlyExit-v0"
QUICK = ("random", "dto-ee", "uniform", "compute-proportional", "bandwidth-proportional", "fixed-threshold", "no-exit")


@pytest.mark.parametrize("name", QUICK)
def test_actions_lie_in_the_action_space_single_and_batched(name):
    assert_actions_fit_single_and_batched(ENVIRONMENT, name, epochs=4)


@pytest.mark.parametrize("name", ["dto-ee", "selfish", "compute-proportional", "fixed-threshold"])
def test_fewer_requests_go_to_a_node_that_slows_down(name):
    assert sent_to_slowed(name, 4.0) < 0.7 * sent_to_slowed(name, 1.0)


def test_a_baseline_that_ignores_speeds_is_unchanged():
    assert sent_to_slowed("uniform", 4.0) == sent_to_slowed("uniform", 1.0)


def sent_to_slowed(name: str, factor: float) -> int:
    """Requests that an expert sends to the third cell in the eight epochs after it has become slower."""
    changes = STEADY | {"nodes.2.slowdown": {"from_s": 4.0, "factor": factor}}
    env = gymnasium.make(ENVIRONMENT, overrides=changes)
    expert, state, sent = make_expert(name, env, seed=0), None, 0
    observation, _ = env.reset(seed=0)
    for epoch in range(12):
        action, state = expert.predict(observation, state)
        observation, _, _, _, info = env.step(action)
        sent += info["nodes"]["sent"][2] if epoch >= 4 else 0
    return sent


def test_dto_ee_has_a_higher_reward_than_the_baselines():
    table = compare(ENVIRONMENT, ["dto-ee", "uniform", "bandwidth-proportional", "no-exit"], seeds=range(3))
    assert table.best == "dto-ee"
    for policy in table.policies[1:]:
        assert table.difference(policy).high < 0


def test_state_is_renewed_with_the_episode_and_its_length_is_checked():
    env = gymnasium.make(ENVIRONMENT)
    expert = make_expert("dto-ee", env)
    first, _ = env.reset(seed=0)
    action, state = expert.predict(first)
    second, *_ = env.step(action)
    _, later = expert.predict(second, state)
    anew, _ = expert.predict(first, later, episode_start=np.ones(1, np.bool_))
    assert_same(anew, action)
    with pytest.raises(ValueError, match="memory of 1 rows, got 2"):
        expert.predict(first, state * 2)


def test_plans_hold_for_replan_every_epochs():
    env = gymnasium.make(ENVIRONMENT)
    expert = make_expert("compute-proportional", env, replan_every=3)
    observation, _ = env.reset(seed=0)
    state, plans = None, []
    for _ in range(7):
        action, state = expert.predict(observation, state)
        plans.append(state[0].plan)
        observation, *_ = env.step(action)
    changes = [before is not after for before, after in pairwise(plans)]
    assert changes == [False, False, True, False, False, True]


def test_selfish_and_genetic_return_valid_actions():
    env = gymnasium.make(ENVIRONMENT, overrides={"horizon_epochs": 3})
    for name in ("selfish", "genetic"):
        observation, _ = env.reset(seed=0)
        action, _ = make_expert(name, env, seed=0).predict(observation)
        assert env.action_space.contains(action)


def test_names_depend_on_the_dynamics():
    assert set(expert_names(SCENARIO)) == {*QUICK, "selfish", "genetic"}
    assert "dto-ee" not in expert_names(load_scenario("multi-node"))
    with pytest.raises(ValueError, match="does not serve the dynamics 'streaming'"):
        compare(ENVIRONMENT, ["edf"], seeds=[0])


def test_an_observation_of_another_scenario_is_refused():
    observation = by_hand()
    observation["spectral_efficiency"] = np.zeros((3, 4, 2), np.float32)
    with pytest.raises(ValueError, match="was made for scenario 'early-exit'"):
        make_expert("dto-ee", SCENARIO).predict(observation)
