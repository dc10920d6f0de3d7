"""Shortened recipes of every family: they learn, repeat with their seed, write all tags, and act from their archive."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from agents.config import RunConfig, read_config
from agents.training import train
from edge_llm_gym.evaluation import compare

FOLDER = Path(__file__).parents[2] / "configs" / "agents"
SIZE = {"slots": 6, "horizon_epochs": 10}
SHORT = {"environment.overrides": SIZE, "rows": 3, "steps": 48, "evaluation.every": 24, "evaluation.seeds": 2}
ON_POLICY = {"hyperparameters.n_steps": 4, "hyperparameters.batch_size": 12}
RECIPES = {
    "ppo-joint": ON_POLICY | {"evaluation.expert": "fcfs+dto-ee"},
    "priced-single-node": ON_POLICY,
    "dqn-single-node": {
        "hyperparameters.learning_starts": 6,
        "hyperparameters.buffer_size": 60,
        "hyperparameters.batch_size": 8,
        "hyperparameters.target_update_interval": 12,
    },
    "tqc-multi-node": {
        "hyperparameters.learning_starts": 6,
        "hyperparameters.buffer_size": 60,
        "hyperparameters.batch_size": 8,
        "evaluation.expert": "fcfs",
    },
    "ars-multi-node": {
        "hyperparameters.n_delta": 2,
        "hyperparameters.n_top": 1,
        "hyperparameters.n_eval_episodes": 3,
        "steps": 240,
        "evaluation.expert": "fcfs",
    },
}
CLOCKS = {"time/fps", "time/time_elapsed"}


def shortened(name: str, **changes) -> RunConfig:
    return read_config(FOLDER / f"{name}.yaml", SHORT | RECIPES[name] | changes)


def curve(folder: Path) -> list[dict[str, str]]:
    """All lines of the progress file, without clocks."""
    lines = csv.DictReader((folder / "progress.csv").read_text().splitlines())
    return [{key: value for key, value in line.items() if key not in CLOCKS} for line in lines]


def weights(model) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in model.policy.state_dict().items()}


@pytest.mark.parametrize("name", RECIPES)
def test_the_same_seed_gives_the_same_curve_and_learns(name, tmp_path):
    runs = [train(shortened(name, seed=seed), tmp_path / str(index)) for index, seed in enumerate((1, 1, 2))]
    same, other = (
        [np.array_equal(array, weights(run)[key]) for key, array in weights(runs[0]).items()] for run in runs[1:]
    )
    assert all(same)
    assert not all(other)
    assert curve(tmp_path / "0") == curve(tmp_path / "1") != curve(tmp_path / "2")
    started = train(shortened(name, seed=1, steps=0), tmp_path / "untrained")
    assert any(not np.array_equal(array, weights(started)[key]) for key, array in weights(runs[0]).items())


@pytest.mark.parametrize("name", RECIPES)
def test_compare_takes_the_path_of_its_archive(name, tmp_path):
    config = shortened(name)
    train(config, tmp_path / "run")
    path = str(tmp_path / "run" / "best.zip")
    table = compare(config.environment.id, [path, "fcfs"], seeds=[0, 1], overrides=SIZE)
    assert table.mean(path, "served_share").mean > 0


def test_a_joint_run_logs_all_of_its_decisions(tmp_path):
    train(shortened("ppo-joint"), tmp_path / "run")
    tags = EventAccumulator(str(tmp_path / "run" / "tensorboard" / "agent")).Reload().Tags()
    assert {f"policy/{key}" for key in ("batch", "bandwidth", "offload", "threshold")} == set(tags["histograms"])
    assert {"metrics/forwarded", "metrics/exit_4", "metrics/delay_p95_s"} <= set(tags["scalars"])
    assert {"picture/frame", "picture/timeline"} <= set(tags["images"])


def test_the_documentation_names_every_tag(tmp_path):
    stream = {
        "environment": {"id": "EdgeLLM/EarlyExit-v0", "overrides": {"horizon_epochs": 6}},
        "codec": {"name": "box"},
    }
    plain = shortened("priced-single-node").model_dump(mode="json") | stream
    runs = {"joint": shortened("ppo-joint"), "streaming": read_config(plain, {"evaluation.expert": None, "steps": 24})}
    text = (FOLDER.parents[1] / "docs" / "guide" / "tensorboard.md").read_text("utf-8")
    for name, config in runs.items():
        train(config, tmp_path / name)
        kinds = EventAccumulator(str(tmp_path / name / "tensorboard" / "agent")).Reload().Tags()
        tags = {tag for kind in ("scalars", "images", "histograms") for tag in kinds[kind]}
        named = {re.sub(r"exit_\d+", "exit_1", tag) for tag in tags if not tag.startswith("_hparams_")}
        assert len(named) > 30
        assert {tag for tag in named if f"`{tag}`" not in text} == set()
