"""Comparisons as tables: sheets (`edge_llm_gym.sheets`) of formatted cells, for terminals, documents and pages."""

from collections.abc import Iterable, Iterator
from typing import Final

from edge_llm_gym.evaluation.comparison import SERVED_VALUE, Comparison
from edge_llm_gym.evaluation.metrics import COUNTS
from edge_llm_gym.evaluation.report_layout import Columns
from edge_llm_gym.evaluation.statistics import Interval
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sheets import Cell, Column, Sheet, make_sheet

UNDEFINED: Final = Cell("-")
WHOLE: Final = "{:.0f}"


def comparison_sheets(comparison: Comparison) -> list[Sheet]:
    """All tables of a comparison: results, causes, and scarcity, gaps and bounds where they were measured."""
    sheets = [result_table(comparison), cause_table(comparison)]
    if all(metric in comparison.metrics for metric, _, _ in comparison.layout.scarcity_columns):
        sheets.append(scarcity_table(comparison))
    if "gap" in comparison.metrics:
        sheets.append(gap_table(comparison))
    if comparison.bounds:
        sheets.append(bound_table(comparison))
    return sheets


def result_table(comparison: Comparison) -> Sheet:
    """Metrics of every policy: means over seeds, and the score as a paired difference to the reference."""
    layout = comparison.layout
    metric, heading, form = layout.headline
    paired = f"{layout.score_title} - {comparison.reference}"
    rows = [
        (
            interval_cell(comparison.mean(policy, metric), form),
            _difference(comparison, policy),
            *_cells(comparison, policy, layout.columns),
        )
        for policy in comparison.policies
    ]
    notes = [comparison.empty_note, *_count_notes(comparison, (layout.headline, *layout.columns))]
    columns = (heading, paired, *_titles(layout.columns))
    return _table(comparison, f"{comparison.environment}: {seeds_text(comparison)}", columns, rows, notes)


def seeds_text(comparison: Comparison) -> str:
    """The number of seeds, and that intervals are shown where there are several."""
    count = len(comparison.seeds)
    return f"{count} paired seeds, 95 % bootstrap intervals" if count > 1 else "1 seed, which gives no interval"


def cause_table(comparison: Comparison) -> Sheet:
    """Requests per episode that were not served, and refusals, by cause."""
    return _count_table(comparison, comparison.layout.cause_title, comparison.layout.cause_columns)


def scarcity_table(comparison: Comparison) -> Sheet:
    """What kept requests from being served: the resources that were scarce, also if no policy asked for more."""
    layout = comparison.layout
    return _count_table(comparison, layout.scarcity_title, layout.scarcity_columns, layout.scarcity_note)


def _count_table(comparison: Comparison, title: str, columns: Columns, note: str = "") -> Sheet:
    formed = tuple((metric, heading, _count_form(comparison, metric, form)) for metric, heading, form in columns)
    rows = [_cells(comparison, policy, formed) for policy in comparison.policies]
    return _table(comparison, title, _titles(columns), rows, (note,))


def gap_table(comparison: Comparison) -> Sheet:
    """Gap of every policy to the exact optima of the measured epochs."""
    rows = []
    for policy in comparison.policies:
        epochs = comparison.samples(policy, "gap_epochs").sum()
        proved = comparison.mean(policy, "gap_proved").mean
        gap = interval_cell(comparison.mean(policy, "gap"), "{:.2%}")
        rows.append((gap, _cell(epochs, WHOLE), _cell(proved, "{:.1%}")))
    columns = ("gap", "epochs", "optima proved")
    return _table(comparison, "gap to the exact optima of the measured epochs", columns, rows)


def bound_table(comparison: Comparison) -> Sheet:
    """Served value of every policy as a share of the clairvoyant bound."""
    mean = sum(comparison.bounds) / len(comparison.bounds)
    title = f"served value over the clairvoyant bound, which is {mean:.1f} on average"
    positive = sum(bound > 0 for bound in comparison.bounds)
    note = f"over the {positive} seeds with a bound above 0" if positive < len(comparison.bounds) else ""
    rows = [(interval_cell(comparison.share_of_bound(policy), "{:.1%}"),) for policy in comparison.policies]
    return _table(comparison, title, ("share of the bound",), rows, (note,))


def _count_notes(comparison: Comparison, columns: Columns) -> Iterator[str]:
    """Lines on the means that are over fewer seeds than those with requests."""
    usual = len(comparison.seeds) - len(comparison.empty_seeds)
    for policy in comparison.policies:
        counts = {title: comparison.count(policy, metric) for metric, title, _ in columns}
        for count in sorted({count for count in counts.values() if count < usual}, reverse=True):
            titles = ", ".join(title for title, each in counts.items() if each == count)
            yield f"{policy}: over {count} of {usual} seeds, in which they are defined: {titles}"


def value_note(scenario: Scenario) -> str:
    """A line for gaps and bounds where the reward has other terms than served value; empty where it has none."""
    others = [term for term in scenario.reward if term != SERVED_VALUE]
    if not others:
        return ""
    return f"gaps and bounds count served value only, without the other terms of the reward: {', '.join(others)}"


def _table(
    comparison: Comparison,
    title: str,
    columns: Iterable[str],
    rows: Iterable[Iterable[Cell]],
    notes: Iterable[str] = (),
) -> Sheet:
    """A sheet whose first column names the policies, in the order of the comparison."""
    named = ((Cell(policy), *row) for policy, row in zip(comparison.policies, rows, strict=True))
    return make_sheet(title, (Column("policy", "left"), *map(Column, columns)), named, notes)


def _titles(columns: Columns) -> list[str]:
    return [title for _, title, _ in columns]


def _cells(comparison: Comparison, policy: str, columns: Columns) -> list[Cell]:
    return [_cell(comparison.mean(policy, metric).mean, form) for metric, _, form in columns]


def _cell(value: float, form: str) -> Cell:
    """A number, "-" where it is undefined."""
    return UNDEFINED if value != value else Cell(form.format(value), float(value))


def _count_form(comparison: Comparison, metric: str, form: str) -> str:
    """Counts are whole numbers where all of their means are."""
    means = (comparison.mean(policy, metric).mean for policy in comparison.policies)
    return WHOLE if metric in COUNTS and all(mean != mean or mean == int(mean) for mean in means) else form


def interval_cell(interval: Interval, form: str) -> Cell:
    """Mean and interval, the mean alone where a single seed gives no interval, "-" where both are undefined."""
    if interval.mean != interval.mean:
        return UNDEFINED
    mean = form.format(interval.mean)
    text = f"{mean} [{form.format(interval.low)}, {form.format(interval.high)}]" if interval.is_defined else mean
    return Cell(text, interval.mean)


def _difference(comparison: Comparison, policy: str) -> Cell:
    if policy == comparison.reference:
        return Cell("best" if policy == comparison.best else "reference", 0.0)
    return interval_cell(comparison.difference(policy), "{:+.1f}")
