"""Merging new reference results into the file of others, and adding seeds to it."""

import dataclasses

import pytest

from edge_llm_gym.evaluation.benchmark.reference import Reference, TaskReference, load_reference
from edge_llm_gym.evaluation.benchmark.running import Plan
from edge_llm_gym.evaluation.benchmark.suite import SUITE, Suite, Task
from edge_llm_gym.settings import ConfigError
from scripts.benchmark_reference import extended, main, measured, merged, reference_policies, seeds_to_add

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


def continuing(seeds=(2, 3), shared=0.3, scenario="b"):
    """Results of one task from the last seed of OLD on."""
    policies = {"ot-gah+dto-ee": (shared, 0.9)}
    return Reference("1", "0.2", seeds, {"joint": TaskReference(scenario, "served_share", policies)})


JOINT = dataclasses.replace(OLD, tasks={"joint": OLD.tasks["joint"]})


def test_further_seeds_are_appended():
    found = extended(continuing(), JOINT)
    assert (found.seeds, found.package) == ((1, 2, 3), "0.2")
    assert found.tasks == {"joint": TaskReference("b", "served_share", {"ot-gah+dto-ee": (0.4, 0.3, 0.9)})}


@pytest.mark.parametrize(
    ("new", "message"),
    [
        (continuing(seeds=(3, 4)), "do not continue those of '1' up to seed 2"),
        (continuing(shared=0.30000000000000004), r"scores of \['ot-gah\+dto-ee'\] on the shared seed"),
        (continuing(scenario="c"), "the scenario or the scores"),
    ],
)
def test_seeds_are_added_only_where_the_shared_one_gives_the_same_scores(new, message):
    with pytest.raises(ConfigError, match=message):
        extended(new, JOINT)


def test_all_policies_and_tasks_get_the_further_seeds():
    with pytest.raises(ConfigError, match="extend all tasks at once"):
        extended(continuing(), OLD)
    other = dataclasses.replace(continuing(), tasks={"joint": TaskReference("b", "served_share", {"edf": (0.3, 0.9)})})
    with pytest.raises(ConfigError, match=r"policies \['edf', 'ot-gah\+dto-ee'\] have results on one"):
        extended(other, JOINT)


def test_seeds_to_add_begin_with_the_last_present_one():
    assert seeds_to_add((5, 6, 7, 8), (5, 6)) == (6, 7, 8)
    for wanted in ((5, 6), (5,), (6, 7, 8)):
        with pytest.raises(ConfigError, match="do not add to"):
            seeds_to_add(wanted, (5, 6))


def test_policies_that_serve_no_chosen_task_are_left_out(monkeypatch):
    monkeypatch.setattr("scripts.benchmark_reference.expert_names", lambda: ("random", "edf", "dto-ee", "milp"))
    monkeypatch.setattr("scripts.benchmark_reference.pretrained_names", lambda: ("early-exit-ppo", "multi-node-ppo"))
    (task,) = (task for task in SUITE.tasks if task.name == "early-exit")
    assert reference_policies([task]) == ["random", "dto-ee", "pretrained:early-exit-ppo"]


def test_the_command_adds_seeds_to_a_file(monkeypatch, tmp_path):
    """A short task: two seeds, then a third one, give what three at once give."""
    task = Task("short", "EdgeLLM/EarlyExit-v0", "short", {"horizon_epochs": 3})
    monkeypatch.setattr("scripts.benchmark_reference.SUITE", Suite("small", (11, 12, 13), (task,)))
    monkeypatch.setattr("scripts.benchmark_reference.load_reference", load_reference.__wrapped__)
    words = ["--policies", "random,uniform", "--folder"]
    whole, steps = tmp_path / "whole.json", tmp_path / "steps.json"
    assert main([*words, str(tmp_path / "a"), "--out", str(whole)]) == 0
    assert main([*words, str(tmp_path / "b"), "--out", str(steps), "--seeds", "2"]) == 0
    assert main([*words, str(tmp_path / "c"), "--out", str(steps), "--extend"]) == 0
    assert steps.read_text() == whole.read_text()
