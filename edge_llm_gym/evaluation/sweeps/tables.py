"""Sweeps as tables: a row per point and a column per policy, for each metric the means and the paired differences."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from edge_llm_gym.evaluation.sweeps.grid import LONGEST_LABEL, value_text
from edge_llm_gym.evaluation.sweeps.result import Sweep
from edge_llm_gym.evaluation.tables import interval_cell, seeds_text
from edge_llm_gym.messages import shortened
from edge_llm_gym.sheets import Cell, Column, Sheet, make_sheet

PERCENT: Final = "%}"
"""End of the formats of shares."""


def sweep_sheets(sweep: Sweep) -> list[Sheet]:
    """Two tables per metric: means, and, of several policies, paired differences to the reference."""
    pairs = ((mean_table(sweep, metric), difference_table(sweep, metric)) for metric in sweep.metrics)
    return [sheet for mean, difference in pairs for sheet in ((mean, difference) if sweep.others else (mean,))]


def mean_table(sweep: Sweep, metric: str) -> Sheet:
    """Means of a metric with their intervals."""
    title, form = sweep.layout.described(metric)
    heading = f"{sweep.environment}: {title}, {seeds_text(sweep.comparisons[0])}"
    notes = (*_empty_notes(sweep), *_count_notes(sweep, metric))
    return _table(
        sweep,
        heading,
        sweep.policies,
        lambda index, policy: interval_cell(sweep.mean(index, policy, metric), form),
        notes,
    )


def difference_table(sweep: Sweep, metric: str) -> Sheet:
    """Paired differences of a metric to the reference, with their intervals."""
    title, form = sweep.layout.described(metric)
    signed = form.replace("{:", "{:+")
    notes = ("differences of shares are in percentage points",) if form.endswith(PERCENT) else ()
    return _table(
        sweep,
        f"{title}: difference to {sweep.reference}, paired by seed",
        sweep.others,
        lambda index, policy: interval_cell(sweep.difference(index, policy, metric), signed),
        notes,
    )


def _table(
    sweep: Sweep,
    title: str,
    policies: Iterable[str],
    cell: Callable[[int, str], Cell],
    notes: Iterable[str],
) -> Sheet:
    """A sheet whose first column names the points, in the order of the grid."""
    chosen = tuple(policies)
    key = Column("\n".join(parameter.path for parameter in sweep.parameters), "right")
    rows = (
        (_point_cell(list(point.values.values())), *(cell(index, policy) for policy in chosen))
        for index, point in enumerate(sweep.grid.points)
    )
    return make_sheet(title, (key, *map(Column, chosen)), rows, notes)


def _point_cell(values: list[object]) -> Cell:
    """Numbers sort by their value; other points have none."""
    text = ", ".join(shortened(value_text(value), LONGEST_LABEL) for value in values)
    number = values[0] if len(values) == 1 else None
    return Cell(text, float(number) if isinstance(number, (int, float)) else None)


def _empty_notes(sweep: Sweep) -> Iterator[str]:
    """Lines on the tapes without requests; all policies of a point have the same."""
    for point, comparison in sweep.items():
        if comparison.empty_note:
            yield f"{point.label}: {comparison.empty_note}"


def _count_notes(sweep: Sweep, metric: str) -> Iterator[str]:
    """Lines on the means that are over fewer seeds than those with requests."""
    for point, comparison in sweep.items():
        usual = len(comparison.seeds) - len(comparison.empty_seeds)
        for policy in sweep.policies:
            count = comparison.count(policy, metric)
            if count < usual:
                yield f"{point.label}, {policy}: over {count} of {usual} seeds, in which it is defined"
