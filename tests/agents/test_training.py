"""Runs on a tiny environment: curves repeat, resumed runs equal uninterrupted ones, checkpoints refuse other runs."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from agents.config import read_config
from agents.training import train
from edge_llm_gym.settings import ConfigError

STREAM = {"id": "EdgeLLM/EarlyExit-v0", "overrides": {"horizon_epochs": 10}}
CLOCKED = {"time/fps", "time/time_elapsed", "time/iterations"}  # a resumed run counts its own iterations
OFF_POLICY = {
    "environment": {"id": "EdgeLLM/MultiNode-v0", "overrides": {"slots": 6, "horizon_epochs": 4}},
    "algorithm": "sac",
    "policy": {"kind": "mlp", "hidden": [8]},
    "hyperparameters": {"learning_starts": 6, "train_freq": 2, "buffer_size": 60, "batch_size": 8},
}
pytestmark = pytest.mark.filterwarnings("ignore:.*holds pickles")


def curve(folder: Path) -> dict[int, dict[str, str]]:
    """The last line of every training step of all progress files, without clocks."""
    lines: dict[int, dict[str, str]] = {}
    for path in sorted(folder.glob("progress*.csv"), key=lambda path: path.stat().st_mtime):
        for line in csv.DictReader(path.read_text().splitlines()):
            if line.get("time/total_timesteps"):
                kept = {key: value for key, value in line.items() if value and key not in CLOCKED}
                lines[int(line["time/total_timesteps"])] = kept
    return lines


def weights(model) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in model.policy.state_dict().items()}


def same(one, other) -> bool:
    return all(np.array_equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("changes", [{}, OFF_POLICY], ids=["ppo", "sac"])
def test_a_resumed_run_equals_the_uninterrupted_run(tiny, tmp_path, changes):
    config = tiny(steps=48, **changes)
    whole = train(config, tmp_path / "whole")
    half = train(config.model_copy(update={"steps": 24}), tmp_path / "cut")
    resumed = train(config, tmp_path / "cut", start="resume")
    assert resumed.num_timesteps == whole.num_timesteps == 48
    assert same(weights(whole), weights(resumed))
    assert not same(weights(half), weights(whole))
    expected, got = curve(tmp_path / "whole"), curve(tmp_path / "cut")
    assert len(got) > 1
    assert {step: expected[step] for step in got} == got


def test_the_same_seed_gives_the_same_curve_and_another_one_does_not(tiny, tmp_path):
    runs = {name: train(tiny(seed=seed), tmp_path / name) for name, seed in (("a", 1), ("b", 1), ("c", 2))}
    assert same(weights(runs["a"]), weights(runs["b"]))
    assert curve(tmp_path / "a") == curve(tmp_path / "b") != curve(tmp_path / "c")
    assert not same(weights(runs["a"]), weights(runs["c"]))


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (
            {"environment": {"id": "EdgeLLM/SingleNode-v0"}},
            "belongs to environment .*MultiNode.*this run has.*SingleNode",
        ),
        ({"policy": {"width": 16}}, "belongs to policy"),
        ({"rows": 4}, "belongs to rows 3"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(tiny, tmp_path, other, message):
    train(tiny(steps=12), tmp_path / "run")
    with pytest.raises(ConfigError, match=message):
        train(tiny(**other), tmp_path / "run", start="resume")


def test_a_folder_without_a_checkpoint_and_one_with_a_run_are_refused(tiny, tmp_path):
    with pytest.raises(ConfigError, match="no run to resume"):
        train(tiny(), tmp_path / "none", start="resume")
    train(tiny(steps=0), tmp_path / "run")
    with pytest.raises(ConfigError, match="already holds a run"):
        train(tiny(steps=0), tmp_path / "run")


def test_loading_warns_of_pickles(tiny, tmp_path):
    train(tiny(steps=12), tmp_path / "run")
    with pytest.warns(UserWarning, match="holds pickles"):
        train(tiny(steps=12), tmp_path / "run", start="resume")


def test_a_run_writes_its_configuration_and_versions(tiny, tmp_path):
    train(tiny(), tmp_path / "run")
    assert read_config(tmp_path / "run" / "config.yaml") == tiny()
    assert "torch" in (tmp_path / "run" / "versions.json").read_text()


def test_tensorboard_holds_the_agent_and_its_expert_under_the_same_tags(tiny, tmp_path):
    train(tiny(), tmp_path / "run")
    agent, expert = (
        EventAccumulator(str(tmp_path / "run" / "tensorboard" / name), size_guidance={"scalars": 0}).Reload()
        for name in ("agent", "expert")
    )
    tags = agent.Tags()
    for tag in (
        "evaluation/score",
        "evaluation/best_score",
        "regret/mean",
        "regret/ci_low",
        "regret/ci_high",
        "reward_terms/served_value",
        "metrics/served_share",
        "metrics/on_time_share",
        "metrics/mean_delay_of_served_s",
        "metrics/delay_p50_s",
        "metrics/delay_p95_s",
        "metrics/mean_quality_of_served",
        "metrics/utilisation",
        "metrics/energy_j",
        "metrics/energy_per_served_j",
        "evaluation/energy_per_served_j",
        "metrics/refused_memory",
        "metrics/refused_uplink",
        "metrics/refused_downlink",
        "metrics/expired",
    ):
        assert tag in tags["scalars"], tag
    groups = {tag.split("/")[0] for kind in ("scalars", "histograms", "images") for tag in tags[kind]}
    assert min(groups - {"_hparams_"}) == "evaluation"  # TensorBoard sorts groups by name
    assert {"policy/batch", "policy/bandwidth"} <= set(tags["histograms"])
    assert "picture/frame" in tags["images"]
    own, reference = (
        {point.step: point.value for point in source.Scalars("evaluation/score")} for source in (agent, expert)
    )
    assert set(own) == set(reference)
    regret = {point.step: point.value for point in agent.Scalars("regret/mean")}
    assert all(regret[step] == pytest.approx(reference[step] - own[step], abs=1e-6) for step in regret)


def test_a_stream_trains_too(tiny, tmp_path):
    config = tiny(environment=STREAM, codec={"name": "box"}, evaluation={"every": 24, "seeds": 2})
    model = train(config, tmp_path / "run")
    assert model.num_timesteps == 36


def test_a_run_off_a_terminal_says_its_scores_beside_those_of_the_expert(tiny, tmp_path, capsys):
    train(tiny(), tmp_path / "run", bar=True)
    expert = json.loads((tmp_path / "run" / "expert-scores.json").read_text())
    (figures,) = expert.values()
    lines = [line for line in capsys.readouterr().out.splitlines() if "score" in line]
    assert [line.split(":")[0] for line in lines] == ["after 0 steps", "after 24 steps", "after 36 steps"]
    assert all(line.endswith(f"; expert edf {np.mean(figures['score']):.4f}") for line in lines)
    best = max(float(line.split("score ")[1].split(",")[0]) for line in lines)
    assert f"best so far {best:.4f}" in lines[-1]
