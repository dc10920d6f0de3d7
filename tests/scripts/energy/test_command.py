"""`python -m scripts.energy`: a trial run with page, picture and numbers, and the differences by hand."""

import json
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from edge_llm_gym.evaluation.comparison import Comparison
from scripts.energy import __main__ as command
from scripts.energy.study import CASES, QUICK, CaseResult


def test_trial_run(tmp_path, monkeypatch):
    monkeypatch.setattr(command, "QUICK", replace(QUICK, cases=CASES[:1], epochs=5))
    result = CliRunner().invoke(command.app, ["--quick", "--out", str(tmp_path)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    page = (tmp_path / "results" / "energy.md").read_text("utf-8")
    for text in ("trial run", "scripts.energy --seeds 2 --quick", "(../images/energy-tradeoff.png)", "| 16 |"):
        assert text in page
    assert "nan" not in page
    assert (tmp_path / "images" / "energy-tradeoff.png").stat().st_size > 10_000
    rows = json.loads((tmp_path / "results" / "energy.json").read_text("utf-8"))["rows"]
    assert [row["price_per_j"] for row in rows] == [0.0, 0.004, 0.016]
    assert rows[2]["energy_j"]["mean"] < rows[0]["energy_j"]["mean"]


def episodes(*columns: tuple[float, float, float]) -> tuple[dict[str, float], ...]:
    """Episodes of 100 J per unit of the third number."""
    names = ("served_value", "served_share", "energy_j")
    return tuple(
        dict(zip(names, column, strict=True)) | {"energy_per_served_j": column[2] / column[0]} for column in columns
    )


def test_differences_by_hand():
    case, prices = CASES[0], (0.0, 0.01, 0.02, 0.03)
    runs = [
        episodes((10.0, 0.5, 1000.0), (20.0, 0.5, 1000.0)),
        episodes((9.0, 0.45, 810.0), (22.0, 0.55, 990.0)),  # no sign of a loss
        episodes((8.0, 0.4, 400.0), (16.0, 0.4, 400.0)),
        episodes((10.0, 0.5, 300.0), (20.0, 0.5, 300.0)),
    ]
    table = {case.policy(price): run for price, run in zip(prices, runs, strict=True)}
    result = CaseResult(case, prices, Comparison(case.environment, (0, 1), table, (), "batching"))
    assert result.share_difference(0.02).mean == pytest.approx(-0.1)
    assert result.energy_saving(0.01).mean == pytest.approx(np.mean([1 - 90 / 100, 1 - 45 / 50]))
    assert result.objective_difference(0.02).mean == pytest.approx(np.mean([0.0 - -10.0, 8.0 - 0.0]))
    assert result.free_price() == 0.01, "the search ends at the first significant loss"
