"""Figures over training seeds, by hand."""

import json

import numpy as np
import pytest

pytest.importorskip("stable_baselines3", reason="the agents need the extra 'agents'")

from scripts.imitation_study import report
from scripts.imitation_study.runs import Study


@pytest.fixture
def study(tmp_path, monkeypatch):
    """Two seeds on three tapes: clones at 0.3, 0.5, 0.4 and 0.5, 0.7, 0.6, PPO 0.1 above, expert 0.5, constants 0.8."""
    of_seed = {0: np.array([0.3, 0.5, 0.4]), 1: np.array([0.5, 0.7, 0.6])}
    for name, score in {
        "clone_score": lambda study, clone: of_seed[clone.seed],
        "tuned_score": lambda study, clone: of_seed[clone.seed] + 0.1,
        "reference_score": lambda study, clone: np.full(3, 0.5),
        "constants_score": lambda study, clone: np.full(3, 0.8),
        "codec_score": lambda study, clone: np.array([0.5, 0.4]),
        "agreement": lambda study, clone: None if clone.seed else 0.75,
        "cpu_seconds": lambda folder: None if folder.name.startswith("edf-0") else 8.0,
    }.items():
        monkeypatch.setattr(report, name, score)
    return Study(tmp_path, 3)


@pytest.fixture
def clones(study):
    made = [study.clone("multi-node", "edf", seed) for seed in (0, 1)]
    for clone in made:
        clone.folder.mkdir(parents=True)
        (clone.folder / "imitation.json").write_text(json.dumps([{"labels": 10.0}, {"labels": 20.0}]))
    return made


def test_clones_are_paired_with_their_expert_by_their_mean_over_seeds(study, clones):
    row = report.cloned(study, clones)
    assert row["clone"] == pytest.approx(0.5)
    # The means of both seeds on the three tapes are 0.4, 0.6, 0.5.
    assert row["difference"] == pytest.approx({"mean": 0.0, "low": -0.1, "high": 0.1}, abs=1e-9)
    assert row["share"] == pytest.approx({"mean": 1.0, "low": 0.8, "high": 1.2})
    assert row["ceiling"] == pytest.approx(0.9)
    assert [seed["share"] for seed in row["seeds"]] == pytest.approx([0.8, 1.2])
    assert report.cloned_line("multi-node", "edf", row) == (
        "| multi-node | `edf` | 50.00 | 50.00 | 100.0 [80.0, 120.0] % | 80.0, 120.0 | +0.00 [-10.00, +10.00] | "
        "`priority` | 90.0 % | 75 % | 2 | 20 | 8 s |"
    )


def test_ppo_is_paired_with_the_clone_of_the_same_seed_the_expert_and_the_constants(study, clones):
    row = report.tuned(study, clones)
    assert row["score"] == pytest.approx(0.6)
    assert row["clone"] == pytest.approx({"mean": 0.1, "low": 0.1, "high": 0.1})
    assert row["expert"] == pytest.approx({"mean": 0.1, "low": 0.0, "high": 0.2})
    assert row["constants"] == pytest.approx({"mean": -0.2, "low": -0.3, "high": -0.1})
    assert [seed["expert"] for seed in row["seeds"]] == pytest.approx([0.0, 0.2])
    assert report.tuned_line("multi-node", "edf", row) == (
        "| multi-node | `edf` | 60.00 | +10.00 [+10.00, +10.00] | +10.00 [+0.00, +20.00] | -20.00 [-30.00, -10.00] | "
        f"+10.00, +10.00 | {row['steps']:,} | 8 s |"
    )


def test_rewards_of_streaming_are_no_shares_and_have_neither_codec_nor_agreement(study, clones, monkeypatch):
    monkeypatch.setattr(report, "codec_score", lambda study, clone: None)
    monkeypatch.setattr(report, "agreement", lambda study, clone: None)
    line = report.cloned_line("early-exit", "uniform", report.cloned(study, clones))
    assert "| early-exit | `uniform` | 0.50 | 0.50 |" in line
    assert "`priority` |  |  | 2 |" in line
