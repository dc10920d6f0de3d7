"""Merging new reference results into the file of others."""

import pytest

from edge_llm_gym.evaluation.benchmark.reference import Reference, TaskReference
from edge_llm_gym.evaluation.benchmark.running import Plan
from edge_llm_gym.evaluation.benchmark.suite import SUITE
from edge_llm_gym.settings import ConfigError
from scripts.benchmark_reference import measured, merged

SEEDS = (1, 2)
OLD = Reference(
    "1",
    "0.1",
    SEEDS,
    {
        "multi": TaskReference("a", "served_share", {"ot-gah": (0.5, 0.5), "pretrained:multi-node-ppo": (0.6, 0.6)}),
        "joint": TaskReference("b", "served_share", {"ot-gah+dto-ee": (0.4, 0.3)}),
    },
)


def new(scenario="a", seeds=SEEDS, name="pretrained:multi-node-prices"):
    return Reference("1", "0.2", seeds, {"multi": TaskReference(scenario, "served_share", {name: (0.7, 0.8)})})


def test_results_of_other_policies_and_tasks_are_kept(monkeypatch):
    parts = ("pretrained:multi-node-prices", "pretrained:multi-node-ppo", "ot-gah")
    monkeypatch.setattr("scripts.benchmark_reference.PORTFOLIOS", {"portfolio:best": parts})
    found = merged(new(), OLD)
    assert found.package == "0.2"
    assert found.tasks["joint"] == OLD.tasks["joint"]
    assert found.tasks["multi"].policies == {
        "ot-gah": (0.5, 0.5),
        "pretrained:multi-node-ppo": (0.6, 0.6),
        "pretrained:multi-node-prices": (0.7, 0.8),
        "portfolio:best": (0.7, 0.8),
    }
    assert merged(new(name="ot-gah"), OLD).tasks["multi"].policies["ot-gah"] == (0.7, 0.8)


def test_a_task_that_no_policy_serves_is_left_out():
    tasks = [task for task in SUITE.tasks if task.name in ("multi", "joint")]
    assert measured(Plan(tuple(tasks), SEEDS, {}), {}).tasks == {}


def test_what_does_not_belong_together_is_refused():
    with pytest.raises(ConfigError, match="the scenario of task 'multi' has changed"):
        merged(new(scenario="other"), OLD)
    with pytest.raises(ConfigError, match="other seeds"):
        merged(new(seeds=(1, 3)), OLD)
