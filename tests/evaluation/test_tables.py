"""Tables of comparisons, and what a Comparison shows of itself."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from edge_llm_gym.evaluation.comparison import Comparison
from edge_llm_gym.evaluation.metrics import COUNTS
from edge_llm_gym.evaluation.report_layout import LAYOUTS
from edge_llm_gym.evaluation.tables import cause_table, comparison_sheets, result_table


def invented(policies=("good", "poor[x=1]"), seeds=3, **settings):
    """Episodes with the value 100 + seed for every metric, less 10 for each further policy; counts are whole."""
    layout = LAYOUTS["batching"]
    metrics = {metric for metric, *_ in (layout.headline, *layout.columns, *layout.cause_columns)} | {layout.score}
    episodes = {
        policy: tuple(dict.fromkeys(metrics, 100.0 + seed - 10 * rank) for seed in range(seeds))
        for rank, policy in enumerate(policies)
    }
    return Comparison("EdgeLLM/MultiNode-v0", tuple(range(seeds)), episodes, **settings)


def column(sheet, heading):
    (index,) = [index for index, each in enumerate(sheet.columns) if each.heading == heading]
    return [row[index] for row in sheet.rows]


def test_rows_are_policies_with_means_intervals_and_paired_differences():
    sheet = result_table(invented())
    assert [row[0].text for row in sheet.rows] == ["good", "poor[x=1]"]
    assert [cell.text for cell in column(sheet, "served value - good")] == ["best", "-10.0 [-10.0, -10.0]"]
    (share, _) = column(sheet, "value served")
    assert share.text == "10100.0% [10000.0%, 10200.0%]"
    assert share.value == 101.0
    assert "3 paired seeds, 95 % bootstrap intervals" in sheet.title


def test_differences_are_to_the_reference_if_there_is_one():
    comparison = invented(against="poor[x=1]")
    sheet = result_table(comparison)
    assert [row[0].text for row in sheet.rows] == ["good", "poor[x=1]"]
    assert [cell.text for cell in column(sheet, "served value - poor[x=1]")] == ["+10.0 [+10.0, +10.0]", "reference"]
    assert [row["to_best"].mean for row in comparison.summary()] == [0.0, -10.0]
    assert (comparison.best, comparison.reference) == ("good", "poor[x=1]")


def test_a_single_seed_has_no_interval():
    comparison = invented(seeds=1)
    sheet = result_table(comparison)
    assert not any("[" in cell.text for row in sheet.rows for cell in row[1:])
    assert column(sheet, "served value - good")[1].text == "-10.0"
    assert "interval" not in sheet.title.replace("no interval", "")
    interval = comparison.mean("good", "served_value")
    assert interval.mean == 100.0
    assert np.isnan([interval.low, interval.high]).all()
    assert str(interval) == "100"


def test_counts_print_as_integers_where_all_means_are_whole():
    assert [cell.text for cell in column(cause_table(invented(seeds=3)), "arrived")] == ["101", "91"]
    assert [cell.text for cell in column(cause_table(invented(seeds=2)), "arrived")] == ["100.5", "90.5"]
    assert all(isinstance(record[name], int) for record in invented().records() for name in COUNTS & record.keys())
    assert isinstance(invented().records()[0]["served_value"], float)


def test_undefined_means_are_a_dash_without_a_value():
    comparison = invented(seeds=1)
    comparison.episodes["good"][0]["delay_p50_s"] = np.nan
    first = column(result_table(comparison), "p50 [s]")[0]
    assert (first.text, first.value) == ("-", None)


def test_gaps_and_bounds_have_tables_where_they_were_measured():
    assert len(comparison_sheets(invented())) == 2
    comparison = invented(bounds=(200.0, 200.0, 200.0))
    for episodes in comparison.episodes.values():
        for episode in episodes:
            episode.update(gap=0.125, gap_epochs=4.0, gap_proved=1.0)
    _, _, gap, bound = comparison_sheets(comparison)
    assert [cell.text for cell in gap.rows[0]] == ["good", "12.50% [12.50%, 12.50%]", "12", "100.0%"]
    assert bound.rows[0][1].text.startswith("50.5%")


def test_repr_is_one_short_line():
    many = invented(tuple(f"policy-{index}" for index in range(500)))
    assert repr(invented()) == "<Comparison EdgeLLM/MultiNode-v0: 2 policies on 3 seeds: good, poor[x=1]>"
    assert len(repr(many)) < 800


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda comparison: comparison.mean("god", "served_value"), "unknown policy 'god'; did you mean 'good'"),
        (lambda comparison: comparison.mean("good", "quality_"), "unknown metric 'quality_'; did you mean 'quality'"),
        (lambda comparison: comparison.difference("good", "por"), "unknown policy 'por'"),
        (lambda comparison: comparison.count("gud", "late"), "unknown policy 'gud'"),
    ],
)
def test_unknown_names_raise_a_key_error_with_a_suggestion(call, message):
    with pytest.raises(KeyError, match=message):
        call(invented())


def test_documents_hold_every_table_and_escape_policies():
    markdown, latex = invented().to_markdown(), invented().to_latex()
    assert markdown.count("| :-- |") == 2
    assert "| poor\\[x=1\\] |" in markdown
    assert latex.count(r"\begin{tabular}") == latex.count(r"\end{tabular}") == 2
    assert r"95 \% bootstrap" in latex
    assert "poor{[}x=1{]}" in latex


def test_data_frames_hold_the_records(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", SimpleNamespace(DataFrame=lambda rows: ("frame", rows)))
    kind, rows = invented().to_dataframe()
    assert kind == "frame"
    assert [(row["policy"], row["seed"]) for row in rows[:4]] == [
        ("good", 0),
        ("good", 1),
        ("good", 2),
        ("poor[x=1]", 0),
    ]


def test_data_frames_without_pandas_name_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="data frames need pandas: pip install pandas; records"):
        invented().to_dataframe()
