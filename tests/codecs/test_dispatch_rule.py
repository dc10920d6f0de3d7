"""The dispatch-rule codec against greedy insertion by the same ranks."""

import gymnasium
import numpy as np
import pytest

import edge_llm_gym  # noqa: F401  registers the ids
from edge_llm_gym.actions import ActionError
from edge_llm_gym.codecs import make_codec
from edge_llm_gym.codecs.dispatch_rule import CHOICES, RULES, SCORE_BOUND, DispatchRule
from edge_llm_gym.codecs.priority import Priority
from edge_llm_gym.scenario import load_scenario

ROWS = 4


@pytest.fixture(scope="module")
def crowded():
    """Rows of MultiNode with long queues, and their observations."""
    envs = gymnasium.make_vec("EdgeLLM/MultiNode-v0", num_envs=ROWS, vectorization_mode="vector_entry_point")
    observations, _ = envs.reset(seed=0)
    codec = DispatchRule(envs.scenario)
    for choice in (0, 0, 1, 0):
        observations, *_ = envs.step(codec.decode(np.full(ROWS, choice), observations))
    return envs, observations


@pytest.mark.parametrize("index", range(len(CHOICES)), ids=[f"{rule}-{overrun}" for rule, overrun in CHOICES])
def test_a_choice_inserts_by_its_rule_within_its_overrun(crowded, index):
    envs, observations = crowded
    rule, overrun = CHOICES[index]
    codec = DispatchRule(envs.scenario)
    columns = codec._features.read(observations)
    score = np.tanh(RULES[rule](columns).reshape(ROWS, -1) / SCORE_BOUND).astype(np.float32)  # equal ones stay equal
    rank = np.unique(score, return_inverse=True)[1].reshape(score.shape) + 1.0
    flat = np.where(columns["feasible"].reshape(ROWS, -1) > 0, rank / (rank.max() + 1), -1.0)
    expected = Priority(envs.scenario, overrun_s=overrun * envs.scenario.epoch_s).decode(flat, observations)
    action = codec.decode(np.full(ROWS, index + 1), observations)
    assert np.array_equal(action["batch"], expected["batch"])
    assert np.array_equal(action["bandwidth"], expected["bandwidth"])
    assert (action["batch"] > 0).sum() > ROWS


def test_rows_are_decoded_independently_and_choices_differ(crowded):
    envs, observations = crowded
    codec = DispatchRule(envs.scenario)
    alone = [codec.decode(np.full(ROWS, choice), observations)["batch"] for choice in range(codec.space.n)]
    mixed = np.array([0, 3, 5, 8])
    batch = codec.decode(mixed, observations)["batch"]
    assert all(np.array_equal(batch[row], alone[choice][row]) for row, choice in enumerate(mixed))
    assert (alone[0] == 0).all()
    assert len({array.tobytes() for array in alone}) > len(RULES)


@pytest.mark.parametrize("action", [np.array([0.0] * ROWS), np.array([13] * ROWS), np.array([-1] * ROWS), np.array(1)])
def test_anything_else_is_refused(crowded, action):
    envs, observations = crowded
    with pytest.raises(ActionError, match="flat actions must"):
        DispatchRule(envs.scenario).decode(action, observations)


def test_other_dynamics_are_refused():
    with pytest.raises(ValueError, match="dynamics 'batching', got 'streaming'"):
        DispatchRule(load_scenario("early-exit"))
    with pytest.raises(ValueError, match=r"unknown codec .*'streaming' 'dispatch_rule'"):
        make_codec("dispatch_rule", load_scenario("early-exit"))


def test_it_has_no_inverse(crowded):
    envs, observations = crowded
    with pytest.raises(NotImplementedError, match="priority"):
        DispatchRule(envs.scenario).encode({}, observations)
