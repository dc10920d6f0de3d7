"""Comparisons as tables for the terminal."""

from rich.markup import escape
from rich.table import Table

from edge_llm_gym.evaluation.comparison import SERVED_VALUE, SHARE_OF_BOUND, Comparison
from edge_llm_gym.evaluation.report_layout import Columns
from edge_llm_gym.evaluation.statistics import Interval
from edge_llm_gym.scenario import Scenario


def result_table(comparison: Comparison) -> Table:
    """Metrics of every policy: means over seeds, and the score as a paired difference to the best policy."""
    title = f"{comparison.environment}: {len(comparison.seeds)} paired seeds, 95 % bootstrap intervals"
    title += "".join(f"\n{note}" for note in _notes(comparison))
    layout = comparison.layout
    metric, heading, form = layout.headline
    paired = f"{layout.score_title} - {comparison.best}"
    table = _table(title, heading, paired, *_titles(layout.columns))
    for policy in comparison.policies:
        first = _interval(comparison.mean(policy, metric), form) + _count(comparison, policy, metric)
        cells = _cells(comparison, policy, layout.columns)
        table.add_row(escape(policy), escape(first), _difference(comparison, policy), *cells)
    return table


def cause_table(comparison: Comparison) -> Table:
    """Requests per episode that were not served, and refusals, by cause."""
    layout = comparison.layout
    table = _table(layout.cause_title, *_titles(layout.cause_columns))
    for policy in comparison.policies:
        table.add_row(escape(policy), *_cells(comparison, policy, layout.cause_columns))
    return table


def gap_table(comparison: Comparison) -> Table:
    """Gap of every policy to the exact optima of the measured epochs."""
    table = _table("gap to the exact optima of the measured epochs", "gap", "epochs", "optima proved")
    for policy in comparison.policies:
        gap, epochs = comparison.mean(policy, "gap"), comparison.samples(policy, "gap_epochs").sum()
        cell = _interval(gap, "{:.2%}")
        table.add_row(
            escape(policy), escape(cell), f"{epochs:.0f}", f"{comparison.mean(policy, 'gap_proved').mean:.1%}"
        )
    return table


def bound_table(comparison: Comparison) -> Table:
    """Served value of every policy as a share of the clairvoyant bound."""
    mean = sum(comparison.bounds) / len(comparison.bounds)
    table = _table(f"served value over the clairvoyant bound, which is {mean:.1f} on average", "share of the bound")
    for policy in comparison.policies:
        share = _interval(comparison.share_of_bound(policy), "{:.1%}")
        table.add_row(escape(policy), escape(share + _count(comparison, policy, SHARE_OF_BOUND)))
    return table


def _notes(comparison: Comparison) -> list[str]:
    """Lines on what means are over, where that is not all seeds."""
    metrics = [comparison.layout.headline[0], *(metric for metric, _, _ in comparison.layout.columns)]
    counted = any(_count(comparison, policy, metric) for policy in comparison.policies for metric in metrics)
    count_note = "(n): mean over the n seeds in which the number is defined" if counted else ""
    return [note for note in (comparison.empty_note, count_note) if note]


def value_note(scenario: Scenario) -> str:
    """A line for gaps and bounds where the reward has other terms than served value; empty where it has none."""
    others = [term for term in scenario.reward if term != SERVED_VALUE]
    if not others:
        return ""
    return f"gaps and bounds count served value only, without the other terms of the reward: {', '.join(others)}"


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title)
    table.add_column("policy", style="bold", no_wrap=True)
    for column in columns:
        table.add_column(column.replace("[", r"\["), justify="right", no_wrap=True)
    return table


def _titles(columns: Columns) -> list[str]:
    return [title for _, title, _ in columns]


def _cells(comparison: Comparison, policy: str, columns: Columns) -> list[str]:
    means = ((metric, comparison.mean(policy, metric).mean, form) for metric, _, form in columns)
    return [
        "-" if mean != mean else form.format(mean) + _count(comparison, policy, metric) for metric, mean, form in means
    ]


def _interval(interval: Interval, form: str) -> str:
    """Mean and interval as text, "-" where they are undefined."""
    if interval.mean != interval.mean:
        return "-"
    return f"{form.format(interval.mean)} [{form.format(interval.low)}, {form.format(interval.high)}]"


def _count(comparison: Comparison, policy: str, metric: str) -> str:
    """The number of seeds in brackets, where a mean is over fewer than those that have requests."""
    count = comparison.count(policy, metric)
    return f" ({count})" if 0 < count < len(comparison.seeds) - len(comparison.empty_seeds) else ""


def _difference(comparison: Comparison, policy: str) -> str:
    if policy == comparison.best:
        return "best"
    interval = comparison.difference(policy)
    return f"{interval.mean:+.1f} [{interval.low:+.1f}, {interval.high:+.1f}]"
