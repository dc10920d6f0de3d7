"""`edge-llm-gym sweep` as a user types it, and own rewards and features on commands."""

import csv
import json

import pytest
from typer.testing import CliRunner

from edge_llm_gym import cli
from edge_llm_gym.cli import app
from edge_llm_gym.cli.completion import complete_metrics
from edge_llm_gym.cli.sweep import read_sweep, with_rates

SHORT = ("-e", "EdgeLLM/SingleNode-v0", "--set", "horizon_epochs=3")
REWARD = "tests.env.own_functions:half_of_arrivals"
FEATURE = "tests.env.own_functions:LOAD"


def run(*words) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False, env={"COLUMNS": "80"})
    assert result.exit_code == 0, result.output
    return result.output


def rows_of(folder) -> list[dict[str, str]]:
    with (folder / "episodes.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_sweep_over_two_parameters_writes_tables_and_files_and_continues(tmp_path):
    words = ("sweep", *SHORT, "--set", "arrivals.rate_per_s=2,4", "--set", "slots=6,8", "-p", "edf,random")
    output = run(*words, "-n", 1, "-m", "reward,late", "--reference", "random", "-o", tmp_path)
    assert "points: 4, policies: 2, seeds: 1, episodes: 8" in output
    assert "reward: difference to random, paired by seed" in output
    assert {path.name for path in tmp_path.iterdir()} == {
        "episodes.csv", "episodes.jsonl", "report.html", "sweep.csv", "sweep.json", "sweep.md", "sweep.png",
    }  # fmt: skip
    content = json.loads((tmp_path / "sweep.json").read_text())
    assert [point["values"]["slots"] for point in content["points"]] == [6, 8, 6, 8]
    assert set(content["points"][0]["policies"][0]) == {"policy", "reward", "late"}
    before = rows_of(tmp_path)
    output = run(*words, "-n", 2, "-o", tmp_path)
    assert "8 results were there already" in output
    assert len(rows_of(tmp_path)) == 16
    assert [row for row in rows_of(tmp_path) if row["seed"] == "0"] == before


def test_a_trace_is_replayed_at_every_rate(tmp_path):
    trace = tmp_path / "mine.csv"
    rows = "".join(f"{0.5 * row},{100 + row},{20 + row}\n" for row in range(50))
    trace.write_text("arrival_s,prompt_tokens,output_tokens\n" + rows)
    words = ("sweep", *SHORT, "--trace", trace, "--rate", "1,4", "-p", "edf", "-n", 1)
    output = " ".join(run(*words, "-o", tmp_path / "out").split())
    assert "arrivals.rate_per_s=1: trace mine: 2/s in the file, replayed at 1/s (time rescaled by 2)" in output
    assert "arrivals.rate_per_s=4: trace mine: 2/s in the file, replayed at 4/s (time rescaled by 0.5)" in output
    few, many = (float(row["arrived"]) for row in rows_of(tmp_path / "out"))
    assert few < many


def test_several_rates_are_a_swept_parameter():
    assert with_rates(["slots=8"], "1,2.5") == (["slots=8", "arrivals.rate_per_s=1,2.5"], None)
    assert with_rates(None, "4") == ([], "4")
    assert with_rates(["slots=8,9"], "own") == (["slots=8,9"], "own")
    assert read_sweep(with_rates(None, "1,2.5")[0]) == ({}, {"arrivals.rate_per_s": [1, 2.5]})


def test_values_are_lists_texts_and_mappings():
    fixed, swept = read_sweep(
        [
            "requests.budget_s=[0.5, 1],[0.5, 2]",
            "nodes+={name: a},{name: b}",
            "slots=8",
            "arrivals={rate_per_s: 3, cv: 2}",
            "description='one, two'",
            "epoch_s=",
        ]
    )
    assert swept == {"requests.budget_s": [[0.5, 1], [0.5, 2]], "nodes+": [{"name": "a"}, {"name": "b"}]}
    assert fixed == {
        "slots": 8,
        "arrivals": {"rate_per_s": 3, "cv": 2},
        "description": "one, two",
        "epoch_s": None,
    }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--set", "slots=8"], "a parameter with several values, as in --set slots=16,32 or --rate 1,2,4,8"),
        (["--rate", "4"], "a parameter with several values"),
        (["--rate", "2,4", "--set", "arrivals.rate_per_s=2,3"], "--set sweeps 'arrivals.rate_per_s' twice"),
        (["--rate", "2,x"], "at arrivals.rate_per_s=x: "),
        ([], "a parameter with several values"),
        (["--set", "slots"], "--set takes path=value"),
        (["--set", "slots=8,9", "--set", "slots=3,4"], "--set sweeps 'slots' twice"),
        (["--set", "slots=8,9", "--set", "slots=3"], "either fixed or swept, got both of 'slots'"),
        (["--set", "slots=8,-1"], "at slots=-1: scenario 'multi-node':\n  slots: "),
        (["--set", "slotz=8,9"], "did you mean 'slots'"),
        (["--set", "epoch_s=2,4", "--set", "slots=8,[9"], "at epoch_s=2: scenario 'multi-node':\n  slots: "),
        (["--set", "slots=8,9", "--set", "epoch_s=2,4", "--set", "horizon_epochs=3,4"], "one or two parameters"),
        (["--set", "arrivals.rate_per_s=2,3", "--rate", "4"], "settings that replace the swept parameter"),
        (["--set", "slots=8,9", "-p", "edff"], "did you mean 'edf'"),
        (["--set", "slots=8,9", "-p", "edf", "-m", "rewar"], "unknown metric 'rewar'; did you mean 'reward'"),
        (["--set", "slots=8,9", "-p", "edf", "--reference", "sjf"], "unknown policy 'sjf'"),
        (["--set", "slots=8,9", "-p", "edf", "--reward", "nowhere:x"], "reward 'nowhere:x' cannot be imported"),
    ],
)
def test_user_errors_print_one_message_and_write_nothing(words, message, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("sys.argv", ["edge-llm-gym", "sweep", *words, "-o", str(tmp_path)])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert list(tmp_path.iterdir()) == []


def test_metrics_are_completed():
    assert ("reward,late", "late") in complete_metrics("reward,la")
    assert [name for name, _ in complete_metrics("served_sh")] == ["served_share"]


def test_own_rewards_and_features_are_part_of_comparisons_sweeps_and_pictures(tmp_path):
    own = ("--reward", REWARD, "--feature", FEATURE)
    words = ("compare", *SHORT, "-p", "edf", "-n", 1)
    run(*words, "-o", tmp_path / "plain")
    run(*words, *own, "-o", tmp_path / "own")
    (plain,), (owned,) = rows_of(tmp_path / "plain"), rows_of(tmp_path / "own")
    assert plain["served_value"] == owned["served_value"]
    assert float(owned["reward"]) < float(plain["reward"])
    with pytest.raises(
        ValueError, match=r"holds the episodes of another comparison: reward was absent .*, features was absent"
    ):
        run(*words, *own, "-o", tmp_path / "plain")
    run("sweep", *SHORT, "-p", "edf", "-n", 1, "--set", "slots=16,8", *own, "-m", "reward", "-o", tmp_path / "swept")
    assert REWARD in (tmp_path / "swept" / "report.html").read_text()
    run("render", *SHORT, "-p", "edf", "--epochs", 1, *own)
