"""The clairvoyant bound knows true lengths: it holds for policies that see predictions."""

import gymnasium
import numpy as np
import pytest

import edge_llm_gym  # noqa: F401  registers the ids
from edge_llm_gym.evaluation.bounds import clairvoyant_bound
from edge_llm_gym.evaluation.policies import policy_sources
from edge_llm_gym.evaluation.rollout import run_episode
from tests.evaluation.test_bounds import (
    SCARCE,
    SHORT_BUDGETS,
    TWO_NODES,
    best_of_all_policies,
    best_of_routing_policies,
    miniature,
    small_joint,
    thresholds_that_differ,
)

PREDICTED = {"lengths.prediction.sigma": 0.8}


@pytest.mark.parametrize(
    ("name", "overrides"), [("single-node", SCARCE), ("multi-node", TWO_NODES)], ids=["scarce", "two nodes"]
)
def test_never_below_the_best_of_all_policies(name, overrides):
    bounds, best = [], []
    for seed in range(12):
        simulator = miniature(name, overrides | PREDICTED, seed)
        bounds.append(clairvoyant_bound(simulator))
        best.append(best_of_all_policies(simulator))
        assert best[-1] <= bounds[-1], seed
    assert np.sum(bounds) <= 1.35 * np.sum(best)


@pytest.mark.parametrize("seed", [0, 1, 3])
def test_never_below_the_best_of_all_routing_policies(seed):
    simulator = small_joint(SHORT_BUDGETS | PREDICTED, seed)
    bound = clairvoyant_bound(simulator)
    assert 0 < best_of_routing_policies(simulator, thresholds_that_differ(simulator)) <= bound


def test_no_expert_exceeds_it():
    overrides = PREDICTED | {"horizon_epochs": 12, "requests.value": [0.5, 2.0]}
    env = gymnasium.make("EdgeLLM/SingleNode-v0", overrides=overrides)
    policies = ["dftsp", "dftsp[quantile=0.2]", "edf[quantile=0.9]"]
    served = [run_episode(env, source.make(env, 0), 0)["served_value"] for source in policy_sources(policies)]
    assert 0 < max(served) <= clairvoyant_bound(env.unwrapped.simulator)
