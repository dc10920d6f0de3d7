"""The shared episode loop: its steps against an environment that is stepped directly."""

import gymnasium
import numpy as np
import pytest

import edge_llm_gym  # noqa: F401  registers the ids
from edge_llm_gym.evaluation.vector_rollout import steps_of
from edge_llm_gym.experts import make_expert
from tests.equality import assert_same

ROWS, HORIZON = 3, 4
SETTINGS = {"overrides": {"slots": 6, "horizon_epochs": HORIZON}}


def vector():
    return gymnasium.make_vec(
        "EdgeLLM/MultiNode-v0", num_envs=ROWS, vectorization_mode="vector_entry_point", **SETTINGS
    )


class RecordingPolicy:
    """An expert that keeps the state and the starts which it receives; its state counts the steps."""

    def __init__(self, env) -> None:
        self.expert, self.received = make_expert("edf", env), []

    def predict(self, observation, state=None, episode_start=None, deterministic=False):
        self.received.append((state, np.array(episode_start).tolist(), deterministic))
        return self.expert.predict(observation)[0], (state or 0) + 1


def test_steps_are_those_of_the_environment_until_all_rows_end():
    envs, direct = vector(), vector()
    policy = RecordingPolicy(envs)
    observation, _ = direct.reset(seed=5)
    steps = list(steps_of(envs, policy, seed=5))
    assert len(steps) == HORIZON
    for step in steps:
        assert_same(step.observation, observation)
        observation, reward, _, truncated, info = direct.step(step.action)
        assert_same(step.next_observation, observation)
        np.testing.assert_array_equal(step.reward, reward)
        np.testing.assert_array_equal(step.ended, truncated)
    assert_same(step.own_info["totals"], info["final_info"]["totals"])
    for row in range(ROWS):
        assert_same({key: array[row] for key, array in step.last_observation().items()}, info["final_obs"][row])
    assert not np.array_equal(step.last_observation()["requests"], step.next_observation["requests"])
    assert [state for state, *_ in policy.received] == [None, 1, 2, 3]
    assert [starts for _, starts, _ in policy.received] == [[True] * ROWS, *[[False] * ROWS] * 3]
    assert all(deterministic for *_, deterministic in policy.received)


def test_a_number_of_epochs_goes_past_the_end_of_an_episode():
    envs = vector()
    policy = RecordingPolicy(envs)
    steps = list(steps_of(envs, policy, seed=5, epochs=HORIZON + 2))
    assert [bool(step.ended.all()) for step in steps] == [False, False, False, True, False, False]
    assert policy.received[HORIZON][1] == [True] * ROWS


@pytest.mark.parametrize("epochs", [None, 2])
def test_a_single_environment_is_stepped_too(epochs):
    env = gymnasium.make("EdgeLLM/MultiNode-v0", **SETTINGS)
    steps = list(steps_of(env, make_expert("edf", env), seed=5, epochs=epochs))
    assert len(steps) == (epochs or HORIZON)
    assert steps[-1].ended.tolist() == [epochs is None]
    assert steps[0].own_info is steps[0].info
