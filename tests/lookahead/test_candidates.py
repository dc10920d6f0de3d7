"""Candidate actions: the base action first, then the expert's, then different ones of perturbed parameters."""

import gymnasium
import numpy as np

import edge_llm_gym  # noqa: F401  registers the ids
from edge_llm_gym.experts import make_expert
from edge_llm_gym.linear import make_linear
from edge_llm_gym.lookahead.candidates import Candidates
from tests.equality import assert_same


def observed(name, epochs=4):
    env = gymnasium.make(f"EdgeLLM/{name}-v0")
    base = make_linear(env.unwrapped.scenario, search="quick")
    observation, _ = env.reset(seed=2)
    for _ in range(epochs):
        observation, *_ = env.step(base.predict(observation)[0])
    return env, base, observation


def of_row(actions, row):
    return {key: array[row] for key, array in actions.items()}


def test_the_first_is_the_base_action_the_second_the_experts_and_all_differ():
    env, base, observation = observed("MultiNode")
    expert = make_expert("fcfs", env)
    actions, memory = Candidates(base, expert, 10, 0.5).of(observation, None, np.random.default_rng(0))
    assert_same(of_row(actions, 0), base.predict(observation)[0])
    assert_same(of_row(actions, 1), expert.predict(observation)[0])
    assert len({row.tobytes() for row in actions["batch"]}) == 10
    assert memory is None
    assert env.action_space.contains(of_row(actions, 9))


def test_without_noise_the_base_action_is_repeated():
    _, base, observation = observed("SingleNode")
    actions, _ = Candidates(base, None, 3, 0.0).of(observation, None, np.random.default_rng(0))
    for row in range(3):
        assert_same(of_row(actions, row), base.predict(observation)[0])


def test_the_experts_memory_is_handed_on():
    env, base, observation = observed("EarlyExit", epochs=1)
    expert, rng = make_expert("dto-ee", env), np.random.default_rng(0)
    _, memory = Candidates(base, expert, 2, 0.5).of(observation, None, rng)
    action, _ = Candidates(base, expert, 2, 0.5).of(observation, memory, rng)
    expected, _ = expert.predict(observation, expert.predict(observation)[1])
    assert_same(of_row(action, 1), expected)


def test_a_single_candidate_is_the_base_action():
    env, base, observation = observed("SingleNode")
    actions, _ = Candidates(base, make_expert("edf", env), 1, 0.5).of(observation, None, np.random.default_rng(0))
    assert len(actions["batch"]) == 1
    assert_same(of_row(actions, 0), base.predict(observation)[0])
