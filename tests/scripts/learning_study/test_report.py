"""Summaries of the learning study, by hand."""

import json

import numpy as np
import pytest

from scripts.learning_study import report
from scripts.learning_study.recipes import OTHERS, RECIPES, environment_of
from scripts.learning_study.runs import Outcome, Study


def test_every_agent_and_their_mean_are_paired_with_each_expert(monkeypatch):
    scores = {"ot-gah": np.array([0.5, 0.3]), "ot-gah[energy_price=0.006]": np.array([0.6, 0.6])}
    monkeypatch.setattr(report, "other_score", lambda study, environment, name: scores[name])
    agents = [
        Outcome("parameters-multi-node", 0, [0.6, 0.4], 3.0, 100, 50),
        Outcome("parameters-multi-node", 1, [0.8, 0.2], 5.0, 100, None),
    ]
    found = report.summary(Study(tapes=2), "parameters-multi-node", agents)
    assert [agent["score"] for agent in found["agents"]] == pytest.approx([0.5, 0.5])
    of_first = found["experts"]["ot-gah"]
    assert [one["mean"] for one in of_first["each"]] == pytest.approx([0.1, 0.1])
    assert of_first["all"]["mean"] == pytest.approx(0.1)
    assert found["experts"]["ot-gah[energy_price=0.006]"]["all"]["mean"] == pytest.approx(-0.1)
    first, second = report.table("parameters-multi-node", found).splitlines()
    assert "| parameters-multi-node | 50.00 % | `ot-gah` 40.00 % | +10.00 [" in first
    # Of the first agent both tapes are ahead, of the second one is behind.
    assert "| +10.00, +10.00 | 1 of 2 | 4 s | [50, None] of 100 |" in first
    assert "| 0 of 2 |" in second


def test_results_on_other_tapes_are_not_kept(tmp_path):
    path = tmp_path / "learning.json"
    assert report.kept_report(path, 100) == {}
    path.write_text(json.dumps({"tapes": 100, "recipes": {"a": 1}}))
    assert report.kept_report(path, 100) == {"a": 1}
    assert report.kept_report(path, 20) == {}


@pytest.mark.parametrize("recipe", RECIPES)
def test_each_recipe_has_a_configuration_and_an_environment(recipe):
    assert (report.Path("configs/agents") / f"{recipe}.yaml").is_file()
    assert environment_of(recipe) in OTHERS
