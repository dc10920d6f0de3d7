"""Sheets as Markdown and LaTeX, with everything escaped that these formats give a meaning."""

import pytest

from edge_llm_gym.sheets import Cell, Column, make_sheet, to_latex, to_markdown

SHEET = make_sheet(
    "50 % of [value]",
    ("policy", "p95 [s]"),
    [("a_b|c", Cell("1.5 [1, 2]", 1.5)), ("edf[overrun_s=0]", "-")],
    ("over 3 & more seeds",),
)


def test_markdown():
    assert to_markdown(SHEET) == (
        "**50 % of \\[value\\]**\n\n"
        "| policy | p95 \\[s\\] |\n"
        "| :-- | --: |\n"
        "| a\\_b\\|c | 1.5 \\[1, 2\\] |\n"
        "| edf\\[overrun\\_s=0\\] | - |\n\n"
        "over 3 & more seeds\n"
    )


def test_latex():
    assert to_latex(SHEET).splitlines() == [
        r"\begin{table}",
        r"\centering",
        r"\caption{50 \% of {[}value{]}}",
        r"\begin{tabular}{lr}",
        r"\toprule",
        r"policy & p95 {[}s{]} \\",
        r"\midrule",
        r"a\_b\textbar{}c & 1.5 {[}1, 2{]} \\",
        r"edf{[}overrun\_s=0{]} & - \\",
        r"\bottomrule",
        r"\end{tabular}",
        r"\par\footnotesize over 3 \& more seeds",
        r"\end{table}",
    ]


def test_line_breaks_of_headings_become_spaces():
    sheet = make_sheet("", ("a", Column("b\nc")), [("x", "1\n2")])
    assert "| a | b c |" in to_markdown(sheet)
    assert r"x & 1 2 \\" in to_latex(sheet)


def test_rows_have_a_cell_per_column():
    with pytest.raises(ValueError, match="a row must have one cell per column, that is 2, got 1"):
        make_sheet("", ("a", "b"), [("x",)])
