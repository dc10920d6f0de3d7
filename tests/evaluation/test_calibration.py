"""Binding resources and the checks of streaming scenarios, by hand."""

import gymnasium
import numpy as np
import pytest

from edge_llm_gym.decoding.readers import batch_reader
from edge_llm_gym.evaluation.calibration import RESOURCES, binding_shares
from edge_llm_gym.evaluation.comparison import Comparison
from edge_llm_gym.evaluation.rollout import run_episode
from edge_llm_gym.evaluation.streaming_calibration import STREAMING_EXPERTS, streaming_checks
from edge_llm_gym.experts import make_expert
from edge_llm_gym.problems.feasibility import within_limit


def counted_pair_by_pair(env, policy, seed):
    """Epochs in which each resource binds, and in which it is the only cause, from the loads of batch problems."""
    reader = batch_reader(env.unwrapped.scenario)
    found = []

    def watch(_, observation, action):
        problem = reader.read(observation).problem
        node = action["batch"][observation["request_mask"] == 1]
        violated = [np.zeros(len(RESOURCES), bool)]
        for index, one in enumerate(problem.nodes):
            for request in np.flatnonzero(node == 0):
                loads = one.loads((node == index + 1) | (np.arange(node.size) == request)).values()
                violated.append(np.array([not within_limit(used, limit) for used, limit in loads]))
        rows = np.array(violated)
        found.append((rows.any(axis=0), rows[rows.sum(axis=1) == 1].any(axis=0)))

    run_episode(env, policy, seed, watch=watch)
    return np.array(found).sum(axis=0)


@pytest.mark.parametrize("environment", ["EdgeLLM/MultiNode-v0", "EdgeLLM/Continuous-v0"])
def test_binding_epochs_are_those_counted_pair_by_pair(environment):
    overrides = {"horizon_epochs": 12, "slots": 16}
    env = gymnasium.make(environment, overrides=overrides)
    binding, only = counted_pair_by_pair(env, make_expert("edf", env), 0) / 12
    shares = binding_shares(environment, "edf", range(1), {"overrides": overrides})
    assert shares == {name: (binding[index], only[index]) for index, name in enumerate(RESOURCES)}
    assert 0 < only.sum() < binding.sum()


def test_shares_lie_between_none_and_all():
    shares = binding_shares("EdgeLLM/SingleNode-v0", "edf", range(1), {"overrides": {"horizon_epochs": 10}})
    for binding, only_cause in shares.values():
        assert 0.0 <= only_cause <= binding <= 1.0


def streaming_comparison(best_exit: float, gains: tuple[float, ...]) -> Comparison:
    """Two seeds; "dto-ee" is ahead of the other experts by `gains`."""

    def episode(reward: float, delay_s: float) -> dict[str, float]:
        exits = {"exit_1": 1.0 - best_exit, "exit_2": best_exit}
        return {"reward": reward, "mean_delay_s": delay_s, "utilisation": 0.6, **exits}

    others = {name: tuple(episode(1.0 - gain, 0.6) for gain in gains) for name in STREAMING_EXPERTS[1:]}
    best, random = tuple(episode(1.0, 0.5) for _ in gains), tuple(episode(-1.0, 1.5) for _ in gains)
    seeds = tuple(range(len(gains)))
    return Comparison("x", seeds, {"dto-ee": best, **others, "random": random}, dynamics="streaming")


def test_streaming_checks_by_hand():
    checks = {check.name: check for check in streaming_checks(streaming_comparison(0.1, (0.5, 0.7)))}
    assert checks["utilisation under the best expert, dto-ee"].value == pytest.approx(0.6)
    assert checks["mean delay at random / under the best expert"].value == pytest.approx(3.0)
    assert checks["least share of an exit"].value == pytest.approx(0.1)
    assert checks["seeds in which the best expert beats no-exit"].value == 1.0
    assert all(check.holds for check in checks.values())


def test_an_unused_exit_and_a_gain_that_may_be_chance_fail():
    checks = {check.name: check.holds for check in streaming_checks(streaming_comparison(0.01, (0.5, -0.2)))}
    assert not checks["least share of an exit"]
    assert not checks["seeds in which the best expert beats fixed-threshold"]
    assert checks["mean delay at random / under the best expert"]
