"""`python -m scripts.reproduce`: whole trial runs with page, pictures and numbers, and messages for mistakes."""

import json
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from edge_llm_gym.solvers import routing_baselines
from scripts.reproduce import __main__ as command
from scripts.reproduce import dftsp, dto_ee
from scripts.reproduce.claims import AGREES
from scripts.reproduce.measures import ACCURACY, DELAY

SURE_CLAIMS = {"dftsp": "optimal_batch", "ot-gah": "half_of_optimum"}


def run(*words: str):
    return CliRunner().invoke(command.app, list(words), catch_exceptions=False)


def read_outputs(name, folder):
    """Page, names of the pictures, and numbers; the page links to every picture."""
    page = (folder / "results" / f"reproduction-{name}.md").read_text("utf-8")
    pictures = sorted((folder / "images").glob("*.png"))
    assert all(f"(../images/{picture.name})" in page for picture in pictures)
    assert "nan" not in page
    keys = [picture.stem.removeprefix(f"reproduction-{name}-") for picture in pictures]
    return page, keys, json.loads((folder / "results" / f"reproduction-{name}.json").read_text("utf-8"))


@pytest.mark.parametrize("name", SURE_CLAIMS)
def test_trial_run_of_a_batching_study(name, tmp_path):
    result = run(name, "--quick", "--out", str(tmp_path))
    assert result.exit_code == 0, result.output
    page, pictures, numbers = read_outputs(name, tmp_path)
    for text in ("reconstruction", "trial run", "## Agreement with", f"reproduce {name} --seeds 2 --quick"):
        assert text in page
    assert pictures == ["budget", "effort", "quantisation", "rate"]
    assert numbers["seeds"] == [0, 1]
    assert numbers["claims"][SURE_CLAIMS[name]]["verdict"] == AGREES
    assert len(numbers["effort"]) == 2


def test_trial_run_of_the_dto_ee_study(tmp_path, monkeypatch):
    names = ("dto-ee", "fixed-threshold", "selfish", "uniform")
    small = replace(dto_ee.STUDY, policies=tuple(one for one in dto_ee.STUDY.policies if one[0] in names))
    monkeypatch.setattr(command, "REPRODUCTIONS", {"dto-ee": replace(dto_ee.REPRODUCTION, study=small)})
    monkeypatch.setattr(routing_baselines, "SELFISH_ROUNDS", 5)
    result = run("dto-ee", "--quick", "--seeds", "1", "--out", str(tmp_path))
    assert result.exit_code == 0, result.output
    page, pictures, numbers = read_outputs("dto-ee", tmp_path)
    for text in ("reconstruction", "trial run", "## Agreement with", "reproduce dto-ee --seeds 1 --quick"):
        assert text in page
    assert pictures == ["disturbance", "rate", "spread", "tradeoff"]
    assert numbers["seeds"] == [0]
    assert len(numbers["sweeps"]) == 2 * 2 * 4
    assert len(numbers["disturbance"]) == 3 * (4 + 2)
    assert len(numbers["tradeoff"]) == 2 + 2 + 2
    assert all(row[DELAY]["mean"] > 0 and 0 <= row[ACCURACY]["mean"] <= 1.5 for row in numbers["sweeps"])
    own, weighted = numbers["sweeps"][0], numbers["tradeoff"][1]
    assert (own["policy"], weighted["policy"]) == ("dto-ee", "dto-ee, weight 20 s")


def test_the_command_has_every_study():
    assert list(command.REPRODUCTIONS) == ["dftsp", "ot-gah", "dto-ee"]
    assert all(command.REPRODUCTIONS[name].study.name == name for name in command.REPRODUCTIONS)


@pytest.mark.parametrize(("words", "folder"), [((), "docs"), (("--quick",), "runs/reproduce")])
def test_a_trial_run_does_not_replace_the_published_page(words, folder, tmp_path, monkeypatch):
    study = replace(dftsp.STUDY, sweeps=(), effort_rates=(10.0, 20.0, 10.0, 20.0), horizon_epochs=2)
    small = replace(dftsp.REPRODUCTION, study=study)
    monkeypatch.setattr(command, "REPRODUCTIONS", {"dftsp": small})
    monkeypatch.setattr(command, "write", lambda chosen, results, target, shown: [target.pages, target.images])
    monkeypatch.chdir(tmp_path)
    result = run("dftsp", "--seeds", "1", *words)
    assert f"wrote {folder}/results\nwrote {folder}/images\n" in result.output


def test_mistakes_are_reported():
    with pytest.raises(ValueError, match="at least one seed, got none"):
        dftsp.REPRODUCTION.reproduce(())
    result = run("dftps")
    assert result.exit_code == 2
    assert "unknown study 'dftps'; did you mean 'dftsp'" in " ".join(result.output.replace("│", "").split())
