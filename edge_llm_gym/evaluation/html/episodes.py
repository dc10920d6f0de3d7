"""The single episodes of a comparison as a table."""

from edge_llm_gym.evaluation.comparison import Comparison
from edge_llm_gym.sheets import Cell, Column, Sheet, make_sheet


def episode_table(comparison: Comparison) -> Sheet:
    """One row per policy and seed, with the metrics of the tables of the comparison."""
    layout = comparison.layout
    shown = {metric: (title, form) for metric, title, form in (layout.headline, *layout.columns, *layout.cause_columns)}
    rows = (
        (
            Cell(record["policy"]),
            Cell(str(record["seed"]), record["seed"]),
            *(_cell(record[metric], form) for metric, (_, form) in shown.items()),
        )
        for record in comparison.records()
    )
    columns: tuple[Column | str, ...] = (Column("policy", "left"), "seed", *(title for title, _ in shown.values()))
    return make_sheet("", columns, rows)


def _cell(value: float, form: str) -> Cell:
    """A number, "-" where it is undefined."""
    return Cell("-") if value != value else Cell(form.format(value), float(value))
