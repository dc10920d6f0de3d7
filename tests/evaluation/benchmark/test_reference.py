"""The shipped reference: it is of the present suite, its numbers repeat, and files are read as they are written."""

import dataclasses

import gymnasium
import pytest

from edge_llm_gym.evaluation.benchmark import SUITE
from edge_llm_gym.evaluation.benchmark.reference import (
    Reference,
    TaskReference,
    load_reference,
    write_reference,
)
from edge_llm_gym.evaluation.benchmark.result import reference_scores
from edge_llm_gym.evaluation.benchmark.scoring import suite_reference
from edge_llm_gym.experts import make_expert
from edge_llm_gym.registration import ENVIRONMENTS

TASKS = {task.name: task for task in SUITE.tasks}


@pytest.fixture(scope="module")
def reference():
    return suite_reference(SUITE)


def test_the_suite_has_every_environment_at_two_rates_code_workloads_and_a_transfer():
    rates = {}
    for task in SUITE.tasks:
        scenario = task.scenario()
        rates.setdefault((task.environment, scenario.lengths.kind), set()).add(scenario.arrivals.rate_per_s)
    assert {environment for environment, _ in rates} == set(ENVIRONMENTS)
    assert all(sum(len(found) for (owner, _), found in rates.items() if owner == each) >= 2 for each in ENVIRONMENTS)
    assert len(TASKS["multi-six-nodes"].scenario().nodes) == len(TASKS["multi"].scenario().nodes) + 2
    assert len({TASKS[name].scenario().lengths.kind for name in ("multi-code", "multi")}) == 2


@pytest.mark.parametrize("task", SUITE.tasks, ids=lambda task: task.name)
def test_the_reference_is_of_the_present_scenarios(task, reference):
    found = reference.of(task)
    assert found.metric == task.metric()
    assert {len(each) for each in found.policies.values()} == {len(SUITE.seeds)}
    assert "random" in found.policies


def test_seeds_are_those_of_the_suite(reference):
    assert (reference.suite, reference.seeds) == (SUITE.version, SUITE.seeds)


@pytest.mark.parametrize(("task", "policy"), [("single", "edf"), ("early-exit-busy", "uniform")])
def test_reference_scores_repeat(task, policy, reference):
    """A plain loop over the last seed: sums of served values, or of rewards."""
    env = gymnasium.make(TASKS[task].environment, scenario=TASKS[task].scenario())
    expert = make_expert(policy, env)
    observation, _ = env.reset(seed=SUITE.seeds[-1])
    total, ended = 0.0, False
    while not ended:
        observation, reward, _, ended, info = env.step(expert.predict(observation)[0])
        total += reward if reference.tasks[task].metric == "reward" else info["metrics"]["served_value"]
    assert reference.tasks[task].policies[policy][-1] == pytest.approx(total)


def test_random_scores_0_and_the_best_expert_1(reference):
    scores = reference_scores(SUITE, reference)
    assert set(scores["random"].tasks) == set(TASKS)
    for name, task in reference.tasks.items():
        assert ":" not in task.best
        assert scores["random"].tasks[name].score.mean == 0.0
        assert scores[task.best].tasks[name].score.mean == 1.0
        experts = [each for policy, each in scores.items() if name in each.tasks and ":" not in policy]
        assert max(each.tasks[name].score.mean for each in experts) == 1.0


def test_a_changed_task_is_refused(reference):
    changed = dataclasses.replace(TASKS["multi"], overrides={"slots": 5})
    with pytest.raises(ValueError, match="suite must not change, so give the suite a new version"):
        reference.of(changed)
    with pytest.raises(ValueError, match="has no results for task 'other'"):
        reference.of(dataclasses.replace(TASKS["multi"], name="other"))


def test_files_are_read_as_they_are_written(tmp_path):
    policies = {"random": (0.1, 1 / 3), "edf": (1e-17, 2.0)}
    written = Reference("x", "1.0", (4, 5), {"a": TaskReference("hash", "reward", policies)})
    write_reference(tmp_path / "file.json", written)
    assert load_reference(tmp_path / "file.json") == written
    assert '   "edf": [1e-17, 2.0]\n' in (tmp_path / "file.json").read_text()  # one line for each policy
