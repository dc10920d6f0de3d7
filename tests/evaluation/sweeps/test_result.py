"""Results of sweeps against numbers computed by hand: tables, documents, files."""

import csv
import json
import re
import sys
from io import StringIO
from types import SimpleNamespace

import numpy as np
import pytest

from edge_llm_gym.evaluation.sweeps import files
from edge_llm_gym.evaluation.sweeps.files import RESULTS, save_sweep
from edge_llm_gym.evaluation.sweeps.tables import sweep_sheets
from edge_llm_gym.sheets.terminal import Terminal
from tests.evaluation.sweeps.invented import POLICIES, RATES_AND_MEMORY, invented, value


def test_means_and_paired_differences_are_those_of_the_numbers():
    sweep = invented()
    for point in range(3):
        for rank, policy in enumerate(POLICIES):
            numbers = [value(point, rank, seed) for seed in range(2)]
            paired = [value(point, rank, seed) - value(point, 0, seed) for seed in range(2)]
            mean, difference = (f(point, policy, "served_share") for f in (sweep.mean, sweep.difference))
            assert mean.mean == np.mean(numbers)
            assert (mean.low, mean.high) == (min(numbers), max(numbers))  # of two samples
            assert difference.mean == np.mean(paired)
            assert (difference.low, difference.high) == (min(paired), max(paired))


def test_the_reference_stays_the_same_where_another_policy_is_ahead():
    means, differences = sweep_sheets(invented())
    assert [column.heading for column in means.columns] == ["arrivals.rate_per_s", *POLICIES]
    assert [[cell.text for cell in row] for row in means.rows] == [
        ["4", "56.2% [50.0%, 62.5%]", "46.9% [43.8%, 50.0%]", "37.5% [37.5%, 37.5%]"],
        ["1", "62.5% [56.2%, 68.8%]", "53.1% [50.0%, 56.2%]", "68.8% [68.8%, 68.8%]"],
        ["2.5", "68.8% [62.5%, 75.0%]", "59.4% [56.2%, 62.5%]", "50.0% [50.0%, 50.0%]"],
    ]
    assert [column.heading for column in differences.columns] == ["arrivals.rate_per_s", *POLICIES[1:]]
    assert differences.rows[1][2].text == "+6.2% [+0.0%, +12.5%]"
    assert "to edf, paired" in differences.title
    assert "percentage points" in differences.notes[0]


def test_other_metrics_and_another_reference_can_be_shown():
    sweep = invented().shown(["quality", "arrived", "quality"], "random")
    titles = [sheet.title for sheet in sweep_sheets(sweep)]
    assert [title.split(": ")[-1].split(",")[0] for title in titles[::2]] == ["quality of served requests", "arrived"]
    assert sweep_sheets(sweep)[1].rows[0][1].text == "+0.188 [+0.125, +0.250]"
    assert sweep.others == ("edf", "mine[x=1]")
    with pytest.raises(ValueError, match="unknown metric 'qualty'; did you mean 'quality'"):
        sweep.shown(["qualty"])
    with pytest.raises(ValueError, match="unknown policy 'rando'; did you mean 'random'"):
        sweep.shown(reference="rando")
    with pytest.raises(ValueError, match="at least one metric"):
        sweep.shown([])


def test_a_single_seed_has_no_interval_and_a_single_policy_no_differences():
    (means,) = sweep_sheets(invented(seeds=1, policies=("edf",)))
    assert [row[1].text for row in means.rows] == ["50.0%", "56.2%", "62.5%"]
    assert "1 seed, which gives no interval" in means.title


def test_undefined_means_are_dashes_and_notes_count_their_seeds():
    sweep = invented(number=lambda point, rank, seed: np.nan if (point, rank, seed) <= (0, 1, 1) else 0.5)
    means, _ = sweep_sheets(sweep)
    assert [cell.text for cell in means.rows[0]] == ["4", "-", "-", "50.0% [50.0%, 50.0%]"]
    assert means.notes == tuple(
        f"arrivals.rate_per_s=4, {policy}: over 0 of 2 seeds, in which it is defined" for policy in POLICIES[:2]
    )


@pytest.mark.parametrize("width", [80, 120])
def test_tables_fit_the_terminal_and_keep_every_number(width):
    for parameters in (None, RATES_AND_MEMORY):
        sweep = invented() if parameters is None else invented(parameters)
        output = StringIO()
        for sheet in sweep_sheets(sweep):
            Terminal(file=output, width=width).sheet(sheet)
        titles = [sheet.title for sheet in sweep_sheets(sweep)]  # which only a terminal folds
        assert max(len(line) for line in output.getvalue().splitlines() if line not in titles) <= width
        for cell in (cell for sheet in sweep_sheets(sweep) for row in sheet.rows for cell in row):
            assert cell.text in output.getvalue()


def test_points_of_two_parameters_are_named_by_both():
    means, _ = sweep_sheets(invented(RATES_AND_MEMORY))
    assert means.columns[0].heading == "arrivals.rate_per_s\nnodes.0.memory_fraction"
    assert [row[0].text for row in means.rows][:4] == ["1, 0.5", "1, 0.6", "1, 0.7", "2, 0.5"]


def test_the_comparison_at_values():
    sweep = invented(RATES_AND_MEMORY)
    assert sweep.at(2.0, 0.5) is sweep.comparisons[3]
    with pytest.raises(KeyError, match=r"values \(3\.0, 0\.5\); choose one of: arrivals\.rate_per_s=1, nodes"):
        sweep.at(3.0, 0.5)


def test_repr_is_one_short_line():
    assert repr(invented(RATES_AND_MEMORY)) == (
        "<Sweep EdgeLLM/SingleNode-v0 over 2 values of arrivals.rate_per_s x 3 values of nodes.0.memory_fraction: "
        "3 policies on 2 seeds: edf, mine[x=1], random>"
    )


def test_documents_hold_every_table_and_escape_policies():
    markdown, latex = invented().to_markdown(), invented().to_latex()
    assert len(re.findall(r"^\| --: ", markdown, re.MULTILINE)) == 2
    assert "mine\\[x=1\\]" in markdown
    assert latex.count(r"\begin{tabular}") == latex.count(r"\end{tabular}") == 2
    assert "mine{[}x=1{]}" in latex
    assert "4 & 56.2" in latex


def test_data_frames_hold_a_row_per_point_policy_and_seed(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", SimpleNamespace(DataFrame=lambda rows: rows))
    rows = invented(RATES_AND_MEMORY).to_dataframe()
    assert len(rows) == 6 * 3 * 2
    keys = {(row["arrivals.rate_per_s"], row["nodes.0.memory_fraction"], row["policy"], row["seed"]) for row in rows}
    assert len(keys) == len(rows)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        invented().to_dataframe()


def read_csv(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_files_hold_the_numbers(tmp_path):
    paths = save_sweep(invented(), tmp_path / "new")
    assert [path.name for path in paths] == list(RESULTS)
    episodes, means, data, text, figure = paths
    assert len(read_csv(episodes)) == 3 * 3 * 2
    (line,) = (
        row for row in read_csv(means) if (row["arrivals.rate_per_s"], row["policy"]) == ("1.0", "random")
    )  # the second point
    assert (line["metric"], line["seeds"]) == ("served_share", "2")
    numbers = [float(line[key]) for key in ("mean", "mean_low", "difference", "difference_low", "difference_high")]
    assert numbers == [0.6875, 0.6875, 0.0625, 0.0, 0.125]
    content = json.loads(data.read_text())
    assert content["parameters"] == {"arrivals.rate_per_s": [4.0, 1.0, 2.5]}
    assert content["points"][1]["values"] == {"arrivals.rate_per_s": 1.0}
    share = content["points"][1]["policies"][2]["served_share"]
    assert share == {
        "mean": 0.6875, "low": 0.6875, "high": 0.6875, "seeds": 2,
        "to_reference": {"mean": 0.0625, "low": 0.0, "high": 0.125},
    }  # fmt: skip
    assert text.read_text() == invented().to_markdown()
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_undefined_numbers_are_null_in_json_and_empty_in_the_means(tmp_path):
    _, means, data, *_ = save_sweep(invented(seeds=1), tmp_path)
    assert {row["mean_low"] for row in read_csv(means)} == {""}
    assert "NaN" not in data.read_text()
    assert json.loads(data.read_text())["points"][0]["policies"][0]["served_share"]["low"] is None


def test_without_matplotlib_the_figure_is_left_out_and_an_older_one_removed(tmp_path, monkeypatch):
    (tmp_path / "sweep.png").write_bytes(b"old")
    monkeypatch.setattr(files, "has_matplotlib", lambda: False)
    assert [path.name for path in save_sweep(invented(), tmp_path)] == list(RESULTS[:4])
    assert not (tmp_path / "sweep.png").exists()
