"""Tapes without requests are counted in tables, JSON and figures, and shares are means over the other tapes."""

import io
import json
import math

import gymnasium
import numpy as np
import pytest
from rich.console import Console

from edge_llm_gym.evaluation import compare, save
from edge_llm_gym.evaluation.calibration import calibration_checks
from edge_llm_gym.evaluation.comparison import Comparison
from edge_llm_gym.evaluation.plots import comparison_figure
from edge_llm_gym.evaluation.streaming_calibration import streaming_checks
from edge_llm_gym.evaluation.tables import bound_table, result_table

ENVIRONMENT = "EdgeLLM/SingleNode-v0"
SPARSE = {"horizon_epochs": 3, "arrivals": {"process": "poisson", "rate_per_s": 0.06}}
SEEDS = range(6)


def episode(arrived, served):
    """An episode in which each request has the value 1."""
    share, delay_s = (served / arrived, 2.0 * arrived) if arrived else (math.nan, math.nan)
    names = ("p50", "p95")
    delays = {f"delay_{name}_s": delay_s if served else math.nan for name in names}
    rest = {"on_time": share, "quality": 0.9 if served else math.nan, "energy_per_served_j": 1.0, "decision_ms": 1.0}
    return {"served_value": float(served), "served_share": share, "arrived": float(arrived), "utilisation": 0.5} | (
        delays | rest
    )


@pytest.fixture
def by_hand():
    """Four seeds: two without requests, one in which "b" serves nothing."""
    mine = (episode(4, 3), episode(0, 0), episode(2, 1), episode(0, 0))
    other = (episode(4, 1), episode(0, 0), episode(2, 0), episode(0, 0))
    return Comparison("x", (10, 11, 12, 13), {"b": other, "a": mine}, bounds=(4.0, 0.0, 2.0, 0.0))


@pytest.fixture
def empty():
    """Two seeds without requests."""
    return Comparison("x", (0, 1), {"a": (episode(0, 0),) * 2, "random": (episode(0, 0),) * 2}, bounds=(0.0, 0.0))


def text_of(table):
    output = io.StringIO()
    Console(width=160, file=output).print(table)
    return " ".join(output.getvalue().split())


def test_shares_are_means_over_the_other_tapes_and_scores_over_all(by_hand):
    assert by_hand.empty_seeds == (11, 13)
    assert by_hand.mean("a", "served_share").mean == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert by_hand.mean("a", "served_value").mean == pytest.approx((3 + 0 + 1 + 0) / 4)
    assert by_hand.difference("b").mean == pytest.approx((-2 + 0 - 1 + 0) / 4)
    assert by_hand.share_of_bound("a").mean == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert [by_hand.count("b", name) for name in ("served_value", "served_share", "quality")] == [4, 2, 1]


def test_the_table_states_the_empty_tapes_and_the_means_over_fewer(by_hand):
    text = text_of(result_table(by_hand))
    assert "2 of 4 tapes have no requests: shares and means per request are over the other 2" in text
    assert "b: over 1 of 2 seeds, in which they are defined: p50 [s], p95 [s], quality" in text
    assert "a: over" not in text
    assert "over the 2 seeds with a bound above 0" in text_of(bound_table(by_hand))


def test_a_table_of_empty_tapes_alone_has_no_numbers_for_shares(empty):
    text = text_of(result_table(empty))
    assert "2 of 2 tapes have no requests: no shares exist" in text
    assert "nan" not in text.lower()


def test_the_files_and_the_figure_state_them(by_hand, tmp_path):
    save(by_hand, tmp_path)
    summary = json.loads((tmp_path / "comparison.json").read_text())
    assert summary["seeds_without_requests"] == [11, 13]
    (other,) = (row for row in summary["policies"] if row["policy"] == "b")
    counts = {name: other[name]["seeds"] for name in ("served_value", "served_share", "quality", "to_best")}
    assert counts == {"served_value": 4, "served_share": 2, "quality": 1, "to_best": 4}
    assert other["share_of_bound"]["seeds"] == 2
    assert "2 of 4 tapes have no requests" in comparison_figure(by_hand).get_suptitle()


def test_a_bar_without_a_value_is_marked(empty):
    axes = comparison_figure(empty).get_axes()
    assert [text.get_text() for text in axes[0].texts] == ["undefined"] * 2


def test_simulated_episodes_without_requests_are_found():
    """The seeds of the tapes without requests, found by stepping through the episodes."""
    env = gymnasium.make(ENVIRONMENT, overrides=SPARSE)
    arrived = []
    for seed in SEEDS:
        env.reset(seed=seed)
        arrived.append(0)
        truncated = False
        while not truncated:
            _, _, _, truncated, info = env.step({key: 0 * space.sample() for key, space in env.action_space.items()})
            arrived[-1] += info["metrics"]["arrived"]
    result = compare(ENVIRONMENT, ["edf"], SEEDS, overrides=SPARSE)
    empty = [seed for seed, count in zip(SEEDS, arrived, strict=True) if not count]
    assert 0 < len(empty) < len(SEEDS)
    assert list(result.empty_seeds) == empty
    shares = result.samples("edf", "served_share")
    assert np.isnan(shares[empty]).all()
    assert result.mean("edf", "served_share").mean == pytest.approx(np.delete(shares, empty).mean())


def test_checks_of_empty_tapes_are_undefined_and_do_not_hold(empty):
    shares = dict.fromkeys(("time", "memory", "uplink", "downlink"), (0.0, 0.0))
    checks = calibration_checks(empty, shares)
    undefined = [check for check in checks if check.value != check.value]
    assert len(undefined) == 3  # the shares of the best expert and at random, and the distance of the bound
    assert not any(check.holds for check in undefined)


def test_streaming_checks_count_wins_over_the_tapes_with_requests():
    def streaming(reward, arrived):
        delay_s = -reward if arrived else math.nan
        return {"reward": reward, "mean_delay_s": delay_s, "utilisation": 0.5, "arrived": arrived, "exit_1": 0.5}

    behind = (streaming(-2.0, 5.0), streaming(0.0, 0.0))
    names = ("fixed-threshold", "no-exit", "uniform", "random")
    best = (streaming(-1.0, 5.0), streaming(0.0, 0.0))
    checks = streaming_checks(
        Comparison("x", (0, 1), {"dto-ee": best} | dict.fromkeys(names, behind), dynamics="streaming")
    )
    wins = [check.value for check in checks if "seeds in which" in check.name]
    assert wins == [1.0] * 3
