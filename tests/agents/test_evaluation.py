"""Scores of tapes without requests: agents and `compare` leave them out alike."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from agents import expert_comparison
from agents.evaluation import EXPERT_SCORES, Scores, evaluate, expert_scores, make_envs
from agents.training import make_env
from edge_llm_gym.evaluation import compare
from edge_llm_gym.experts import make_expert
from edge_llm_gym.settings import ConfigError

SPARSE = {"slots": 6, "horizon_epochs": 3, "arrivals.rate_per_s": 0.15}


def test_the_scores_are_those_of_compare_also_for_empty_tapes(tiny):
    config = tiny(environment={"id": "EdgeLLM/MultiNode-v0", "overrides": SPARSE})
    envs = make_envs(config, 12)
    scores = evaluate(envs, make_expert("edf", envs), 0)
    table = compare("EdgeLLM/MultiNode-v0", ["edf"], range(12), overrides=SPARSE)
    empty = table.samples("edf", "arrived") == 0
    assert 0 < empty.sum() < 12
    assert np.isnan(scores.score).tolist() == empty.tolist()
    for figure, metric in (
        ("score", "served_share"),
        ("on_time_share", "on_time"),
        ("mean_quality_of_served", "quality"),
    ):
        np.testing.assert_allclose(scores.figures[figure], table.samples("edf", metric), rtol=1e-12)
        assert scores.mean(figure) == pytest.approx(table.mean("edf", metric).mean)
    assert scores.figures["return"] == pytest.approx(table.samples("edf", "reward"))


def test_regret_is_over_the_tapes_with_requests():
    expert, agent = (Scores({"score": np.array(values)}) for values in ([0.5, np.nan, 0.7], [0.4, np.nan, 0.8]))
    assert expert.mean("score") == pytest.approx(0.6)
    assert agent.regret(expert).mean == pytest.approx(0.0)
    assert Scores({"score": np.array([0.1, np.nan])}).regret(
        expert=Scores({"score": np.array([0.4, np.nan])})
    ).mean == (pytest.approx(0.3))


DAMAGED = {
    "cut off": '{"edf on 2 seeds',
    "no mapping": "[]",
    "no figures": '{"KEY": 3}',
    "no score": '{"KEY": {"return": [1.0, 2.0]}}',
    "texts": '{"KEY": {"score": ["a", "b"]}}',
    "other seeds": '{"KEY": {"score": [1.0, 2.0, 3.0]}}',
    "nested": "[" * 100_000,
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_scores_of_an_expert_name_the_file_and_the_remedy(name, tiny, tmp_path):
    path = tmp_path / EXPERT_SCORES
    path.write_text(DAMAGED[name].replace("KEY", "edf on 2 seeds from 2000000"))
    config = tiny()
    assert (config.evaluation.seeds, config.evaluation.first_seed) == (2, 2_000_000)
    with pytest.raises(ConfigError, match=rf"{EXPERT_SCORES} cannot be read.*remove the file"):
        expert_scores(config, "edf", tmp_path)


def test_scores_of_an_expert_are_kept_and_those_of_other_seeds_replaced(tiny, tmp_path):
    path, config = tmp_path / EXPERT_SCORES, tiny()
    path.write_text('{"edf on 3 seeds from 7": {"score": [1.0, 2.0, 3.0]}}')
    first = expert_scores(config, "edf", tmp_path)
    assert first.score.shape == (2,)
    assert list(json.loads(path.read_text())) == ["edf on 2 seeds from 2000000"]
    path.write_text(path.read_text().replace(repr(float(first.score[0])), "0.125"))
    assert expert_scores(config, "edf", tmp_path).score.tolist() == [0.125, first.score[1]]


@pytest.mark.parametrize(
    ("scores", "text"),
    [
        ([0.75], "+0.2500 (one tape, no interval)"),
        ([0.75, np.nan], "+0.2500 (one tape, no interval)"),
        ([np.nan], "undefined"),
        ([0.75, 1.5], "-0.1250 [-0.5000, +0.2500]"),
    ],
)
def test_a_comparison_gives_the_regret_without_an_interval_for_a_single_tape(scores, text, tiny, monkeypatch):
    """The expert scores 1 on every tape; a positive regret means that the agent is behind."""
    config = tiny()
    monkeypatch.setattr(expert_comparison, "config_path", lambda path: path)
    monkeypatch.setattr(expert_comparison, "read_config", lambda path: config)
    monkeypatch.setattr(expert_comparison, "make_envs", lambda config, seeds: None)
    monkeypatch.setattr(expert_comparison, "load_policy", lambda path, envs: None)
    monkeypatch.setattr(expert_comparison, "evaluate", lambda *_: Scores({"score": np.array(scores)}))
    monkeypatch.setattr(expert_comparison, "expert_scores", lambda *_: Scores({"score": np.ones(len(scores))}))
    *_, line = expert_comparison.compare_with_experts(Path("run/best.zip"), ["edf"], len(scores), 0)
    assert line == f"{'edf':24}    1.0000  regret of the agent {text}"


def test_tapes_without_any_request_are_refused(tiny):
    nothing = SPARSE | {"arrivals.rate_per_s": 1e-6}
    envs = make_envs(tiny(environment={"id": "EdgeLLM/MultiNode-v0", "overrides": nothing}), 2)
    with pytest.raises(ConfigError, match="no request arrives on the 2 tapes from seed 7"):
        evaluate(envs, make_expert("edf", envs), 7)


def test_a_codec_that_searches_decodes_with_the_threads_of_the_run(tiny):
    counts = {}
    for name, threads in itertools.product(("parameters", "priority"), (1, 2)):
        codec = make_env(tiny(threads=threads, codec={"name": name})).codec
        counts[name, threads] = len(codec._policy.workers.pieces) if name == "parameters" else 1
    assert counts == {("parameters", 1): 1, ("parameters", 2): 2, ("priority", 1): 1, ("priority", 2): 1}


def test_rows_are_split_over_the_threads_of_the_run(tiny):
    runs = [tiny(threads=threads) for threads in (1, 2)]
    envs = [make_envs(config, 3) for config in runs]
    assert [each.spec.kwargs["num_threads"] for each in envs] == [1, 2]
    assert make_envs(runs[1], 1).spec.kwargs["num_threads"] == 1
    scores = [evaluate(each, make_expert("edf", each), 5).figures for each in envs]
    for figure, values in scores[0].items():
        np.testing.assert_array_equal(scores[1][figure], values, err_msg=figure)
