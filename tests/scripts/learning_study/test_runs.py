"""Runs of the learning study: kept, scored on held-out tapes, and their curves."""

import json

import numpy as np
import pytest

from agents.config import TEST_TAPES, write_config
from edge_llm_gym.evaluation import compare
from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.settings import ConfigError
from scripts import kept_runs
from scripts.learning_study import curves, runs
from scripts.learning_study.runs import Study, crossing, outcome, seeded

TRAINING = {
    "environment.overrides": {"slots": 6, "horizon_epochs": 10},
    "rows": 4,
    "group": 2,
    "steps": 48,
    "evaluation.every": 24,
    "evaluation.seeds": 2,
    "evaluation.expert": "fcfs",
    "hyperparameters.n_steps": 4,
}
RUNS = (("a2c-parameters-multi-node", 0), ("search-multi-node", 0))
SEARCH = {"generations": 2, "population": 4, "elite": 2, "rows": 1, "held_out": 2}


@pytest.fixture
def study(tmp_path):
    return Study(tmp_path / "runs", 2, TRAINING, SEARCH)


def refused(*arguments, **settings):
    raise AssertionError("a finished run was repeated")


def test_an_agent_is_scored_as_compare_scores_it_and_is_not_trained_again(study, monkeypatch):
    found = outcome(study, "a2c-parameters-multi-node", 1)
    archive = study.folder("a2c-parameters-multi-node", 1) / "model.zip"
    seeds = list(range(TEST_TAPES, TEST_TAPES + study.tapes))
    table = compare("EdgeLLM/MultiNode-v0", [str(archive)], seeds, overrides=TRAINING["environment.overrides"])
    assert found.score == pytest.approx(table.samples(table.policies[0], "served_share").tolist())
    assert found.env_steps == TRAINING["steps"]
    assert found.seconds is not None
    monkeypatch.setattr(runs, "train", refused)
    monkeypatch.setattr(runs, "load_policy", refused)
    assert outcome(study, "a2c-parameters-multi-node", 1) == found


def test_the_time_of_a_run_that_was_interrupted_is_unknown(study):
    study.folder("search-single-node", 0).mkdir(parents=True)
    assert outcome(study, "search-single-node", 0).seconds is None


def test_a_search_is_scored_on_the_same_tapes_and_its_curve_counts_environment_steps(tmp_path, monkeypatch):
    study = Study(tmp_path, 2, {"evaluation.expert": "fcfs"}, SEARCH)
    found = outcome(study, "search-single-node", 0)
    seeds = list(range(TEST_TAPES, TEST_TAPES + study.tapes))
    policy = study.folder("search-single-node", 0) / "linear.zip"
    table = compare("EdgeLLM/SingleNode-v0", [str(policy)], seeds)
    assert found.score == pytest.approx(table.samples(table.policies[0], "served_share").tolist())
    # Two generations of four draws, each an episode.
    assert found.env_steps == 2 * 4 * load_scenario("single-node").horizon_epochs
    monkeypatch.setattr(runs, "run_search", refused)
    monkeypatch.setattr(runs, "load_linear", refused)
    assert outcome(study, "search-single-node", 0) == found


def test_runs_of_other_settings_are_refused(tmp_path):
    trained, searched = (Study(tmp_path, 2, TRAINING, SEARCH).folder(*run) for run in RUNS)
    trained.mkdir(parents=True)
    searched.mkdir()
    write_config(seeded(Study(tmp_path, 2, TRAINING), *RUNS[0]), trained / "config.yaml")
    (searched / "search.json").write_text(json.dumps({"population": 5}))
    for folder in (trained, searched):
        (folder / "seconds.json").write_text("1.0")
    with pytest.raises(ConfigError, match=r"a2c-parameters-multi-node-0 has steps 48, and the study has 72"):
        outcome(Study(tmp_path, 2, TRAINING | {"steps": 72}), *RUNS[0])
    with pytest.raises(ConfigError, match=r"search-multi-node-0 has .*; move or remove the run"):
        outcome(Study(tmp_path, 2, TRAINING, SEARCH), *RUNS[1])


@pytest.mark.parametrize(
    ("regret", "expected"),
    [([0.2, -0.1, 0.3, -0.2, -0.3], 40), ([-0.1, -0.2], 10), ([0.1, 0.0], None), ([], None)],
)
def test_the_expert_is_crossed_where_the_regret_stays_below_zero(regret, expected):
    steps = 10.0 * np.arange(1, len(regret) + 1)
    assert crossing(np.column_stack([steps, regret])) == expected


def test_scores_of_others_are_kept(study, monkeypatch):
    study = Study(study.runs, 2)
    first = runs.other_score(study, "single-node", "fcfs")
    monkeypatch.setattr(kept_runs, "expert_scores", refused)
    np.testing.assert_array_equal(runs.other_score(study, "single-node", "fcfs"), first)
    assert list(json.loads((study.runs / "single-node-others.json").read_text())) == ["fcfs on 2 tapes"]
    with pytest.raises(ValueError, match=r"the study has environments .*got 'multinode'"):
        runs.other_score(study, "multinode", "fcfs")


def test_the_picture_shows_environments_of_which_there_are_finished_runs(study, tmp_path, monkeypatch):
    panels, line = [], curves._line

    def noted(axis, found, scale, label):
        panels.append((label, len(found), scale))
        line(axis, found, scale, label)

    monkeypatch.setattr(curves, "_line", noted)
    outcome(study, "a2c-parameters-multi-node", 0)
    study.folder("parameters-joint", 0).mkdir()  # a run that is not finished
    curves.draw(study, tmp_path / "picture.png")
    assert panels == [("PPO", 0, 100.0), ("A2C", 1, 100.0)]
    assert (tmp_path / "picture.png").stat().st_size > 0
