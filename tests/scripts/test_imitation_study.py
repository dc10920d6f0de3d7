"""The study of clones: a short form of it, that nothing is repeated, and what its figures measure."""

import json

import numpy as np
import pytest

pytest.importorskip("stable_baselines3", reason="the agents need the extra 'agents'")

from agents.config import IMITATION_SEED_STEP, TEST_TAPES, read_config
from agents.evaluation import evaluate, make_envs
from agents.imitation import command
from edge_llm_gym.codecs import make_codec
from edge_llm_gym.experts import expert_names, make_expert
from edge_llm_gym.scenario import load_scenario
from scripts import imitation_study as study

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
WORDS = ["--environments", "multi-node", "--tapes", "3", *CHANGES]


@pytest.fixture
def runs(tmp_path, monkeypatch):
    monkeypatch.setattr(study, "RUNS", tmp_path / "runs")
    return tmp_path / "runs"


def test_a_short_study_writes_its_table_and_repeats_nothing(runs, tmp_path, monkeypatch, capsys):
    words = [*WORDS, "--experts", "edf", "--out", str(tmp_path)]
    assert study.main(words) == 0
    text = (tmp_path / "results" / "imitation.json").read_text("utf-8")
    row = json.loads(text)["multi-node edf 0"]
    envs = make_envs(
        study.config_of("multi-node", "edf", 0, {"environment.overrides": {"slots": 6, "horizon_epochs": 6}}), 3
    )
    expert = evaluate(envs, make_expert("edf", envs), TEST_TAPES).score.mean()
    assert row["expert"] == pytest.approx(expert)
    assert row["share"]["mean"] == pytest.approx(row["clone"] / row["expert"])
    assert row["difference"]["mean"] == pytest.approx(row["clone"] - row["expert"])
    assert (row["codec"], row["ceiling"], row["rounds"], row["labels"], row["tapes"]) == ("priority", 1.0, 1, 12, 3)
    assert 0.0 <= row["agreement"] <= 1.0
    printed = capsys.readouterr().out
    assert f"| multi-node | `edf` | {100 * expert:.2f} |" in printed

    monkeypatch.setattr(command, "clone", None)  # another call would fail
    assert study.main(words) == 0
    assert (tmp_path / "results" / "imitation.json").read_text("utf-8") == text


def test_ppo_from_a_clone_is_a_row_of_its_own(runs, tmp_path):
    words = [*WORDS, "--out", str(tmp_path)]
    assert study.main([*words, "--experts", "ot-gah"]) == 0
    assert study.main([*words, "--finetune"]) == 0
    table = json.loads((tmp_path / "results" / "imitation.json").read_text("utf-8"))
    assert set(table) == {"multi-node ot-gah 0", "multi-node ot-gah 0 then ppo"}
    clone, tuned = table["multi-node ot-gah 0"], table["multi-node ot-gah 0 then ppo"]
    assert tuned["steps"] == 16
    assert tuned["score"] - tuned["clone"]["mean"] == pytest.approx(clone["clone"])
    assert tuned["score"] - tuned["expert"]["mean"] == pytest.approx(clone["expert"])


@pytest.mark.parametrize("name", study.CASES)
def test_the_experts_of_a_recipe_play_in_its_environment(name):
    config = read_config(f"configs/agents/dagger-{name}.yaml")
    case = study.CASES[name]
    known = expert_names(load_scenario(name))
    assert config.imitation.expert == config.evaluation.expert == case.best
    assert {expert.split("[")[0] for expert in case.experts} <= set(known)
    assert len(set(case.experts)) == len(case.experts)


def test_training_seeds_differ_and_share_no_tapes():
    configs = [study.config_of("multi-node", "edf", seed, {}) for seed in (0, 1)]
    assert [config.seed for config in configs] == [0, 1]
    first, second = (config.imitation for config in configs)
    assert second.seed - first.seed == IMITATION_SEED_STEP > first.rounds * first.rows


class Recorded:
    """A policy whose batches are given, one after the other."""

    def __init__(self, batches):
        self.batches = iter(batches)

    def predict(self, observation, state=None, episode_start=None, deterministic=False):
        return {"batch": np.array(next(self.batches))}, state


def test_agreement_counts_the_requests_that_either_serves():
    clone = Recorded([[[1, 0, 2]], [[0, 0, 1]]])
    expert = Recorded([[[1, 2, 1]], [[0, 1, 1]]])
    counted = study.Agreement(clone, expert)
    assert [counted.predict({})[0]["batch"].tolist() for _ in range(2)] == [[[1, 0, 2]], [[0, 0, 1]]]
    assert counted.share == 2 / 5
    assert study.Agreement(clone, expert).share is None


def test_a_codec_that_cannot_express_an_expert_changes_its_batches():
    config = study.config_of("multi-node", "stb", 0, {"environment.overrides": {"slots": 6, "horizon_epochs": 6}})
    envs = make_envs(config, 2)
    observation, _ = envs.reset(seed=0)
    expert, codec = make_expert("stb", envs), make_codec("priority", envs.scenario)
    through = study.ThroughCodec(expert, codec)
    wanted = expert.predict(observation)[0]
    expected = codec.decode(codec.encode(wanted, observation), observation)
    assert np.array_equal(through.predict(observation)[0]["batch"], expected["batch"])
