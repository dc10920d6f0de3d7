"""Binding resources and the checks of streaming scenarios, by hand."""

import numpy as np
import pytest

from edge_llm_gym.evaluation.calibration import RESOURCES, binding_shares, violated_by_joining
from edge_llm_gym.evaluation.comparison import Comparison
from edge_llm_gym.evaluation.streaming_calibration import STREAMING_EXPERTS, streaming_checks
from edge_llm_gym.problems import BatchProblem


def test_violated_constraints_by_hand():
    problem = BatchProblem(
        time_s=[1.0, 1.0, 5.0, 1.0],
        shared_time_s=[0.0] * 4,
        kv_bytes=[1.0, 9.0, 1.0, 1.0],
        uplink_share=[0.5, 0.1, 0.1, 0.6],
        downlink_share=[0.5, 0.1, 0.6, 0.1],
        budget_s=[3.0] * 4,
        value=[1.0] * 4,
        memory_bytes=5.0,
        time_cap_s=np.inf,
    )
    chosen, waiting = np.array([True, False, False, False]), np.array([False, True, True, True])
    assert RESOURCES == ("time", "memory", "uplink", "downlink")
    assert violated_by_joining(problem, chosen, waiting).tolist() == [
        [False, True, False, False],
        [True, False, False, True],
        [False, False, True, False],
    ]
    assert violated_by_joining(problem, chosen, np.zeros(4, bool)).shape == (0, 4)


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
