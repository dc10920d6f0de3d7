"""Runs and scores of a study are made once."""

import json

import numpy as np
import pytest

pytest.importorskip("stable_baselines3", reason="the agents need the extra 'agents'")

from agents.config import RunConfig, write_config
from edge_llm_gym.settings import ConfigError
from scripts import kept_runs
from scripts.kept_runs import MODEL, SECONDS, check_settings, cpu_seconds, kept, run_once, start_of


def config(**changes):
    return RunConfig(environment={"id": "EdgeLLM/MultiNode-v0"}, codec={"name": "priority"}, **changes)


def test_a_finished_run_is_not_repeated(tmp_path):
    calls = []
    for _ in range(2):
        run_once(tmp_path / "run", lambda: (calls.append(1), (tmp_path / "run").mkdir()))
    assert len(calls) == 1
    assert 0.0 <= cpu_seconds(tmp_path / "run") < 1.0


def test_a_run_that_was_interrupted_continues_and_has_no_cpu_time(tmp_path):
    def interrupted():
        tmp_path.joinpath("run").mkdir()
        write_config(config(), tmp_path / "run" / "config.yaml")
        raise KeyboardInterrupt

    assert start_of(tmp_path / "run") == "new"
    with pytest.raises(KeyboardInterrupt):
        run_once(tmp_path / "run", interrupted)
    assert not (tmp_path / "run" / SECONDS).exists()
    assert start_of(tmp_path / "run") == "resume"
    run_once(tmp_path / "run", lambda: None)
    assert cpu_seconds(tmp_path / "run") is None


def test_numbers_are_computed_once_for_each_key(tmp_path):
    calls = []

    def numbers(value):
        calls.append(value)
        return np.array([value, 2.5])

    path = tmp_path / "folder" / "scores.json"
    for value in (1.0, 3.0, 1.0):
        np.testing.assert_array_equal(kept(path, f"key {value}", lambda value=value: numbers(value)), [value, 2.5])
    assert calls == [1.0, 3.0]
    assert json.loads(path.read_text()) == {"key 1.0": [1.0, 2.5], "key 3.0": [3.0, 2.5]}


def test_what_another_process_adds_in_the_meantime_stays(tmp_path):
    path = tmp_path / "scores.json"

    def numbers():
        kept(path, "of another process", lambda: np.array([2.0]))
        return np.array([1.0])

    kept(path, "own", numbers)
    assert json.loads(path.read_text()) == {"of another process": [2.0], "own": [1.0]}


@pytest.mark.parametrize(
    ("changes", "differing"),
    [
        ({"steps": 5}, "steps 1000000, and the study has 5"),
        ({"seed": 3}, "seed 0, and the study has 3"),
        ({"hyperparameters": {"gamma": 0.5}}, "hyperparameters {}, and the study has {'gamma': 0.5}"),
        ({"threads": 2, "checkpoint_every": 7, "evaluation": {"seeds": 3}}, None),
    ],
)
def test_a_run_of_other_settings_is_refused(tmp_path, changes, differing):
    check_settings(tmp_path, config(**changes))  # no run is there
    write_config(config(), tmp_path / "config.yaml")
    check_settings(tmp_path, config(**changes), ["environment", "codec"])
    if differing is None:
        check_settings(tmp_path, config(**changes))
    else:
        with pytest.raises(ConfigError, match="move or remove") as error:
            check_settings(tmp_path, config(**changes))
        assert f"the run in {tmp_path} has {differing}" in str(error.value)


def test_scores_in_a_changed_environment_are_kept_under_a_key_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setattr(
        kept_runs, "expert_scores", lambda config, name: type("Scores", (), {"score": np.array([config.rows / 2])})
    )
    plain = config(rows=2)
    other = RunConfig(
        environment={"id": "EdgeLLM/MultiNode-v0", "overrides": {"slots": 6}}, codec={"name": "priority"}, rows=6
    )
    for run, score in ((plain, 1.0), (other, 3.0), (plain, 1.0)):
        assert kept_runs.expert_score(tmp_path, "multi-node", run, "edf", 4) == score
    kept_keys = json.loads((tmp_path / "multi-node-others.json").read_text())
    assert list(kept_keys) == ["edf on 4 tapes", 'edf on 4 tapes of {"overrides": {"slots": 6}}']


def test_a_policy_is_made_only_where_its_score_is_not_kept(tmp_path):
    path = tmp_path / "scores.json"
    path.write_text(json.dumps({"2 tapes": [0.25, 0.5]}))

    def made(envs):
        raise AssertionError(f"{MODEL} was loaded")

    assert kept_runs.own_score(tmp_path, config(), 2, made).tolist() == [0.25, 0.5]
