"""Waits at the deeper stages of EarlyExit: M/G/1 is too long, estimated wait factors agree with simulation."""

import numpy as np
import pytest

from benchmarks.verify_wait_factors import TOLERANCE, make_case, report_load


@pytest.mark.parametrize("load", [0.6, 0.9])
def test_waits_with_estimated_factors_agree_with_the_simulator(load: float) -> None:
    report = report_load("early-exit", load, epochs=1500, seeds=3)
    assert (np.abs(report["error_estimated_by_stage"]) < TOLERANCE).all()
    assert (np.array(report["error_mg1_by_stage"]) > 0.05).all()
    assert np.abs(report["error_estimated"]).mean() < 0.7 * np.abs(report["error_mg1"]).mean()


def test_thresholds_load_all_stages_equally() -> None:
    case = make_case("early-exit", 0.8, epochs=300)
    rate = case.solution.utilisation / case.problem.service_s
    for stage in range(1, 4):
        at = case.problem.stage == stage
        assert rate[at].sum() / (1 / case.problem.service_s[at]).sum() == pytest.approx(0.8, rel=0.01)
