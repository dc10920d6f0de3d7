"""Binding resources, by hand."""

import numpy as np

from edge_llm_gym.evaluation.calibration import RESOURCES, binding_shares, violated_by_joining
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
