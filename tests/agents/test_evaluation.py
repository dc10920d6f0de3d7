"""Scores of tapes without requests: agents and `compare` leave them out alike."""

import numpy as np
import pytest

from agents.evaluation import Scores, evaluate, make_envs
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


def test_tapes_without_any_request_are_refused(tiny):
    nothing = SPARSE | {"arrivals.rate_per_s": 1e-6}
    envs = make_envs(tiny(environment={"id": "EdgeLLM/MultiNode-v0", "overrides": nothing}), 2)
    with pytest.raises(ConfigError, match="no request arrives on the 2 tapes from seed 7"):
        evaluate(envs, make_expert("edf", envs), 7)
