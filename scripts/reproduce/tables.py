"""Markdown tables of a page."""

from collections.abc import Sequence

from edge_llm_gym.evaluation.statistics import Interval
from scripts.reproduce.measures import MEASURES, Form
from scripts.reproduce.running import Results, SweepResult

Row = Sequence[str]


def markdown_table(header: Row, rows: Sequence[Row], left: int = 1) -> str:
    """A table; the first `left` columns are aligned left, the others right."""
    rule = "|" + "---|" * left + "---:|" * (len(header) - left)
    return "\n".join([_line(header), rule, *map(_line, rows)])


def _line(cells: Row) -> str:
    return "| " + " | ".join(cells) + " |"


def cell(interval: Interval, form: Form, bold: bool = False) -> str:
    """Mean and interval."""
    mean = f"**{form(interval.mean)}**" if bold else form(interval.mean)
    return f"{mean} [{form(interval.low)}, {form(interval.high)}]" if interval.is_defined else mean


def sweep_tables(results: Results, result: SweepResult) -> str:
    """One titled table for each of the study's measures."""
    return "\n\n".join(
        f"{MEASURES[measure].title} by {result.sweep.axis}:\n\n{_sweep_table(results, result, measure)}"
        for measure in results.study.measures
    )


def _sweep_table(results: Results, result: SweepResult, measure: str) -> str:
    """A row per policy, a column per setting; the best mean of a column is bold."""
    means = {
        policy: [result.mean(point, policy, measure) for point in range(len(result.sweep.points))]
        for policy in results.study.policy_names
    }
    return means_table(means, [point.label for point in result.sweep.points], measure)


def means_table(means: dict[str, list[Interval]], columns: Row, measure: str) -> str:
    """A row per policy with its means of a measure; the best mean of a column is bold."""
    how = MEASURES[measure]
    best = [max(how.sign * mean.mean for mean in column) for column in zip(*means.values(), strict=True)]
    rows = [
        (policy, *(cell(mean, how.form, how.sign * mean.mean == top) for mean, top in zip(row, best, strict=True)))
        for policy, row in means.items()
    ]
    return markdown_table(("policy", *columns), rows)
