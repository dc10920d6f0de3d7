"""Search of hyperparameters: spaces, trials, interruption, and the configuration that it ends with."""

import csv
import re
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

pytest.importorskip("optuna", reason="needs the extra 'tune'")

import agents.training
from agents.config import read_config, write_config
from agents.evaluation import evaluate, make_envs
from agents.tuning import best_config, ended, tune
from edge_llm_gym.sb3 import load_policy
from edge_llm_gym.settings import ConfigError
from scripts.train import main as train_command
from scripts.tune import main

SPACE = {
    "hyperparameters.learning_rate": {"low": 1e-3, "high": 1e-1, "log": True},
    "hyperparameters.n_epochs": {"low": 1, "high": 3},
    "policy.hidden": {"choices": [[8], [8, 8]]},
}
CONFIG = {
    "environment": {"id": "EdgeLLM/SingleNode-v0", "overrides": {"slots": 4, "horizon_epochs": 5}},
    "codec": {"name": "priority"},
    "policy": {"kind": "mlp"},
    "hyperparameters": {"n_steps": 4, "batch_size": 8},
    "rows": 2,
    "steps": 32,
    "evaluation": {"seeds": 3, "every": 32, "expert": "edf"},
    "tuning": {"space": SPACE, "steps": 16, "evaluations": 2, "startup_trials": 2},
}


def configuration(**changes):
    return read_config(CONFIG, {name.replace("__", "."): value for name, value in changes.items()})


def rows(folder):
    return list(csv.DictReader((folder / "trials.csv").read_text().splitlines()))


@pytest.fixture
def fake(monkeypatch):
    """Replaces training: the score is higher, the closer the learning rate is to 0.02, and grows with the steps."""
    runs = []

    def train(config, folder, *, scored):
        rate = config.hyperparameters["learning_rate"]
        runs.append(config)
        for at in range(config.evaluation.every, config.steps + 1, config.evaluation.every):
            scored(at, -abs(np.log(rate / 0.02)) + at / 1000)

    monkeypatch.setattr(agents.training, "train", train)
    return runs


def test_two_trials_give_a_configuration_that_trains(tmp_path, capsys):
    write_config(configuration(), tmp_path / "mine.yaml")
    words = [str(tmp_path / "mine.yaml"), "--trials", "2", "--out", str(tmp_path / "search")]
    assert main(words) == 0
    trials = rows(tmp_path / "search")
    assert [trial["state"] for trial in trials] == ["complete"] * 2
    for number, trial in enumerate(trials):
        run = tmp_path / "search" / "trials" / f"{number:04d}"
        config = read_config(run / "config.yaml")
        assert (config.steps, config.evaluation.expert, config.tuning) == (16, None, None)
        assert config.hyperparameters["learning_rate"] == float(trial["hyperparameters.learning_rate"])
        scores = evaluate(envs := make_envs(config, 3), load_policy(run / "model.zip", envs), 2_000_000)
        assert scores.mean("score") == pytest.approx(float(trial["score"]), abs=1e-12)
    best = max(trials, key=lambda trial: float(trial["score"]))
    found = read_config(tmp_path / "search" / "best.yaml")
    assert found.hyperparameters["n_epochs"] == int(best["hyperparameters.n_epochs"])
    assert str(list(found.policy.hidden)) == best["policy.hidden"]
    assert (found.steps, found.evaluation.expert) == (32, "edf")
    assert train_command([str(tmp_path / "search" / "best.yaml"), "--out", str(tmp_path / "run")]) == 0
    capsys.readouterr()
    assert main(words) == 0  # nothing is left to do
    assert "trial 0" not in capsys.readouterr().out


def test_the_best_trial_is_the_one_with_the_highest_score(fake, tmp_path):
    study = tune(configuration(), tmp_path, 12)
    rates = {config.hyperparameters["learning_rate"] for config in fake}
    assert len(rates) == 12
    assert all(1e-3 <= rate <= 1e-1 for rate in rates)
    assert {config.hyperparameters["n_epochs"] for config in fake} <= {1, 2, 3}
    assert [str(list(config.policy.hidden)) for config in fake] == [row["policy.hidden"] for row in rows(tmp_path)]
    assert len({config.policy.hidden for config in fake}) == 2
    complete = [float(row["hyperparameters.learning_rate"]) for row in rows(tmp_path) if row["state"] == "complete"]
    nearest = min(complete, key=lambda rate: abs(np.log(rate / 0.02)))
    assert best_config(configuration(), study).hyperparameters["learning_rate"] == nearest
    assert read_config(tmp_path / "best.yaml").hyperparameters["learning_rate"] == nearest


def test_a_search_that_is_continued_equals_one_that_is_not(fake, tmp_path):
    tune(configuration(), tmp_path / "whole", 6)
    for trials in (1, 4, 6):
        tune(configuration(), tmp_path / "cut", trials)
    assert rows(tmp_path / "cut") == rows(tmp_path / "whole")
    assert len({row["hyperparameters.learning_rate"] for row in rows(tmp_path / "cut")}) == 6


def test_trials_that_are_worse_than_the_median_end_early(fake, tmp_path):
    tune(configuration(tuning__evaluations=4), tmp_path, 10)
    states = [row["state"] for row in rows(tmp_path)]
    assert states[:2] == ["complete"] * 2
    assert "pruned" in states
    tune(configuration(tuning__evaluations=4, tuning__pruner="none"), tmp_path / "all", 10)
    assert {row["state"] for row in rows(tmp_path / "all")} == {"complete"}


@pytest.mark.parametrize("changes", [{"tuning__sampler": "random"}, {"tuning__pruner": "hyperband"}])
def test_other_samplers_and_pruners(changes, fake, tmp_path):
    assert len(ended(tune(configuration(**changes), tmp_path, 3))) == 3


def test_values_under_which_no_run_can_be_made_have_no_score(monkeypatch, tmp_path):
    def train(config, folder, *, scored):
        if config.hyperparameters["n_epochs"] > 1:
            raise ValueError("numbers are no longer finite")
        scored(config.steps, 1.0)

    monkeypatch.setattr(agents.training, "train", train)
    study = tune(configuration(), tmp_path, 6)
    for row in rows(tmp_path):
        assert (row["state"], row["error"]) == (
            ("complete", "") if row["hyperparameters.n_epochs"] == "1" else ("fail", "numbers are no longer finite")
        )
    assert best_config(configuration(), study).hyperparameters["n_epochs"] == 1


def test_an_interrupted_trial_is_not_counted(monkeypatch, tmp_path):
    begun = []

    def train(config, folder, *, scored):
        begun.append(config)
        if len(begun) == 2:
            raise KeyboardInterrupt
        scored(config.steps, 1.0)

    monkeypatch.setattr(agents.training, "train", train)
    with pytest.raises(KeyboardInterrupt):
        tune(configuration(), tmp_path, 3)
    assert len(ended(tune(configuration(), tmp_path, 3))) == 3
    assert len(begun) == 4


def test_two_searches_share_a_folder(fake, tmp_path):
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: tune(configuration(), tmp_path, 8), range(2)))
    study = tune(configuration(), tmp_path, 8)
    assert 8 <= len(ended(study)) <= 9  # the last trials of both may end together
    assert len({trial.number for trial in study.trials}) == len(study.trials) == len(fake)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tuning": None}, "no section tuning"),
        ({"tuning__space": {}}, "tuning.space"),
        ({"tuning__space": {"policy.width": {"low": 8}}}, "needs low and high, or choices"),
        (
            {"tuning__space": {"policy.width": {"low": 8, "high": 8}}},
            "low must be less than high, got low 8 and high 8",
        ),
        ({"tuning__space": {"policy.gain": {"low": 0.0, "high": 1.0, "log": True}}}, "log takes positive.*got low 0.0"),
        ({"tuning__space": {"policy.width": {"low": 8, "high": 9, "step": 0.5}}}, "step is a whole number.*got 0.5"),
        ({"tuning__space": {"policy.width": {"low": 8, "high": 9, "step": 2}}}, "step is a positive number up to"),
        ({"tuning__space": {"policy.width": {"choices": [8, 8]}}}, r"at least two different values, got \[8, 8\]"),
        ({"tuning__space": {"policy.width": {"choices": [8, 9], "low": 1}}}, "either choices or low and high"),
        ({"tuning__space": {"policy.width": {"low": "8", "high": 9}}}, "tuning.space.policy.width.low"),
        ({"tuning__space": {"policy.width": {"lov": 8, "high": 9}}}, "did you mean 'low'"),
        ({"tuning__space": {"policy.widht": {"low": 8, "high": 9}}}, "did you mean 'width'"),
        ({"tuning__space": {"policy.width": {"low": 0, "high": 9}}}, "with policy.width 0:.*policy.width"),
        ({"tuning__space": {"algorithm": {"choices": ["ppo", "pppo"]}}}, "did you mean 'ppo'"),
        ({"tuning__space": {"evaluation.first_seed": {"low": 1, "high": 9}}}, "not searched: trials are compared on"),
        ({"tuning__space": {"seed": {"low": 1, "high": 9}}}, "not searched: trials have the same seed"),
        (
            {"tuning__space": {"policy": {"choices": [{}, {"kind": "mlp"}]}, "policy.width": {"low": 8, "high": 9}}},
            "'policy.width' is part of 'policy'",
        ),
        ({"tuning__pruner": "medain"}, "unknown pruner 'medain'; did you mean 'median'"),
        ({"tuning__sampler": "grid"}, "unknown sampler 'grid'"),
        (
            {"evaluation__first_seed": 2_999_998},
            "tapes 2999998 to 3000000, but those from 3000000 on are left for tests",
        ),
    ],
)
def test_searches_that_cannot_work_are_refused_before_they_begin(changes, message, tmp_path):
    with pytest.raises(ConfigError, match=re.compile(message, re.DOTALL)):
        tune(configuration(**changes), tmp_path / "search", 1)
    assert not (tmp_path / "search").exists()


def test_another_search_in_the_folder_is_refused_unless_it_is_replaced(fake, tmp_path):
    tune(configuration(), tmp_path, 1)
    (tmp_path / "trials" / "0000").mkdir(parents=True)
    with pytest.raises(ConfigError, match=r"another configuration: it differs in rows, tuning;.*--overwrite"):
        tune(configuration(rows=4, tuning__startup_trials=3), tmp_path, 1)
    tune(configuration(rows=4), tmp_path, 2, overwrite=True)
    assert [config.rows for config in fake] == [2, 4, 4]
    assert not (tmp_path / "trials").exists()


def test_the_command_reports_mistakes_in_one_line(tmp_path, monkeypatch, capsys):
    write_config(configuration(tuning=None), tmp_path / "mine.yaml")
    assert main([str(tmp_path / "mine.yaml"), "--out", str(tmp_path / "search")]) == 2
    assert "no section tuning" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert main([str(tmp_path / "mine.yaml")]) == 2
    assert "pip install 'edge-llm-gym[tune]'" in capsys.readouterr().err
