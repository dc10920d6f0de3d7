"""Configurations of clones, and PPO from them after an interruption."""

import pytest

pytest.importorskip("stable_baselines3", reason="the agents need the extra 'agents'")

from agents.config import IMITATION_SEED_STEP
from scripts import kept_runs
from scripts.imitation_study import runs
from scripts.imitation_study.cases import CASES
from scripts.imitation_study.runs import Study, config_of


def test_training_seeds_differ_and_share_no_tapes():
    configs = [config_of("multi-node", "edf", seed, {}) for seed in (0, 1)]
    assert [config.seed for config in configs] == [0, 1]
    first, second = (config.imitation for config in configs)
    assert second.seed - first.seed == IMITATION_SEED_STEP > first.rounds * first.rows


def test_an_expert_that_the_study_does_not_name_is_cloned_as_the_rules_are():
    named, other = (config_of("single-node", expert, 0, {}) for expert in ("edf", "milp"))
    assert other.codec == named.codec
    assert other.imitation == named.imitation.model_copy(update={"expert": "milp"})


def test_changes_on_the_command_line_prevail():
    changes = {"imitation.rounds": 7, "codec.name": "box", "imitation.seed": 5}
    config = config_of("single-node", "edf", 2, changes)
    assert (config.codec.name, config.imitation.rounds) == ("box", 7)
    assert config.imitation.seed == 5 + 2 * IMITATION_SEED_STEP
    assert CASES["single-node"].changes("edf")["codec.name"] == "priority"


def test_ppo_begins_with_what_the_imitation_left_and_continues_after_an_interruption(tmp_path, monkeypatch):
    clone = Study(tmp_path).clone("multi-node", "edf", 0)
    starts = []

    def cloned(config, folder, *, start):
        folder.mkdir(parents=True)
        (folder / "model.zip").write_text("clone")

    def train(config, folder, *, start):
        starts.append((start, (folder / "model.zip").read_text()))
        (folder / "model.zip").write_text("ppo")
        if len(starts) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(runs.command, "clone", cloned)
    monkeypatch.setattr(runs, "train", train)
    with pytest.raises(KeyboardInterrupt):
        clone.tune()
    assert not kept_runs.is_finished(clone.tuned)
    for _ in range(2):
        clone.tune()
    assert starts == [("resume", "clone"), ("resume", "ppo")]
    assert (clone.folder / "model.zip").read_text() == "clone"
    assert kept_runs.cpu_seconds(clone.folder) >= 0.0
    assert kept_runs.cpu_seconds(clone.tuned) is None
