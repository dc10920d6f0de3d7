"""Calibration and relative accuracy of a profile, pictures, and the tables in the documentation."""

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_llm_gym.models.exits import ExitProfile, exit_profile, parametric_profile
from edge_llm_gym.sim.exits import exit_table
from edge_llm_gym.sim.exits import relative_accuracy as simulated_accuracy

ROOT = Path(__file__).parents[3]


def test_reliability_of_a_hand_made_exit(part: Any) -> None:
    calibration = part("calibration", needs_torch=False)
    confidence = np.array([[0.1], [0.3], [0.6], [0.8], [1.0]])
    profile = ExitProfile("hand-made", confidence, np.array([[0], [1], [1], [0], [1]]))
    bins = calibration.reliability(profile, 0, bins=4)
    assert bins.count.tolist() == [1, 1, 1, 2]
    np.testing.assert_allclose(bins.confidence, [0.1, 0.3, 0.6, 0.9], rtol=1e-6)
    assert bins.accuracy.tolist() == [0, 1, 1, 0.5]
    assert bins.ece == pytest.approx((0.1 + 0.7 + 0.4 + 2 * 0.4) / 5)


def test_the_calibration_error_of_an_overconfident_profile_is_the_known_one(part: Any) -> None:
    """Confidence is Beta(a, 1) and right with probability c ** 2: the mean gap is a / (a + 1) - a / (a + 2)."""
    calibration = part("calibration", needs_torch=False)
    profile = parametric_profile(200_000, overconfidence=2.0)
    for index, depth in enumerate(range(1, 5)):
        expected = depth / (depth + 1) - depth / (depth + 2)
        assert calibration.reliability(profile, index).ece == pytest.approx(expected, abs=0.005)
    assert calibration.reliability(parametric_profile(200_000), 0).ece < 0.005


def test_a_common_threshold_goes_from_the_first_exit_to_the_last(part: Any) -> None:
    calibration = part("calibration", needs_torch=False)
    profile = ExitProfile("hand-made", [[0.4, 0.9], [0.8, 0.2]], [[0, 1], [1, 0]])  # type: ignore[arg-type]
    curve = calibration.common_threshold(profile, np.array([0.0, 0.5, 1.0]))
    assert curve.saved.tolist() == [0.5, 0.25, 0.0]
    assert curve.accuracy.tolist() == [0.5, 1.0, 0.5]


def test_own_thresholds_are_the_points_that_no_other_beats(part: Any) -> None:
    calibration = part("calibration", needs_torch=False)
    profile = parametric_profile(300, exits=3, noise=0.5)
    best = calibration.own_thresholds(profile, tries=200, seed=1)
    drawn = calibration.tradeoff(profile, np.random.default_rng(1).random((200, 3)))
    points = set(zip(drawn.saved, drawn.accuracy, strict=True))
    undominated = {
        (saved, right)
        for saved, right in points
        if not any((s >= saved and r > right) or (s > saved and r >= right) for s, r in points)
    }
    assert len(undominated) > 3
    assert list(zip(best.saved, best.accuracy, strict=True)) == sorted(undominated)
    for threshold, right in zip(best.threshold, best.accuracy, strict=True):
        assert profile.expected_accuracy(threshold) == right


@pytest.mark.parametrize("name", ["code-lines", "stdlib-lm", "parametric"])
def test_relative_accuracy_is_the_quality_that_the_simulator_gives(part: Any, name: str) -> None:
    calibration, profile = part("calibration", needs_torch=False), exit_profile(name)
    table = exit_table(profile)
    for index in range(profile.exits):
        for threshold in (0.0, 0.31, 0.5, float(profile.confidence[7, index]), 0.9, 1.0):
            _, relative = calibration.relative_accuracy(profile, index, threshold)
            assert relative == pytest.approx(simulated_accuracy(table, index, threshold), abs=1e-12)


def test_relative_accuracy_of_a_hand_made_profile(part: Any) -> None:
    confidence = np.array([[0.2, 0.5], [0.6, 0.5], [0.7, 0.5], [0.8, 0.5], [0.9, 0.5]])
    profile = ExitProfile("hand-made", confidence, np.array([[0, 1], [0, 1], [1, 1], [1, 0], [0, 0]]))
    relative = part("calibration", needs_torch=False).relative_accuracy
    assert relative(profile, 0, 0.0) == (1.0, 2 / 3)
    assert relative(profile, 0, 0.6) == (0.8, 1.0)
    assert relative(profile, 0, 0.65) == (0.6, 1.0)  # two correct there, one at the last exit
    assert relative(profile, 0, 0.95) == (0.0, 1.0)
    assert relative(profile, 1, 0.5) == (1.0, 1.0)


@pytest.mark.parametrize("name", ["code-lines", "stdlib-lm"])
def test_the_documented_tables_are_those_of_the_shipped_profiles(
    part: Any, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    part("calibration", needs_torch=False)
    assert importlib.import_module("plot_exit_profile").main([name, "--out", str(tmp_path)]) == 0
    page = (ROOT / "docs" / "results" / "exit-profile.md").read_text(encoding="utf-8")
    tables = [text for text in capsys.readouterr().out.split("\n\n") if text.startswith("|")]
    assert [table.count("\n") + 1 for table in tables] == [6, 8, 7]
    assert [table for table in tables if table not in page] == []
    for figure in ("exit-confidence", "exit-calibration", "exit-savings"):
        assert (tmp_path / f"{figure}-{name}.png").stat().st_size > 10_000
        assert f"images/{figure}-{name}.png" in page
