"""The rule codec against greedy insertion by the same ranks, and against its own promises."""

import numpy as np
import pytest

from agents.config import ConfigError, read_config
from agents.evaluation import make_envs
from agents.rule_codec import CHOICES, RULES, SCORE_BOUND, Rules
from agents.training import make_env
from edge_llm_gym.actions import ActionError
from edge_llm_gym.codecs.priority import Priority

ROWS = 4


@pytest.fixture(scope="module")
def crowded():
    """Rows of MultiNode with long queues, and what they show."""
    config = read_config({"environment": {"id": "EdgeLLM/MultiNode-v0"}, "codec": {"name": "box"}})
    envs = make_envs(config, ROWS)
    observations, _ = envs.reset(seed=0)
    codec = Rules(envs.scenario)
    for choice in (0, 0, 1, 0):
        observations, *_ = envs.step(codec.decode(np.full(ROWS, choice), observations))
    return envs, observations


@pytest.mark.parametrize("place", range(len(CHOICES)), ids=[f"{rule}-{overrun}" for rule, overrun in CHOICES])
def test_a_choice_inserts_by_its_rule_within_its_overrun(crowded, place):
    envs, observations = crowded
    rule, overrun = CHOICES[place]
    codec = Rules(envs.scenario)
    columns = codec._tokens.columns(observations)
    score = np.tanh(RULES[rule](columns).reshape(ROWS, -1) / SCORE_BOUND).astype(np.float32)  # equal ones stay equal
    rank = np.unique(score, return_inverse=True)[1].reshape(score.shape) + 1.0
    flat = np.where(columns["feasible"].reshape(ROWS, -1) > 0, rank / (rank.max() + 1), -1.0)
    expected = Priority(envs.scenario, overrun_s=overrun * envs.scenario.epoch_s).decode(flat, observations)
    action = codec.decode(np.full(ROWS, place + 1), observations)
    assert np.array_equal(action["batch"], expected["batch"])
    assert np.array_equal(action["bandwidth"], expected["bandwidth"])
    assert (action["batch"] > 0).sum() > ROWS


def test_rows_choose_for_themselves_and_choices_differ(crowded):
    envs, observations = crowded
    codec = Rules(envs.scenario)
    alone = [codec.decode(np.full(ROWS, choice), observations)["batch"] for choice in range(codec.space.n)]
    mixed = np.array([0, 3, 5, 8])
    batch = codec.decode(mixed, observations)["batch"]
    assert all(np.array_equal(batch[row], alone[choice][row]) for row, choice in enumerate(mixed))
    assert (alone[0] == 0).all()
    assert len({array.tobytes() for array in alone}) > len(RULES)


@pytest.mark.parametrize("action", [np.array([0.0] * ROWS), np.array([13] * ROWS), np.array([-1] * ROWS), np.array(1)])
def test_anything_else_is_refused(crowded, action):
    envs, observations = crowded
    with pytest.raises(ActionError, match=r"whole numbers \[R\] in 0\.\.12"):
        Rules(envs.scenario).decode(action, observations)


def test_it_ranks_requests_that_are_pooled_in_one_stage(tiny):
    with pytest.raises(ConfigError, match="dynamics 'batching', got 'stream'"):
        make_env(tiny(environment={"id": "EdgeLLM/EarlyExit-v0"}, codec={"name": "rules"}))
