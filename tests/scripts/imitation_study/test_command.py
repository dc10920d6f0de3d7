"""The command of the imitation study: a short form of it, and that nothing is repeated."""

import json

import numpy as np
import pytest

pytest.importorskip("stable_baselines3", reason="the agents need the extra 'agents'")

from agents.config import TEST_TAPES, read_config
from agents.evaluation import evaluate, make_envs
from edge_llm_gym.experts import expert_names, make_expert
from edge_llm_gym.scenario import load_scenario
from scripts.imitation_study import runs, scores
from scripts.imitation_study.__main__ import main
from scripts.imitation_study.cases import CASES

SHORT = {
    "environment.overrides": "{slots: 6, horizon_epochs: 6}",
    "policy.width": "8",
    "imitation.rounds": "1",
    "imitation.rows": "2",
    "imitation.epochs_per_round": "6",
    "evaluation.seeds": "2",
    "rows": "2",
    "steps": "16",
    "hyperparameters.n_steps": "8",
    "hyperparameters.batch_size": "16",
}
CHANGES = [word for setting in SHORT.items() for word in ("--set", "=".join(setting))]


@pytest.fixture
def words(tmp_path):
    folders = ["--runs", str(tmp_path / "runs"), "--out", str(tmp_path)]
    return ["--environments", "multi-node", "--tapes", "3", "--train-seeds", "2", *CHANGES, *folders]


def refused(*arguments, **settings):
    raise AssertionError("what is kept was made again")


def test_a_short_study_writes_its_table_and_repeats_nothing(words, tmp_path, monkeypatch, capsys):
    words = [*words, "--experts", "edf"]
    assert main(words) == 0
    text = (tmp_path / "results" / "imitation.json").read_text("utf-8")
    row = json.loads(text)["multi-node edf"]
    config = runs.config_of("multi-node", "edf", 0, {"environment.overrides": {"slots": 6, "horizon_epochs": 6}})
    envs = make_envs(config, 3)
    expert = evaluate(envs, make_expert("edf", envs), TEST_TAPES).score.mean()
    assert row["expert"] == pytest.approx(expert)
    assert row["clone"] == pytest.approx(np.mean([seed["clone"] for seed in row["seeds"]]))
    assert row["share"]["mean"] == pytest.approx(row["clone"] / row["expert"])
    assert row["difference"]["mean"] == pytest.approx(row["clone"] - row["expert"])
    assert (row["codec"], row["ceiling"], row["tapes"]) == ("priority", 1.0, 3)
    for number, seed in enumerate(row["seeds"]):
        assert (seed["seed"], seed["rounds"], seed["labels"]) == (number, 1, 12)
        assert 0.0 <= seed["agreement"] <= 1.0
        assert seed["share"] == pytest.approx(seed["clone"] / expert)
        assert seed["seconds"] > 0.0
    assert f"| multi-node | `edf` | {100 * expert:.2f} |" in capsys.readouterr().out

    monkeypatch.setattr(runs.command, "clone", refused)
    for name in ("load_policy", "make_expert"):
        monkeypatch.setattr(scores, name, refused)
    assert main(words) == 0
    assert (tmp_path / "results" / "imitation.json").read_text("utf-8") == text


def test_ppo_from_clones_is_a_row_of_its_own(words, tmp_path, monkeypatch):
    assert main([*words, "--experts", "ot-gah"]) == 0
    assert main([*words, "--finetune"]) == 0
    table = json.loads((tmp_path / "results" / "imitation.json").read_text("utf-8"))
    assert set(table) == {"multi-node ot-gah", "multi-node ot-gah then ppo"}
    clone, tuned = table["multi-node ot-gah"], table["multi-node ot-gah then ppo"]
    assert tuned["steps"] == 16
    assert tuned["score"] - tuned["clone"]["mean"] == pytest.approx(clone["clone"])
    assert tuned["score"] - tuned["expert"]["mean"] == pytest.approx(clone["expert"])
    for before, after in zip(clone["seeds"], tuned["seeds"], strict=True):
        assert after["score"] - after["clone"] == pytest.approx(before["clone"])

    monkeypatch.setattr(runs, "train", refused)
    assert main([*words, "--finetune"]) == 0
    assert json.loads((tmp_path / "results" / "imitation.json").read_text("utf-8")) == table


def test_a_run_of_other_settings_is_not_taken_for_that_of_the_study(words, capsys):
    assert main([*words, "--experts", "edf"]) == 0
    assert main([*words, "--experts", "edf", "--set", "policy.width=16"]) != 0
    error = capsys.readouterr().err
    assert "edf-0 has policy" in error
    assert "another folder" in error


@pytest.mark.parametrize("name", CASES)
def test_the_experts_of_a_recipe_play_in_its_environment(name):
    config = read_config(f"configs/agents/dagger-{name}.yaml")
    case = CASES[name]
    known = expert_names(load_scenario(name))
    assert config.imitation.expert == config.evaluation.expert == case.best
    assert {expert.split("[")[0] for expert in case.experts} <= set(known)
    assert len(set(case.experts)) == len(case.experts)
