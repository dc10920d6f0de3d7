"""The fuzz campaign of the solvers: its short form, its checks, and workers that crash or hang."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.fuzz import solver_checks, solvers
from benchmarks.fuzz.solver_cases import assignment, network
from benchmarks.fuzz.solver_worker import outcome
from benchmarks.fuzz.tally import Options
from edge_llm_gym.problems.random_instances import conflicting

CASES = 150


@pytest.mark.compiled
def test_problems_of_extreme_scales_are_refused_by_name_or_solved() -> None:
    outcomes = [outcome(1, case) for case in range(CASES)]
    assert not [text for text in outcomes if text.startswith("FAULT")]
    counts = {text: outcomes.count(text) for text in set(outcomes)}
    assert min(counts.values()) > 5
    assert counts.keys() == {"solved: batch", "solved: routing", "refused: batch", "refused: routing"}


def test_cases_repeat_and_reach_the_ends_of_the_range() -> None:
    drawn = [conflicting(np.random.default_rng(0), 1)]
    for case in range(60):
        try:
            drawn += assignment(np.random.default_rng([0, case])).nodes
        except ValueError:
            continue
    times = np.concatenate([node.time_s[node.time_s > 0.0] for node in drawn])
    assert times.min() < 1e-60
    assert times.max() > 1e60
    first, again = (network(np.random.default_rng([0, 5])).service_s for _ in range(2))
    assert np.array_equal(first, again)


def test_the_checker_finds_what_the_solvers_do_not_do() -> None:
    problem = conflicting(np.random.default_rng(0), 8)
    everything = np.ones(8, np.bool_)
    with pytest.raises(AssertionError, match="not feasible"):
        solver_checks._check_batch(problem, everything, 1.0, 2.0)
    with pytest.raises(AssertionError, match="exceeds its bound"):
        solver_checks._check_batch(problem, ~everything, 1.0, 0.5)
    with pytest.raises(AssertionError, match="not finite"):
        solver_checks._check_batch(problem, ~everything, 0.0, np.inf)


WORKER = """
import os, sys, time
for case in range(int(sys.argv[2]), int(sys.argv[3])):
    print(f"case {case}", flush=True)
    if case == 1:
        os.abort()
    if case == 3:
        time.sleep(60)
    print("solved: batch", flush=True)
"""


def test_a_crash_and_a_hang_are_faults_and_the_other_cases_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stub_worker.py").write_text(WORKER)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(solvers, "WORKER", "stub_worker")
    monkeypatch.setattr(solvers, "CASE_LIMIT_S", 1.5)
    tally = solvers.run(Options(5, 7, 1, tmp_path))
    assert tally.outcomes == {"solved: batch": 3, "FAULT": 2}
    assert [text.split(":")[0] for text in tally.faults] == ["case 1", "case 3"]
    assert "solver_worker 7 1 2" in tally.faults[0]
