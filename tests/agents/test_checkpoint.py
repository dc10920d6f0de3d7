"""Checkpoints: one switch, parts of one step, the best score, and runs that end before the first of them."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from agents import checkpoint as checkpoints
from agents.archives import score_in
from agents.callbacks import evaluation
from agents.checkpoint import POINTER, current, find_checkpoint
from agents.evaluation import Scores
from agents.training import train
from edge_llm_gym.settings import ConfigError

PLAIN = {"evaluation": {"every": 12, "seeds": 1}, "checkpoint_every": 12}
pytestmark = pytest.mark.filterwarnings("ignore:.*holds pickles")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*checkpoint*"))


def test_the_newest_checkpoint_replaces_the_others_and_leftovers(tiny, tmp_path):
    leftover = tmp_path / "run" / "checkpoint-000000005"
    leftover.mkdir(parents=True)
    (tmp_path / "run" / ".best.999999999.tmp.zip").touch()
    train(tiny(**PLAIN, steps=24), tmp_path / "run")
    assert names(tmp_path / "run") == ["checkpoint-000000024", POINTER]
    assert sorted(path.name for path in current(tmp_path / "run").iterdir()) == [
        "arrays.npz", "model.zip", "state.json",
    ]  # fmt: skip
    assert not list((tmp_path / "run").glob(".*"))


def test_a_kill_before_the_switch_leaves_the_last_checkpoint(tiny, tmp_path, monkeypatch):
    class Killed(BaseException):
        pass

    def write_text(path, text):
        if path.name == POINTER and '"steps": 24' in text:
            raise Killed
        path.write_text(text)

    run = tmp_path / "run"
    with monkeypatch.context() as patched:
        patched.setattr(checkpoints, "write_text", write_text)
        with pytest.raises(Killed):
            train(tiny(**PLAIN, steps=36), run)
    assert names(run) == ["checkpoint-000000012", "checkpoint-000000024", POINTER]
    assert find_checkpoint(run, tiny(**PLAIN)).state["steps"] == 12
    assert train(tiny(**PLAIN, steps=36), run, start="resume").num_timesteps == 36
    assert names(run) == ["checkpoint-000000036", POINTER]


def test_parts_of_different_checkpoints_and_damaged_ones_are_refused(tiny, tmp_path):
    run, config = tmp_path / "run", tiny(**PLAIN, steps=12)
    train(config, run)
    older = tmp_path / "older"
    shutil.copytree(current(run), older)
    train(tiny(**PLAIN, steps=24), run, start="resume")
    newest = current(run)
    kept = {path.name: path.read_bytes() for path in newest.iterdir()}
    for name in kept:
        shutil.copy(older / name, newest / name)
        with pytest.raises(ConfigError, match=r"mixes parts.*step (12|24).*--overwrite"):
            train(tiny(**PLAIN, steps=36), run, start="resume")
        (newest / name).write_bytes(kept[name][: len(kept[name]) // 2])
        with pytest.raises(ConfigError, match=r"checkpoint.*cannot be read.*--overwrite"):
            train(tiny(**PLAIN, steps=36), run, start="resume")
        (newest / name).write_bytes(kept[name])
    (run / POINTER).write_text("{")
    with pytest.raises(ConfigError, match="cannot be read"):
        train(config, run, start="resume")
    assert train(config, run, start="overwrite").num_timesteps == 12


def paths_in(data, path=()):
    """Paths of all keys of nested mappings."""
    for key, value in data.items():
        yield (*path, key)
        if isinstance(value, dict):
            yield from paths_in(value, (*path, key))


def changed(state, path, value=None):
    """The state with the value at a path, or without the key."""
    copy = json.loads(json.dumps(state))
    section = copy
    for key in path[:-1]:
        section = section[key]
    section.pop(path[-1])
    if value is not None:
        section[path[-1]] = value
    return copy


def test_a_state_without_any_of_its_keys_is_refused_with_the_remedy(tiny, tmp_path):
    run = tmp_path / "run"
    train(tiny(**PLAIN, steps=12), run)
    file = current(run) / "state.json"
    state = json.loads(file.read_text())
    kept = [("identity",), ("progress", "curves", "sizes")]  # parts of which the keys belong to the run
    damaged = [
        changed(state, path)
        for path in paths_in(state)
        if not any(path[: len(each)] == each and path != each for each in kept)
        and path[:2] != ("generators", "rows") and path[:2] != ("generators", "actions")
    ]  # fmt: skip
    damaged += [
        changed(state, ("progress", "evaluation", "best"), "high"),
        changed(state, ("progress", "evaluation", "last"), "soon"),
        changed(state, ("progress", "curves", "lines"), [1]),
        changed(state, ("progress", "curves", "sizes"), [1]),
        changed(state, ("generators", "torch"), "00"),
        changed(state, ("generators", "numpy"), []),
        changed(state, ("generators", "rows"), []),
        changed(state, ("generators", "actions"), {"state": 1}),
    ]
    assert len(damaged) > 15
    for data in damaged:
        file.write_text(json.dumps(data))
        with pytest.raises(ConfigError, match=r"(cannot be read|belongs to|mixes parts).*(--overwrite|new run)"):
            train(tiny(**PLAIN, steps=24), run, start="resume")
    file.write_text(json.dumps(state))
    assert train(tiny(**PLAIN, steps=24), run, start="resume").num_timesteps == 24


def scored(monkeypatch, scores):
    """Evaluations give these scores in turn."""
    left = iter(scores)
    monkeypatch.setattr(evaluation, "evaluate", lambda *_: Scores({"score": np.array([next(left)])}))


def test_a_resumed_run_keeps_the_best_score_and_weights(tiny, tmp_path, monkeypatch):
    run = tmp_path / "run"
    scored(monkeypatch, [0.5, 0.6315, 0.6])
    train(tiny(**PLAIN, steps=24), run)
    assert score_in(run / "best.zip") == 0.6315
    best = (run / "best.zip").read_bytes()
    scored(monkeypatch, [0.6135, 0.62])
    train(tiny(**PLAIN, steps=48), run, start="resume")
    assert (run / "best.zip").read_bytes() == best
    lines = (run / "progress.csv").read_text().splitlines()
    assert any("0.6135" in line and "0.6315" in line for line in lines)
    scored(monkeypatch, [0.7])
    train(tiny(**PLAIN, steps=60), run, start="resume")
    assert score_in(run / "best.zip") == 0.7


def test_better_weights_of_an_abandoned_continuation_stay(tiny, tmp_path, monkeypatch):
    """The checkpoint does not know the last evaluation before a kill; a resumed run with other settings is worse."""
    run = tmp_path / "run"
    scored(monkeypatch, [0.5, 0.6, 0.61])
    with pytest.raises(StopIteration):
        train(tiny(**PLAIN | {"checkpoint_every": 100}, steps=48), run)
    scored(monkeypatch, [0.5, 0.55, 0.62])
    with pytest.raises(StopIteration):
        train(tiny(**PLAIN | {"checkpoint_every": 100}, steps=48), run, start="resume")
    assert score_in(run / "best.zip") == 0.62
    scored(monkeypatch, [0.5, 0.55, 0.56])
    with pytest.raises(StopIteration):
        train(tiny(**PLAIN | {"checkpoint_every": 100}, steps=48), run, start="resume")
    assert score_in(run / "best.zip") == 0.62


def test_a_run_that_ended_before_its_first_checkpoint_begins_anew(tiny, tmp_path, monkeypatch):
    run, config = tmp_path / "run", tiny(**PLAIN, steps=12)
    with monkeypatch.context() as patched:
        scored(patched, [])
        with pytest.raises(StopIteration):
            train(config, run)
    shutil.rmtree(next(run.glob("checkpoint-*")))
    (run / POINTER).unlink()
    with pytest.raises(ConfigError, match=r"already holds a run.*--resume.*--overwrite"):
        train(config, run)
    resumed = train(config, run, start="resume")
    whole = train(config, tmp_path / "whole")
    assert all(
        (resumed.policy.state_dict()[name] == tensor).all() for name, tensor in whole.policy.state_dict().items()
    )


def test_overwriting_removes_the_run_and_nothing_else(tiny, tmp_path):
    run = tmp_path / "run"
    train(tiny(**PLAIN, steps=12), run)
    (run / "notes.txt").write_text("mine")
    train(tiny(**PLAIN, steps=0), run, start="overwrite")
    assert sorted(path.name for path in run.iterdir()) == [
        "config.yaml", "model.zip", "notes.txt", "progress.csv", "tensorboard", "versions.json",
    ]  # fmt: skip


def test_a_checkpoint_of_an_earlier_version_is_refused(tiny, tmp_path):
    run = tmp_path / "run"
    train(tiny(**PLAIN, steps=0), run)
    (run / "checkpoint").mkdir()
    (run / "checkpoint" / "state.json").write_text(json.dumps({}))
    with pytest.raises(ConfigError, match=r"earlier version.*--overwrite"):
        train(tiny(**PLAIN, steps=0), run, start="resume")
